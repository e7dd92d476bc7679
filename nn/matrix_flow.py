"""The flow e' = -K W e for a symmetric matrix K, by its eigenvectors."""

import numpy as np
from scipy.linalg import eigh

from freqbias.errors import DivergenceError, NumericalError
from freqbias.problem import Problem


def matrix_flow(kernel: np.ndarray, problem: Problem, initial_error: np.ndarray) -> tuple[np.ndarray, float]:
    """The errors (T, N) at ``problem.times`` from ``initial_error`` (N,), and the largest decay rate.

    ``kernel`` K (N, N) is symmetric and positive semi-definite but for rounding, and is overwritten; W holds
    ``problem.weights``. The rates are the eigenvalues of W^(1/2) K W^(1/2), to which the optimizer of ``problem``
    responds in closed form. Raises NumericalError if the kernel is not finite, DivergenceError if the largest rate is
    not stable at the learning rate.
    """
    if not np.isfinite(kernel).all():
        raise NumericalError(f"{problem.source}: the kernel is not finite at the samples: check network.law")
    roots = np.sqrt(problem.weights)
    kernel *= roots
    kernel *= roots[:, None]
    rates, modes = eigh(kernel, driver="evd", overwrite_a=True, check_finite=False)
    rates = np.maximum(rates, 0.0)
    check_stable(problem, rates[-1])
    response = problem.linear_optimizer.response(rates, problem.times)
    errors = (response * (modes.T @ (roots * initial_error))) @ modes.T
    return errors / roots, float(rates[-1])


def check_stable(problem: Problem, largest_rate: float) -> None:
    """Raises DivergenceError, naming the largest stable learning rate, if modes of ``largest_rate`` grow."""
    stable = problem.linear_optimizer.largest_stable_rate()
    if largest_rate > stable * (1 + 1e-9):
        learning_rate = problem.settings.training.step_size
        raise DivergenceError(
            f"{problem.source}: training.learning_rate = {learning_rate:.6g} makes the fastest mode grow: the largest "
            f"stable learning rate is {learning_rate * stable / largest_rate:.6g} (largest decay rate "
            f"{largest_rate:.6g})"
        )
