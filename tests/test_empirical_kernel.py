"""The tangent kernel of a network's own parameters: definition, limits, and what it says of training."""

import numpy as np
import pytest
import torch

from freqbias.nn import empirical_kernel as module
from freqbias.nn.empirical_kernel import empirical_kernel
from freqbias.nn.kernel_matrix import kernel_matrix
from freqbias.nn.networks import network_for
from freqbias.problem import Problem

UNIFORM = {"family": "uniform", "scale": 8.0}
DEEP = {
    "deep-fourier-features": {"width": 9, "hidden": [8, 7], "law": UNIFORM, "frequency_rate_ratio": 0.3},
    "multilayer-perceptron": {"hidden": [8, 7, 6], "activation": "silu"},
    "siren": {"hidden": [8, 7], "omega": 10.0},
}


def problem(network, dimension=1, points=24, **training):
    return Problem.create(
        {
            "network": network,
            "target": {"expression": "sin(3*x) * exp(-x**2)"},
            "data": {"lower": [-1.0] * dimension, "upper": [2.0] * dimension, "points": [points]},
            "training": {
                "optimizer": "gradient-descent",
                "learning_rate": 0.1,
                "times": {"first": 0.1, "last": 1.0, "count": 3},
            }
            | training,
            "mesh": {"cutoff": 8.0, "cells": 20},
        }
    )


def deep(family, dimension=1, points=24, **network):
    return problem(DEEP[family] | {"family": family} | network, dimension, points, seeds=[4, 2])


@pytest.mark.parametrize("family", DEEP)
@pytest.mark.parametrize("dimension", [1, 2])
def test_it_is_the_gram_matrix_of_the_gradients(family, dimension):
    """Point by point with PyTorch's backward pass, for each of two seeds."""
    given = deep(family, dimension, 12 if dimension == 1 else 4)
    network, points = network_for(given), torch.from_numpy(given.points)
    for seed in (0, 1):
        rows = []
        for point in points:
            gradients = torch.autograd.grad(network(point[None])[seed, 0], network.trained)
            ratios = [network.learning_rate_ratio(parameter) for parameter in network.trained]
            rows.append(np.concatenate([r**0.5 * g[seed].ravel() for r, g in zip(ratios, gradients, strict=True)]))
        expected = np.array(rows) @ np.array(rows).T
        found = empirical_kernel(network, given.points, seed)
        assert found == pytest.approx(expected, rel=1e-12, abs=1e-13 * expected.max())
        assert np.array_equal(found, found.T)


def test_fixed_frequencies_do_not_count():
    fixed, slow, fast = (
        empirical_kernel(network_for(given), given.points)
        for given in (deep("deep-fourier-features", frequency_rate_ratio=ratio) for ratio in (0.0, 0.5, 1.0))
    )
    assert np.abs(fast - fixed).max() > 0.02
    assert slow - fixed == pytest.approx((fast - fixed) / 2, abs=1e-14)


def test_blocks_make_no_difference(monkeypatch):
    given = deep("siren", points=23)
    network = network_for(given)
    whole = empirical_kernel(network, given.points)
    count = sum(parameter[0].numel() for parameter in network.parameters())
    monkeypatch.setattr(module, "_MEMORY", 4 * 8 * count * 5)  # blocks of 5 points
    assert empirical_kernel(network, given.points) == pytest.approx(whole, rel=1e-12)


@pytest.mark.parametrize("dimension", [1, 2])
def test_two_layers_at_the_quadrature_nodes_have_the_kernel_of_the_quadrature(dimension):
    """sum_k s_k^2 cos(w_k.(x - y)) (1 + r sigma^2 x.y): the amplitudes' moments are exact."""
    network = {"width": 400, "law": UNIFORM, "frequency_rate_ratio": 0.7, "amplitude_std": 1.3}
    given = problem(network, dimension, 20 if dimension == 1 else 5)
    start, points = given.initial_networks[0], given.points
    differences = points[:, None] - points[None]
    waves = np.cos(differences @ start.frequencies.T) @ start.scale**2
    expected = waves * (1 + 0.7 * 1.3**2 * points @ points.T)
    assert empirical_kernel(network_for(given), points) == pytest.approx(expected, abs=1e-12)


def test_the_kernel_of_quadrature_nodes_tends_to_that_of_infinite_width():
    """Cells of equal probability under the uniform law: the midpoint rule, of order 2."""
    widths, errors = [400, 800, 1600], []
    for width in widths:
        given = problem({"width": width, "law": UNIFORM})
        limit = kernel_matrix(given.family, given.points, given.grid_shape)
        errors.append(np.abs(empirical_kernel(network_for(given), given.points) - limit).max() / limit.max())
    slope = np.polyfit(np.log(widths), np.log(errors), 1)[0]
    assert slope == pytest.approx(-2, abs=0.05)
    assert errors[-1] < 1e-4


def test_the_kernel_of_random_neurons_tends_to_that_of_infinite_width():
    widths, errors = [64, 512, 4096], []
    for width in widths:
        network = {"width": width, "law": UNIFORM, "sampling": "random", "mirrored": False}
        given = problem(network, points=16, seeds=12)
        limit = kernel_matrix(given.family, given.points, given.grid_shape)
        neurons = network_for(given)
        squares = [np.mean((empirical_kernel(neurons, given.points, s) - limit) ** 2) for s in range(12)]
        errors.append(np.sqrt(np.mean(squares)) / limit.max())
    slope = np.polyfit(np.log(widths), np.log(errors), 1)[0]
    assert slope == pytest.approx(-0.5, abs=0.06)
    assert errors[-1] < 0.01
