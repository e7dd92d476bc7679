"""The infinite-width kernel flow on the samples (THEORY section 2, level 2)."""

import time
from typing import Any

import numpy as np

from freqbias.errors import NumericalError
from freqbias.nn.kernel_matrix import kernel_matrix
from freqbias.nn.kernel_product import HeavyTailsError, KernelProduct, kernel_product
from freqbias.nn.krylov_flow import KrylovFlow
from freqbias.nn.lanczos import largest_eigenvalue
from freqbias.nn.matrix_flow import check_stable, matrix_flow
from freqbias.problem import Problem
from freqbias.progress import Progress, silent
from freqbias.resources import free_memory
from freqbias.spectra import ErrorSpectra
from freqbias.transforms import error_spectrum

#: Up to so many samples the eigenvectors of the kernel matrix are taken: seconds, and exact to rounding.
MOST_EIGENVECTORS = 2000
#: … and up to so many, half a minute and 1.5 GB, where there is no product without the matrix.
_MOST_EIGENVECTORS_OF_HEAVY_TAILS = 6000
#: Part of the free memory that Lanczos vectors may take, and most vectors.
_MEMORY_SHARE = 0.25
_MOST_VECTORS = 2000
#: With fewer the flow would hardly get on.
_FEWEST_VECTORS = 8
#: The product is asked for errors of this part of those of the flow; in space, where a decimal costs most, for this.
_PRODUCT_SHARE = 1e-3
_PRODUCT_ERROR_IN_SPACE = 1e-10


def kernel_flow(problem: Problem, progress: Progress = silent) -> ErrorSpectra:
    """Solve e' = -K W e from ``problem.initial_error`` at ``problem.times`` (level "kernel"), W the sample weights.

    The decay rates are the eigenvalues of W^(1/2) K W^(1/2), to which the problem's optimizer responds in closed form:
    by eigenvectors up to MOST_EIGENVECTORS samples, for more by Lanczos bases and products without a matrix, until the
    error is below ``solver.tolerance``. ``info`` names the method and what it cost; ``series_error`` is that of the
    kernel's Fourier series, relative to the kernel at 0: rates are wrong by at most that part of the largest K(x, x).

    Raises InputError if the problem has no kernel flow, DivergenceError if the largest decay rate is not stable at the
    learning rate, ConvergenceError or NumericalError if the result cannot be trusted.

    >>> problem = Problem.from_file("examples/three_tones.toml").changed({"training.times.last": 10.0})
    >>> spectra = kernel_flow(problem)
    >>> round(float(spectra.norms()[-1] / spectra.norms()[0]), 4)
    0.762
    """
    started = time.perf_counter()
    if problem.unpredicted is not None:
        raise problem.fail(problem.unpredicted)
    product = _product(problem)
    if product is None:
        values, loss, info = _by_eigenvectors(problem, progress)
    else:
        values, loss, info = _by_lanczos(problem, product, progress)
    if not np.isfinite(values).all():
        raise NumericalError(f"{problem.source}: the kernel flow is not finite: check network.law")
    progress(1.0)
    info = {"wall_time_seconds": time.perf_counter() - started, "kernel": "infinite width", **info}
    return ErrorSpectra("kernel", problem, problem.times, values, loss=loss, info=info)


def _product(problem: Problem) -> KernelProduct | None:
    """The product with the kernel without its matrix; None if eigenvectors of the matrix are taken."""
    count = len(problem.points)
    if count <= MOST_EIGENVECTORS:
        return None
    error = _PRODUCT_SHARE * problem.settings.solver.tolerance
    if problem.dimension == 3:
        error = max(error, _PRODUCT_ERROR_IN_SPACE)
    threads = problem.settings.training.threads
    try:
        return kernel_product(problem.known_family, problem.points, problem.grid_shape, error, threads)
    except HeavyTailsError as error:
        if count <= _MOST_EIGENVECTORS_OF_HEAVY_TAILS:
            return None
        raise HeavyTailsError(f"{problem.source}: {error}") from error


def _by_eigenvectors(problem: Problem, progress: Progress) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    kernel = kernel_matrix(problem.known_family, problem.points, problem.grid_shape)
    progress(0.3)
    errors, largest_rate = matrix_flow(kernel, problem, problem.initial_error)
    progress(0.9)
    values = _spectra(problem, errors)
    return values, 0.5 * errors**2 @ problem.weights, {"method": "eigenvectors", "largest_rate": largest_rate}


def _by_lanczos(
    problem: Problem, product: KernelProduct, progress: Progress
) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    tolerance, count = problem.settings.solver.tolerance, len(problem.points)
    roots = np.sqrt(problem.weights)

    def rates(vector: np.ndarray) -> np.ndarray:
        return roots * product(roots * vector)

    most_vectors = int(min(_MEMORY_SHARE * free_memory() / (8 * count), _MOST_VECTORS))
    if most_vectors < _FEWEST_VECTORS:
        raise problem.fail(
            f"data.points: {_FEWEST_VECTORS} Lanczos vectors for {count} samples do not fit into a quarter of the free "
            "memory: free some or take fewer samples"
        )
    largest_rate = largest_eigenvalue(rates, count, most_vectors)
    check_stable(problem, largest_rate)
    flow = KrylovFlow(rates, problem.linear_optimizer, largest_rate, tolerance, most_vectors)
    values = np.empty((len(problem.times), len(problem.mesh.nodes)), dtype=complex)
    loss = np.empty(len(problem.times))
    for which, states in flow.run(roots * problem.initial_error, problem.times, progress):
        values[which] = _spectra(problem, states / roots)
        loss[which] = 0.5 * (states**2).sum(axis=1)
    info = {
        "method": "lanczos",
        "largest_rate": largest_rate,
        "vectors": flow.vectors,
        "restarts": flow.restarts,
        "kernel_products": product.count,
        "series_error": product.series_error,
        "evolution_error_estimate": float(flow.estimates.max()),
    }
    return values, loss, info


def _spectra(problem: Problem, errors: np.ndarray) -> np.ndarray:
    threads = problem.settings.training.threads
    return error_spectrum(problem.points, errors, problem.weights, problem.mesh.nodes, threads=threads)
