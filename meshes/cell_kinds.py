"""The kinds of cells that a mesh file may hold, and their reference elements from basix (a part of DOLFINx).

The vertices of a cell stand in DOLFINx's order: for quadrilaterals and hexahedra the tensor order, the first axis
running fastest.
"""

from dataclasses import dataclass
from functools import cache, cached_property
from itertools import permutations, product
from types import ModuleType
from typing import Any

import numpy as np

from freqbias.errors import FreqbiasError


@cache
def _basix() -> ModuleType:
    try:
        import basix
    except ImportError as error:
        raise FreqbiasError("meshes from files need basix, which comes with DOLFINx: it is not installed") from error
    return basix


@dataclass(frozen=True)
class CellKind:
    """``name`` as in DOLFINx, ``dimension``, ``meshio_type``; the two orders are permutations of the vertices.

    ``vtk_order`` turns the vertex order of VTK, gmsh and meshio into ours and back; ``mirrored`` reverses the
    orientation of a cell.
    """

    name: str
    dimension: int
    meshio_type: str
    plural: str
    vtk_order: tuple[int, ...]
    mirrored: tuple[int, ...]

    @property
    def is_simplex(self) -> bool:
        return len(self.vtk_order) == self.dimension + 1

    @property
    def jacobian_degree(self) -> int:
        """Degree, in each coordinate, of the determinant of the map from the reference cell."""
        return 0 if self.is_simplex else self.dimension - 1

    @cached_property
    def edges(self) -> np.ndarray:
        """The two vertices of every edge (edges, 2)."""
        return np.array(self._topology[1])

    @cached_property
    def facets(self) -> np.ndarray:
        """The vertices of every facet (facets, corners)."""
        return np.array(self._topology[self.dimension - 1])

    @cached_property
    def faces(self) -> list[list[int]]:
        """The vertices of every edge, face and of the cell itself."""
        return [entity for entities in self._topology[1:] for entity in entities]

    @cached_property
    def corners(self) -> np.ndarray:
        """The vertices (c, d) of the reference cell."""
        return _basix().geometry(self._basix_type)

    def element_nodes(self, degree: int) -> np.ndarray:
        """The nodes (k, d) of the Lagrange element in the reference cell."""
        return self._element(degree).points

    def basis(self, degree: int, points: np.ndarray) -> np.ndarray:
        """Values (q, k) of the Lagrange basis at ``points`` (q, d) of the reference cell."""
        return self._element(degree).tabulate(0, points)[0, :, :, 0]

    def corner_basis(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Values (q, c) and gradients (d, q, c) at ``points`` (q, d) of the functions that map the reference cell."""
        table = self._element(1).tabulate(1, points)[..., 0]
        return table[0], table[1:]

    def quadrature(self, degree: int) -> tuple[np.ndarray, np.ndarray]:
        """Points (q, d) and weights (q,) of a rule that is exact for polynomials of ``degree``."""
        return _basix().make_quadrature(self._basix_type, degree)

    def inner_points(self) -> np.ndarray:
        """A few points (q, d) inside of the reference cell."""
        count = 5 if self.is_simplex else 3
        return _basix().create_lattice(self._basix_type, count, _basix().LatticeType.equispaced, False)

    def linear_pieces(self, degree: int) -> np.ndarray:
        """Linear cells (pieces, c) between the nodes of the element, in meshio's order of the vertices.

        They lie on the even lattice of ``degree`` steps, whose points correspond to the nodes one by one.
        """
        even = self._element(degree, equispaced=True).points
        numbers = {tuple(point): number for number, point in enumerate(np.rint(even * degree).astype(int).tolist())}
        if not self.is_simplex:
            corners = np.rint(self.corners[list(self.vtk_order)]).astype(int)
            origins = np.array(list(product(range(degree), repeat=self.dimension)))
            return np.array([[numbers[tuple(corner)] for corner in (origin + corners).tolist()] for origin in origins])
        return np.array([[numbers[corner] for corner in piece] for piece in _lattice_simplices(self.dimension, degree)])

    @cached_property
    def _topology(self) -> list[list[list[int]]]:
        return _basix().topology(self._basix_type)

    @property
    def _basix_type(self) -> Any:
        return getattr(_basix().CellType, self.name)

    def _element(self, degree: int, equispaced: bool = False) -> Any:
        return _element(self.name, degree, equispaced)


@cache
def _element(name: str, degree: int, equispaced: bool) -> Any:  # basix says of its arrays that they are like arrays
    basix = _basix()
    # Warped Gauss-Lobatto points: the nodes of DOLFINx's default Lagrange elements, on tensor cells those of BoxMesh.
    variant = basix.LagrangeVariant.equispaced if equispaced else basix.LagrangeVariant.gll_warped
    return basix.create_element(basix.ElementFamily.P, getattr(basix.CellType, name), degree, variant)


def _lattice_simplices(dimension: int, degree: int) -> list[list[tuple[int, ...]]]:
    """Lattice points of the simplices into which the simplex of ``degree`` steps is cut, each oriented positively.

    With the sums y_i = x_i + ... + x_d the simplex is degree >= y_1 >= ... >= y_d >= 0, and Kuhn's cut of every
    lattice cube into d! simplices does not cross its faces.
    """
    pieces = []
    for origin in product(range(degree), repeat=dimension):
        for order in permutations(range(dimension)):
            path = [np.array(origin)]
            for axis in order:
                path.append(path[-1] + np.eye(dimension, dtype=int)[axis])
            bounds = np.array([[degree, *y, 0] for y in path])
            if np.any(np.diff(bounds, axis=1) > 0):
                continue
            x = [tuple((y - np.append(y[1:], 0)).tolist()) for y in path]
            if np.linalg.det(np.array(x[1:], dtype=float) - x[0]) < 0:
                x[-2:] = x[:-3:-1]
            pieces.append(x)
    return pieces


CELL_KINDS = {
    kind.name: kind
    for kind in (
        CellKind("interval", 1, "line", "intervals", (0, 1), (1, 0)),
        CellKind("triangle", 2, "triangle", "triangles", (0, 1, 2), (0, 2, 1)),
        CellKind("quadrilateral", 2, "quad", "quadrilaterals", (0, 1, 3, 2), (0, 2, 1, 3)),
        CellKind("tetrahedron", 3, "tetra", "tetrahedra", (0, 1, 2, 3), (0, 1, 3, 2)),
        CellKind("hexahedron", 3, "hexahedron", "hexahedra", (0, 1, 3, 2, 4, 5, 7, 6), (0, 2, 1, 3, 4, 6, 5, 7)),
    )
}
