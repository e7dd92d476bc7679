"""Law given by a table of its density."""

from functools import cached_property
from typing import Any, Literal, Self

import numpy as np
from pydantic import Field
from scipy.interpolate import RegularGridInterpolator
from scipy.stats import qmc

from freqbias.errors import InputError
from freqbias.laws.law import Law, QuadratureRule
from freqbias.laws.product import grid_points, tensor_shape
from freqbias.tables import read_arrays, real_numbers
from freqbias.transforms import fourier_transform
from freqbias.validation import DataFile

_GAUSS_POINTS = 6


class Tabulated(Law):
    """Density by multilinear interpolation in a table on a tensor grid, 0 outside of it.

    ``file`` is a .csv with the columns frequency and density (1D), or an .npz with the arrays ``axis0``,
    ``axis1``, … and ``density``. A resolved problem holds the table itself, in ``axes`` and ``values``.
    """

    family: Literal["tabulated"] = "tabulated"
    file: DataFile | None = None
    axes: list[list[float]] | None = None
    values: list[Any] | None = None
    normalize: bool = Field(default=False, description="divide the table by its integral")

    def in_dimension(self, dimension: int) -> Self:
        axes, values = self._table()
        if len(axes) != dimension:
            raise ValueError(f"file: the table has {len(axes)} axes, must have {dimension} as the box has")
        if values.shape != tuple(len(axis) for axis in axes) or min(values.shape) < 2:
            raise ValueError(f"values: the shape {values.shape} must be that of the axes, with at least 2 entries each")
        for number, axis in enumerate(axes):
            if axis.ndim != 1 or not (np.isfinite(axis).all() and (np.diff(axis) > 0).all()):
                raise ValueError(f"axes[{number}] must be finite and increase strictly")
        if not np.isfinite(values).all() or values.min() < 0:
            raise ValueError(f"values: a density must be finite and not negative, the least entry is {values.min()}")
        total = _integrate(axes, values)
        if total == 0 or (not self.normalize and abs(total - 1) > 1e-3):
            hint = "" if total == 0 else "; normalize = true divides by it"
            raise ValueError(f"values: the table integrates to {total:.6g}, a density to 1{hint}")
        if abs(total - 1) > 1e-12:  # a table that is resolved already stays as it is, to the last bit
            values = values / total
        return self.model_copy(
            update={
                "file": None,
                "axes": [axis.tolist() for axis in axes],
                "values": values.tolist(),
                "normalize": False,
            }
        )

    def _table(self) -> tuple[list[np.ndarray], np.ndarray]:
        if (self.file is None) == (self.axes is None or self.values is None):
            raise ValueError("file: needs either file, or axes and values")
        if self.file is None:
            try:
                return [np.asarray(axis) for axis in self.axes or []], np.asarray(self.values, dtype=float)
            except (ValueError, TypeError) as error:
                raise ValueError(f"values: not an array of numbers ({error})") from error
        try:
            return _table_of_file(self.file)
        except InputError as error:
            raise ValueError(f"file: {error}") from error

    @cached_property
    def _grid(self) -> list[np.ndarray]:
        return [np.asarray(axis) for axis in self.axes or []]

    @cached_property
    def _density_values(self) -> np.ndarray:
        return np.asarray(self.values)

    def density(self, frequencies: np.ndarray) -> np.ndarray:
        interpolator = RegularGridInterpolator(self._grid, self._density_values, bounds_error=False, fill_value=0.0)
        return interpolator(frequencies)

    def characteristic(self, differences: np.ndarray) -> np.ndarray:
        """By composite Gauss quadrature of the table: exact to rounding while cell * |z_i| is below about 8."""
        nodes, weights = zip(*(_composite_gauss(axis) for axis in self._grid), strict=True)
        points = grid_points(list(nodes))
        strengths = grid_points(list(weights)).prod(axis=1) * self.density(points)
        return fourier_transform(points, strengths, differences).real

    def sample(self, count: int, generator: np.random.Generator) -> np.ndarray:
        return self._transport(generator.random((count, len(self._grid))))

    def quadrature_rules(self, count: int) -> list[QuadratureRule]:
        """Equal-probability cells; in d > 1 also low-discrepancy points and a weighted tensor grid."""
        dimension = len(self._grid)
        shape = tensor_shape(count, dimension)
        equal = np.full(count, 1 / count)
        rules = []
        if shape is not None:
            cells = grid_points([(np.arange(n) + 0.5) / n for n in shape])
            rules.append(QuadratureRule(self._transport(cells), equal, "equal-probability cells"))
        if dimension == 1:
            return rules
        exponent = int(np.ceil(np.log2(max(count, 2))))
        points = qmc.Sobol(dimension, scramble=False).random_base2(exponent)[:count] + 0.5 / 2**exponent
        rules.append(QuadratureRule(self._transport(points), equal, "low-discrepancy points"))
        if shape is not None:
            low, high = np.array([(axis[0], axis[-1]) for axis in self._grid]).T
            nodes = low + (high - low) * cells
            weights = self.density(nodes)
            if weights.sum() > 0:
                rules.append(QuadratureRule(nodes, weights / weights.sum(), "weighted tensor grid"))
        return rules

    def breakpoints(self) -> list[np.ndarray]:
        """The ends of the table, where the density may jump, and their mirror images."""
        return [np.unique([axis[0], axis[-1], -axis[0], -axis[-1]]) for axis in self._grid]

    def extent(self, tail: float) -> np.ndarray:
        return np.array([np.abs(axis[[0, -1]]).max() for axis in self._grid])

    def _transport(self, uniform: np.ndarray) -> np.ndarray:
        """Inverse Rosenblatt map of points (n, d) of the unit cube: axis by axis, each given those before it."""
        frequencies = np.empty_like(uniform)
        block = max(1, 4_000_000 // self._density_values.size)
        for start in range(0, len(uniform), block):
            rows = slice(start, start + block)
            conditional = np.broadcast_to(self._density_values, (len(uniform[rows]), *self._density_values.shape))
            for axis, grid in enumerate(self._grid):
                marginal = conditional
                for other in self._grid[:axis:-1]:
                    marginal = np.trapezoid(marginal, other, axis=-1)
                frequencies[rows, axis], cell, part = _invert_linear(grid, marginal, uniform[rows, axis])
                along = np.arange(len(cell))
                part = part.reshape(-1, *[1] * (conditional.ndim - 2))
                conditional = conditional[along, cell] * (1 - part) + conditional[along, cell + 1] * part
        return frequencies


def _table_of_file(file: str) -> tuple[list[np.ndarray], np.ndarray]:
    """Axes and densities."""
    arrays = read_arrays(file)
    if isinstance(arrays, dict):
        axes = [real_numbers(file, arrays[f"axis{i}"]) for i in range(3) if f"axis{i}" in arrays]
        if not axes or "density" not in arrays:
            raise ValueError(f"file: {file} must hold axis0 … and density, it holds {', '.join(arrays)}")
        return axes, real_numbers(file, arrays["density"])
    if arrays.ndim != 2 or arrays.shape[1] != 2:
        raise ValueError(f"file: {file} must have two columns, frequency and density")
    return [arrays[:, 0]], arrays[:, 1]


def _integrate(axes: list[np.ndarray], values: np.ndarray) -> float:
    with np.errstate(over="ignore", invalid="ignore"):
        for axis in reversed(axes):
            values = np.trapezoid(values, axis, axis=-1)
    return float(values)


def _composite_gauss(grid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    nodes, weights = np.polynomial.legendre.leggauss(_GAUSS_POINTS)
    width = np.diff(grid)[:, None]
    middle = 0.5 * (grid[1:] + grid[:-1])[:, None]
    return (middle + 0.5 * width * nodes).ravel(), (0.5 * width * weights).ravel()


def _invert_linear(
    grid: np.ndarray, densities: np.ndarray, probability: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Quantiles of piecewise linear densities (n, len(grid)), one for each row: value, cell, part of the cell."""
    masses = 0.5 * (densities[:, 1:] + densities[:, :-1]) * np.diff(grid)
    cumulative = np.cumsum(masses, axis=1)
    goal = probability * cumulative[:, -1]
    cell = np.minimum((cumulative < goal[:, None]).sum(axis=1), len(grid) - 2)
    along = np.arange(len(cell))
    inside = np.clip(goal - (cumulative[along, cell] - masses[along, cell]), 0, None)
    left, right = densities[along, cell], densities[along, cell + 1]
    width = np.diff(grid)[cell]
    # Root in [0, 1] of (right - left) s^2 / 2 + left s = inside / width, in the form that does not cancel.
    root = np.sqrt(np.maximum(left**2 + 2 * (right - left) * inside / width, 0))
    part = np.clip(2 * inside / width / np.where(left + root > 0, left + root, 1), 0, 1)
    return grid[cell] + part * width, cell, part
