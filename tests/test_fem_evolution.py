"""Time evolution: exact to tolerance at all times, for all linear optimizers, against independent methods."""

import numpy as np
import pytest
import scipy.linalg
from mpi4py import MPI

from freqbias import fem
from freqbias.errors import ConvergenceError, DivergenceError
from freqbias.laws import Normal, Uniform
from freqbias.meshes import box_mesh
from freqbias.optimizers import GradientDescent, Momentum, Nesterov

COMM = MPI.COMM_SELF


def operator_of(density, breakpoints=None, cells=600, degree=1, rho=1 / (2 * np.pi)):
    symbol = lambda xi: 2 * np.pi * density(xi)  # noqa: E731
    mesh = box_mesh([30.0], [cells], degree, breakpoints)
    return fem.ErrorOperator(mesh, symbol, symbol, rho, COMM)


def uniform():
    law = Uniform(scale=[20.0])
    return operator_of(law.density, law.breakpoints())


def normal():
    return operator_of(Normal(scale=[6.0]).density)


def cauchy_like():
    return operator_of(lambda xi: 2 / np.pi / (1 + xi[:, 0] ** 2) ** 2)


def three_tones(operator):
    x = np.pi * (2 * np.arange(512) + 1 - 512) / 512
    g = np.exp(-(x**2) / 0.5) * (np.sin(2 * x) + np.sin(5 * x) + np.sin(11 * x)) + 0.3 * np.exp(-(x**2))
    spectrum = np.exp(-1j * np.outer(operator.space.nodes[:, 0], x)) @ g / 512
    return np.column_stack([spectrum.real, spectrum.imag])


def modes(operator, gamma=10.0):
    """All rates and M-orthonormal modes, from (M, M + gamma A): from (A, M) slow rates are known to 1e-10 only."""
    A, M = (matrix[:, :] for matrix in (operator.A, operator.M))
    values, vectors = scipy.linalg.eigh(M, M + gamma * A)
    return ((1 / values - 1) / gamma).clip(min=0), vectors / np.sqrt(values), M


def worst_error(operator, values, exact):
    M = operator.M[:, :]
    errors = np.sqrt(np.einsum("tik,ij,tjk->t", values - exact, M, values - exact))
    return (errors / errors_norm(M, exact[0])).max()


def errors_norm(M, u):
    return np.sqrt(np.einsum("ik,ij,jk->", u, M, u))


@pytest.mark.parametrize("law", [uniform, normal, cauchy_like])
@pytest.mark.parametrize("tolerance", [1e-11, 1e-9, 1e-5])
def test_eight_decades_against_all_modes(law, tolerance):
    operator = law()
    start = three_tones(operator)
    times = np.concatenate([[0.0], np.geomspace(1e-3, 1e5, 33)])
    rates, vectors, M = modes(operator)
    exact = np.einsum("ij,tj,jk->tik", vectors, np.exp(-np.outer(times, rates)), vectors.T @ M @ start)
    result = fem.evolve(operator, start, times, tolerance=tolerance)
    assert worst_error(operator, result.values, exact) <= tolerance
    assert result.error_estimates.max() <= tolerance
    # THEORY section 4 needs 60 to 90 solves for such errors with poles chosen by hand.
    assert result.dimension <= 110


@pytest.mark.parametrize(
    "optimizer", [GradientDescent(1.5), Momentum(1.5, 0.9), Nesterov(1.5, 0.9), Momentum(1.0, 0.5)]
)
def test_discrete_optimizers_against_their_own_steps(optimizer):
    """Gradient descent and its relatives on the semi-discrete equation, step by step."""
    law = Normal(scale=[6.0])
    mobility = 0.05  # stable for all modes of the mesh, so that explicit steps are possible
    symbol = lambda xi: 2 * np.pi * law.density(xi)  # noqa: E731
    operator = fem.ErrorOperator(box_mesh([30.0], [100], 1), symbol, lambda xi: mobility * symbol(xi), 0.16, COMM)
    start = three_tones(operator)
    generator = np.linalg.solve(operator.M[:, :], operator.A[:, :])
    eta = optimizer.learning_rate
    mu = getattr(optimizer, "momentum", 0.0)
    y, s, history = start.copy(), 0 * start, [start]
    for _ in range(300):
        gradient = generator @ y
        s = mu * s + gradient
        y = y - eta * (gradient + mu * s if isinstance(optimizer, Nesterov) else s)
        history.append(y)
    steps = np.array([0, 1, 2, 5, 20, 100, 300])
    result = fem.evolve(operator, start, eta * steps, optimizer, tolerance=1e-9)
    assert worst_error(operator, result.values, np.array(history)[steps]) <= 2e-9
    flow = fem.evolve(operator, start, eta * steps, tolerance=1e-9)
    assert worst_error(operator, flow.values, np.array(history)[steps]) > 1e-2


@pytest.mark.parametrize("scheme", ["es8516sal", "bdf5"])
def test_against_time_stepping(scheme):
    symbol = lambda xi: np.exp(-0.5 * (xi**2).sum(axis=1))  # noqa: E731
    operator = fem.ErrorOperator(box_mesh([4.0, 4.0], [20, 20], 2), symbol, symbol, 1.0, COMM)
    x = operator.space.nodes
    start = (np.exp(-((x - 0.5) ** 2).sum(axis=1)) * np.cos(3 * x[:, 0]))[:, None]
    times = np.geomspace(1e-2, 1e2, 9)
    stepped = fem.step(operator, start[:, 0], times, 1e-9 if scheme == "es8516sal" else 1e-7, scheme)
    result = fem.evolve(operator, start, times, tolerance=1e-10)
    difference = result.values[:, :, 0] - stepped
    norms = np.sqrt([operator.inner(d, operator.apply(operator.M, d)) for d in difference])
    whole = np.sqrt(operator.inner(start[:, 0], operator.apply(operator.M, start[:, 0])))
    assert norms.max() / whole < (1e-8 if scheme == "es8516sal" else 1e-4)


