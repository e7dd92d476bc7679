"""The exponential integrator of gradient flow: its order, its error estimate, its cost; what it is made of."""

from math import factorial

import numpy as np
import pytest
import torch
from scipy.integrate import quad, solve_ivp

from freqbias import ErrorSpectra
from freqbias.errors import DivergenceError, InputError
from freqbias.nn import kernel_flow
from freqbias.nn.batched_lanczos import LanczosSpace
from freqbias.nn.gradient_flow import ExponentialRungeKutta
from freqbias.nn.phi_functions import phi
from freqbias.nn.tangent_kernel import TangentKernel, largest_rate
from freqbias.nn.training import Training, train
from freqbias.problem import Problem

NEURONS = {"width": 40, "law": {"family": "uniform", "scale": 6.0}}


def problem(network=None, times=None, points=30, **training):
    """A narrow network, far from linear."""
    return Problem.create(
        {
            "network": network if "hidden" in (network or {}) else NEURONS | (network or {}),
            "target": {"expression": "sin(2*x) + cos(4*x)"},
            "data": {"lower": [-1.0], "upper": [2.0], "points": [points]},
            "training": {"times": {"first": 4.0, "last": 8.0, "count": 2} | (times or {}), "threads": 1} | training,
            "mesh": {"cutoff": 10.0, "cells": 40},
        }
    )


DEEP = {"family": "multilayer-perceptron", "hidden": [12, 12], "activation": "tanh"}
DEEP_TRAINING = {"points": 20, "times": {"first": 1.0, "last": 3.0}}


def reference(given):
    """Residuals at all output times, with the gradients of PyTorch and the tolerances of scipy."""
    training = Training(given)
    objective = training.objective
    parameters = objective.network.trained
    shapes = [parameter.shape for parameter in parameters]
    ends = np.cumsum([parameter.numel() for parameter in parameters])

    def set_to(theta):
        for parameter, values, shape in zip(parameters, np.split(theta, ends[:-1]), shapes, strict=True):
            parameter.data.copy_(torch.from_numpy(values.copy()).reshape(shape))

    def velocity(_, theta):
        set_to(theta)
        objective.gradient()
        ratios = [objective.network.learning_rate_ratio(parameter) for parameter in parameters]
        return np.concatenate([-r * p.grad.numpy().ravel() for r, p in zip(ratios, parameters, strict=True)])

    start = np.concatenate([parameter.detach().numpy().ravel() for parameter in parameters])
    times = given.times
    solution = solve_ivp(velocity, (0, times[-1]), start, "DOP853", times, rtol=1e-11, atol=1e-12)
    found = []
    for theta in solution.y.T:
        set_to(theta)
        found.append(objective.residual().numpy())
    return np.array(found)


