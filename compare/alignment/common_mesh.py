"""The mesh on which all levels are compared."""

import itertools

import numpy as np

from freqbias.compare.alignment.interpolation import SAME, pulled_inside
from freqbias.errors import InputError
from freqbias.meshes import BoxMesh, FrequencyMesh, UnstructuredMesh

#: Bisections that find how much of a box lies within frequencies that fill no box.
_BISECTIONS = 20


def common_mesh(meshes: dict[str, FrequencyMesh], candidates: list[str], whole: bool = False) -> FrequencyMesh:
    """The first of the ``candidates`` among ``meshes`` that lies within all others, else the common part of one.

    ``whole``: that part ends at grid lines, so that it has no other nodes than the mesh. ``meshes`` under names for
    messages. Raises InputError if there is no common part.
    """
    for name in candidates:
        wanted = meshes[name]
        if all(not differ(wanted, other) or _holds(other, wanted.nodes) for other in meshes.values()):
            return wanted
    for name in candidates:
        others = [other for key, other in meshes.items() if key != name]
        cut = _cut(meshes[name], others, whole)
        if cut is not None:
            return cut
    reaches = [f"{name} has {reach_in_words(mesh)}" for name, mesh in meshes.items()]
    raise InputError(f"no common frequencies: {', '.join(reaches)}{two_pi_hint(meshes)}")


def left_out(mesh: FrequencyMesh, initial: np.ndarray, common: FrequencyMesh) -> float:
    """Part of the norm of ``initial`` (S, n) on ``mesh`` that lies outside of ``common``, the largest of all runs."""
    if not differ(mesh, common):
        return 0.0
    outside = ~common.contains(pulled_inside(common, mesh.nodes))
    power = mesh.node_volumes * np.abs(initial) ** 2
    return float(np.sqrt((power[:, outside].sum(axis=1) / power.sum(axis=1)).max()))


def reach_in_words(mesh: FrequencyMesh) -> str:
    """Lowest and highest frequencies of ``mesh``."""
    intervals = [f"[{low:.4g}, {high:.4g}]" for low, high in zip(*mesh.bounds, strict=True)]
    return " × ".join(intervals)


def two_pi_hint(meshes: dict[str, FrequencyMesh]) -> str:
    """A hint if the frequencies of two levels reach 2 pi times as far in one as in the other, else nothing."""
    reaches = [np.abs(mesh.bounds).max(axis=0) for mesh in meshes.values()]
    ratios = [np.maximum(a / b, b / a) for a, b in itertools.combinations(reaches, 2)]
    if any(np.allclose(ratio, 2 * np.pi, rtol=1e-3) for ratio in ratios):
        return "; they differ by a factor 2 pi: frequencies must be in radians per unit of x"
    return ""


def differ(first: FrequencyMesh, second: FrequencyMesh) -> bool:
    """Whether two meshes are not the same ones, up to rounding."""
    if first is second:
        return False
    if type(first) is not type(second) or first.degree != second.degree or first.nodes.shape != second.nodes.shape:
        return True
    if first.cells_in_words != second.cells_in_words:
        return True
    return not np.allclose(first.nodes, second.nodes, rtol=0, atol=1e-8 * np.abs(first.bounds).max())


def _holds(mesh: FrequencyMesh, nodes: np.ndarray) -> bool:
    return bool(mesh.contains(pulled_inside(mesh, nodes)).all())


def _cut_box(mesh: BoxMesh, others: list[FrequencyMesh], whole: bool) -> BoxMesh | None:
    """The largest part of ``mesh`` around the middle of the common box that lies within all ``others``."""
    lower = np.max([one.bounds[0] for one in (mesh, *others)], axis=0)
    upper = np.min([one.bounds[1] for one in (mesh, *others)], axis=0)
    middle, low, high = 0.5 * (lower + upper), 0.0, 1.0
    best = None
    for part in (1.0, *[None] * _BISECTIONS):
        part = part or 0.5 * (low + high)
        cut = _between(mesh, middle - part * (middle - lower), middle + part * (upper - middle), whole)
        if cut is None or all(_holds(other, cut.nodes) for other in others):
            low, best = part, cut or best
        else:
            high = part
        if low == 1:
            break
    return best


def _between(mesh: BoxMesh, lower: np.ndarray, upper: np.ndarray, whole: bool) -> BoxMesh | None:
    """The grid lines between ``lower`` and ``upper``, and these two unless only ``whole`` cells are wanted."""
    axes = []
    for lines, low, high in zip(mesh.axes, lower, upper, strict=True):
        room = SAME * np.ptp(lines)
        if whole:
            axes.append(lines[(lines >= low - room) & (lines <= high + room)])
        else:
            axes.append(np.concatenate([[low], lines[(lines > low + room) & (lines < high - room)], [high]]))
        if len(axes[-1]) < 2 or high <= low:
            return None
    return BoxMesh(tuple(axes), mesh.degree)


def _cut(mesh: FrequencyMesh, others: list[FrequencyMesh], whole: bool) -> FrequencyMesh | None:
    if isinstance(mesh, BoxMesh):
        return _cut_box(mesh, others, whole)
    return _cut_cells(mesh, others) if isinstance(mesh, UnstructuredMesh) else None


def _cut_cells(mesh: UnstructuredMesh, others: list[FrequencyMesh]) -> UnstructuredMesh | None:
    """The cells of ``mesh`` whose nodes lie within all ``others``."""
    inside = np.all([other.contains(pulled_inside(other, mesh.nodes)) for other in others], axis=0)
    cells = mesh.cells[inside[mesh.cell_nodes].all(axis=1)]
    if len(cells) == 0:
        return None
    used, numbers = np.unique(cells, return_inverse=True)
    return UnstructuredMesh(mesh.vertices[used], numbers.reshape(cells.shape), mesh.cell_kind, mesh.degree)
