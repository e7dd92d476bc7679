"""Trained networks against the kernel flow, each optimizer against its response, and training as a program."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

import freqbias.nn
from freqbias.errors import DivergenceError, NumericalError
from freqbias.nn import kernel_flow
from freqbias.nn.mini_batches import MiniBatches
from freqbias.nn.networks import network_for
from freqbias.nn.optimizers import STEPPERS
from freqbias.nn.schedules import schedule_factor
from freqbias.nn.stability import largest_rate
from freqbias.nn.training import Training, train
from freqbias.problem import Problem

LARGEST_RATE = 0.24558
#: THEORY section 3: largest relative difference of network and kernel flow at m = 4000, 200 steps, eta lambda_max = 1.
OPTIMIZERS = {"gradient-descent": 7e-5, "momentum": 1.3e-3, "nesterov": 4.6e-4}


def three_tones(network=None, times=None, **training):
    """THEORY section 6, by default with large steps of gradient descent, whose response is exact."""
    return Problem.create(
        {
            "network": {"width": 4000, "law": {"family": "uniform", "scale": 20.0}} | (network or {}),
            "target": {"expression": "exp(-x**2/0.5)*(sin(2*x)+sin(5*x)+sin(11*x))"},
            "data": {"lower": [-np.pi], "upper": [np.pi], "points": [512]},
            "training": {
                "optimizer": "gradient-descent",
                "learning_rate": 2.0,
                "times": {"first": 2.0, "last": 200.0, "count": 12} | (times or {}),
                "threads": 1,
            }
            | training,
            "mesh": {"cutoff": 30.0, "cells": 300},
        }
    )


def small(network=None, **training):
    """Seconds do not matter here: a few neurons and steps."""
    return Problem.create(
        {
            "network": {"width": 40, "law": {"family": "uniform", "scale": 6.0}} | (network or {}),
            "target": {"expression": "sin(2*x) + cos(4*x)"},
            "data": {"lower": [-1.0], "upper": [2.0], "points": [30]},
            "training": {
                "optimizer": "gradient-descent",
                "learning_rate": 0.5,
                "times": {"first": 0.5, "last": 5.0, "count": 4},
                "threads": 1,
            }
            | training,
            "mesh": {"cutoff": 10.0, "cells": 40},
        }
    )


def difference(network, kernel):
    """Largest distance over time of two spectra, relative to the initial norm."""
    return network.mesh.norm(network.values - kernel.values).max() / kernel.norms()[0]


@pytest.fixture(scope="module")
def flow():
    """The kernel flow of ``three_tones()``, which does not depend on the width."""
    return kernel_flow(three_tones())


def slope(widths, errors):
    return np.polyfit(np.log(widths), np.log(errors), 1)[0]


def test_quadrature_networks_converge_to_the_kernel_flow(flow):
    widths, bounds = [252, 1000, 4000, 16000], [1.3e-3, 3.2e-4, 8e-5, 2e-5]
    errors = [difference(train(three_tones({"width": width})), flow) for width in widths]
    assert slope(widths, errors) == pytest.approx(-1, abs=0.07)
    assert (errors < np.array(bounds)).all()


def test_random_networks_converge_to_the_kernel_flow(flow):
    """Mean over seeds: the slope is -1/2 and the discrepancy hundreds of times that of quadrature."""
    widths = [500, 2000, 8000]
    errors = []
    for width in widths:
        network = train(three_tones({"width": width, "sampling": "random"}, seeds=8))
        own = [flow.mesh.norm(values - flow.values).max() / flow.norms()[0] for values in network.ensemble]
        errors.append(np.mean(own))
        # Seeds differ independently: their mean is closer to the limit.
        assert difference(network, flow) < 0.6 * errors[-1]
    assert slope(widths, errors) == pytest.approx(-0.5, abs=0.12)
    at_4000 = np.exp(np.interp(np.log(4000), np.log(widths), np.log(errors)))
    assert 1e-2 < at_4000 < 3e-2


def test_gradient_flow_of_three_tones():
    """THEORY section 6, in far fewer gradients than the 2400 of Runge-Kutta with steps of 0.5."""
    problem = three_tones(optimizer="gradient-flow", learning_rate=None, times={"first": 1.0, "last": 300.0})
    network, kernel = train(problem), kernel_flow(problem)
    assert 6e-5 < difference(network, kernel) < 8e-5
    np.testing.assert_allclose(network.loss, kernel.loss, atol=2e-4 * kernel.loss[0])
    np.testing.assert_array_equal(network.times, problem.times)
    info = network.info
    assert info["gradient_evaluations"] + info["kernel_products"] < 400
    assert info["flow_error_estimate"] < problem.settings.training.tolerance


@pytest.mark.parametrize("optimizer", ["gradient-flow", "nesterov", "adam"])
@pytest.mark.parametrize("evaluator", ["dense", "nufft"])
def test_seeds_are_trained_at_once_as_each_alone(optimizer, evaluator):
    """The steps of gradient flow are shared, so there the difference is within its tolerance."""
    network = {"sampling": "random", "mirrored": False}
    several = {"optimizer": optimizer, "evaluator": evaluator, "learning_rate": 0.02, "times": {"last": 2.0}}
    together = train(small(network, seeds=[5, 2, 9], **several))
    assert together.seeds == (5, 2, 9)
    bound = 1e-5 if optimizer == "gradient-flow" else 1e-7
    for number, seed in enumerate(together.seeds):
        alone = train(small(network, seed=seed, **several))
        scale = np.abs(alone.values).max()
        np.testing.assert_allclose(together.ensemble[number], alone.values, atol=bound * scale)
        np.testing.assert_allclose(together.ensemble_loss[number], alone.loss, rtol=10 * bound)
    np.testing.assert_allclose(together.values, together.ensemble.mean(axis=0), atol=1e-15)
    assert np.abs(together.ensemble[0] - together.ensemble[1]).max() > 1e-2


def test_a_number_of_seeds_counts_from_seed():
    assert small(seed=7, seeds=3).settings.training.all_seeds == [7, 8, 9]
    assert small(seed=7).settings.training.all_seeds == [7]


def optimizer_problem(optimizer):
    step = 1 / LARGEST_RATE
    times = {"first": step, "last": 200 * step, "count": 20}
    return three_tones(optimizer=optimizer, learning_rate=step, momentum=0.9, times=times)


@pytest.fixture(scope="module")
def optimizer_flows():
    return {optimizer: kernel_flow(optimizer_problem(optimizer)) for optimizer in OPTIMIZERS}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_optimizers_follow_their_responses(optimizer, optimizer_flows):
    """And only their own: the response of any other optimizer is far away."""
    network = train(optimizer_problem(optimizer))
    assert network.info["steps"] == 200
    for other, response in optimizer_flows.items():
        found = difference(network, response)
        if other == optimizer:
            assert found < 1.5 * OPTIMIZERS[optimizer]
        else:
            assert found > 0.05


@pytest.mark.parametrize(("ratio", "std", "bound"), [(0.5, 1.5, 6e-5), (0.0, 1.5, 1e-8), (2.0, 0.5, 3e-4)])
def test_rates_and_amplitudes_enter_as_in_the_kernel(ratio, std, bound, flow):
    """With frozen frequencies the network is linear: only the quadrature error of the kernel is left."""
    problem = three_tones({"frequency_rate_ratio": ratio, "amplitude_std": std})
    network = train(problem)
    assert difference(network, kernel_flow(problem)) < bound
    # r sigma^2 is 1 there, here 1.125, 0 and 0.5.
    assert difference(network, flow) > 40 * bound


def test_kernel_flow_starts_where_an_unmirrored_network_does():
    problem = three_tones({"sampling": "random", "mirrored": False}, seed=3)
    network, kernel = train(problem), kernel_flow(problem)
    np.testing.assert_allclose(network.values[0], kernel.values[0], atol=1e-9)
    assert difference(network, kernel) < 6e-2
    assert np.abs(problem.initial_error + problem.target_values).max() > 0.5


def plane(evaluator):
    return Problem.create(
        {
            "network": {"width": 4 * 24**2, "law": {"family": "uniform", "scale": [6.0, 4.0], "location": [1.0, 0.0]}},
            "target": {"expression": "sin(2*x + y) + cos(3*y)", "taper": 0.5},
            "data": {"lower": [-1.5, -1.0], "upper": [1.5, 2.0], "points": [18, 16]},
            "training": {
                "optimizer": "gradient-descent",
                "learning_rate": 0.7,
                "times": {"first": 0.7, "last": 70.0, "count": 10},
                "evaluator": evaluator,
                "threads": 1,
            },
            "mesh": {"cutoff": 8.0, "cells": 16},
        }
    )


def test_plane_network_against_the_kernel_flow():
    network, kernel = train(plane("nufft")), kernel_flow(plane("nufft"))
    assert network.info["evaluator"] == "nufft"
    assert network.norms()[-1] < 0.2 * network.norms()[0]
    assert difference(network, kernel) < 1.5e-3
    assert difference(network, train(plane("dense"))) < 1e-8


def adam_by_hand(problem, steps):
    """Adam (arXiv:1412.6980, algorithm 1) on the plain formula with gradients by hand; the loss at every step."""
    neurons, rate = problem.initial_networks[0], problem.settings.training.learning_rate
    x, g, s = problem.points[:, 0], problem.target_values, neurons.scale
    theta = np.array([neurons.frequencies[:, 0], neurons.cosine, neurons.sine])
    first, second, losses = np.zeros_like(theta), np.zeros_like(theta), []
    rates = rate * np.array([[problem.settings.network.frequency_rate_ratio], [1], [1]])
    for step in range(steps + 1):
        w, a, b = theta
        cos, sin = np.cos(np.outer(x, w)), np.sin(np.outer(x, w))
        residual = cos @ (s * a) + sin @ (s * b) - g
        losses.append(0.5 * np.mean(residual**2))
        r = residual / len(x)
        by_w = s * (b * ((r * x) @ cos) - a * ((r * x) @ sin))
        gradient = np.array([by_w, s * (r @ cos), s * (r @ sin)])
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        debiased = first / (1 - 0.9 ** (step + 1)), second / (1 - 0.999 ** (step + 1))
        theta = theta - rates * debiased[0] / (np.sqrt(debiased[1]) + 1e-8)
    return np.array(losses)


@pytest.mark.parametrize("evaluator", ["dense", "nufft"])
def test_adam_against_adam_by_hand(evaluator):
    """Random amplitudes: gradients that vanish by symmetry would leave Adam's direction to rounding."""
    network = {"sampling": "random", "mirrored": False, "frequency_rate_ratio": 0.5}
    problem = small(network, optimizer="adam", learning_rate=0.05, evaluator=evaluator, times={"last": 1.0, "count": 1})
    problem.times = 0.05 * np.arange(9)
    np.testing.assert_allclose(train(problem).loss, adam_by_hand(problem, 8), rtol=1e-6)


