"""How good the cells of a mesh from a file are."""

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from freqbias.meshes.topology import edges
from freqbias.meshes.unstructured import UnstructuredMesh

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True)
class MeshQuality:
    """Facts on the cells of a mesh; lengths in radians per unit of x.

    ``worst_quality`` is that of the worst cell, as ``cell_quality`` measures it.
    """

    cells: str
    vertices: int
    pieces: int
    lower: np.ndarray
    upper: np.ndarray
    shortest_edge: float
    longest_edge: float
    worst_quality: float
    volume: float


def measure(mesh: UnstructuredMesh) -> MeshQuality:
    """The facts on the cells of ``mesh``."""
    ends = mesh.vertices[edges(mesh.cells, mesh.kind)]
    lengths = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)
    return MeshQuality(
        cells=mesh.cells_in_words,
        vertices=len(mesh.vertices),
        pieces=mesh.piece_count,
        lower=mesh.bounds[0],
        upper=mesh.bounds[1],
        shortest_edge=float(lengths.min()),
        longest_edge=float(lengths.max()),
        worst_quality=float(cell_quality(mesh).min()),
        volume=float(mesh.volumes.sum()),
    )


def cell_quality(mesh: UnstructuredMesh) -> np.ndarray:
    """Quality (m,) of every cell: 1 for a regular simplex or a rectangle, 0 for a cell without volume.

    Simplices: d times the ratio of the radii of the inscribed and the circumscribed sphere. Quadrilaterals and
    hexahedra: the smallest determinant of the unit vectors along the edges of a corner (scaled Jacobian).
    """
    corners = mesh.vertices[mesh.cells]
    dimension = mesh.dimension
    if not mesh.kind.is_simplex:
        return _scaled_jacobian(mesh)
    if dimension == 1:
        return np.ones(len(corners))
    spans = corners[:, 1:] - corners[:, :1]
    # The centre of the circumscribed sphere is as far from vertex 0 as from the others.
    centre = np.linalg.solve(2 * spans, np.sum(spans**2, axis=2, keepdims=True))[..., 0]
    circumradius = np.linalg.norm(centre, axis=1)
    areas = sum(_simplex_area(corners[:, list(facet)]) for facet in combinations(range(dimension + 1), dimension))
    inradius = dimension * mesh.volumes / areas
    return dimension * inradius / circumradius


def _simplex_area(corners: np.ndarray) -> np.ndarray:
    """Length of edges (m, 2, d) or area of triangles (m, 3, d): (m,)."""
    spans = corners[:, 1:] - corners[:, :1]
    gram = np.einsum("mid,mjd->mij", spans, spans)
    return np.sqrt(np.linalg.det(gram)) / spans.shape[1]


def _scaled_jacobian(mesh: UnstructuredMesh) -> np.ndarray:
    _, gradients = mesh.kind.corner_basis(mesh.kind.corners)
    jacobians = np.einsum("rqc,mcd->mqdr", gradients, mesh.vertices[mesh.cells])
    return np.linalg.det(jacobians / np.linalg.norm(jacobians, axis=2, keepdims=True)).min(axis=1)


def quality_table(quality: MeshQuality) -> "Table":
    """The facts, one row for each."""
    from rich.table import Table

    table = Table(title=f"{quality.cells}, {quality.vertices} vertices")
    table.add_column("frequencies in radians per unit of x")
    table.add_column("", justify="right")
    for axis, low, high in zip("xyz", quality.lower, quality.upper, strict=False):
        table.add_row(f"axis {axis}", f"{low:.4g} to {high:.4g}")
    table.add_row("length, area or volume", f"{quality.volume:.6g}")
    table.add_row("shortest edge", f"{quality.shortest_edge:.4g}")
    table.add_row("longest edge", f"{quality.longest_edge:.4g}")
    table.add_row("quality of the worst cell (1 is best)", f"{quality.worst_quality:.3g}")
    table.add_row("pieces", str(quality.pieces))
    return table
