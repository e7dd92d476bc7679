"""The infinite-width kernel flow on the samples, solved exactly (THEORY section 2, level 2)."""

import time

import numpy as np
from scipy.linalg import eigh

from freqbias.errors import DivergenceError, NumericalError
from freqbias.families import Family
from freqbias.laws.product import grid_points
from freqbias.problem import Problem
from freqbias.progress import Progress, silent
from freqbias.spectra import ErrorSpectra
from freqbias.transforms import error_spectrum

#: Most samples: the eigen-decomposition then takes 1.5 GB and half a minute on two cores, as N^2 and N^3 do.
MOST_SAMPLES = 6000
#: Pairs of scattered points whose kernel is evaluated at once.
_PAIRS = 2**20


def kernel_flow(problem: Problem, progress: Progress = silent) -> ErrorSpectra:
    """Solve e' = -(1/N) K_N e from ``problem.initial_error`` at ``problem.times`` (level "kernel").

    The eigenvalues of K_N / N are the decay rates, to which the problem's optimizer responds in closed form.

    Raises InputError if there are more than MOST_SAMPLES samples or if the optimizer is not linear, and
    DivergenceError if the largest decay rate is not stable at the learning rate.
    """
    started = time.perf_counter()
    training, count = problem.settings.training, len(problem.points)
    if problem.optimizer is None:
        raise problem.fail(
            f"training.optimizer = {training.optimizer!r} is not linear in the error, the kernel flow allows "
            "gradient-flow, gradient-descent, momentum and nesterov"
        )
    if count > MOST_SAMPLES:
        raise problem.fail(f"data.points: the kernel flow allows at most {MOST_SAMPLES} samples, there are {count}")
    kernel = kernel_matrix(problem.family, problem.points, problem.grid_shape)
    if not np.isfinite(kernel).all():
        raise NumericalError(f"{problem.source}: the kernel of network.law is not finite at the samples")
    progress(0.3)
    kernel /= count
    rates, modes = eigh(kernel, driver="evd", overwrite_a=True, check_finite=False)
    progress(0.9)
    # Positive semi-definite but for rounding.
    rates = np.maximum(rates, 0.0)
    _check_stable(problem, rates[-1])
    response = problem.optimizer.response(rates, problem.times)
    errors = (response * (modes.T @ problem.initial_error)) @ modes.T
    values = error_spectrum(problem.points, errors, problem.weights, problem.mesh.nodes, threads=training.threads)
    progress(1.0)
    return ErrorSpectra(
        "kernel",
        problem,
        problem.times,
        values,
        loss=0.5 * np.mean(errors**2, axis=1),
        info={"wall_time_seconds": time.perf_counter() - started, "largest_rate": float(rates[-1])},
    )


def kernel_matrix(family: Family, points: np.ndarray, grid_shape: tuple[int, ...] | None = None) -> np.ndarray:
    """K(x_i, x_j) of all pairs of ``points`` (N, d): (N, N), symmetric.

    ``grid_shape`` says that the points are an even tensor grid, the last axis running fastest: then the stationary
    kernels are evaluated at the few distinct differences only.
    """
    if grid_shape is None:
        return _scattered(family, points)
    return _on_grid(family, points, grid_shape)


def _on_grid(family: Family, points: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    spacing = (points.max(axis=0) - points.min(axis=0)) / np.maximum(np.array(shape) - 1, 1)
    differences = grid_points([h * np.arange(1 - n, n) for h, n in zip(spacing, shape, strict=True)])
    tables = family.stationary_kernels(differences)
    # Number of the difference x_i - x_j among all differences = number(i) - number(j) + number of the difference 0.
    strides = [int(np.prod([2 * n - 1 for n in shape[axis + 1 :]])) for axis in range(len(shape))]
    number = (np.indices(shape).reshape(len(shape), -1).T * strides).sum(axis=1)
    offset = len(differences) // 2
    kernel = np.empty((len(points), len(points)))
    rows = max(1, _PAIRS // len(points))
    for start in range(0, len(points), rows):
        block = slice(start, start + rows)
        which = number[block, None] - number + offset
        kernel[block] = tables[0][which] + (points[block] @ points.T) * tables[1][which]
    return kernel


def _scattered(family: Family, points: np.ndarray) -> np.ndarray:
    """By pairs, each once, in blocks of bounded memory."""
    count = len(points)
    kernel = np.empty((count, count))
    rows = max(1, _PAIRS // count)
    for start in range(0, count, rows):
        block, right = points[start : start + rows], points[start:]
        first, second = np.broadcast_arrays(block[:, None], right[None])
        values = family.kernel(first.reshape(-1, points.shape[1]), second.reshape(-1, points.shape[1]))
        values = values.reshape(len(block), len(right))
        kernel[start : start + rows, start:] = values
        kernel[start:, start : start + rows] = values.T
    return kernel


def _check_stable(problem: Problem, rate: float) -> None:
    stable = problem.optimizer.largest_stable_rate()
    if rate > stable * (1 + 1e-9):
        learning_rate = problem.settings.training.learning_rate
        raise DivergenceError(
            f"{problem.source}: training.learning_rate = {learning_rate:.6g} makes the fastest mode grow: the largest "
            f"stable learning rate is {learning_rate * stable / rate:.6g} (largest decay rate {rate:.6g})"
        )
