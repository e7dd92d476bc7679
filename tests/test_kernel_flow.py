"""The infinite-width kernel flow against THEORY section 6, an ODE solver and the optimizers' own updates."""

import subprocess
import sys

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from freqbias.errors import DivergenceError, InputError, NumericalError
from freqbias.nn import infinite_width
from freqbias.nn import kernel_matrix as kernel_matrix_module
from freqbias.nn import kernel_product as kernel_product_module
from freqbias.nn.infinite_width import kernel_flow
from freqbias.nn.kernel_matrix import kernel_matrix
from freqbias.problem import Problem
from freqbias.transforms import error_spectrum

THREE_TONES = {1: 0.97308, 3: 0.92146, 10: 0.76197, 30: 0.44498, 60: 0.20058, 100: 0.070118, 200: 0.0052088}
THREE_TONES[300] = 0.00039957
LARGEST_RATE = 0.24558


def three_tones(**training):
    """THEORY section 6, on a mesh whose nodes are -25, -24.9, …, 25."""
    return Problem.create(
        {
            "network": {"width": 4, "law": {"family": "uniform", "scale": 20.0}},
            "target": {"expression": "exp(-x**2/0.5)*(sin(2*x)+sin(5*x)+sin(11*x))"},
            "data": {"lower": [-np.pi], "upper": [np.pi], "points": [512]},
            "training": {"learning_rate": 0.5, "times": {"last": 300.0}, "threads": 1} | training,
            "mesh": {"cutoff": 25.0, "cells": 500, "degree": 1},
        }
    )


def small_problem(network=None, data=None, **training):
    """A few scattered points, a law that is not centred, moving frequencies of another rate."""
    law = {"family": "student-t", "dof": 3.0, "scale": 2.0, "location": 1.5}
    return Problem.create(
        {
            "network": {"width": 4, "frequency_rate_ratio": 0.5, "amplitude_std": 1.5, "law": law} | (network or {}),
            "target": {"expression": "sin(2*x) + x"},
            "data": {"lower": [-1.0], "upper": [2.0], "points": [20], "sampling": "random"} | (data or {}),
            "training": {"learning_rate": 0.5, "times": {"first": 0.1, "last": 20.0, "count": 8}} | training,
            "mesh": {"cutoff": 10.0, "cells": 40},
        }
    )


def kernel_by_hand(problem):
    """(1 + r sigma^2 x y) E cos(w (x - y)) with the expectation by numerical integration of the density."""
    law, network = problem.settings.network.law, problem.settings.network
    mobility = network.frequency_rate_ratio * network.amplitude_std**2
    centre = law.location[0]

    # The trapezoidal rule converges exponentially for a density that is smooth on the whole line.
    step = 0.05
    away = step * np.arange(30_000)
    weights = 2 * step * law.density(centre + away[:, None])
    weights[0] /= 2

    def phi(z):
        return np.cos(centre * z) * (weights @ np.cos(away * z))

    x = problem.points[:, 0]
    return np.array([[(1 + mobility * a * b) * phi(abs(a - b)) for b in x] for a in x])


def test_norms_and_largest_rate_of_three_tones():
    problem = three_tones()
    problem.times = np.array([0.0, *THREE_TONES])
    spectra = kernel_flow(problem)
    assert spectra.info["largest_rate"] == pytest.approx(LARGEST_RATE, abs=0.6e-5)
    right = problem.mesh.nodes[:, 0] >= -1e-9
    norms = np.linalg.norm(spectra.values[:, right], axis=1)
    printed = [f"{norm / norms[0]:.5g}" for norm in norms[1:]]
    assert printed == [f"{norm:.5g}" for norm in THREE_TONES.values()]


def test_starts_from_the_initial_error():
    problem = small_problem(network={"sampling": "random", "mirrored": False, "width": 50})
    spectra = kernel_flow(problem)
    assert np.abs(problem.initial_error + problem.target_values).max() > 0.1
    expected = problem.initial_spectrum(problem.mesh.nodes)
    np.testing.assert_allclose(spectra.values[0], expected, atol=1e-11)
    assert spectra.loss[0] == pytest.approx(0.5 * np.mean(problem.initial_error**2), rel=1e-12)


def test_kernel_matrix_of_scattered_points():
    problem = small_problem()
    matrix = kernel_matrix(problem.family, problem.points)
    np.testing.assert_allclose(matrix, kernel_by_hand(problem), atol=1e-8)
    np.testing.assert_array_equal(matrix, matrix.T)


def test_against_an_ode_solver():
    problem = small_problem()
    matrix = kernel_by_hand(problem) / len(problem.points)
    solution = solve_ivp(
        lambda _, e: -matrix @ e,
        (0, problem.times[-1]),
        problem.initial_error,
        t_eval=problem.times,
        rtol=1e-10,
        atol=1e-12,
    )
    spectra = kernel_flow(problem)
    expected = error_spectrum(problem.points, solution.y.T, problem.weights, problem.mesh.nodes)
    np.testing.assert_allclose(spectra.values, expected, atol=1e-7)
    np.testing.assert_allclose(spectra.loss, 0.5 * np.mean(solution.y**2, axis=0), atol=1e-7)


