"""Lanczos bases and flows in them, against eigenvectors."""

import numpy as np
import pytest

from freqbias.errors import ConvergenceError
from freqbias.nn.krylov_flow import KrylovFlow
from freqbias.nn.lanczos import LanczosBasis, largest_eigenvalue
from freqbias.optimizers import GradientDescent, GradientFlow, Momentum, Nesterov

SIZE = 200
LARGEST = 2.0
OPTIMIZERS = {
    "gradient-flow": GradientFlow(),
    "gradient-descent": GradientDescent(0.9),
    "momentum": Momentum(0.9, 0.8),
    "nesterov": Nesterov(0.6, 0.8),
}


@pytest.fixture(scope="module")
def problem():
    """A matrix with rates spread over 6 decades, its rates and modes, and a start."""
    generator = np.random.default_rng(0)
    modes = np.linalg.qr(generator.standard_normal((SIZE, SIZE)))[0]
    rates = np.geomspace(1e-6, LARGEST, SIZE)
    return (modes * rates) @ modes.T, rates, modes, generator.standard_normal(SIZE)


def exact(problem, optimizer, times):
    _, rates, modes, start = problem
    return (optimizer.response(rates, times) * (modes.T @ start)) @ modes.T


def run(problem, optimizer, times, tolerance=1e-9, most_vectors=SIZE):
    matrix, _, _, start = problem
    flow = KrylovFlow(lambda vector: matrix @ vector, optimizer, LARGEST, tolerance, most_vectors)
    found = np.full((len(times), SIZE), np.nan)
    for which, states in flow.run(start, times):
        found[which] = states
    return found, flow


def output_times(optimizer, last, count=12):
    times = np.concatenate([[0.0], np.geomspace(1, last, count)])
    step = getattr(optimizer, "learning_rate", None)
    return times if step is None else np.unique(np.rint(times / step)) * step


def test_basis_is_orthonormal_and_tridiagonal(problem):
    matrix, _, _, start = problem
    basis = LanczosBasis(lambda vector: matrix @ vector, start, 60)
    for _ in range(60):
        basis.extend()
    assert basis.full
    vectors = basis._vectors
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(61), atol=1e-13)
    projected = vectors[:60] @ matrix @ vectors[:60].T
    tridiagonal = np.diag(basis._diagonal) + np.diag(basis._beside[:-1], 1) + np.diag(basis._beside[:-1], -1)
    np.testing.assert_allclose(projected, tridiagonal, atol=1e-13)


def test_invariant_space_is_noticed(problem):
    matrix, _, modes, _ = problem
    basis = LanczosBasis(lambda vector: matrix @ vector, 3 * modes[:, 199] - 4 * modes[:, 190], 20)
    while not basis.invariant:
        basis.extend()
    assert basis.dimension == 2
    assert basis.start_norm == pytest.approx(5)
    np.testing.assert_allclose(basis.ritz()[0], problem[1][[190, 199]], rtol=1e-13)


def test_largest_eigenvalue(problem):
    matrix = problem[0]
    products = []

    def operator(vector):
        products.append(1)
        return matrix @ vector

    assert largest_eigenvalue(operator, SIZE) == pytest.approx(LARGEST, rel=1e-9)
    assert len(products) < 100


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_all_times_from_one_space(problem, name):
    """To 3e3 / largest rate; the true error is below the estimate and this below the tolerance."""
    optimizer, norm = OPTIMIZERS[name], np.linalg.norm(problem[3])
    times = output_times(optimizer, 3e3 / LARGEST)
    found, flow = run(problem, optimizer, times)
    errors = np.linalg.norm(found - exact(problem, optimizer, times), axis=1) / norm
    assert np.all(errors <= flow.estimates + 1e-14)
    assert flow.estimates.max() <= 1e-9
    assert flow.restarts == 0
    np.testing.assert_allclose(found[0], problem[3], atol=1e-13)


@pytest.mark.parametrize("tolerance", [1e-3, 1e-6])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_estimates_bound_errors_that_are_not_small(problem, name, tolerance):
    """Here the error is the method's and not rounding: the bound holds, and is not absurd."""
    optimizer, norm = OPTIMIZERS[name], np.linalg.norm(problem[3])
    times = output_times(optimizer, 200.0)
    found, flow = run(problem, optimizer, times, tolerance)
    errors = np.linalg.norm(found - exact(problem, optimizer, times), axis=1) / norm
    assert np.all(errors <= flow.estimates + 1e-13)
    assert flow.estimates.max() <= tolerance
    assert errors.max() > 1e-6 * tolerance
    assert flow.vectors < 100


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_small_basis_starts_anew(problem, name):
    """From the last time reached, with the velocity: as accurate as with one space."""
    optimizer, norm = OPTIMIZERS[name], np.linalg.norm(problem[3])
    times = output_times(optimizer, 60.0)
    found, flow = run(problem, optimizer, times, 1e-8, most_vectors=24)
    errors = np.linalg.norm(found - exact(problem, optimizer, times), axis=1) / norm
    assert flow.restarts >= 1
    assert flow.vectors <= 24
    assert np.all(errors <= flow.estimates + 1e-13)
    assert flow.estimates.max() <= 1e-8
    assert np.all(np.diff(flow.estimates) >= 0)


def test_basis_too_small_to_get_anywhere(problem):
    with pytest.raises(ConvergenceError, match=r"solver\.tolerance"):
        run(problem, GradientDescent(0.9), output_times(GradientDescent(0.9), 60.0), 1e-12, most_vectors=2)


def test_few_modes_need_few_vectors(problem):
    matrix, rates, modes, _ = problem
    start = modes[:, [199, 150, 60]].sum(axis=1)
    flow = KrylovFlow(lambda vector: matrix @ vector, GradientFlow(), LARGEST, 1e-9, SIZE)
    times = np.array([0.0, 1.0, 1e6])
    found = np.concatenate([states for _, states in flow.run(start, times)])
    expected = np.exp(-np.outer(times, rates[[199, 150, 60]])) @ modes[:, [199, 150, 60]].T
    np.testing.assert_allclose(found, expected, atol=1e-10)
    assert flow.vectors <= 5


def test_nothing_to_do(problem):
    times = np.array([0.0, 1.0])
    matrix = problem[0]
    flow = KrylovFlow(lambda vector: matrix @ vector, GradientFlow(), LARGEST, 1e-9, SIZE)
    found = np.concatenate([states for _, states in flow.run(np.zeros(SIZE), times)])
    assert not found.any()
