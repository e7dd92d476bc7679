"""Is a mesh from a file a mesh? DOLFINx would take most mistakes without a word, or end the process."""

import numpy as np
from scipy.spatial import cKDTree

from freqbias.errors import InputError
from freqbias.meshes.cell_kinds import CELL_KINDS, CellKind
from freqbias.meshes.location import locate
from freqbias.meshes.topology import Facets
from freqbias.meshes.unstructured import UnstructuredMesh

#: Cells below this part of the mean volume, or of the cube of their own size, are flat.
_FLAT = 1e-12
#: Coordinates beyond this have no volumes in floating point.
_LARGEST = 1e90
#: Vertices closer than this part of the size of the mesh are one and the same.
_SAME = 1e-10


def check_cells(cells: np.ndarray, vertex_count: int, cell_kind: str, name: str) -> None:
    """Check that ``cells`` (m, c) have vertices, and as many as ``cell_kind`` says.

    Raises InputError that begins with ``name``.
    """
    kind = CELL_KINDS.get(cell_kind)
    if kind is None:
        raise InputError(f"{name}: cells of the kind {cell_kind!r}, allowed are {', '.join(CELL_KINDS)}")
    if cells.ndim != 2 or cells.shape[1] != len(kind.vtk_order):
        raise InputError(f"{name}: an array of the shape {cells.shape} does not hold {kind.plural}")
    if len(cells) == 0:
        raise InputError(f"{name}: holds no cells")
    outside = np.any((cells < 0) | (cells >= vertex_count), axis=1)
    if outside.any():
        first = int(np.argmax(outside))
        raise InputError(
            f"{name}: {_count(outside, 'cell')} with vertices that do not exist (there are {vertex_count}), the "
            f"first is cell {first} with the vertices {cells[first].tolist()}"
        )


def check_vertices(vertices: np.ndarray, dimension: int, name: str) -> None:
    """Check that ``vertices`` (v, dimension) are finite. Raises InputError that begins with ``name``."""
    if vertices.ndim != 2 or vertices.shape[1] < dimension:
        raise InputError(f"{name}: vertices of the shape {vertices.shape} cannot be those of {dimension}D cells")
    bad = ~(np.abs(vertices) < _LARGEST).all(axis=1)
    if bad.any():
        first = int(np.argmax(bad))
        raise InputError(
            f"{name}: {_count(bad, 'vertex', 'vertices')} with coordinates that are not finite or beyond {_LARGEST:g}, "
            f"the first is vertex {first} = {vertices[first].tolist()}"
        )


def oriented(vertices: np.ndarray, cells: np.ndarray, cell_kind: str, name: str) -> np.ndarray:
    """``cells`` (m, c) with those turned round whose orientation is negative.

    Raises InputError for flat cells and for quadrilaterals and hexahedra that fold over.
    """
    mesh = UnstructuredMesh(vertices, cells, cell_kind, 1)
    kind = mesh.kind
    # On quadrilaterals the smallest value is at a vertex; on hexahedra it is looked for at 27 points.
    determinants = mesh.determinants(kind.element_nodes(1 if mesh.dimension < 3 else 2))
    negative = determinants.sum(axis=1) < 0
    determinants = np.where(negative[:, None], -determinants, determinants)
    smallest = determinants.min(axis=1)
    corners = vertices[cells]
    extent = np.ptp(corners, axis=1).max(axis=1)
    mean = np.prod(np.ptp(vertices, axis=0)) / len(cells)
    scale = np.maximum(mean, extent**mesh.dimension)
    folded = smallest < -_FLAT * scale
    if folded.any():
        raise InputError(
            f"{name}: {_count(folded, 'cell')} {_verb(folded, 'folds', 'fold')} over (wrong order of the vertices, or "
            f"not convex), the first is {_cell(mesh, folded)}"
        )
    flat = smallest <= _FLAT * scale
    if flat.any():
        raise InputError(f"{name}: {_count(flat, 'cell')} without volume, the first is {_cell(mesh, flat)}")
    return np.where(negative[:, None], cells[:, kind.mirrored], cells)


def check_mesh(mesh: UnstructuredMesh, name: str) -> None:
    """Check that the cells of ``mesh``, each of which is sound, fit together: facet to facet, without overlaps.

    Raises InputError that begins with ``name``: what is wrong, how often, and where first.
    """
    _check_duplicates(mesh, name)
    facets = Facets.of(mesh.cells, mesh.kind)
    crowded = facets.cell_counts > 2
    if crowded.any():
        where = mesh.vertices[facets.vertices[crowded][0]].mean(axis=0)
        raise InputError(f"{name}: {_count(crowded, 'facet')} of more than two cells, the first at {_point(where)}")
    _check_sides(mesh, facets, name)
    _check_cracks(mesh, name)
    _check_outline(mesh, facets, name)


