"""Which cells of a mesh hold a point."""

import numpy as np
from scipy.spatial import cKDTree

from freqbias.meshes.cell_kinds import CellKind

#: Cells that are looked at together.
_BLOCK = 20_000
_NEWTON_STEPS = 20
#: How far its iterates may leave the reference cell.
_OVERSHOOT = 0.01


def locate(
    vertices: np.ndarray, cells: np.ndarray, kind: CellKind, points: np.ndarray, margin: float = -1e-9
) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of a point and a cell that holds it: numbers (k,) of points and (k,) of cells.

    ``vertices`` (v, d), ``cells`` (m, c), ``points`` (p, d). A cell holds a point if it lies further inside than
    ``margin``, in units of the reference cell: below 0 the boundary belongs to the cell.
    """
    tree = cKDTree(points)
    found: list[tuple[np.ndarray, np.ndarray]] = []
    for start in range(0, len(cells), _BLOCK):
        corners = vertices[cells[start : start + _BLOCK]]
        centres = corners.mean(axis=1)
        radii = np.linalg.norm(corners - centres[:, None], axis=2).max(axis=1) * (1 + 1e-6)
        near = tree.query_ball_point(centres, radii, return_sorted=False)
        counts = np.fromiter(map(len, near), int, len(near))
        if not counts.any():
            continue
        point = np.concatenate([np.asarray(some, dtype=int) for some in near])
        cell = np.repeat(np.arange(len(corners)), counts)
        low, high = corners.min(axis=1), corners.max(axis=1)
        room = 1e-6 * radii[cell, None]
        boxed = np.all((points[point] >= low[cell] - room) & (points[point] <= high[cell] + room), axis=1)
        point, cell = point[boxed], cell[boxed]
        inside = _depth(corners[cell], kind, points[point]) > margin
        found.append((point[inside], start + cell[inside]))
    if not found:
        return np.empty(0, int), np.empty(0, int)
    return np.concatenate([pair[0] for pair in found]), np.concatenate([pair[1] for pair in found])


def _depth(corners: np.ndarray, kind: CellKind, points: np.ndarray) -> np.ndarray:
    """How far inside of its cell (corners (k, c, d)) each point (k, d) lies, in units of the reference cell: (k,)."""
    reference = reference_coordinates(corners, kind, points)
    if kind.is_simplex:
        return np.minimum(reference.min(axis=1), 1 - reference.sum(axis=1))
    return np.minimum(reference, 1 - reference).min(axis=1)


def reference_coordinates(corners: np.ndarray, kind: CellKind, points: np.ndarray) -> np.ndarray:
    """Coordinates (k, d) of the points in the reference cells, infinite where Newton's method finds none.

    Simplices need one step. In other cells the steps leave the cell by a little only: outside, the map may fold back.
    """
    reference = np.full(points.shape, 0.5)
    active = np.arange(len(points))
    for _ in range(1 if kind.is_simplex else _NEWTON_STEPS):
        if len(active) == 0:
            break
        values, gradients = kind.corner_basis(reference[active])
        jacobians = np.einsum("rkc,kcd->kdr", gradients, corners[active])
        wanted = points[active] - np.einsum("kc,kcd->kd", values, corners[active])
        if kind.is_simplex:
            return reference + np.linalg.solve(jacobians, wanted[..., None])[..., 0]
        regular = np.linalg.det(jacobians) > 0
        active, jacobians, wanted = active[regular], jacobians[regular], wanted[regular]
        step = np.linalg.solve(jacobians, wanted[..., None])[..., 0]
        reference[active] = np.clip(reference[active] + step, -_OVERSHOOT, 1 + _OVERSHOOT)
        active = active[np.abs(step).max(axis=1) > 1e-13]
    values, _ = kind.corner_basis(reference)
    missed = np.abs(np.einsum("kc,kcd->kd", values, corners) - points).max(axis=1, initial=0)
    reference[missed > 1e-9 * np.ptp(corners, axis=1).max(axis=1, initial=0)] = np.inf
    return reference