def test_adamw_decays_weights_apart_from_the_gradient():
    """One step of AdamW is one of Adam from parameters that have shrunk by eta times the weight decay."""
    network = {"sampling": "random", "mirrored": False}
    runs = {}
    for optimizer, decay in (("adam", 0.0), ("adamw", 0.0), ("adamw", 0.5)):
        problem = small(network, optimizer=optimizer, weight_decay=decay, times={"first": 0.5, "last": 0.5, "count": 1})
        training = Training(problem)
        start = [parameter.detach().clone() for parameter in training.objective.network.trained]
        training.run()
        runs[optimizer, decay] = training.objective.network.trained
    for plain, same, decayed, first in zip(*runs.values(), start, strict=True):
        torch.testing.assert_close(same, plain, rtol=0, atol=1e-14)
        torch.testing.assert_close(decayed, plain - 0.5 * 0.5 * first, rtol=1e-12, atol=1e-12)


def test_schedule_multiplies_the_learning_rate():
    """Gradient descent by hand with the factors of a cosine."""
    problem = small(schedule={"family": "cosine", "warmup": 0.2, "final": 0.1}, evaluator="dense")
    factors = [schedule_factor(problem.settings.training.schedule, k, 10) for k in range(10)]
    assert problem.optimizer is None
    training = Training(problem)
    network, points = network_for(problem), torch.from_numpy(problem.points)
    for factor in factors:
        loss = 0.5 * (network(points) - torch.from_numpy(problem.target_values)).square().mean()
        gradients = torch.autograd.grad(loss, network.trained)
        for parameter, gradient in zip(network.trained, gradients, strict=True):
            parameter.data -= 0.5 * factor * gradient
    training.run()
    for mine, by_hand in zip(training.objective.network.trained, network.trained, strict=True):
        torch.testing.assert_close(mine, by_hand, rtol=1e-12, atol=1e-13)


