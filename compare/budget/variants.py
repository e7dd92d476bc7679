"""Problems that differ from that of a run in one thing, for the controlled changes of the error budget."""

from typing import Any

import numpy as np

from freqbias.laws.product import grid_points
from freqbias.meshes import BoxMesh, FrequencyMesh
from freqbias.optimizers import DiscreteOptimizer
from freqbias.problem import Problem

#: Points, weights and initial error of the samples.
Samples = tuple[np.ndarray, np.ndarray, np.ndarray]

#: The cutoff of the finer mesh is larger by this factor.
_CUTOFF_FACTOR = 1.25
#: Part of the largest stable rate at which modes of steps still decay.
_STABLE = 0.9
#: Elements have no higher degree.
_HIGHEST_DEGREE = 8


def variant(
    problem: Problem,
    changes: dict[str, Any],
    samples: Samples | None = None,
    mesh: FrequencyMesh | None = None,
    times: np.ndarray | None = None,
) -> Problem:
    """``problem`` with ``changes`` of its settings; samples, mesh and output times stay unless they are given.

    The mesh is not checked again: on a larger box, say, only its nodes count.
    """
    changed = problem.changed(changes)
    changed.set_samples(*(samples or (problem.points, problem.weights, problem.initial_error)))
    changed.mesh = mesh or problem.mesh
    changed.times = problem.times if times is None else times
    return changed


def trained(problem: Problem, changes: dict[str, Any], times: np.ndarray | None = None) -> Problem:
    """A variant to train: its target is such that it starts from the initial error of ``problem``.

    So two networks that start from other functions can be held against each other, and a target that cannot be
    evaluated any more is not missed.
    """
    changed = variant(problem, changes, times=times)
    changed.target_values = changed.initial_networks[0].evaluate(changed.points) - problem.initial_error
    return changed


def smaller_steps(problem: Problem) -> tuple[dict[str, Any], np.ndarray]:
    """Changes that halve the step of a discrete optimizer, and the output times that then stand for the old ones.

    With momentum mu, y'' + (1 - mu) eta^(-1/2) y' + grad = 0 in the time eta^(1/2) k: half of its step is a quarter of
    the learning rate and half of 1 - mu, and the learning time eta k is halved.
    """
    training = problem.settings.training
    if training.optimizer == "gradient-descent":
        return {"training.learning_rate": training.step_size / 2}, problem.times
    changes = {
        "training.learning_rate": training.step_size / 4,
        "training.momentum": (1 + training.momentum) / 2,
    }
    return changes, problem.times / 2


def more_samples(problem: Problem) -> Problem:
    """Twice the samples along each axis of a grid, 2^d times as many random ones; raises InputError if there are none.

    The target is the same function, standardized and tapered as before.
    """
    if problem.grid_shape is not None:
        points = [2 * count for count in problem.grid_shape]
    else:
        points = [2**problem.dimension * len(problem.points)]
    changed = problem.changed({"data.points": points})
    changed.target = problem.target  # not read again: files are averaged over the spacing of the samples
    changed.mesh, changed.times = problem.mesh, problem.times
    _ = changed.initial_error
    return changed