def by_hand(optimizer, matrix, error, steps, rate=0.5, mu=0.8):
    """PyTorch's update rules on the error itself, whose gradient is the kernel applied to it."""
    velocity, errors = np.zeros_like(error), [error]
    for _ in range(steps):
        gradient = matrix @ error
        velocity = mu * velocity + gradient
        move = {"gradient-descent": gradient, "momentum": velocity, "nesterov": gradient + mu * velocity}[optimizer]
        error = error - rate * move
        errors.append(error)
    return np.array(errors)


@pytest.mark.parametrize("optimizer", ["gradient-descent", "momentum", "nesterov"])
def test_optimizers_step_by_step(optimizer):
    problem = small_problem(optimizer=optimizer, momentum=0.8)
    steps = np.rint(problem.times / 0.5).astype(int)
    matrix = kernel_matrix(problem.family, problem.points) / len(problem.points)
    spectra = kernel_flow(problem)

    def spectrum_of(name):
        errors = by_hand(name, matrix, problem.initial_error, steps[-1])[steps]
        return error_spectrum(problem.points, errors, problem.weights, problem.mesh.nodes)

    np.testing.assert_allclose(spectra.values, spectrum_of(optimizer), atol=1e-10)
    for other in {"gradient-descent", "momentum", "nesterov"} - {optimizer}:
        assert np.abs(spectra.values - spectrum_of(other)).max() > 1e-3


LAWS = {
    "uniform": {"family": "uniform", "scale": [3.0, 5.0, 2.0], "location": [1.0, -2.0, 0.5]},
    "student-t": {"family": "student-t", "dof": 2.5, "scale": [3.0, 5.0, 2.0], "location": [1.0, -2.0, 0.5]},
}


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("shape", [(17,), (5, 8), (3, 4, 5)])
def test_grid_and_scattered_agree(law, shape):
    """The shortcut for grids gives the matrix of all pairs, on boxes that are not centred."""
    d = len(shape)
    keys = {key: value[:d] if isinstance(value, list) else value for key, value in LAWS[law].items()}
    problem = small_problem(
        network={"law": keys},
        data={"lower": [-1.0, 0.2, -2.0][:d], "upper": [2.0, 1.0, 1.5][:d], "points": list(shape), "sampling": "grid"},
    )
    grid = kernel_matrix(problem.family, problem.points, problem.grid_shape)
    np.testing.assert_allclose(grid, kernel_matrix(problem.family, problem.points), rtol=0, atol=1e-12)


def test_kernel_is_built_in_blocks(monkeypatch):
    problem = small_problem(data={"points": [23], "sampling": "grid"})
    whole = [kernel_matrix(problem.family, problem.points, shape) for shape in (None, problem.grid_shape)]
    monkeypatch.setattr(kernel_matrix_module, "_PAIRS", 100)
    parts = [kernel_matrix(problem.family, problem.points, shape) for shape in (None, problem.grid_shape)]
    np.testing.assert_allclose(parts, whole, rtol=0, atol=1e-14)


def test_frozen_frequencies_leave_the_stationary_kernel():
    problem = small_problem(network={"frequency_rate_ratio": 0.0})
    differences = problem.points[:, None, 0] - problem.points[None, :, 0]
    phi = problem.settings.network.law.characteristic(differences.reshape(-1, 1)).reshape(differences.shape)
    np.testing.assert_allclose(kernel_matrix(problem.family, problem.points), phi, atol=1e-14)


@pytest.mark.parametrize(("optimizer", "factor"), [("gradient-descent", 2), ("momentum", 3.8), ("nesterov", 3.8 / 2.8)])
def test_unstable_learning_rate_names_the_largest_stable_one(optimizer, factor):
    stable = factor / LARGEST_RATE
    kernel_flow(three_tones(optimizer=optimizer, learning_rate=0.99 * stable))
    with pytest.raises(DivergenceError, match=r"training\.learning_rate = .* largest stable") as caught:
        kernel_flow(three_tones(optimizer=optimizer, learning_rate=1.01 * stable))
    text = str(caught.value)
    assert "\n" not in text
    named = float(text.split("learning rate is ")[1].split()[0])
    assert named == pytest.approx(stable, rel=1e-4)


def test_adam_has_no_kernel_flow():
    with pytest.raises(InputError, match=r'training\.optimizer = "adam" is not linear'):
        kernel_flow(three_tones(optimizer="adam"))


@pytest.fixture
def lanczos(monkeypatch):
    """Lanczos bases from the first sample on."""
    monkeypatch.setattr(infinite_width, "MOST_EIGENVECTORS", 0)