def test_batches_by_hand():
    """Gradient descent with mini-batches of two seeds, on samples that are weighted."""
    problem = small({"sampling": "random"}, batch=8, seeds=2)
    problem.weights = np.linspace(1, 2, 30) / 45
    batches = MiniBatches(30, 8, problem.settings.training.all_seeds)
    training = Training(problem)
    network, points = network_for(problem), torch.from_numpy(problem.points)
    targets, weights = torch.from_numpy(problem.target_values), torch.from_numpy(problem.weights)
    for step in range(10):
        rows = torch.from_numpy(batches.indices(step))
        residual = network(points[rows]) - targets[rows]
        loss = 0.5 * (weights[rows] * residual.square()).sum() * 30 / 8
        for parameter, gradient in zip(network.trained, torch.autograd.grad(loss, network.trained), strict=True):
            parameter.data -= 0.5 * gradient
    training.run()
    assert training.objective.evaluator.name == "dense"
    for mine, by_hand in zip(training.objective.network.trained, network.trained, strict=True):
        torch.testing.assert_close(mine, by_hand, rtol=1e-11, atol=1e-12)


def test_single_precision_is_close_to_double():
    network, exact = (train(small(precision=precision, evaluator="dense")) for precision in ("float32", "float64"))
    distance = difference(network, exact)
    assert 1e-9 < distance < 1e-5


def test_adam_learns():
    problem = small({"sampling": "random"}, optimizer="adam", learning_rate=0.02, times={"last": 4.0, "count": 3})
    loss = train(problem).loss
    assert loss[-1] < 0.05 * loss[0]


