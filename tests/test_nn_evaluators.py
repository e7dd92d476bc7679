"""Gradients of both evaluators, and the choice between them."""

import re

import numpy as np
import pytest
import torch

from freqbias.errors import NumericalError
from freqbias.initialization import Neurons
from freqbias.nn.evaluators import DenseEvaluator, NufftEvaluator, evaluator_for
from freqbias.nn.evaluators.cost import dense_time, nufft_time, upsampling
from freqbias.nn.evaluators.nufft import LARGEST_GRID
from freqbias.nn.fourier_features import FourierFeatureNetwork
from freqbias.problem import Problem

#: More neurons than points and the reverse: the transforms then run in opposite directions.
SIZES = [(23, 9), (7, 15)]


def random_network(dimension, width, count, half_width=5.0, seed=0):
    """Arguments of ``Evaluator.outputs`` with weights that differ, off-centre points."""
    generator = np.random.default_rng(seed)
    frequencies = torch.tensor(generator.uniform(-half_width, half_width, (width, dimension)) + 0.3)
    cosine, sine = (torch.tensor(generator.standard_normal(width)) for _ in range(2))
    scale = torch.tensor(generator.uniform(0.1, 1.0, width))
    points = generator.uniform(-1.0, 2.0, (count, dimension))
    for parameter in (frequencies, cosine, sine):
        parameter.requires_grad_()
    return points, (frequencies, cosine, sine, scale)


def evaluators(points, tolerance=1e-12):
    return {"dense": DenseEvaluator(points), "nufft": NufftEvaluator(points, tolerance)}


