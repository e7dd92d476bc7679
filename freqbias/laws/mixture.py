"""Mixture of laws."""

from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, SerializeAsAny, model_validator
from scipy.optimize import elementwise

from freqbias.laws.laplace import Laplace
from freqbias.laws.law import Law, QuadratureRule
from freqbias.laws.normal import Normal
from freqbias.laws.product import WEIGHTED_GRID
from freqbias.laws.student_t import StudentT
from freqbias.laws.uniform import Uniform
from freqbias.validation import PositiveFloat

Component = Annotated[Uniform | Normal | Laplace | StudentT, Field(discriminator="family")]


class Mixture(Law):
    """p = sum_k weights[k] * components[k]."""

    family: Literal["mixture"] = "mixture"
    weights: Annotated[list[PositiveFloat], Field(min_length=1)]
    components: list[SerializeAsAny[Component]]

    @model_validator(mode="after")
    def _is_density(self) -> Self:
        if len(self.weights) != len(self.components):
            raise ValueError(f"has {len(self.weights)} weights and {len(self.components)} components, must be as many")
        if abs(sum(self.weights) - 1) > 1e-9:
            raise ValueError(f"weights sum to {sum(self.weights):.6g}, must sum to 1 (or it is not a density)")
        return self

    def in_dimension(self, dimension: int) -> Self:
        components = []
        for number, component in enumerate(self.components):
            try:
                components.append(component.in_dimension(dimension))
            except ValueError as error:
                raise ValueError(f"components[{number}].{error}") from error
        return self.model_copy(update={"components": components})

    def _sum(self, values: list[np.ndarray]) -> np.ndarray:
        return np.sum([weight * value for weight, value in zip(self.weights, values, strict=True)], axis=0)

    def density(self, frequencies: np.ndarray) -> np.ndarray:
        return self._sum([component.density(frequencies) for component in self.components])

    def characteristic(self, differences: np.ndarray) -> np.ndarray:
        return self._sum([component.characteristic(differences) for component in self.components])

    def sample(self, count: int, generator: np.random.Generator) -> np.ndarray:
        counts = generator.multinomial(count, np.asarray(self.weights) / sum(self.weights))
        drawn = [c.sample(n, generator) for c, n in zip(self.components, counts, strict=True)]
        return generator.permutation(np.concatenate(drawn))

    def quadrature_rules(self, count: int) -> list[QuadratureRule]:
        """1D: midpoints of equal-probability cells. Else the rules of the components, joined kind by kind."""
        if len(self.components[0].scale) == 1:
            return [
                QuadratureRule(self._quantiles(count)[:, None], np.full(count, 1 / count), "equal-probability cells")
            ]
        counts = shares(np.asarray(self.weights), count)
        if 0 in counts:
            raise ValueError(f"{count} frequencies are too few for the {len(counts)} components of the mixture")
        candidates = [c.quadrature_rules(n) for c, n in zip(self.components, counts, strict=True)]
        kinds = [{rule.name: rule for rule in rules} for rules in candidates]
        joined = []
        for name in dict.fromkeys(name for kind in kinds for name in kind):
            # A law without tails has one weighted grid, which goes with any choice of the others' tails.
            chosen = [kind.get(name, kind.get(WEIGHTED_GRID)) for kind in kinds]
            found = [rule for rule in chosen if rule is not None]
            if len(found) == len(kinds):
                joined.append(self._join(found, name))
        return joined

    def breakpoints(self) -> list[np.ndarray]:
        axes = zip(*(component.breakpoints() for component in self.components), strict=True)
        return [np.unique(np.concatenate(axis)) for axis in axes]

    def extent(self, tail: float) -> np.ndarray:
        return np.max([component.extent(tail) for component in self.components], axis=0)

    def _join(self, rules: list[QuadratureRule], name: str) -> QuadratureRule:
        weights = [weight * rule.weights for weight, rule in zip(self.weights, rules, strict=True)]
        frequencies = np.concatenate([rule.frequencies for rule in rules])
        return QuadratureRule(frequencies, np.concatenate(weights), name)

    def _quantiles(self, count: int) -> np.ndarray:
        """F^{-1}((k + 1/2) / count) of a one-dimensional mixture, by bracketing."""
        laws = [component.axis_distribution(0) for component in self.components]
        probability = (np.arange(count) + 0.5) / count
        quantiles = np.array([law.ppf(probability) for law in laws])
        low, high = quantiles.min(axis=0), quantiles.max(axis=0)

        def excess(w: np.ndarray, p: np.ndarray) -> np.ndarray:
            return self._sum([law.cdf(w) for law in laws]) - p

        margin = 1e-9 * (1 + np.abs(low) + np.abs(high))
        return elementwise.find_root(excess, (low - margin, high + margin), args=(probability,)).x


def shares(weights: np.ndarray, count: int) -> np.ndarray:
    """Whole numbers proportional to ``weights`` that sum to ``count`` (largest remainders)."""
    exact = weights / weights.sum() * count
    counts = np.floor(exact).astype(int)
    counts[np.argsort(counts - exact, kind="stable")[: count - counts.sum()]] += 1
    return counts
