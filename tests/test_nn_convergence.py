"""Trained networks against the kernel flow, and each optimizer against its response."""

import numpy as np
import pytest
from training_cases import LARGEST_RATE, difference, slope, three_tones

from freqbias.nn import kernel_flow
from freqbias.nn.stability import largest_rate
from freqbias.nn.training import train
from freqbias.problem import Problem

#: THEORY section 3: largest relative difference of network and kernel flow at m = 4000, 200 steps, eta lambda_max = 1.
OPTIMIZERS = {"gradient-descent": 7e-5, "momentum": 1.3e-3, "nesterov": 4.6e-4}


@pytest.fixture(scope="module")
def flow():
    """The kernel flow of ``three_tones()``, which does not depend on the width."""
    return kernel_flow(three_tones())


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


@pytest.mark.parametrize("network", [{}, {"frequency_rate_ratio": 0.0}, {"amplitude_std": 2.0}])
def test_largest_rate_is_that_of_the_kernel(network):
    problem = three_tones(network)
    assert largest_rate(problem) == pytest.approx(kernel_flow(problem).info["largest_rate"], rel=5e-3)
