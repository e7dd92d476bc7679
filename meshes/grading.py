"""Graded frequency meshes: small cells where the error spectrum and the law ask for them.

A coarse grid with lines at 0 and at the jumps of the law is refined where ``interpolation_error`` is largest, until
the whole error meets what was asked for. The grid is a tensor grid: refinement bisects all cells between two lines.
Bisected intervals are up to twice too short: in the end the lines move so that all slabs share the error evenly.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import prod

import numpy as np
from scipy.interpolate import PchipInterpolator

from freqbias.meshes.box import BoxMesh
from freqbias.meshes.indicator import Indicator, interpolation_error
from freqbias.meshes.local_solution import LocalSolution

#: A graded mesh has at most this many nodes.
MAX_NODES = 2_000_000
#: One round refines where at most this part of the squared error is (Doerfler).
_BULK = 0.6
#: Neighbouring intervals differ at most by this factor.
_RATIO = 2.0
#: How often the lines are moved in the end.
_RELAXATIONS = 4
#: No interval becomes shorter than this part of the cutoff.
_SHORTEST = 1e-9


def graded_mesh(
    solution: LocalSolution,
    cutoff: Sequence[float] | np.ndarray,
    degree: int,
    error: float,
    breakpoints: Sequence[np.ndarray],
) -> BoxMesh:
    """A mesh of [-cutoff, cutoff]^d that interpolates ``solution`` with the relative L2 error ``error`` at all times.

    The grid lines are symmetric about 0 and include 0 and the ``breakpoints`` of each axis (and their mirror images).
    Raises ValueError if that takes more than MAX_NODES nodes.
    """
    # Lines at 0 and above; those below are their mirror images.
    fixed = [_start(*given) for given in zip(cutoff, breakpoints, strict=True)]
    upper = [_smoothed(lines) for lines in fixed]
    reached = np.inf
    # Most rounds do without the motion of the frequencies, which adds little error and much cost.
    for present in (solution.frozen(), solution):
        while True:
            mesh = _mirrored(upper, degree)
            indicator = None
            if prod(mesh.shape) <= MAX_NODES:
                indicator = interpolation_error(mesh, present, slabs=not present.moving)
                reached = indicator.relative
                if reached <= error:
                    break
                if present.moving:
                    indicator = interpolation_error(mesh, present, slabs=True)
            # What is too much of the squared error, but not all of it at once: the rest may fall with its neighbours.
            marked = _marked(indicator, upper, min(_BULK, 1 - (error / reached) ** 2)) if indicator else None
            if marked is None or not any(intervals.any() for intervals in marked):
                raise ValueError(
                    f"a graded mesh of degree {degree} needs more than {MAX_NODES} nodes or finer ones than rounding "
                    f"allows (the error is {reached:.2g} so far): allow a larger error or lower mesh.cutoff"
                )
            upper = [_smoothed(_bisected(*given)) for given in zip(upper, marked, strict=True)]
    relaxed = _relaxed(mesh, upper, fixed, solution, error)
    return relaxed if interpolation_error(relaxed, solution).relative <= error else mesh


def _relaxed(
    mesh: BoxMesh, upper: list[np.ndarray], fixed: list[np.ndarray], solution: LocalSolution, error: float
) -> BoxMesh:
    """The mesh with the fewest nodes that still has ``error``, of ``mesh`` and some with evenly shared errors."""
    frozen = solution.frozen()
    indicator = interpolation_error(mesh, frozen, slabs=True)
    # What the motion of the frequencies adds is taken to be the same part on all of these meshes.
    motion = interpolation_error(mesh, solution).relative / indicator.relative
    best, allowed = mesh, error / max(motion, 1.0)
    goal = allowed
    for _ in range(_RELAXATIONS):
        upper = _shared(indicator, upper, fixed, mesh.degree, goal)
        mesh = _mirrored(upper, mesh.degree)
        if prod(mesh.shape) > 2 * len(best.nodes):
            break
        indicator = interpolation_error(mesh, frozen, slabs=True)
        if indicator.relative > allowed:
            goal *= 0.98
        elif len(mesh.nodes) < len(best.nodes):
            best = mesh
    return best


def _shared(
    indicator: Indicator, upper: list[np.ndarray], fixed: list[np.ndarray], degree: int, error: float
) -> list[np.ndarray]:
    """Lines above 0 between which all intervals have the same error, in all ``error``; those that are ``fixed`` stay.

    The squared error of an interval falls with its length to the power 2 degree + 3. Of all tensor grids of as many
    nodes that one has the least error whose axes contribute the same.
    """
    errors = _slab_errors(indicator)
    overlap = 2 * sum(e.sum() for e in errors) / indicator.total.max()
    goal = 0.5 * overlap * error**2 * indicator.norm / len(upper)
    result = []
    for lines, stay, squares in zip(upper, fixed, errors, strict=True):
        shares = squares ** (1 / (2 * degree + 3))
        # How many intervals there should be instead of each: not much fewer, which the error here says nothing about.
        pieces = np.maximum(shares * (shares.sum() / goal) ** (1 / (2 * degree + 2)), 0.5)
        at_jump = np.isin(lines, stay[1:-1])
        pieces[at_jump[:-1] | at_jump[1:]] = np.maximum(pieces[at_jump[:-1] | at_jump[1:]], 1)
        counts = np.concatenate([[0.0], np.cumsum(pieces)])
        parts = []
        for low, high in pairwise(np.searchsorted(lines, stay)):
            number = int(np.ceil(counts[high] - counts[low] - 0.1))
            place = PchipInterpolator(counts[low : high + 1], lines[low : high + 1])
            parts.append(
                np.concatenate([lines[low : low + 1], place(np.linspace(counts[low], counts[high], number + 1)[1:-1])])
            )
        result.append(_smoothed(np.concatenate([*parts, lines[-1:]])))
    return result


def _mirrored(upper: list[np.ndarray], degree: int) -> BoxMesh:
    return BoxMesh(tuple(np.concatenate([-lines[:0:-1], lines]) for lines in upper), degree)


def _slab_errors(indicator: Indicator) -> list[np.ndarray]:
    """The squared error of each slab above 0 at its worst time."""
    return [slabs.max(axis=0)[slabs.shape[1] // 2 :] for slabs in indicator.slabs]


def uniform_nodes(mesh: BoxMesh) -> int:
    """Nodes of the uniform mesh of the same box and degree whose cells are as small as the smallest of ``mesh``."""
    cells = np.ceil(np.subtract(*mesh.bounds[::-1]) / mesh.smallest_cell * (1 - 1e-9))
    return prod(mesh.degree * int(n) + 1 for n in cells)


def grading_summary(mesh: BoxMesh, solution: LocalSolution) -> str:
    """One sentence on what an uneven grid reaches and what it saves."""
    error, uniform = interpolation_error(mesh, solution).relative, uniform_nodes(mesh)
    return (
        f"graded: the error spectrum is interpolated with a relative error of {error:.2g} at all times; a uniform mesh "
        f"with cells as small as the smallest has {uniform} nodes, {uniform / len(mesh.nodes):.3g} times as many"
    )


def _start(cutoff: float, breakpoints: np.ndarray) -> np.ndarray:
    inside = np.abs(breakpoints)
    inside = inside[(inside > _SHORTEST * cutoff) & (inside < cutoff * (1 - 1e-12))]
    return np.unique(np.concatenate([[0.0], inside, [cutoff]]))


def _marked(indicator: Indicator, upper: list[np.ndarray], part: float) -> list[np.ndarray]:
    """Which intervals above 0 of each axis to bisect, those first that remove most error for each new node.

    They hold ``part`` of the squared error, which is the most error of each slab at any time, summed.
    """
    errors = _slab_errors(indicator)
    fine = [np.diff(lines) > _SHORTEST * lines[-1] for lines in upper]
    errors = [np.where(may, e, 0.0) for may, e in zip(fine, errors, strict=True)]
    # One more interval on an axis with k of them takes 1/k of all nodes more.
    gains = np.concatenate([e * len(e) for e in errors])
    flat = np.concatenate(errors)
    # Rounding must not tell equal gains apart, of axes that look the same, or machines would choose different meshes.
    order = np.argsort(-gains.astype(np.float32), kind="stable")
    needed = np.searchsorted(np.cumsum(flat[order]), part * flat.sum()) + 1
    chosen = np.zeros(len(flat), dtype=bool)
    chosen[order[:needed]] = flat[order[:needed]] > 0
    return np.split(chosen, np.cumsum([len(e) for e in errors])[:-1])


def _bisected(lines: np.ndarray, marked: np.ndarray) -> np.ndarray:
    middles = 0.5 * (lines[1:] + lines[:-1])
    return np.sort(np.concatenate([lines, middles[marked]]))


def _smoothed(lines: np.ndarray) -> np.ndarray:
    """Bisect until no interval is more than twice as long as its neighbours."""
    while True:
        widths = np.diff(lines)
        shortest = np.minimum(np.append(widths[1:], np.inf), np.insert(widths[:-1], 0, np.inf))
        long = widths > _RATIO * shortest * (1 + 1e-9)
        if not long.any():
            return lines
        lines = _bisected(lines, long)
