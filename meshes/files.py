"""Mesh files of gmsh, ParaView, Abaqus and others, read and written through meshio."""

import contextlib
import io
import os
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from freqbias.errors import InputError
from freqbias.files import atomic_path, require_place
from freqbias.input_files import require_file
from freqbias.meshes.cell_kinds import CELL_KINDS, CellKind
from freqbias.meshes.frequency_mesh import FrequencyMesh
from freqbias.meshes.unstructured import UnstructuredMesh
from freqbias.meshes.validity import check_cells, check_mesh, check_vertices, oriented

if TYPE_CHECKING:
    import meshio

#: Kinds of files that can be written: meshio's name and its options. Each is a single file with every digit.
_WRITTEN: dict[str, tuple[str, dict[str, Any]]] = {
    ".msh": ("gmsh22", {"binary": False}),
    ".vtu": ("vtu", {}),
    ".vtk": ("vtk", {}),
    # Numbers in the file itself: nothing is compressed, which the HDF5 of some programs could not read.
    ".xdmf": ("xdmf", {"data_format": "XML"}),
    ".inp": ("abaqus", {}),
    ".mesh": ("medit", {}),
}
#: Coordinates and mid-side nodes may be off by this part of the size of the mesh.
_ROUNDING = 1e-9


def read_mesh(path: str | os.PathLike, dimension: int | None = None, degree: int = 1) -> UnstructuredMesh:
    """The cells of highest dimension in a mesh file, with elements of ``degree``.

    Frequencies are in radians per unit of x. Vertices that no cell uses are left out, cells of negative orientation
    turned round, curved cells refused. ``dimension`` is that of the problem, if there is one. Raises InputError with
    one line naming the file and what is wrong with it.
    """
    content = _parsed(Path(path))
    name = str(path)
    corners, extra, kind = _cells(content, dimension, name)
    points = np.asarray(content.points, dtype=float)
    check_cells(corners, len(points), kind.name, name)
    used, numbers = np.unique(corners, return_inverse=True)
    check_vertices(points[used], kind.dimension, name)
    vertices, cells = _flat(points[used], kind.dimension, name), numbers.reshape(corners.shape)
    for nodes in extra:
        _check_straight(vertices, cells, kind, points, nodes, name)
    cells = oriented(vertices, cells[:, kind.vtk_order], kind.name, name)
    mesh = UnstructuredMesh(vertices, cells, kind.name, degree)
    check_mesh(mesh, name)
    return mesh


def require_kind(path: str | os.PathLike) -> None:
    """Raise InputError if the suffix of ``path`` names no kind of mesh file that can be written there."""
    suffix = Path(path).suffix.lower()
    if suffix not in _WRITTEN:
        raise InputError(f"{path}: unknown kind of mesh file {suffix!r}, allowed are {', '.join(_WRITTEN)}")
    require_place(path)


def write_mesh(mesh: FrequencyMesh, path: str | os.PathLike) -> None:
    """Write vertices and cells of ``mesh`` (not the nodes inside of cells) in the format that the suffix names.

    Raises InputError for another suffix, or if the place cannot be written.
    """
    import meshio

    require_kind(path)
    suffix = Path(path).suffix.lower()
    file_format, options = _WRITTEN[suffix]
    linear = mesh.with_degree(1)
    cell_type, cells = linear.linear_cells()
    points = np.zeros((len(linear.nodes), 3))
    points[:, : mesh.dimension] = linear.nodes
    tags = {}
    if suffix == ".msh":
        tags = {key: [np.ones(len(cells), dtype=np.int32)] for key in ("gmsh:physical", "gmsh:geometrical")}
    content = meshio.Mesh(points, [(cell_type, cells)], cell_data=tags)
    with atomic_path(path) as temporary, _quiet():
        meshio.write(temporary, content, file_format=file_format, **options)


@contextlib.contextmanager
def _quiet() -> Iterator[io.StringIO]:
    """Catch what meshio prints, which goes to both standard output and standard error."""
    printed = io.StringIO()
    with (
        contextlib.redirect_stdout(printed),
        contextlib.redirect_stderr(printed),
        warnings.catch_warnings(),
        np.errstate(all="ignore"),
    ):
        warnings.simplefilter("ignore")
        yield printed


def _parsed(path: Path) -> "meshio.Mesh":
    import meshio

    require_file(path)
    known = meshio.extension_to_filetypes
    if not any("".join(path.suffixes[start:]).lower() in known for start in range(len(path.suffixes))):
        raise InputError(f"{path}: unknown kind of mesh file {path.suffix!r}, allowed are {', '.join(sorted(known))}")
    with _quiet() as printed:
        try:
            return meshio.read(path)
        except (Exception, SystemExit) as error:  # meshio ends the process on files that it does not understand
            ended = isinstance(error, SystemExit)
            reason = printed.getvalue().removeprefix("ReadError:") if ended else f"{type(error).__name__}: {error}"
    reason = _missing_companion(path) or " ".join(reason.split())[:200]
    raise InputError(f"{path}: cannot be read as a mesh: {reason}")