@pytest.mark.parametrize("optimizer", STEPPERS)
@pytest.mark.parametrize("evaluator", ["dense", "nufft"])
def test_runs_are_bitwise_equal(optimizer, evaluator):
    first, second = (train(small(optimizer=optimizer, evaluator=evaluator)) for _ in range(2))
    np.testing.assert_array_equal(first.values, second.values)
    np.testing.assert_array_equal(first.loss, second.loss)


def test_the_seed_and_nothing_global_decides():
    network = {"sampling": "random"}
    first = train(small(network, seed=1))
    torch.manual_seed(99)
    np.testing.assert_array_equal(train(small(network, seed=1)).values, first.values)
    assert np.abs(train(small(network, seed=2)).values - first.values).max() > 1e-3


def test_zero_momentum_is_gradient_descent():
    plain = train(small())
    for optimizer in ("momentum", "nesterov"):
        np.testing.assert_allclose(train(small(optimizer=optimizer, momentum=0.0)).values, plain.values, atol=1e-14)


@pytest.mark.parametrize(
    ("optimizer", "limit"),
    [("gradient-descent", 2), ("momentum", 2 * 1.9), ("nesterov", 2 * 1.9 / 2.8)],
)
def test_divergence_names_the_largest_stable_learning_rate(optimizer, limit):
    """Below it training is stable, above it the error says what to do, in one sentence."""
    stable = limit / LARGEST_RATE
    times = {"first": 10 * stable, "last": 200 * stable, "count": 3}
    settled = train(three_tones({"width": 400}, optimizer=optimizer, learning_rate=0.95 * stable, times=times))
    assert settled.loss[-1] < 1e-3 * settled.loss[0]
    with pytest.raises(DivergenceError) as caught:
        train(three_tones({"width": 400}, optimizer=optimizer, learning_rate=2 * stable, times=times))
    text = str(caught.value)
    assert "\n" not in text
    assert f"training.learning_rate = {2 * stable:.6g}" in text
    assert f"steps of {optimizer}" in text
    named = float(text.split("learning rate is about ")[1].split()[0])
    assert named == pytest.approx(stable, rel=0.01)


def test_divergence_to_infinity_is_caught():
    """Parameters that overflow at once never reach the transforms or the result."""
    for evaluator in ("dense", "nufft"):
        with pytest.raises(DivergenceError, match="training diverged"):
            train(small(learning_rate=1e200, evaluator=evaluator, times={"first": 1e200, "last": 3e201, "count": 3}))


def test_divergence_of_adam_has_no_linear_bound():
    with pytest.raises(DivergenceError, match=r"adam has no known bound, try 1e\+04"):
        train(small(optimizer="adam", learning_rate=1e5, times={"first": 1e5, "last": 1e7, "count": 3}))


@pytest.mark.parametrize("network", [{}, {"frequency_rate_ratio": 0.0}, {"amplitude_std": 2.0}])
def test_largest_rate_is_that_of_the_kernel(network):
    problem = three_tones(network)
    assert largest_rate(problem) == pytest.approx(kernel_flow(problem).info["largest_rate"], rel=5e-3)


def test_other_samples_than_the_initial_error_are_refused():
    problem = small()
    problem.set_samples(problem.points, problem.weights, problem.initial_error + 0.01)
    with pytest.raises(NumericalError, match="initial error"):
        train(problem)


def test_result_and_progress(tmp_path):
    seen = []
    problem = small()
    spectra = train(problem, seen.append)
    assert spectra.level == "network"
    assert np.all(np.diff(seen) > 0)
    assert seen[-1] == pytest.approx(1)
    assert len(seen) == spectra.info["steps"] == spectra.info["gradient_evaluations"] == 10
    assert spectra.loss.shape == spectra.times.shape
    assert spectra.loss[0] == pytest.approx(0.5 * np.mean(problem.target_values**2), rel=1e-8)
    assert all(isinstance(value, int | float | str) for value in spectra.info.values())
    expected = {"wall_time_seconds", "evaluator", "sampling_rule", "threads", "torch_version"}
    assert expected < set(spectra.info)
    spectra.write(tmp_path / "network.nc")
    np.testing.assert_array_equal(type(spectra).read(tmp_path / "network.nc").values, spectra.values)


def test_thread_count_is_restored():
    before = torch.get_num_threads()
    train(small(threads=1))
    assert torch.get_num_threads() == before


def test_training_through_the_package():
    np.testing.assert_array_equal(freqbias.nn.train(small()).values, train(small()).values)


def test_network_side_knows_nothing_of_finite_elements():
    for path in Path(freqbias.nn.__file__).parent.rglob("*.py"):
        assert not re.search("dolfinx|petsc|freqbias.fem", path.read_text(encoding="utf-8")), path
