"""Values of a spectrum at other frequencies, with an estimate of the error that this makes.

The estimates are L2 norms over frequency. They are measured: interpolation from a part of the nodes misses the others
by a known amount, and falls with more nodes at an observed rate.
"""

from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise, product
from typing import Protocol

import numpy as np
from scipy.interpolate import CloughTocher2DInterpolator, NdBSpline, make_interp_spline
from scipy.spatial import Delaunay

from freqbias.meshes import BoxMesh, FrequencyMesh, UnstructuredMesh

#: Coordinates that differ by less, relative to the size of the mesh, are the same.
SAME = 1e-9
#: Degree of splines on grids, lower where a piece has too few nodes.
_DEGREE = 5
_LOWER_DEGREE = 3
#: Estimated errors, relative to the norm, between which a half of the nodes resolves a function poorly.
_HALF_RESOLVED = (1e-3, 0.5)
#: Order of Clough-Tocher interpolation with gradients that are estimated from the values.
_CLOUGH_TOCHER_ORDER = 4


class Interpolation(Protocol):
    """From the nodes of a mesh to those of another."""

    def interpolate(self, values: np.ndarray) -> tuple[np.ndarray, float]:
        """``values`` (n,) at the nodes of the one to those (k,) at the nodes of the other, and the estimated error."""


def interpolation(
    source: FrequencyMesh, target: FrequencyMesh, breakpoints: Sequence[np.ndarray] | None = None
) -> Interpolation:
    """The way from ``source`` to ``target``, which lies in it.

    Where nodes agree the values are taken as they are. ``breakpoints``: where, along each axis, the function may jump
    or have a kink.
    """
    numbers = source.node_numbers(target.nodes)
    size = np.ptp(source.bounds, axis=0)
    if np.all(np.abs(source.nodes[numbers] - target.nodes) <= SAME * size):
        return _SameNodes(numbers)
    if isinstance(source, BoxMesh):
        return _GridSplines(source, target, breakpoints or [np.empty(0)] * source.dimension)
    if not isinstance(source, UnstructuredMesh):
        raise TypeError(f"no way is known from a {type(source).__name__}")
    if source.dimension == 2 and source.degree == 1:
        return _CloughTocher(source, target)
    return _Elements(source, target)


def pulled_inside(mesh: FrequencyMesh, coordinates: np.ndarray) -> np.ndarray:
    """``coordinates`` (k, d), moved by rounding towards the middle of ``mesh``, so that its boundary is in it."""
    middle = np.mean(mesh.bounds, axis=0)
    return middle + (1 - SAME) * (coordinates - middle)


def extrapolated(half: float, quarter: float, limit: float) -> float:
    """The error with all nodes, from those with a half and a quarter of them: it falls by the observed factor.

    By ``limit`` at most: more than the order of the method is chance.
    """
    return half * max(limit, min(1.0, half / quarter)) if half > 0 and quarter > 0 else half * limit


class _SameNodes:
    def __init__(self, numbers: np.ndarray):
        self._numbers = numbers

    def interpolate(self, values: np.ndarray) -> tuple[np.ndarray, float]:
        return values[self._numbers], 0.0