@pytest.mark.parametrize("name", ["dense", "nufft"])
@pytest.mark.parametrize("dimension", [1, 2, 3])
@pytest.mark.parametrize(("width", "count"), SIZES)
def test_gradcheck(name, dimension, width, count):
    """Against finite differences, for every single output: any upstream gradient."""
    points, arguments = random_network(dimension, width, count)
    evaluator = evaluators(points)[name]
    assert torch.autograd.gradcheck(evaluator.outputs, arguments, eps=1e-5, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("dimension", [1, 2, 3])
@pytest.mark.parametrize(("width", "count"), [(300, 150), (120, 260)])
def test_nufft_agrees_with_dense(dimension, width, count):
    points, arguments = random_network(dimension, width, count, half_width=12.0)
    upstream = torch.tensor(np.random.default_rng(1).standard_normal(count))
    results = []
    for evaluator in evaluators(points).values():
        outputs = evaluator.outputs(*arguments)
        results.append([outputs.detach(), *torch.autograd.grad(outputs, arguments[:3], upstream)])
    for dense, nufft in zip(*results, strict=True):
        torch.testing.assert_close(nufft, dense, rtol=0, atol=1e-9 * dense.abs().max().item())


def test_network_is_the_documented_formula():
    points, (frequencies, cosine, sine, scale) = random_network(2, 6, 4)
    neurons = Neurons(*(tensor.detach().numpy() for tensor in (frequencies, cosine, sine, scale)), "test")
    network = FourierFeatureNetwork.from_neurons(neurons)
    by_hand = [
        sum(
            s * (a * np.cos(w @ x) + b * np.sin(w @ x))
            for w, a, b, s in zip(neurons.frequencies, neurons.cosine, neurons.sine, neurons.scale, strict=True)
        )
        for x in points
    ]
    np.testing.assert_allclose(network(torch.tensor(points)).detach(), by_hand, atol=1e-13)
    for evaluator in evaluators(points).values():
        np.testing.assert_allclose(evaluator(network).detach(), by_hand, atol=1e-10)
    assert [name for name, _ in network.named_parameters()] == ["frequencies", "cosine", "sine"]
    assert [name for name, _ in network.named_buffers()] == ["scale"]


def test_frozen_frequencies_get_no_gradient():
    points, (frequencies, cosine, sine, scale) = random_network(1, 12, 9)
    frequencies.requires_grad_(False)
    gradients = []
    for evaluator in evaluators(points).values():
        evaluator.outputs(frequencies, cosine, sine, scale).square().sum().backward()
        assert frequencies.grad is None
        gradients.append((cosine.grad.clone(), sine.grad.clone()))
        cosine.grad = sine.grad = None
    for dense, nufft in zip(*gradients, strict=True):
        torch.testing.assert_close(nufft, dense, rtol=0, atol=1e-9)


def test_backward_uses_the_frequencies_of_its_own_forward_pass():
    """Two forward passes before a backward pass: the plan must go back to the first frequencies."""
    points, arguments = random_network(1, 30, 20)
    _, others = random_network(1, 30, 20, seed=5)
    gradients = []
    for evaluator in evaluators(points).values():
        outputs = evaluator.outputs(*arguments)
        evaluator.outputs(*others)
        gradients.append(torch.autograd.grad(outputs.sum(), arguments[0])[0])
    torch.testing.assert_close(*gradients, rtol=0, atol=1e-9)


def test_threads_share_the_neurons():
    """With several threads the neurons are divided; the result is the same, and the same again bit by bit."""
    points, arguments = random_network(1, 40_000, 50)
    results = []
    for threads in (1, 2, 2):
        outputs = NufftEvaluator(points, 1e-12, threads).outputs(*arguments)
        results.append((outputs.detach(), *torch.autograd.grad(outputs.square().sum(), arguments[:3])))
    for one, two, again in zip(*results, strict=True):
        torch.testing.assert_close(two, one, rtol=0, atol=1e-9 * one.abs().max().item())
        assert torch.equal(two, again)


def test_wide_band_uses_a_coarser_grid_and_stays_accurate():
    points, arguments = random_network(2, 60, 50, half_width=150.0)
    assert upsampling(points, arguments[0].detach().numpy(), 1e-10) == 1.5
    dense, nufft = (e.outputs(*arguments).detach() for e in evaluators(points, tolerance=1e-10).values())
    torch.testing.assert_close(nufft, dense, rtol=0, atol=1e-9 * dense.abs().max().item())


def test_dense_evaluator_by_blocks(monkeypatch):
    """Blocks of points, kept or computed again in the backward pass, give one result."""
    points, arguments = random_network(2, 17, 23)
    results = []
    for block, kept in ((2**20, 2**26), (50, 2**26), (50, 0)):
        monkeypatch.setattr("freqbias.nn.evaluators.dense._BLOCK", block)
        monkeypatch.setattr("freqbias.nn.evaluators.dense._KEPT", kept)
        outputs = DenseEvaluator(points).outputs(*arguments)
        results.append(torch.cat([g.ravel() for g in torch.autograd.grad(outputs.exp().sum(), arguments[:3])]))
    torch.testing.assert_close(results[1], results[0], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(results[2], results[0], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e12])
def test_impossible_frequencies_are_an_error(bad):
    """Instead of a crash or a grid without end in the transform."""
    points, arguments = random_network(1, 5, 5)
    with torch.no_grad():
        arguments[0][2] = bad
    with pytest.raises(NumericalError, match=re.escape(f"more than {LARGEST_GRID:.3g}")):
        NufftEvaluator(points).outputs(*arguments)


def problem(width, points, evaluator="auto", scale=20.0, dimension=1):
    return Problem.create(
        {
            "network": {"width": width, "law": {"family": "uniform", "scale": scale}},
            "target": {"expression": "sin(5*x)"},
            "data": {"lower": [-3.0] * dimension, "upper": [3.0] * dimension, "points": points},
            "training": {"learning_rate": 1.0, "evaluator": evaluator, "times": {"last": 10.0}},
        }
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"width": 4000, "points": [512]}, "nufft"),
        ({"width": 16, "points": [16]}, "dense"),
        ({"width": 4096, "points": [10], "dimension": 3}, "dense"),
        ({"width": 16, "points": [16], "evaluator": "nufft"}, "nufft"),
        ({"width": 4000, "points": [512], "evaluator": "dense"}, "dense"),
    ],
)
def test_choice_of_the_evaluator(given, expected):
    assert evaluator_for(problem(**given)).name == expected


def test_estimated_times_are_the_costs_of_theory():
    """Dense grows with m N, transforms with m + N."""
    points, frequencies = np.linspace(-3, 3, 2000)[:, None], np.linspace(-20, 20, 100_000)[:, None]
    dense = dense_time(points, frequencies) / dense_time(points, frequencies[::10])
    nufft = nufft_time(points, frequencies, 1e-10) / nufft_time(points, frequencies[::10], 1e-10)
    assert dense == pytest.approx(10, rel=0.01)
    assert 1 < nufft < 10
    assert nufft_time(points, frequencies, 1e-10) < 0.01 * dense_time(points, frequencies)