def test_columns_do_not_mix():
    """Real and imaginary part share factorizations, not more."""
    operator = normal()
    start = three_tones(operator)
    times = np.geomspace(0.1, 100, 5)
    both = fem.evolve(operator, start, times, tolerance=1e-10).values
    alone = fem.evolve(operator, start[:, 1:], times, tolerance=1e-10).values
    np.testing.assert_allclose(both[:, :, 1], alone[:, :, 0], atol=1e-9 * np.abs(start).max())
    nothing = fem.evolve(operator, np.column_stack([start[:, 0], 0 * start[:, 0]]), times).values
    assert not nothing[:, :, 1].any()


def test_a_column_of_rounding_errors_does_not_steer_the_poles():
    """As the real part of the spectrum of an odd target: 1e-16 of the other, and rough."""
    operator = normal()
    start = three_tones(operator)
    start[:, 1] = 1e-16 * np.abs(start).max() * np.random.default_rng(0).standard_normal(len(start))
    times = np.geomspace(1e-2, 1e4, 9)
    both = fem.evolve(operator, start, times, tolerance=1e-7)
    alone = fem.evolve(operator, start[:, :1], times, tolerance=1e-7)
    assert both.dimension <= alone.dimension + 8
    np.testing.assert_allclose(both.values[:, :, 0], alone.values[:, :, 0], atol=1e-6 * np.abs(start).max())


def test_linear_in_the_start():
    operator = normal()
    start = three_tones(operator)
    times = np.array([0.0, 3.0, 300.0])
    one = fem.evolve(operator, start, times).values
    np.testing.assert_allclose(fem.evolve(operator, -1e6 * start, times).values, -1e6 * one, rtol=0, atol=1e-3)


def test_unstable_learning_rate_is_named():
    operator = normal()
    limit = operator.rate_on_box(np.array([np.pi]))
    start = three_tones(operator)
    stable, unstable = GradientDescent(1.0 / limit), GradientDescent(40 / limit)
    times = np.arange(0, 50, 10)
    fem.evolve(operator, start, times * stable.learning_rate, stable, largest_rate=limit)
    with pytest.raises(DivergenceError, match=r"learning_rate is too large.*times as large is stable"):
        fem.evolve(operator, start, times * unstable.learning_rate, unstable, largest_rate=limit)


def test_giving_up_says_what_to_try():
    operator = cauchy_like()
    with pytest.raises(ConvergenceError, match=r"with 6 basis vectors, too few for solver\.tolerance = 1e-10: ask"):
        fem.evolve(operator, three_tones(operator), np.geomspace(1e-3, 1e5, 9), tolerance=1e-10, most_vectors=12)


def test_options_of_one_solver_do_not_reach_another():
    from petsc4py import PETSc

    from freqbias.fem.shifted_systems import ShiftedSystems

    operator = normal()
    first, second = ShiftedSystems(operator), ShiftedSystems(operator)
    assert first.prefix != second.prefix
    before = dict(PETSc.Options().getAll())
    fem.step(operator, three_tones(operator)[:, 0], np.array([0.0, 1.0]), 1e-3)
    assert dict(PETSc.Options().getAll()) == before


@pytest.mark.parametrize(
    ("optimizer", "most_vectors"),
    [(None, 40), (None, 32), (GradientDescent(1.5), 40), (Momentum(1.5, 0.9), 80), (Nesterov(1.5, 0.9), 80)],
)
def test_bounded_basis_starts_anew_and_loses_nothing(optimizer, most_vectors):
    """Restarts hand over all that the optimizer knows, its velocity too."""
    law = Normal(scale=[6.0])
    symbol = lambda xi: 2 * np.pi * law.density(xi)  # noqa: E731
    operator = fem.ErrorOperator(box_mesh([30.0], [100], 1), symbol, lambda xi: 0.05 * symbol(xi), 0.16, COMM)
    start = three_tones(operator)
    times = 1.5 * np.array([0, 1, 2, 5, 20, 60, 100, 300, 1000, 3000])
    whole = fem.evolve(operator, start, times, optimizer, tolerance=1e-11)
    bounded = fem.evolve(operator, start, times, optimizer, tolerance=1e-7, most_vectors=most_vectors)
    assert whole.windows == 1
    assert bounded.windows > 1
    assert bounded.dimension <= most_vectors / 2
    error = worst_error(operator, bounded.values, whole.values)
    assert error <= 1e-7
    assert bounded.error_estimates.max() <= 1e-7


@pytest.mark.parametrize("law", [uniform, normal, cauchy_like])
def test_error_estimates_hold_at_every_time(law):
    """Estimates are above the error, and not absurdly so where the error is largest."""
    operator = law()
    start = three_tones(operator)
    times = np.geomspace(1e-3, 1e5, 33)
    rates, vectors, M = modes(operator)
    exact = np.einsum("ij,tj,jk->tik", vectors, np.exp(-np.outer(times, rates)), vectors.T @ M @ start)
    whole = errors_norm(M, start)
    for tolerance in (1e-3, 1e-5, 1e-7):
        result = fem.evolve(operator, start, times, tolerance=tolerance)
        difference = result.values - exact
        errors = np.sqrt(np.einsum("tik,ij,tjk->t", difference, M, difference)) / whole
        assert np.all(errors <= np.maximum(result.error_estimates, 1e-12))
        assert result.error_estimates.max() <= tolerance
        assert errors.max() > 1e-4 * tolerance
