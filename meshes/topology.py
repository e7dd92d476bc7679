"""How the cells of a mesh hang together: facets, outline, pieces, edges."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from freqbias.meshes.cell_kinds import CellKind


@dataclass(frozen=True, eq=False)
class Facets:
    """All facets of a mesh: points in 1D, edges in 2D, faces in 3D.

    ``vertices`` (f, k): their vertices in rising order; ``numbers`` (m, s): the number of each facet of each cell.
    """

    vertices: np.ndarray
    numbers: np.ndarray

    @classmethod
    def of(cls, cells: np.ndarray, kind: CellKind) -> "Facets":
        """Those of ``cells`` (m, c)."""
        corners = np.sort(cells[:, kind.facets], axis=-1)
        vertices, numbers = np.unique(corners.reshape(-1, corners.shape[-1]), axis=0, return_inverse=True)
        return cls(vertices, numbers.reshape(corners.shape[:2]))

    @cached_property
    def cell_counts(self) -> np.ndarray:
        """Number (f,) of cells that share each facet."""
        return np.bincount(self.numbers.ravel(), minlength=len(self.vertices))

    @cached_property
    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """Facets (i,) between two cells, and these cells (i, 2)."""
        inner = np.flatnonzero(self.cell_counts == 2)
        order = np.argsort(self.numbers.ravel(), kind="stable")
        cells = order // self.numbers.shape[1]
        first = np.concatenate([[0], np.cumsum(self.cell_counts)[:-1]])[inner]
        return inner, np.stack([cells[first], cells[first + 1]], axis=1)

    @cached_property
    def outline(self) -> tuple[np.ndarray, np.ndarray]:
        """The facets that belong to one cell only: numbers (b,) of their cells and (b,) of the facets in the cell."""
        return np.nonzero(self.cell_counts[self.numbers] == 1)

    @property
    def piece_count(self) -> int:
        """Number of pieces that no facet connects."""
        _, cells = self.pairs
        size = len(self.numbers)
        graph = sparse.coo_array((np.ones(len(cells)), tuple(cells.T)), shape=(size, size))
        return csgraph.connected_components(graph, directed=False)[0]


def edges(cells: np.ndarray, kind: CellKind) -> np.ndarray:
    """The two vertices of every edge of ``cells`` (m, c), each edge once: (e, 2)."""
    return np.unique(np.sort(cells[:, kind.edges], axis=-1).reshape(-1, 2), axis=0)
