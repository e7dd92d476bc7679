"""Laws whose coordinates are independent, each a one-dimensional law of scipy.stats."""

from abc import abstractmethod
from math import prod
from typing import ClassVar, Self

import numpy as np
from pydantic import Field
from scipy import stats
from scipy.stats import qmc

from freqbias.laws.law import Law, QuadratureRule
from freqbias.validation import PositivePerAxis, RealPerAxis, per_axis

WEIGHTED_GRID = "weighted tensor grid"


class ProductLaw(Law):
    """p(w) = prod_i p_i(w_i); p_i is symmetric about ``location`` and has the given ``scale``."""

    #: Probabilities outside of the ranges, on each side, that weighted grids may cover. The best one falls with the
    #: number of nodes: a wide range leaves few of them for the bulk.
    tails: ClassVar[tuple[float, ...]] = (1e-3, 1e-4, 1e-5, 1e-6, 1e-8, 1e-11)

    scale: PositivePerAxis
    location: RealPerAxis = Field(default=[0.0], description="centre of the law")

    @abstractmethod
    def axis_distribution(self, axis: int) -> stats.distributions.rv_frozen:
        """The frozen scipy.stats law of one coordinate."""

    @abstractmethod
    def centred_characteristic(self, z: np.ndarray, axis: int) -> np.ndarray:
        """E exp(i (w - location) z) of one coordinate; real since the law is symmetric about its location."""

    def axis_rule(self, axis: int, count: int, tail: float) -> tuple[np.ndarray, np.ndarray]:
        """``count`` nodes and weights on one axis that integrate smooth functions fast.

        Default: midpoint rule on all but ``tail`` of the law on each side, spectrally accurate up to that for a
        smooth density that decays.
        """
        law = self.axis_distribution(axis)
        low, high = law.ppf(tail), law.isf(tail)
        nodes = low + (high - low) * (np.arange(count) + 0.5) / count
        weights = law.pdf(nodes)
        return nodes, weights / weights.sum()

    def in_dimension(self, dimension: int) -> Self:
        return self.model_copy(
            update={key: per_axis(getattr(self, key), dimension, key) for key in ("scale", "location")}
        )

    def density(self, frequencies: np.ndarray) -> np.ndarray:
        return prod(self.axis_distribution(i).pdf(frequencies[:, i]) for i in range(len(self.scale)))

    def characteristic(self, differences: np.ndarray) -> np.ndarray:
        phase = differences @ np.asarray(self.location)
        return np.cos(phase) * prod(self.centred_characteristic(differences[:, i], i) for i in range(len(self.scale)))

    def sample(self, count: int, generator: np.random.Generator) -> np.ndarray:
        axes = range(len(self.scale))
        return np.stack([self.axis_distribution(i).rvs(count, random_state=generator) for i in axes], axis=1)

    def quadrature_rules(self, count: int) -> list[QuadratureRule]:
        """1D: midpoints of equal-probability cells. Else also low-discrepancy points and tensors of axis rules."""
        dimension = len(self.scale)
        if dimension == 1:
            return [self._equal_cells((count,))]
        rules = [self._low_discrepancy(count)]
        shape = tensor_shape(count, dimension)
        if shape is not None:
            rules += [self._equal_cells(shape), *(self._tensor(shape, tail) for tail in self.tails)]
        return rules

    def breakpoints(self) -> list[np.ndarray]:
        return [np.empty(0)] * len(self.scale)

    def extent(self, tail: float) -> np.ndarray:
        laws = [self.axis_distribution(i) for i in range(len(self.scale))]
        return np.array([max(abs(law.ppf(tail / 2)), abs(law.isf(tail / 2))) for law in laws])

    def _equal_cells(self, shape: tuple[int, ...]) -> QuadratureRule:
        axes = [self.axis_distribution(i).ppf((np.arange(n) + 0.5) / n) for i, n in enumerate(shape)]
        count = prod(shape)
        return QuadratureRule(grid_points(axes), np.full(count, 1 / count), "equal-probability cells")

    def _low_discrepancy(self, count: int) -> QuadratureRule:
        """Sobol points, shifted off 0 and 1, mapped through the inverse distribution functions."""
        dimension = len(self.scale)
        exponent = int(np.ceil(np.log2(max(count, 2))))
        points = qmc.Sobol(dimension, scramble=False).random_base2(exponent)[:count] + 0.5 / 2**exponent
        frequencies = [self.axis_distribution(i).ppf(points[:, i]) for i in range(dimension)]
        return QuadratureRule(np.stack(frequencies, axis=1), np.full(count, 1 / count), "low-discrepancy points")

    def _tensor(self, shape: tuple[int, ...], tail: float) -> QuadratureRule:
        rules = [self.axis_rule(i, n, tail) for i, n in enumerate(shape)]
        weights = grid_points([weights for _, weights in rules]).prod(axis=1)
        name = f"{WEIGHTED_GRID}, tails {tail:g}" if tail else WEIGHTED_GRID
        return QuadratureRule(grid_points([nodes for nodes, _ in rules]), weights, name)


def grid_points(axes: list[np.ndarray]) -> np.ndarray:
    """All points (n, d) of the tensor grid with these axes, the last axis running fastest."""
    return np.stack([coordinate.ravel() for coordinate in np.meshgrid(*axes, indexing="ij")], axis=1)


def tensor_shape(count: int, dimension: int) -> tuple[int, ...] | None:
    """The factorization of ``count`` into ``dimension`` factors nearest to a cube; None if all are worse than 1:4."""
    if dimension == 1:
        return (count,)
    best = None
    for first in range(1, count + 1):
        if count % first:
            continue
        rest = tensor_shape(count // first, dimension - 1)
        if rest is None:
            continue
        shape = tuple(sorted((first, *rest)))
        if 4 * shape[0] >= shape[-1] and (best is None or shape[-1] * best[0] < best[-1] * shape[0]):
            best = shape
    return best
