"""What every law of the first-layer frequencies provides."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Self

import numpy as np

from freqbias.validation import Settings


@dataclass(frozen=True)
class QuadratureRule:
    """Frequencies ``(q, d)`` in radians per unit of x and weights ``(q,)`` that sum to 1 and stand for a law."""

    frequencies: np.ndarray
    weights: np.ndarray
    name: str


class Law(Settings, ABC):
    """Probability law p(w) of the first-layer frequencies w in d dimensions (radians per unit of x).

    A law is also a table of the problem file: its fields are its keys, ``family`` names it.
    After ``in_dimension`` every per-axis key has one value for each axis.
    """

    family: str

    @abstractmethod
    def in_dimension(self, dimension: int) -> Self:
        """The same law with every key spread over ``dimension`` axes; raises ValueError if it cannot be."""

    @abstractmethod
    def density(self, frequencies: np.ndarray) -> np.ndarray:
        """p at ``frequencies`` (n, d): (n,), in units of x^d.

        >>> from freqbias.laws import Normal, Uniform
        >>> Normal(family="normal", scale=2.0).in_dimension(1).density(np.array([[0.0], [2.0]])).round(4)
        array([0.1995, 0.121 ])
        >>> Uniform(family="uniform", scale=10.0).in_dimension(2).density(np.zeros((1, 2)))
        array([0.0025])
        """

    @abstractmethod
    def characteristic(self, differences: np.ndarray) -> np.ndarray:
        """phi(z) = E cos(w.z) at ``differences`` (n, d) of x: (n,) (THEORY: level 2, kernel flow).

        >>> from freqbias.laws import Normal
        >>> Normal(family="normal", scale=2.0).in_dimension(1).characteristic(np.array([[0.5]])).round(4)  # exp(-1/2)
        array([0.6065])
        """

    @abstractmethod
    def sample(self, count: int, generator: np.random.Generator) -> np.ndarray:
        """``count`` independent frequencies: (count, d)."""

    @abstractmethod
    def quadrature_rules(self, count: int) -> list[QuadratureRule]:
        """Candidate rules with exactly ``count`` frequencies; ``best_rule`` picks one."""

    @abstractmethod
    def breakpoints(self) -> list[np.ndarray]:
        """For each axis the coordinates of the planes where p jumps or has a kink: meshes align with them."""

    @abstractmethod
    def extent(self, tail: float) -> np.ndarray:
        """Half-widths (d,) of a centred box outside of which each axis has at most the probability ``tail``."""

    def symmetric_density(self, frequencies: np.ndarray) -> np.ndarray:
        """p_s(w) = (p(w) + p(-w)) / 2: all that a real network sees of its law."""
        return 0.5 * (self.density(frequencies) + self.density(-frequencies))

    def best_rule(self, count: int, reach: np.ndarray) -> QuadratureRule:
        """The candidate rule with the smallest ``kernel_error`` over differences up to ``reach`` (d,)."""
        rules = self.quadrature_rules(count)
        if len(rules) == 1:
            return rules[0]
        return min(rules, key=lambda rule: self.kernel_error(rule, reach))

    def kernel_error(self, rule: QuadratureRule, reach: np.ndarray, count: int = 512) -> float:
        """Root-mean-square error of sum_k W_k cos(w_k.z) against phi(z) over |z_i| <= reach_i."""
        differences = np.random.default_rng(0).uniform(-1, 1, (count, len(reach))) * reach
        approximation = np.empty(count)
        block = max(1, 2_000_000 // len(rule.weights))
        for start in range(0, count, block):
            chunk = differences[start : start + block]
            approximation[start : start + block] = np.cos(chunk @ rule.frequencies.T) @ rule.weights
        return float(np.sqrt(np.mean((approximation - self.characteristic(differences)) ** 2)))
