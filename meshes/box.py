"""Frequency meshes on a box: tensor grids of cells with Lagrange nodes.

Only numpy: the network side uses the nodes and norms of a mesh where DOLFINx is not installed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
from numpy.polynomial import legendre
from scipy import sparse

from freqbias.meshes.frequency_mesh import FrequencyMesh

#: Cells that programs for looking at meshes know, by dimension.
_LINEAR_CELLS = {1: "line", 2: "quad", 3: "hexahedron"}
#: Corners of a hexahedron in the order of VTK; the first four are those of a quadrilateral, the first two of a line.
_CORNERS = ((0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1))


@dataclass(frozen=True)
class BoxMesh(FrequencyMesh):
    """Cells between the grid lines ``axes`` (d increasing arrays, radians per unit of x), elements of ``degree``.

    The nodes are the Gauss-Lobatto points of every cell. They are numbered along the tensor grid, the last axis
    running fastest; ``values`` of functions on the mesh are arrays (..., nodes) in this order.

    >>> mesh = BoxMesh((np.array([-1.0, 0.0, 1.0]),), degree=2)
    >>> mesh.nodes.ravel()
    array([-1. , -0.5,  0. ,  0.5,  1. ])
    >>> mesh.evaluate(mesh.nodes[:, 0] ** 2, np.array([[0.3]])).round(12)  # exact for polynomials of the degree
    array([0.09])
    """

    axes: tuple[np.ndarray, ...]
    degree: int

    @property
    def dimension(self) -> int:
        return len(self.axes)

    @property
    def cells(self) -> tuple[int, ...]:
        """Number of cells along each axis."""
        return tuple(len(axis) - 1 for axis in self.axes)

    @cached_property
    def axis_nodes(self) -> tuple[np.ndarray, ...]:
        """Coordinates of the nodes along each axis."""
        return tuple(_axis_nodes(axis, self.degree) for axis in self.axes)

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of nodes along each axis."""
        return tuple(len(nodes) for nodes in self.axis_nodes)

    @cached_property
    def nodes(self) -> np.ndarray:
        return np.stack([c.ravel() for c in np.meshgrid(*self.axis_nodes, indexing="ij")], axis=1)

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        return np.array([axis[0] for axis in self.axes]), np.array([axis[-1] for axis in self.axes])

    @property
    def smallest_cell(self) -> np.ndarray:
        return np.array([np.diff(axis).min() for axis in self.axes])

    @property
    def largest_cell(self) -> np.ndarray:
        return np.array([np.diff(axis).max() for axis in self.axes])

    @cached_property
    def node_volumes(self) -> np.ndarray:
        return self.mass_product(np.ones(len(self.nodes)))

    @property
    def cells_in_words(self) -> str:
        return f"{' × '.join(map(str, self.cells))} cells"

    def node_numbers(self, coordinates: np.ndarray) -> np.ndarray:
        index = []
        for axis, nodes in enumerate(self.axis_nodes):
            middles = 0.5 * (nodes[1:] + nodes[:-1])
            index.append(np.searchsorted(middles, coordinates[:, axis]))
        return np.ravel_multi_index(index, self.shape)

    def contains(self, coordinates: np.ndarray) -> np.ndarray:
        lower, upper = self.bounds
        return np.all((coordinates >= lower) & (coordinates <= upper), axis=1)

    def interpolation(self, coordinates: np.ndarray) -> sparse.csr_array:
        if not self.contains(coordinates).all():
            raise ValueError("coordinates must lie in the mesh")
        count, size = len(coordinates), int(np.prod(self.shape))
        # Outer products, axis by axis: numbers of the nodes of the cell around each point, and their basis functions.
        columns, entries = np.zeros((count, 1), dtype=np.int64), np.ones((count, 1))
        for lines, points, nodes in zip(self.axes, coordinates.T, self.shape, strict=True):
            cell = np.clip(np.searchsorted(lines, points, side="right") - 1, 0, len(lines) - 2)
            inside = 2 * (points - lines[cell]) / (lines[cell + 1] - lines[cell]) - 1
            local = self.degree * cell[:, None] + np.arange(self.degree + 1)
            basis = lagrange_matrix(self.degree, inside)
            columns = (columns[:, :, None] * nodes + local[:, None]).reshape(count, -1)
            entries = (entries[:, :, None] * basis[:, None]).reshape(count, -1)
        starts = np.arange(count + 1) * entries.shape[1]
        return sparse.csr_array((entries.ravel(), columns.ravel(), starts), shape=(count, size))

    def with_degree(self, degree: int) -> Self:
        return replace(self, degree=degree)

    def linear_cells(self) -> tuple[str, np.ndarray]:
        """meshio's name of the cell type and node numbers (k, 2**d): every cell cut into degree**d linear ones.

        The corners have the order of VTK; all cells have positive volume.
        """
        numbers = np.arange(np.prod(self.shape)).reshape(self.shape)
        sides = (slice(None, -1), slice(1, None))
        corners = [
            numbers[tuple(sides[side] for side in corner[: self.dimension])].ravel()
            for corner in _CORNERS[: 2**self.dimension]
        ]
        return _LINEAR_CELLS[self.dimension], np.stack(corners, axis=1)

    def mass_product(self, values: np.ndarray) -> np.ndarray:
        grid = values.reshape(*values.shape[:-1], *self.shape)
        for axis, mass in enumerate(self._axis_masses):
            position = axis - self.dimension
            moved = np.moveaxis(grid, position, 0)
            product = (mass @ moved.reshape(len(moved), -1)).reshape(moved.shape)
            grid = np.moveaxis(product, 0, position)
        return grid.reshape(values.shape)

    @cached_property
    def _axis_masses(self) -> tuple[sparse.csr_array, ...]:
        return tuple(_axis_mass(axis, self.degree) for axis in self.axes)


