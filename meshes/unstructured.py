"""Frequency meshes of any shape: intervals, triangles, quadrilaterals, tetrahedra or hexahedra, as in a mesh file."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Self

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from freqbias.meshes.cell_kinds import CELL_KINDS, CellKind
from freqbias.meshes.frequency_mesh import FrequencyMesh
from freqbias.meshes.location import locate, reference_coordinates
from freqbias.meshes.topology import Facets


@dataclass(frozen=True, eq=False)
class UnstructuredMesh(FrequencyMesh):
    """Straight cells of one kind between ``vertices`` (v, d), radians per unit of x, elements of ``degree``.

    ``cells`` (m, c) holds the numbers of the vertices of each cell, in DOLFINx's order, oriented positively;
    ``cell_kind`` is DOLFINx's name of their kind. The nodes are those of DOLFINx's Lagrange elements (warped
    Gauss-Lobatto points): first the vertices, then those on edges, faces and inside of cells. Nothing is checked
    here: see ``freqbias.meshes.validity``.
    """

    vertices: np.ndarray = field(repr=False)
    cells: np.ndarray = field(repr=False)
    cell_kind: str
    degree: int

    def __reduce__(self) -> tuple:
        # To other processes goes what defines the mesh, not what was computed from it.
        return UnstructuredMesh, (self.vertices, self.cells, self.cell_kind, self.degree)

    @property
    def kind(self) -> CellKind:
        return CELL_KINDS[self.cell_kind]

    @property
    def dimension(self) -> int:
        return self.vertices.shape[1]

    @property
    def nodes(self) -> np.ndarray:
        return self._numbering[0]

    @property
    def cell_nodes(self) -> np.ndarray:
        """Numbers (m, k) of the nodes of each cell, in the order of the reference element."""
        return self._numbering[1]

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        return self.vertices.min(axis=0), self.vertices.max(axis=0)

    def with_degree(self, degree: int) -> Self:
        return replace(self, degree=degree)

    @property
    def smallest_cell(self) -> np.ndarray:
        return np.ptp(self.vertices[self.cells], axis=1).min(axis=0)

    @property
    def largest_cell(self) -> np.ndarray:
        return np.ptp(self.vertices[self.cells], axis=1).max(axis=0)

    @property
    def cells_in_words(self) -> str:
        return f"{len(self.cells)} {self.kind.plural}"

    @cached_property
    def piece_count(self) -> int:
        """Number of pieces of the mesh that share no facet."""
        return Facets.of(self.cells, self.kind).piece_count

    @cached_property
    def node_volumes(self) -> np.ndarray:
        """The diagonal of each cell's mass matrix, scaled to its volume: row sums may vanish on simplices."""
        basis, weights = self._quadrature
        diagonal = weights @ basis**2
        return self._add_up(diagonal * (weights.sum(axis=1) / diagonal.sum(axis=1))[:, None])

    @cached_property
    def volumes(self) -> np.ndarray:
        """The volume (m,) of each cell."""
        return self._quadrature[1].sum(axis=1)

    def node_numbers(self, coordinates: np.ndarray) -> np.ndarray:
        return self._tree.query(coordinates)[1]

    def contains(self, coordinates: np.ndarray) -> np.ndarray:
        inside = np.zeros(len(coordinates), dtype=bool)
        inside[locate(self.vertices, self.cells, self.kind, coordinates)[0]] = True
        return inside

    def interpolation(self, coordinates: np.ndarray) -> sparse.csr_array:
        point, cell = locate(self.vertices, self.cells, self.kind, coordinates)
        found, first = np.unique(point, return_index=True)
        if len(found) < len(coordinates):
            raise ValueError("coordinates must lie in the mesh")
        cell = cell[first]  # on a common facet the cells agree
        inside = reference_coordinates(self.vertices[self.cells[cell]], self.kind, coordinates)
        basis = self.kind.basis(self.degree, inside)
        starts = np.arange(len(coordinates) + 1) * basis.shape[1]
        shape = (len(coordinates), len(self.nodes))
        return sparse.csr_array((basis.ravel(), self.cell_nodes[cell].ravel(), starts), shape=shape)

    def mass_product(self, values: np.ndarray) -> np.ndarray:
        basis, weights = self._quadrature
        rows = values.reshape(-1, values.shape[-1])
        products = [self._add_up((row[self.cell_nodes] @ basis.T * weights) @ basis) for row in rows]
        return np.reshape(products, values.shape)

    def linear_cells(self) -> tuple[str, np.ndarray]:
        pieces = self.kind.linear_pieces(self.degree)
        return self.kind.meshio_type, self.cell_nodes[:, pieces].reshape(-1, pieces.shape[1])

    def interpolation_error(self, function: Callable[[np.ndarray], np.ndarray]) -> float:
        """Error of interpolating ``function``, which maps frequencies (k, d) to (k,), in L2 relative to its norm."""
        points, weights = self.kind.quadrature(2 * self.degree + 4)
        means, _ = self.kind.corner_basis(points)
        places = np.einsum("qc,mcd->mqd", means, self.vertices[self.cells])
        exact = function(places.reshape(-1, self.dimension)).reshape(places.shape[:2])
        error = exact - function(self.nodes)[self.cell_nodes] @ self.kind.basis(self.degree, points).T
        volumes = np.abs(self.determinants(points)) * weights
        return float(np.sqrt(np.sum(volumes * np.abs(error) ** 2) / np.sum(volumes * np.abs(exact) ** 2)))

    def determinants(self, points: np.ndarray) -> np.ndarray:
        """Determinants (m, q) at ``points`` (q, d) of the maps from the reference cell; (m, 1) for simplices."""
        _, gradients = self.kind.corner_basis(points[:1] if self.kind.is_simplex else points)
        return np.linalg.det(np.einsum("rqc,mcd->mqdr", gradients, self.vertices[self.cells]))

    @cached_property
    def _quadrature(self) -> tuple[np.ndarray, np.ndarray]:
        """Basis (q, k) at quadrature points, and their weights (m, q) in each cell, exact for the mass matrix."""
        points, weights = self.kind.quadrature(2 * self.degree + self.kind.jacobian_degree)
        return self.kind.basis(self.degree, points), np.abs(self.determinants(points)) * weights

    @cached_property
    def _gather(self) -> sparse.csr_array:
        """Values in the cells (m k,) from those at the nodes (n,)."""
        columns = self.cell_nodes.ravel()
        size = len(columns)
        return sparse.csr_array((np.ones(size), columns, np.arange(size + 1)), shape=(size, len(self.nodes)))

    def _add_up(self, local: np.ndarray) -> np.ndarray:
        """Sums (n,) at the nodes of contributions (m, k) of the cells."""
        return self._gather.T @ local.ravel()

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self.nodes)

    @cached_property
    def _numbering(self) -> tuple[np.ndarray, np.ndarray]:
        """Nodes (n, d), and their numbers (m, k) in every cell.

        A node is a mean of vertices of its cell. Cells share a node if it is the same mean of the same vertices.
        """
        means, _ = self.kind.corner_basis(self.kind.element_nodes(self.degree))
        involved = means > 1e-9
        counts = involved.sum(axis=1)
        numbers = np.empty((len(self.cells), len(means)), dtype=np.int64)
        nodes, size = [self.vertices], len(self.vertices)
        for count in np.unique(counts):
            local = np.flatnonzero(counts == count)
            members = np.stack([self.cells[:, involved[one]] for one in local], axis=1)
            if count == 1:
                numbers[:, local] = members[:, :, 0]
                continue
            found = np.einsum("kc,mcd->mkd", means[local], self.vertices[self.cells]).reshape(-1, self.dimension)
            if count == self.cells.shape[1]:
                number = np.arange(len(found))
            else:
                shares = np.stack([np.rint(1e9 * means[one, involved[one]]) for one in local]).astype(np.int64)
                order = np.argsort(members, axis=-1)
                pair = [np.take_along_axis(a, order, -1) for a in (members, np.broadcast_to(shares, members.shape))]
                keys = np.concatenate(pair, axis=-1).reshape(-1, 2 * count)
                _, first, number = np.unique(keys, axis=0, return_index=True, return_inverse=True)
                found = found[first]
            numbers[:, local] = size + number.reshape(-1, len(local))
            nodes.append(found)
            size += len(found)
        return np.concatenate(nodes), numbers
