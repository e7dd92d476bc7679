"""Uniform law on a box."""

from typing import ClassVar, Literal

import numpy as np
from scipy import stats

from freqbias.laws.product import ProductLaw


class Uniform(ProductLaw):
    """Uniform on location +- scale."""

    tails: ClassVar[tuple[float, ...]] = (0.0,)

    family: Literal["uniform"] = "uniform"

    def axis_distribution(self, axis: int) -> stats.distributions.rv_frozen:
        return stats.uniform(self.location[axis] - self.scale[axis], 2 * self.scale[axis])

    def centred_characteristic(self, z: np.ndarray, axis: int) -> np.ndarray:
        return np.sinc(self.scale[axis] * z / np.pi)

    def axis_rule(self, axis: int, count: int, tail: float) -> tuple[np.ndarray, np.ndarray]:
        """Gauss-Legendre."""
        nodes, weights = np.polynomial.legendre.leggauss(count)
        return self.location[axis] + self.scale[axis] * nodes, weights / 2

    def breakpoints(self) -> list[np.ndarray]:
        """The edges of the box, and of its mirror image, which the symmetric density has too."""
        edges = zip(self.location, self.scale, strict=True)
        return [np.unique([l - s, l + s, -l - s, -l + s]) for l, s in edges]  # noqa: E741