@pytest.mark.parametrize("gridded", [True, False])
def test_norms_of_three_tones_without_a_matrix(lanczos, gridded):
    """THEORY section 6, with FFTs on the grid and with the Fourier series of the kernel."""
    problem = three_tones()
    problem.times = np.array([0.0, *THREE_TONES])
    if not gridded:
        _ = problem.points, problem.mesh
        problem.grid_shape = None
    spectra = kernel_flow(problem)
    assert spectra.info["method"] == "lanczos"
    assert (spectra.info["series_error"] == 0) == gridded
    assert spectra.info["largest_rate"] == pytest.approx(LARGEST_RATE, abs=0.6e-5)
    right = problem.mesh.nodes[:, 0] >= -1e-9
    norms = np.linalg.norm(spectra.values[:, right], axis=1)
    assert [f"{norm / norms[0]:.5g}" for norm in norms[1:]] == [f"{norm:.5g}" for norm in THREE_TONES.values()]


@pytest.mark.parametrize("optimizer", ["gradient-flow", "gradient-descent", "momentum", "nesterov"])
def test_lanczos_and_eigenvectors_agree(monkeypatch, optimizer):
    """Scattered samples with weights, a law that is not centred; with restarts too."""
    law = {"family": "mixture", "weights": [0.5, 0.5], "components": [{"family": "normal", "scale": 4.0}] * 2}
    law["components"][1] = {"family": "uniform", "scale": 8.0, "location": 1.5}
    problem = small_problem(
        network={"law": law},
        data={"points": [150], "weights": "quadrature"},
        optimizer=optimizer,
        momentum=0.7,
        times={"first": 0.5, "last": 60.0, "count": 8},
    )
    exact = kernel_flow(problem)
    assert exact.info["method"] == "eigenvectors"
    monkeypatch.setattr(infinite_width, "MOST_EIGENVECTORS", 0)
    small = 13 + problem.optimizer.states // 2
    for most in (2000, small):
        monkeypatch.setattr(infinite_width, "_MOST_VECTORS", most)
        spectra = kernel_flow(problem)
        assert spectra.info["method"] == "lanczos"
        assert (spectra.info["restarts"] > 0) == (most == small)
        assert spectra.info["vectors"] <= most
        assert spectra.info["evolution_error_estimate"] <= 1.01 * problem.settings.solver.tolerance
        np.testing.assert_allclose(spectra.values, exact.values, atol=1e-9 * np.abs(exact.values).max())
        np.testing.assert_allclose(spectra.loss, exact.loss, atol=2e-9 * exact.loss[0])
        assert spectra.info["largest_rate"] == pytest.approx(exact.info["largest_rate"], rel=1e-6)


def test_lanczos_in_the_plane_and_any_order_of_the_samples(lanczos):
    law = {"family": "normal", "scale": 3.0}
    box = {"lower": [-1.0, 0.0], "upper": [2.0, 1.5], "points": [300], "weights": "quadrature"}
    problem = small_problem(network={"law": law}, data=box)
    spectra = kernel_flow(problem)
    order = np.random.default_rng(0).permutation(300)
    shuffled = small_problem(network={"law": law}, data=box)
    shuffled.set_samples(problem.points[order], problem.weights[order], problem.initial_error[order])
    np.testing.assert_allclose(kernel_flow(shuffled).values, spectra.values, atol=2e-9 * np.abs(spectra.values).max())


def test_heavy_tails_in_the_plane_need_the_matrix(lanczos, monkeypatch):
    monkeypatch.setattr(kernel_product_module, "_MOST_MODES", 2**10)
    problem = small_problem(
        network={"law": {"family": "student-t", "dof": 1.0, "scale": 2.0}},
        data={"lower": [-1.0, 0.0], "upper": [2.0, 1.5], "points": [100]},
    )
    assert kernel_flow(problem).info["method"] == "eigenvectors"
    monkeypatch.setattr(infinite_width, "_MOST_EIGENVECTORS_OF_HEAVY_TAILS", 99)
    with pytest.raises(NumericalError, match=r"^problem: the law has so heavy tails .* try samples on a grid"):
        kernel_flow(problem)


def test_unstable_learning_rate_is_noticed_without_a_matrix(lanczos):
    """Also if the initial error, odd here, has no part in the fastest mode, which is even or odd."""
    stable = 2 / LARGEST_RATE
    kernel_flow(three_tones(optimizer="gradient-descent", learning_rate=0.99 * stable))
    with pytest.raises(DivergenceError, match=r"largest stable learning rate is 8\.14"):
        kernel_flow(three_tones(optimizer="gradient-descent", learning_rate=1.01 * stable))


def test_does_not_import_torch():
    """PyTorch takes seconds to import, and the kernel flow does not need it."""
    code = (
        "import sys, freqbias.nn, freqbias.nn.infinite_width; sys.exit(bool({'torch', 'dolfinx'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