class _GridSplines:
    """Splines of degree 5 through the nodes along each axis, piece by piece between breakpoints on nodes.

    The estimate from a half and a quarter of the nodes is far too large where all of them resolve the function, but a
    half hardly does; there the difference to cubic splines is nearer to the truth. Where a half sees nothing, neither
    is that difference to be trusted.
    """

    def __init__(self, source: BoxMesh, target: FrequencyMesh, breakpoints: Sequence[np.ndarray]):
        self._source, self._target = source, target
        self._nodes = source.axis_nodes
        self._pieces = [pieces(*given) for given in zip(self._nodes, breakpoints, strict=True)]
        self._weights = source.node_volumes * _near(source, target)

    def interpolate(self, values: np.ndarray) -> tuple[np.ndarray, float]:
        grid = values.reshape(self._source.shape)
        found = self._at_target(grid, _DEGREE)
        error = extrapolated(self._missed(grid, 2), self._missed(grid, 4), 2.0 ** -(_DEGREE + 1))
        low, high = (part * self._norm(values) for part in _HALF_RESOLVED)
        if low < error < high:
            error = min(error, float(self._target.norm(found - self._at_target(grid, _LOWER_DEGREE))))
        return found, error

    def _norm(self, values: np.ndarray) -> float:
        return float(np.sqrt(np.sum(self._weights * np.abs(values) ** 2)))

    def _at_target(self, grid: np.ndarray, degree: int) -> np.ndarray:
        if isinstance(self._target, BoxMesh):
            return _on_grid(grid, self._nodes, self._pieces, self._target.axis_nodes, degree).ravel()
        return self._scattered(grid, self._target.nodes, degree)

    def _missed(self, grid: np.ndarray, stride: int) -> float:
        """How far the spline through every ``stride``-th node misses the others."""
        kept = [thinned(pieces_of, stride) for pieces_of in self._pieces]
        nodes = [nodes[some] for nodes, some in zip(self._nodes, kept, strict=True)]
        shorter = [
            list(pairwise(np.searchsorted(some, [pieces_of[0][0], *(last for _, last in pieces_of)]).tolist()))
            for some, pieces_of in zip(kept, self._pieces, strict=True)
        ]
        return self._norm((_on_grid(grid[np.ix_(*kept)], nodes, shorter, self._nodes, _DEGREE) - grid).ravel())

    def _scattered(self, grid: np.ndarray, points: np.ndarray, degree: int) -> np.ndarray:
        """Values (k,) at ``points`` (k, d): one tensor spline for each box between breakpoints."""
        found = np.empty(len(points), dtype=grid.dtype)
        owners = [
            owner(nodes, of, column) for nodes, of, column in zip(self._nodes, self._pieces, points.T, strict=True)
        ]
        for numbers in product(*(range(len(of)) for of in self._pieces)):
            mine = np.all([who == number for who, number in zip(owners, numbers, strict=True)], axis=0)
            if not mine.any():
                continue
            spans = [of[number] for of, number in zip(self._pieces, numbers, strict=True)]
            coefficients = grid[tuple(slice(first, last + 1) for first, last in spans)]
            knots, degrees = [], []
            for axis, (nodes, (first, last)) in enumerate(zip(self._nodes, spans, strict=True)):
                along = np.moveaxis(coefficients, axis, 0)
                one = make_interp_spline(nodes[first : last + 1], along, k=_degree(last - first + 1, degree))
                coefficients = np.moveaxis(one.c, 0, axis)
                knots.append(one.t)
                degrees.append(one.k)
            found[mine] = NdBSpline(tuple(knots), np.ascontiguousarray(coefficients), tuple(degrees))(points[mine])
        return found


def _on_grid(
    grid: np.ndarray,
    nodes: Sequence[np.ndarray],
    pieces_of: Sequence[list[tuple[int, int]]],
    targets: Sequence[np.ndarray],
    degree: int,
) -> np.ndarray:
    """``spline`` along every axis of ``grid``."""
    for axis, given in enumerate(zip(nodes, pieces_of, targets, strict=True)):
        grid = np.moveaxis(spline(np.moveaxis(grid, axis, 0), *given, degree), 0, axis)
    return grid


def spline(
    values: np.ndarray, nodes: np.ndarray, pieces_of: list[tuple[int, int]], targets: np.ndarray, degree: int
) -> np.ndarray:
    """``values`` (n, ...) at increasing ``nodes`` (n,) to values (k, ...) at ``targets``: one spline for each piece."""
    found = np.empty((len(targets), *values.shape[1:]), dtype=values.dtype)
    owners = owner(nodes, pieces_of, targets)
    for number, (first, last) in enumerate(pieces_of):
        mine = owners == number
        if mine.any():
            inside = slice(first, last + 1)
            one = make_interp_spline(nodes[inside], values[inside], k=_degree(last - first + 1, degree))
            found[mine] = one(targets[mine])
    return found


def pieces(nodes: np.ndarray, breakpoints: np.ndarray) -> list[tuple[int, int]]:
    """First and last node of each piece of an axis between those ``breakpoints`` that are nodes."""
    if len(breakpoints) == 0:
        return [(0, len(nodes) - 1)]
    nearest = np.abs(nodes[:, None] - breakpoints).argmin(axis=0)
    on_node = np.abs(nodes[nearest] - breakpoints) <= SAME * np.ptp(nodes)
    return list(pairwise(np.unique([0, *nearest[on_node], len(nodes) - 1]).tolist()))


def thinned(pieces_of: list[tuple[int, int]], stride: int) -> np.ndarray:
    """Numbers of every ``stride``-th node of each piece, and of its last one."""
    return np.unique(np.concatenate([[*range(first, last, stride), last] for first, last in pieces_of]))