def _check_duplicates(mesh: UnstructuredMesh, name: str) -> None:
    _, first, counts = np.unique(np.sort(mesh.cells, axis=1), axis=0, return_index=True, return_counts=True)
    twice = np.zeros(len(mesh.cells), dtype=bool)
    twice[first[counts > 1]] = True
    if twice.any():
        raise InputError(
            f"{name}: {_count(twice, 'cell')} {_verb(twice, 'is', 'are')} there more than once, the first is "
            f"{_cell(mesh, twice)}"
        )


def _check_sides(mesh: UnstructuredMesh, facets: Facets, name: str) -> None:
    """Two cells that share a facet must lie on different sides of it."""
    inner, cells = facets.pairs
    corners = mesh.vertices[facets.vertices[inner]]
    spans = np.moveaxis(corners[:, 1 : mesh.dimension] - corners[:, :1], 1, 0)
    if mesh.dimension == 1:
        normal = np.ones((len(inner), 1))
    elif mesh.dimension == 2:
        normal = np.stack([-spans[0][:, 1], spans[0][:, 0]], axis=1)
    else:
        normal = np.cross(*spans)
    centres = mesh.vertices[mesh.cells].mean(axis=1)[cells] - corners.mean(axis=1)[:, None]
    sides = np.sign(np.einsum("ipd,id->ip", centres, normal))
    wrong = sides[:, 0] == sides[:, 1]
    if wrong.any():
        first = int(np.argmax(wrong))
        raise InputError(
            f"{name}: cells overlap: {wrong.sum()} pairs of neighbours lie on the same side of their common facet, the "
            f"first are cells {cells[first].tolist()} at {_point(corners[first].mean(axis=0))}"
        )


def _check_cracks(mesh: UnstructuredMesh, name: str) -> None:
    size = np.ptp(mesh.vertices, axis=0).max()
    same = cKDTree(mesh.vertices).query_pairs(_SAME * size, output_type="ndarray")
    if len(same):
        pair = same[np.lexsort(same.T[::-1])[0]]
        raise InputError(
            f"{name}: {len(same)} pairs of vertices lie at the same place, which leaves cracks between the cells: "
            f"merge them; the first are {pair.tolist()} at {_point(mesh.vertices[pair[0]])}"
        )


def _check_outline(mesh: UnstructuredMesh, facets: Facets, name: str) -> None:
    """Cells that overlap, or meet without sharing a facet, although neighbours lie on different sides of their facets.

    The number of cells that cover a point changes at the outline of the mesh only. So wherever cells overlap, or a
    facet meets another one in part, some of the outline lies in a cell that does not end there.
    """
    cells, local = facets.outline
    points, owners = _outline_points(mesh.kind, mesh.vertices[mesh.cells[cells]], local)
    owners = cells[owners]
    corners = np.unique(facets.vertices[facets.cell_counts == 1])
    point, cell = locate(mesh.vertices, mesh.cells, mesh.kind, np.concatenate([points, mesh.vertices[corners]]))
    is_corner = point >= len(points)
    foreign = np.empty(len(point), dtype=bool)
    foreign[~is_corner] = cell[~is_corner] != owners[point[~is_corner]]
    vertex = corners[point[is_corner] - len(points)]
    foreign[is_corner] = ~np.any(mesh.cells[cell[is_corner]] == vertex[:, None], axis=1)
    if foreign.any():
        found = np.unique(cell[foreign])
        where = np.concatenate([points, mesh.vertices[corners]])[point[foreign][np.argmin(cell[foreign])]]
        raise InputError(
            f"{name}: cells overlap or do not meet facet to facet: {len(found)} of them hold parts of the outline of "
            f"others, the first is {_cell(mesh, np.arange(len(mesh.cells)) == found[0])}, near {_point(where)}"
        )


def _outline_points(kind: CellKind, corners: np.ndarray, local: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points (p, d) inside of facet ``local`` (b,) of cells (corners (b, c, d)), and the number of the facet (p,)."""
    facets = kind.facets[local]
    weights = np.array([[1.0]])
    if kind.dimension > 1:
        facet_kind = CELL_KINDS[{2: "interval", 3: "triangle" if kind.is_simplex else "quadrilateral"}[kind.dimension]]
        weights, _ = facet_kind.corner_basis(facet_kind.inner_points())
    points = np.einsum("qk,bkd->bqd", weights, np.take_along_axis(corners, facets[..., None], axis=1))
    return points.reshape(-1, corners.shape[-1]), np.repeat(np.arange(len(corners)), len(weights))


def _count(mask: np.ndarray, one: str, many: str | None = None) -> str:
    number = int(mask.sum())
    return f"{number} {one if number == 1 else many or one + 's'}"


def _verb(mask: np.ndarray, one: str, many: str) -> str:
    return one if mask.sum() == 1 else many


def _cell(mesh: UnstructuredMesh, mask: np.ndarray) -> str:
    number = int(np.argmax(mask))
    return f"cell {number} at {_point(mesh.vertices[mesh.cells[number]].mean(axis=0))}"


def _point(coordinates: np.ndarray) -> str:
    texts = ", ".join(f"{value:.6g}" for value in coordinates)
    return f"({texts})" if len(coordinates) > 1 else texts