def _missing_companion(path: Path) -> str | None:
    """What to do about an .xdmf file whose numbers stand in an .h5 file that cannot be read."""
    if path.suffix.lower() not in (".xdmf", ".xmf"):
        return None
    companions = set(re.findall(r">\s*([^<>:]+\.h(?:5|df5?)):", path.read_text(encoding="utf-8", errors="replace")))
    for name in sorted(companions):
        companion = path.parent / name
        if not companion.is_file():
            return f"its numbers stand in {name}, which is not there; keep both files together"
        return (
            f"its numbers stand in {name}, which cannot be read; write both anew without compression "
            "(in meshio: compression=None)"
        )
    return None


def _cells(
    content: "meshio.Mesh", dimension: int | None, name: str
) -> tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray]], CellKind]:
    """The vertices (m, c) of the cells of highest dimension, and where there are more nodes (cells, nodes) of them."""
    blocks = [block for block in content.cells if len(block.data)]
    highest = max((block.dim for block in blocks), default=0)
    if highest == 0:
        raise InputError(f"{name}: holds no cells")
    blocks = [block for block in blocks if block.dim == highest]
    kinds = {kind.meshio_type: kind for kind in CELL_KINDS.values()}
    types = [re.sub(r"\d+$", "", block.type) for block in blocks]
    unknown = sorted({block.type for block, plain in zip(blocks, types, strict=True) if plain not in kinds})
    if unknown:
        allowed = ", ".join(kind.meshio_type for kind in kinds.values())
        raise InputError(f"{name}: cells of the kind {', '.join(unknown)}, allowed are {allowed}")
    if len(set(types)) > 1:
        raise InputError(
            f"{name}: holds cells of several kinds ({', '.join(sorted(set(types)))}), must hold one kind only"
        )
    kind = kinds[types[0]]
    if dimension is not None and kind.dimension != dimension:
        raise InputError(
            f"{name}: the mesh has {kind.dimension} dimension(s) ({kind.plural}), the problem has {dimension}"
        )
    corner_count = len(kind.vtk_order)
    corners, extra, start = [], [], 0
    for block in blocks:
        data = np.asarray(block.data, dtype=np.int64)
        corners.append(data[:, :corner_count])
        if data.shape[1] > corner_count:
            extra.append((np.arange(start, start + len(data)), data[:, corner_count:]))
        start += len(data)
    return np.concatenate(corners), extra, kind


def _flat(points: np.ndarray, dimension: int, name: str) -> np.ndarray:
    """The first ``dimension`` coordinates of ``points``; the others must be 0."""
    size = np.ptp(points[:, :dimension], axis=0).max()
    away = np.abs(points[:, dimension:]).max(axis=1, initial=0) > _ROUNDING * size
    if away.any():
        first = points[away][0].tolist()
        raise InputError(
            f"{name}: a mesh in {dimension} dimension(s) must have further coordinates 0: {away.sum()} vertices do "
            f"not, the first at {first}"
        )
    return np.ascontiguousarray(points[:, :dimension])


def _check_straight(
    vertices: np.ndarray,
    cells: np.ndarray,
    kind: CellKind,
    points: np.ndarray,
    extra: tuple[np.ndarray, np.ndarray],
    name: str,
) -> None:
    """Nodes besides the vertices must lie in the middle of edges, faces or the cell, in whatever order they come."""
    which, nodes = extra
    if nodes.min() < 0 or nodes.max() >= len(points):
        raise InputError(f"{name}: cells with nodes that do not exist (there are {len(points)})")
    corners = vertices[cells[which][:, kind.vtk_order]]
    middles = np.stack([corners[:, face].mean(axis=1) for face in kind.faces], axis=1)
    given = points[nodes][:, :, : kind.dimension]
    off = np.zeros(len(which))
    for node in np.moveaxis(given, 1, 0):
        off = np.fmax(off, np.linalg.norm(middles - node[:, None], axis=2).min(axis=1))
    curved = ~(off <= 1e3 * _ROUNDING * np.ptp(corners, axis=1).max(axis=1))
    if curved.any():
        first = which[np.argmax(curved)]
        centre = vertices[cells[first]].mean(axis=0).tolist()
        raise InputError(
            f"{name}: {curved.sum()} of {len(cells)} cells are curved, or of more than second order, which is not "
            f"supported: save the mesh in first order; the first is cell {first} at {centre}"
        )