def owner(nodes: np.ndarray, pieces_of: list[tuple[int, int]], targets: np.ndarray) -> np.ndarray:
    """Number of the piece in which each of ``targets`` lies."""
    return np.searchsorted([nodes[last] for _, last in pieces_of[:-1]], targets)


def _degree(count: int, largest: int) -> int:
    """Of a spline through ``count`` nodes: odd, and so low that there are enough of them."""
    return min(largest, count - 1 - count % 2) if count > 2 else 1


def _near(source: FrequencyMesh, target: FrequencyMesh) -> np.ndarray:
    """Which nodes (n,) of ``source`` lie where ``target`` does; all if none."""
    lower, upper = target.bounds
    near = np.all((source.nodes >= lower) & (source.nodes <= upper), axis=1)
    return near if near.any() else np.ones(len(near), dtype=bool)


class _CloughTocher:
    """Smooth cubic pieces on the triangles between the nodes; the estimate from a half and a quarter of the nodes."""

    def __init__(self, source: UnstructuredMesh, target: FrequencyMesh):
        self._target = pulled_inside(source, target.nodes)
        self._nodes = source.nodes
        self._weights = source.node_volumes * _near(source, target)
        hull = Delaunay(self._nodes).convex_hull.ravel()
        shuffled = np.random.default_rng(0).permutation(len(self._nodes))
        parts = [np.union1d(shuffled[: len(shuffled) // share], hull) for share in (1, 2, 4)]
        self._parts = [(part, Delaunay(self._nodes[part])) for part in parts]

    def interpolate(self, values: np.ndarray) -> tuple[np.ndarray, float]:
        everything, *parts = self._parts
        found = self._from(everything, values)(self._target)
        errors = []
        for part in parts:
            # Beyond the hull of a part, but for rounding, there is nothing to measure.
            missed = np.nan_to_num(self._from(part, values)(self._nodes) - values)
            errors.append(float(np.sqrt(np.sum(self._weights * np.abs(missed) ** 2))))
        half, quarter = errors
        return found, extrapolated(half, quarter, 2 ** (-_CLOUGH_TOCHER_ORDER / 2))

    @staticmethod
    def _from(part: tuple[np.ndarray, Delaunay], values: np.ndarray) -> CloughTocher2DInterpolator:
        numbers, triangles = part
        return CloughTocher2DInterpolator(triangles, values[numbers])


class _Elements:
    """The finite-element functions themselves; the estimate from functions of lower degree in every cell.

    With e_q the error of interpolation of degree q, e_-1 the norm, the errors fall like a geometric sequence:
    e_p = e_(p-1)^2 / e_(p-2). For waves this is 0.9 of the true error in degree 1, up to 5 times it in others.
    """

    def __init__(self, source: UnstructuredMesh, target: FrequencyMesh):
        self._source = source
        self._matrix = source.interpolation(pulled_inside(source, target.nodes))
        near = _near(source, target)[source.cell_nodes].any(axis=1)
        self._cells = source.cell_nodes[near]
        self._near = near

    def interpolate(self, values: np.ndarray) -> tuple[np.ndarray, float]:
        local = values[self._cells]
        before, last = (
            np.sqrt(np.sum(self._weights * np.abs(local @ residual.T) ** 2)) for residual in self._residuals
        )
        return self._matrix @ values, float(last * min(1.0, last / before)) if before > 0 else 0.0

    @cached_property
    def _weights(self) -> np.ndarray:
        points, weights = self._quadrature
        return (np.abs(self._source.determinants(points)) * weights)[self._near]

    @property
    def _quadrature(self) -> tuple[np.ndarray, np.ndarray]:
        return self._source.kind.quadrature(2 * self._source.degree + self._source.kind.jacobian_degree)

    @cached_property
    def _residuals(self) -> list[np.ndarray]:
        """Matrices (q, k) to what degrees p - 2 and p - 1 miss at quadrature points."""
        kind, degree = self._source.kind, self._source.degree
        points, _ = self._quadrature
        basis = kind.basis(degree, points)
        residuals = []
        for lower in (degree - 2, degree - 1):
            if lower < 0:
                residuals.append(basis)
                continue
            places = kind.element_nodes(lower) if lower else kind.corners.mean(axis=0, keepdims=True)
            coarse = kind.basis(lower, points) if lower else np.ones((len(points), 1))
            residuals.append(basis - coarse @ kind.basis(degree, places))
        return residuals
