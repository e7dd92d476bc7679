"""The data of a problem: the box, the samples in it, their weights and the target there."""

from collections.abc import Callable
from functools import cached_property

import numpy as np

from freqbias.errors import InputError
from freqbias.laws.product import grid_points
from freqbias.sample_weights import normalized, quadrature_weights, read_weights
from freqbias.settings import ProblemSettings
from freqbias.targets import ExpressionTarget, FunctionTarget, Target, read_target, taper
from freqbias.validation import LARGEST


class ProblemData:
    """What follows from the tables ``target`` and ``data``; computed once, on first use.

    Raises InputError naming the key when the problem does not allow it.
    """

    def __init__(self, settings: ProblemSettings, target: Callable | None = None, source: str = "problem"):
        self.settings = settings
        self.source = source
        self._function = target

    def fail(self, text: str) -> InputError:
        """An InputError that names this problem's source."""
        return InputError(f"{self.source}: {text}")

    @property
    def dimension(self) -> int:
        return len(self.settings.data.lower)

    @property
    def lower(self) -> np.ndarray:
        return np.array(self.settings.data.lower)

    @property
    def upper(self) -> np.ndarray:
        return np.array(self.settings.data.upper)

    @property
    def density(self) -> float:
        """rho_0 = 1 / volume of the box."""
        return float(1 / np.prod(self.upper - self.lower))

    @cached_property
    def half_widths(self) -> np.ndarray:
        """The largest |x_i| in the box (d,)."""
        return np.maximum(np.abs(self.lower), np.abs(self.upper))

    @cached_property
    def target(self) -> Target:
        """The function to learn, before taper and standardization."""
        given = self.settings.target
        if self._function is not None:
            return FunctionTarget(self._function)
        try:
            if given.expression is not None:
                return ExpressionTarget(given.expression, self.dimension)
        except ValueError as error:
            raise self.fail(f"target.expression = {given.expression!r}: {error}") from error
        if given.file is None:
            raise self.fail(f"target.function = {given.function!r} is a Python callable, which a file cannot hold")
        data = self.settings.data
        points = data.points if data.sampling == "grid" else None
        weighted = data.weights == "file" and data.weights_file is None
        try:
            return read_target(given.file, given.variable, given.index, self.lower, self.upper, points, weighted)
        except InputError as error:
            raise self.fail(f"target.file: {error}") from error

    @cached_property
    def grid_shape(self) -> tuple[int, ...] | None:
        """Points along each axis if the samples lie on a grid, else None."""
        data = self.settings.data
        if data.sampling != "grid":
            return None
        if data.points is not None:
            return tuple(data.points * self.dimension if len(data.points) == 1 else data.points)
        if self.target.grid_shape is None:
            raise self.fail("data.points: missing (only samples on a grid in target.file have a number of their own)")
        return self.target.grid_shape

    @cached_property
    def points(self) -> np.ndarray:
        """The sample points x_i (N, d)."""
        data = self.settings.data
        if self.grid_shape is not None:
            return grid_points(
                [
                    low + (high - low) * (np.arange(n) + 0.5) / n
                    for low, high, n in zip(self.lower, self.upper, self.grid_shape, strict=True)
                ]
            )
        if data.sampling == "random" and data.points is not None:
            generator = np.random.default_rng([self.settings.training.seed, 1])
            return generator.uniform(self.lower, self.upper, (data.points[0], self.dimension))
        if self.target.points is None:
            raise self.fail('data.sampling = "file" needs a target.file with columns for the points')
        return self.target.points

    @cached_property
    def weights(self) -> np.ndarray:
        """w_i (N,) of the samples in the loss ½ sum_i w_i e(x_i)^2: positive, their sum is 1."""
        data, points = self.settings.data, self.points
        if data.weights == "uniform" or (data.weights == "quadrature" and self.grid_shape is not None):
            # The midpoints of equal cells integrate all cosines below their number exactly as they are.
            return np.full(len(points), 1 / len(points))
        if data.weights == "quadrature":
            key = 'data.weights = "quadrature"'
        else:
            key = "data.weights_file" if data.weights_file is not None else 'data.weights = "file": target.file'
        try:
            if data.weights == "quadrature":
                return quadrature_weights(points, self.lower, self.upper).weights
            if data.weights_file is not None:
                return normalized(read_weights(data.weights_file, len(points)))
            if self.target.weights is None:
                raise InputError(f"has no column of weights after the {self.dimension} coordinates and the value")
            return normalized(self.target.weights)
        except InputError as error:
            raise self.fail(f"{key}: {error}") from error

    @cached_property
    def target_values(self) -> np.ndarray:
        """g(x_i) (N,), standardized and tapered."""
        given = self.settings.target
        try:
            values = self.target(self.points)
        except ValueError as error:
            raise self.fail(f"target.file = {given.file!r}: {error}") from error
        bad = ~(np.abs(values) <= LARGEST)
        if bad.any():
            where = self.points[bad][0].tolist()
            count = f"{bad.sum()} of {len(values)} samples are not finite or beyond {LARGEST:g}"
            raise self.fail(f"target: {count}, the first at x = {where}")
        if given.standardize:
            spread = values.std()
            if not spread > 0:
                raise self.fail("target.standardize: the target is constant")
            values = (values - values.mean()) / spread
        values = values * taper(self.points, self.lower, self.upper, given.taper)
        if not values.any():
            raise self.fail("target: all samples are 0, there is nothing to learn")
        return values