def lobatto_points(degree: int) -> np.ndarray:
    """The degree + 1 Gauss-Lobatto points of [-1, 1]: the ends and the extrema of the Legendre polynomial."""
    inner = legendre.Legendre.basis(degree).deriv().roots()
    return np.concatenate([[-1.0], np.sort(inner.real), [1.0]])


def lagrange_matrix(degree: int, points: np.ndarray) -> np.ndarray:
    """Values (len(points), degree + 1) at ``points`` of [-1, 1] of the Lagrange basis on the Lobatto points."""
    return legendre.legvander(points, degree) @ np.linalg.inv(legendre.legvander(lobatto_points(degree), degree))


def _axis_nodes(axis: np.ndarray, degree: int) -> np.ndarray:
    reference = 0.5 * (lobatto_points(degree)[:-1] + 1)
    inside = axis[:-1, None] + np.diff(axis)[:, None] * reference
    return np.concatenate([inside.ravel(), axis[-1:]])


def _axis_mass(axis: np.ndarray, degree: int) -> sparse.csr_array:
    """Mass matrix of one axis: in the Legendre basis it is diagonal."""
    inverse = np.linalg.inv(legendre.legvander(lobatto_points(degree), degree))
    reference = inverse.T @ np.diag(1 / (2 * np.arange(degree + 1) + 1)) @ inverse
    cells = len(axis) - 1
    local = degree * np.arange(cells)[:, None] + np.arange(degree + 1)
    rows = np.broadcast_to(local[:, :, None], (cells, degree + 1, degree + 1))
    entries = np.diff(axis)[:, None, None] * reference
    size = degree * cells + 1
    columns = rows.transpose(0, 2, 1)
    return sparse.csr_array((entries.ravel(), (rows.ravel(), columns.ravel())), shape=(size, size))


def box_mesh(
    cutoff: Sequence[float] | np.ndarray,
    cells: Sequence[int],
    degree: int,
    breakpoints: Sequence[np.ndarray] | None = None,
) -> BoxMesh:
    """Mesh of [-cutoff, cutoff]^d with ``cells`` along each axis, as even as grid lines at ``breakpoints`` allow.

    >>> mesh = box_mesh((30.0, 30.0), cells=(20, 20), degree=1)
    >>> mesh.shape, float(mesh.norm(np.ones(441)))
    ((21, 21), 60.0)
    """
    if breakpoints is None:
        breakpoints = [np.empty(0)] * len(cutoff)
    axes = [_axis_lines(*given) for given in zip(cutoff, cells, breakpoints, strict=True)]
    return BoxMesh(tuple(axes), degree)


def _axis_lines(cutoff: float, cells: int, breakpoints: np.ndarray) -> np.ndarray:
    inside = np.unique(breakpoints[np.abs(breakpoints) < cutoff * (1 - 1e-12)])
    if len(inside) + 1 > cells:
        raise ValueError(f"{cells} cells are too few to align with the {len(inside)} jumps of the law")
    if cells % 2 == 0 and np.array_equal(inside, -inside[::-1]):
        # Exactly even, with a line at 0: the solver folds such meshes.
        half = _lines_between(0.0, cutoff, cells // 2, inside[inside > 0])
        return np.concatenate([-half[:0:-1], half])
    return _lines_between(-cutoff, cutoff, cells, inside)


def _lines_between(low: float, high: float, cells: int, inside: np.ndarray) -> np.ndarray:
    ends = np.concatenate([[low], inside, [high]])
    share = np.diff(ends) / (high - low) * cells
    counts = np.maximum(1, np.floor(share + 1e-9)).astype(int)
    while counts.sum() < cells:
        counts[np.argmax(share / counts)] += 1
    while counts.sum() > cells:
        counts[np.argmin(np.where(counts > 1, share / counts, np.inf))] -= 1
    pieces = [np.linspace(a, b, n, endpoint=False) for a, b, n in zip(ends[:-1], ends[1:], counts, strict=True)]
    return np.concatenate([*pieces, [high]])