CASES = {
    "quadrature": {},
    "random": {"network": {"sampling": "random", "mirrored": False, "frequency_rate_ratio": 0.5}},
    "deep": {"network": DEEP, **DEEP_TRAINING},
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("tolerance", [1e-2, 1e-4])
def test_error_is_below_its_estimate_and_the_target(case, tolerance):
    """Against an independent integrator, at all output times."""
    given = problem(**CASES[case], tolerance=tolerance)
    exact = reference(given)
    training = Training(given)
    training.run()
    error = np.sqrt(np.mean((np.array(training.errors) - exact) ** 2, axis=2) / np.mean(exact[0] ** 2)).max()
    estimate = training.stepper.facts()["flow_error_estimate"]
    assert error < estimate < tolerance


def fixed_steps(given, count):
    """Residual at the end after ``count`` equal steps, whatever their error."""
    training = Training(given)
    stepper, end = training.stepper, given.times[-1]
    stepper._allowed = lambda now, size: 1.0
    for step in range(count):
        stepper._size = end / count
        stepper.step(end * step / count, end * (step + 1) / count)
    return training.objective.residual().numpy()


@pytest.mark.parametrize("case", ["quadrature", "deep"])
def test_order_three(case, monkeypatch):
    given = problem(**CASES[case])
    exact = reference(given)[-1]
    monkeypatch.setattr("freqbias.nn.gradient_flow._KRYLOV_PART", 1e-12)
    scale = np.linalg.norm(given.initial_error)
    counts = np.array([8, 16, 32]) * (2 if case == "deep" else 1)
    errors = [np.linalg.norm(fixed_steps(given, count) - exact) / scale for count in counts]
    slope = -np.polyfit(np.log(counts), np.log(errors), 1)[0]
    assert slope == pytest.approx(3, abs=0.2)
    assert errors[-1] < 1e-6


def test_linear_networks_take_one_step():
    """With frozen frequencies the network is linear in its parameters: any step is exact, up to the Krylov space."""
    given = problem({"frequency_rate_ratio": 0.0}, {"first": 1000.0, "last": 1000.0, "count": 1}, tolerance=1e-8)
    network, kernel = train(given), None
    assert network.info["steps"] == 1
    # The kernel of the quadrature is that of the law but for 1e-4; the network's own one is known by autograd.
    objective = Training(given).objective
    product = TangentKernel(objective)
    matrix = torch.stack([product(row[None])[0] for row in torch.eye(30, dtype=torch.float64)], dim=1).numpy()
    rates, modes = np.linalg.eigh((matrix + matrix.T) / 2)
    kernel = modes @ (np.exp(-1000 * rates) * (modes.T @ given.initial_error))
    assert np.sqrt(2 * network.loss[-1]) == pytest.approx(np.sqrt(np.mean(kernel**2)), rel=1e-6)


def test_far_times_in_fewer_gradients_than_gradient_descent():
    """t = 1e4 / lambda_max within 1e-4, where gradient descent at 1 / lambda_max takes 1e4 and follows another path."""
    rate = 0.24558
    far = {"first": 1.0, "last": 1e4 / rate, "count": 10}
    given = Problem.create(
        {
            "network": {"width": 2000, "law": {"family": "uniform", "scale": 20.0}},
            "target": {"expression": "exp(-x**2/0.5)*(sin(2*x)+sin(5*x)+sin(11*x))"},
            "data": {"lower": [-np.pi], "upper": [np.pi], "points": [128]},
            "training": {"times": far, "threads": 1, "tolerance": 1e-4},
            "mesh": {"cutoff": 30.0, "cells": 300},
        }
    )
    network, kernel = train(given), kernel_flow(given)
    assert network.mesh.norm(network.values - kernel.values).max() / kernel.norms()[0] < 3e-4
    assert network.info["gradient_evaluations"] + network.info["kernel_products"] < 1000
    assert network.info["flow_error_estimate"] < 1e-4


def test_steps_that_are_too_long_are_rejected():
    given = problem(**CASES["deep"], tolerance=1e-3)
    training = Training(given)
    training.run()
    assert training.stepper.facts()["rejected_steps"] > 0


def test_a_flow_that_cannot_be_followed_is_an_error(monkeypatch):
    training = Training(problem())
    monkeypatch.setattr(ExponentialRungeKutta, "_allowed", lambda *_: 1e-300)
    with pytest.raises(DivergenceError, match=r"try a larger training\.tolerance"):
        training.run()


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_phi_functions_are_their_integrals(order):
    """phi_k(z) = int_0^1 exp((1 - s) z) s^(k-1) / (k-1)! ds, on both sides of where the series ends."""
    z = -np.array([0.0, 1e-12, 1e-3, 0.3, 0.999, 1.001, 4.0, 50.0, 1e4])
    found = phi(order, torch.from_numpy(z)).numpy()
    if order == 0:
        np.testing.assert_allclose(found, np.exp(z), rtol=1e-14)
        return
    for value, at in zip(found, z, strict=True):

        def integrand(s, at=at):
            return np.exp((1 - s) * at) * s ** (order - 1) / factorial(order - 1)

        near = max(0.0, 1 - 40 / max(-at, 1e-300))
        expected = quad(integrand, near, 1, epsabs=0, epsrel=1e-12)[0]
        assert value == pytest.approx(expected, rel=1e-11)


def random_operators(count, seeds, decades=3):
    """Symmetric positive definite matrices (S, n, n) in the inner product of ``weights``, and these."""
    generator = np.random.default_rng(0)
    weights = generator.uniform(0.5, 1.5, count)
    weights /= weights.sum()
    root = np.sqrt(weights)
    matrices = []
    for _ in range(seeds):
        modes = np.linalg.qr(generator.standard_normal((count, count)))[0]
        symmetric = modes * np.logspace(0, -decades, count) @ modes.T
        matrices.append(symmetric * root / root[:, None])
    return torch.from_numpy(np.array(matrices)), torch.from_numpy(weights)


def test_lanczos_is_exact_in_the_whole_space():
    matrices, weights = random_operators(12, 2)
    start = torch.from_numpy(np.random.default_rng(1).standard_normal((2, 12)))
    space = LanczosSpace(lambda v: (matrices @ v[:, :, None]).squeeze(2), start, weights, 12)
    while not space.full:
        space.extend()
    rates, modes = space.ritz()
    np.testing.assert_allclose(rates, np.sort(np.linalg.eigvals(matrices.numpy()).real, axis=1), rtol=1e-9)
    coefficients = (modes * (torch.exp(-3 * rates) * modes[:, 0])[:, None]).sum(dim=2) * space.length[:, None]
    expected = (torch.linalg.matrix_exp(-3 * matrices) @ start[:, :, None]).squeeze(2)
    torch.testing.assert_close(space.combine(coefficients), expected, rtol=0, atol=1e-12)


def test_lanczos_of_an_invariant_subspace_goes_on_with_zeros():
    """One seed starts in an eigenvector, the other does not."""
    matrices, weights = random_operators(12, 2)
    values, vectors = np.linalg.eig(matrices[0].numpy())
    start = torch.from_numpy(np.array([vectors[:, 0].real, np.ones(12)]))
    space = LanczosSpace(lambda v: (matrices @ v[:, :, None]).squeeze(2), start, weights, 6)
    for _ in range(6):
        space.extend()
    rates, modes = space.ritz()
    assert torch.isfinite(rates).all()
    coefficients = (modes * (torch.exp(-rates) * modes[:, 0])[:, None]).sum(dim=2) * space.length[:, None]
    torch.testing.assert_close(space.combine(coefficients)[0], np.exp(-values[0].real) * start[0], rtol=1e-11, atol=0)


@pytest.mark.parametrize("case", CASES)
def test_tangent_kernel_is_self_adjoint_and_its_largest_rate_known(case):
    given = problem(**CASES[case])
    given.weights = np.linspace(1, 2, len(given.points)) / (1.5 * len(given.points))
    objective = Training(given).objective
    kernel = TangentKernel(objective)
    identity = torch.eye(len(given.points), dtype=torch.float64)
    matrix = torch.stack([kernel(row[None])[0] for row in identity], dim=1).numpy()
    weighted = given.weights[:, None] * matrix
    np.testing.assert_allclose(weighted, weighted.T, atol=1e-9 * np.abs(weighted).max())
    found = largest_rate(kernel, objective)
    assert found == pytest.approx(np.linalg.eigvals(matrix).real.max(), rel=2e-3)


# Single precision


def wide(precision="float64", tolerance=1e-4):
    """A wide network, close to linear, until long after its fastest modes have died."""
    network = {"width": 400, "law": {"family": "uniform", "scale": 10.0}}
    times = {"first": 1.0, "last": 1e4, "count": 3}
    options = {"evaluator": "dense", "precision": precision, "tolerance": tolerance}
    return problem(network, times, points=64, **options)


def test_single_precision_takes_no_more_steps_than_its_rounding_is_worth():
    """What rounding does to a step does not become smaller with it: shorter steps would only add more of it."""
    exact, double, single = train(wide(tolerance=1e-6)), train(wide()), train(wide("float32"))
    norm = np.linalg.norm(exact.values[0])
    error = np.linalg.norm(single.values - exact.values, axis=1) / norm
    assert error.max() < 3e-5
    assert single.info["steps"] <= 2 * double.info["steps"]
    assert single.info["gradient_evaluations"] <= 3 * double.info["gradient_evaluations"]
    # The estimate knows of the rounding: it bounds the error.
    assert error.max() < single.info["flow_error_estimate"] < 1e-3


def test_rounding_of_a_velocity_is_measured():
    """By changes of the last bits: proportional to them, and to nothing else."""
    found = {}
    for precision in ("float64", "float32"):
        training = Training(wide(precision))
        training.stepper.step(0.0, 1.0)
        kernel = TangentKernel(training.objective)
        start = [parameter.detach().clone() for parameter in training.objective.network.trained]
        found[precision] = training.stepper._noise(kernel, start, kernel.to_parameters(kernel.residual))
        for parameter, before in zip(training.objective.network.trained, start, strict=True):
            assert torch.equal(parameter, before)
    ratio = torch.finfo(torch.float32).eps / torch.finfo(torch.float64).eps
    assert ratio / 5 < found["float32"] / found["float64"] < 5 * ratio


def test_tolerance_below_rounding_is_refused():
    with pytest.raises(InputError, match=r'tolerance = 1e-06 is less than .* precision = "float32" .* at least 1e-05'):
        wide("float32", 1e-6)
    assert wide("float64", 1e-6).settings.training.tolerance == 1e-6


def test_tolerance_that_rounding_does_not_reach_is_told(command, tmp_path):
    file = tmp_path / "p.toml"
    file.write_text(wide("float32", 1e-5).to_toml())
    done = command("train", file, "--out", tmp_path / "network.nc")
    assert done.returncode == 0
    [line] = done.stderr.splitlines()
    assert f"warning: {file}: training.tolerance = 1e-05 is not reached" in line
    assert ErrorSpectra.read(tmp_path / "network.nc").info["flow_error_estimate"] > 1e-5
    assert command("train", file, "--set", "training.precision='float64'", "--out", tmp_path / "b.nc").stderr == ""