def larger_box(problem: Problem, factor: float, largest_rate: float = np.inf) -> tuple[Problem, float]:
    """``problem`` on a box about the same centre, about ``factor`` times as wide, and the ratio s of the volumes.

    The spacing of the samples stays and the error is 0 beyond the old box. Spectra are 1/s as large, since rho_0 is,
    and learning takes s times as long, so output times and learning rate are s times as large: on all of space
    nothing else would change. Steps that suit the old box may be too long for the fastest modes, which live beyond
    it: no mode gets a rate above a stable one, or above ``largest_rate``, the largest one on the old box.
    """
    size = problem.upper - problem.lower
    spacing = (np.prod(size) / len(problem.points)) ** (1 / problem.dimension)
    shape = np.array(problem.grid_shape or np.maximum(1, np.rint(size / spacing).astype(int)))
    added = np.maximum(1, np.rint(0.5 * (factor - 1) * shape).astype(int))
    margin = added * size / shape
    lower, upper = problem.lower - margin, problem.upper + margin
    axes = [
        low + width * (np.arange(-extra, count + extra) + 0.5) / count
        for low, width, count, extra in zip(problem.lower, size, shape, added, strict=True)
    ]
    points = grid_points(axes)
    ratio = float(np.prod((upper - lower) / size))
    inside = np.all((points > problem.lower) & (points < problem.upper), axis=1)
    if problem.grid_shape is not None:
        error = np.zeros(len(points))
        error[inside] = problem.initial_error
        samples = (points, np.full(len(points), 1 / len(points)), error)
    else:
        outer = points[~inside]
        samples = (
            np.concatenate([problem.points, outer]),
            np.concatenate([problem.weights / ratio, np.full(len(outer), (1 - 1 / ratio) / len(outer))]),
            np.concatenate([problem.initial_error, np.zeros(len(outer))]),
        )
    changes: dict[str, Any] = {"data.lower": lower.tolist(), "data.upper": upper.tolist()}
    if problem.grid_shape is not None:
        changes["data.points"] = [int(n) for n in shape + 2 * added]
    if isinstance(problem.optimizer, DiscreteOptimizer):
        changes["training.learning_rate"] = ratio * problem.optimizer.learning_rate
    changed = variant(problem, changes, samples, times=ratio * problem.times)
    if isinstance(changed.optimizer, DiscreteOptimizer):
        stable = _STABLE * changed.optimizer.largest_stable_rate()
        known = largest_rate / ratio if np.isfinite(largest_rate) else 0.0
        changed.optimizer = _Limited(changed.optimizer, max(stable, known))
    return changed, ratio


class _Limited(DiscreteOptimizer):
    """The responses of a discrete optimizer, with no mode faster than ``largest_rate``."""

    def __init__(self, optimizer: DiscreteOptimizer, largest_rate: float):
        super().__init__(optimizer.learning_rate)
        self._optimizer, self._largest_rate, self.states = optimizer, largest_rate, optimizer.states

    def transition(self, rates: np.ndarray, times: np.ndarray) -> np.ndarray:
        return self._optimizer.transition(np.minimum(rates, self._largest_rate), times)

    def reachable(self, time: float) -> float:
        return self._optimizer.reachable(time)

    def largest_stable_rate(self) -> float:
        return float(np.finfo(float).max)  # finite: it does take steps

    def acceleration(self) -> float:
        return self._optimizer.acceleration()


def finer_mesh(problem: Problem) -> tuple[FrequencyMesh, str]:
    """A finer mesh that holds that of ``problem``, and what makes it finer in words.

    Cells of boxes in 1D and 2D are halved, elsewhere the degree is raised; boxes reach further where they can.
    """
    mesh = problem.mesh
    if not isinstance(mesh, BoxMesh):
        degree = min(mesh.degree + 1, _HIGHEST_DEGREE)
        return mesh.with_degree(degree), f"degree {degree}"
    axes = _longer_axes(problem, mesh)
    longer = any(len(a) > len(b) for a, b in zip(axes, mesh.axes, strict=True))
    reach = ""
    if longer:
        reach = f", cutoff {', '.join(f'{axis[-1]:.4g}' for axis in axes)}"
    if mesh.dimension < 3:
        axes = [np.sort(np.concatenate([axis, 0.5 * (axis[1:] + axis[:-1])])) for axis in axes]
        return BoxMesh(tuple(axes), mesh.degree), f"cells of half the size{reach}"
    degree = min(mesh.degree + 1, _HIGHEST_DEGREE)
    return BoxMesh(tuple(axes), degree), f"degree {degree}{reach}"


def _longer_axes(problem: Problem, mesh: BoxMesh) -> list[np.ndarray]:
    """The grid lines with cells of the last size added at both ends: not beyond what the samples tell apart.

    None are added where no frequency moves: there nothing changes.
    """
    limits = problem.nyquist * (1 + 1e-9)
    axes = []
    for lines, limit in zip(mesh.axes, limits, strict=True):
        above = _beyond(lines[-1], lines[-1] - lines[-2], limit)
        below = -_beyond(-lines[0], lines[1] - lines[0], limit)[::-1]
        axes.append(np.concatenate([below, lines, above]))
    family = problem.known_family
    outside = grid_points(axes)
    outside = outside[~mesh.contains(outside)]
    return axes if len(outside) and family.damping(outside).any() else list(mesh.axes)


def _beyond(end: float, cell: float, limit: float) -> np.ndarray:
    if end <= 0:
        return np.empty(0)
    count = int(np.floor(max(0.0, min(_CUTOFF_FACTOR * end, limit) - end) / cell + 1e-9))
    return end + cell * np.arange(1, count + 1)
