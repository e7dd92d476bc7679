"""Values and derivatives of the evaluators, and the choice between them."""

import re

import numpy as np
import pytest
import torch

from freqbias.errors import NumericalError
from freqbias.initialization import Neurons
from freqbias.network_settings import FourierFeaturesSettings
from freqbias.nn.evaluators import AutogradEvaluator, DenseEvaluator, NufftEvaluator, evaluator_for
from freqbias.nn.evaluators.cost import dense_time, nufft_time, upsampling
from freqbias.nn.evaluators.nufft import LARGEST_GRID
from freqbias.nn.networks import FourierFeatureNetwork
from freqbias.problem import Problem

#: More neurons than points and the reverse: the transforms then run in opposite directions.
SIZES = [(23, 9), (7, 15)]
NAMES = ("dense", "nufft", "autograd")


def random_network(dimension, width, count, half_width=5.0, seed=0, seeds=2):
    """Off-centre points, and networks with weights that differ."""
    generator = np.random.default_rng(seed)
    frequencies = torch.tensor(generator.uniform(-half_width, half_width, (seeds, width, dimension)) + 0.3)
    cosine, sine = (torch.tensor(generator.standard_normal((seeds, width))) for _ in range(2))
    scale = torch.tensor(generator.uniform(0.1, 1.0, (seeds, width)))
    points = generator.uniform(-1.0, 2.0, (count, dimension))
    return points, FourierFeatureNetwork(frequencies, cosine, sine, scale)


def evaluators(points, tolerance=1e-12):
    made = DenseEvaluator(points), NufftEvaluator(points, tolerance), AutogradEvaluator(points)
    return dict(zip(NAMES, made, strict=True))


def random_directions(network, seed=2):
    generator = np.random.default_rng(seed)
    return [torch.tensor(generator.standard_normal(parameter.shape)) for parameter in network.trained]


class Evaluated(torch.autograd.Function):
    """An evaluator as a function of its network's parameters, for gradcheck."""

    @staticmethod
    def forward(ctx, evaluator, network, *parameters):
        for parameter, values in zip(network.trained, parameters, strict=True):
            parameter.data.copy_(values)
        linearization = evaluator.linearize(network)
        ctx.pullback = linearization.pullback
        return linearization.outputs.clone()

    @staticmethod
    def backward(ctx, upstream):
        return None, None, *(gradient.clone() for gradient in ctx.pullback(upstream))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dimension", [1, 2, 3])
@pytest.mark.parametrize(("width", "count"), SIZES)
def test_gradcheck(name, dimension, width, count):
    """Against finite differences, for every single output: any upstream gradient."""
    points, network = random_network(dimension, width, count)
    evaluator = evaluators(points)[name]
    start = [parameter.detach().clone().requires_grad_() for parameter in network.trained]

    def evaluate(*parameters):
        return Evaluated.apply(evaluator, network, *parameters)

    assert torch.autograd.gradcheck(evaluate, start, eps=1e-5, atol=1e-6, rtol=1e-6, fast_mode=True)


@pytest.mark.parametrize("dimension", [1, 2, 3])
@pytest.mark.parametrize(("width", "count"), [(300, 150), (120, 260)])
def test_evaluators_agree(dimension, width, count):
    """Values, J^T and J; the last two are adjoint to each other."""
    points, network = random_network(dimension, width, count, half_width=12.0)
    upstream = torch.tensor(np.random.default_rng(1).standard_normal((2, count)))
    directions = random_directions(network)
    results = {}
    for name, evaluator in evaluators(points).items():
        linearization = evaluator.linearize(network)
        gradients, changes = linearization.pullback(upstream), linearization.pushforward(directions)
        inner = sum((g * d).sum() for g, d in zip(gradients, directions, strict=True))
        torch.testing.assert_close(inner, (changes * upstream).sum(), rtol=1e-8, atol=0)
        results[name] = [evaluator.values(network), linearization.outputs, *gradients, changes]
    for name in ("dense", "nufft"):
        for plain, found in zip(results["autograd"], results[name], strict=True):
            torch.testing.assert_close(found, plain, rtol=0, atol=1e-9 * plain.abs().max().item())


def test_network_is_the_documented_formula():
    points, network = random_network(2, 6, 4)
    arrays = [t.detach().numpy() for t in (network.frequencies, network.cosine, network.sine, network.scale)]
    by_hand = [
        [sum(s * (a * np.cos(w @ x) + b * np.sin(w @ x)) for w, a, b, s in zip(*neurons, strict=True)) for x in points]
        for neurons in zip(*arrays, strict=True)
    ]
    np.testing.assert_allclose(network(torch.tensor(points)).detach(), by_hand, atol=1e-13)
    for evaluator in evaluators(points).values():
        np.testing.assert_allclose(evaluator.values(network), by_hand, atol=1e-10)
    for neurons, values in zip(zip(*arrays, strict=True), by_hand, strict=True):
        np.testing.assert_allclose(Neurons(*neurons, "test").evaluate(points), values, atol=1e-10)
    assert [name for name, _ in network.named_parameters()] == ["frequencies", "cosine", "sine"]
    assert [name for name, _ in network.named_buffers()] == ["scale"]


def test_initial_neurons_become_the_network():
    _, network = random_network(3, 5, 2)
    arrays = [t.detach().numpy() for t in (network.frequencies, network.cosine, network.sine, network.scale)]
    initial = [Neurons(*neurons, "test") for neurons in zip(*arrays, strict=True)]
    settings = FourierFeaturesSettings(width=8, frequency_rate_ratio=0.5, law={"family": "normal", "scale": [1.0]})
    copy = FourierFeatureNetwork.from_initial(settings, initial)
    for mine, theirs in zip([*copy.parameters(), copy.scale], [*network.parameters(), network.scale], strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=0)
    assert [copy.learning_rate_ratio(parameter) for parameter in copy.parameters()] == [0.5, 1.0, 1.0]


def test_frozen_frequencies_get_no_gradient():
    points, network = random_network(1, 12, 9)
    network.frequencies.requires_grad_(False)
    upstream = torch.ones(2, 9, dtype=torch.float64)
    directions = random_directions(network)
    found = []
    for evaluator in evaluators(points).values():
        linearization = evaluator.linearize(network)
        gradients = linearization.pullback(upstream)
        assert len(gradients) == 2
        found.append([*gradients, linearization.pushforward(directions)])
    for other in found[1:]:
        for one, two in zip(found[0], other, strict=True):
            torch.testing.assert_close(one, two, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", ["dense", "autograd"])
def test_batches_are_rows(name):
    """Each seed has rows of its own."""
    points, network = random_network(2, 12, 9)
    evaluator, rows = evaluators(points)[name], torch.tensor([[3, 1, 1], [0, 8, 5]])
    upstream = torch.tensor(np.random.default_rng(1).standard_normal((2, 3)))
    batch, whole = evaluator.linearize(network, rows), evaluator.linearize(network)
    torch.testing.assert_close(batch.outputs, whole.outputs.gather(1, rows))
    spread = torch.zeros(2, 9, dtype=torch.float64).scatter_add(1, rows, upstream)
    for one, two in zip(batch.pullback(upstream), whole.pullback(spread), strict=True):
        torch.testing.assert_close(one, two)
    directions = random_directions(network)
    torch.testing.assert_close(batch.pushforward(directions), whole.pushforward(directions).gather(1, rows))


def test_transforms_go_back_to_the_frequencies_of_the_network():
    """Another network in between: the plan must be set anew."""
    points, network = random_network(1, 30, 20)
    _, other = random_network(1, 30, 20, seed=5)
    evaluator = NufftEvaluator(points, 1e-12)
    linearization = evaluator.linearize(network)
    evaluator.values(other)
    upstream = torch.ones(2, 20, dtype=torch.float64)
    expected = DenseEvaluator(points).linearize(network).pullback(upstream)
    for one, two in zip(linearization.pullback(upstream), expected, strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=1e-9)


@pytest.mark.parametrize("seeds", [1, 3])
def test_threads_share_the_neurons(seeds):
    """With several threads the neurons are divided; the result is the same, and the same again bit by bit."""
    points, network = random_network(1, 40_000, 50, seeds=seeds)
    upstream = torch.ones(seeds, 50, dtype=torch.float64)
    results = []
    for threads in (1, 2, 2):
        linearization = NufftEvaluator(points, 1e-12, threads).linearize(network)
        changes = linearization.pushforward(random_directions(network))
        results.append((linearization.outputs, *linearization.pullback(upstream), changes))
    for one, two, again in zip(*results, strict=True):
        torch.testing.assert_close(two, one, rtol=0, atol=1e-9 * one.abs().max().item())
        assert torch.equal(two, again)


def test_wide_band_uses_a_coarser_grid_and_stays_accurate():
    points, network = random_network(2, 60, 50, half_width=150.0)
    assert upsampling(points, network.frequencies[0].detach().numpy(), 1e-10) == 1.5
    dense, nufft, _ = (evaluator.values(network) for evaluator in evaluators(points, tolerance=1e-10).values())
    torch.testing.assert_close(nufft, dense, rtol=0, atol=1e-9 * dense.abs().max().item())


def test_dense_evaluator_by_blocks(monkeypatch):
    """Blocks of points, kept or computed again for the derivatives, give one result."""
    points, network = random_network(2, 17, 23)
    upstream = torch.tensor(np.random.default_rng(1).standard_normal((2, 23)))
    results = []
    for block, kept in ((2**20, 2**26), (100, 2**26), (100, 0)):
        monkeypatch.setattr("freqbias.nn.evaluators.dense._BLOCK", block)
        monkeypatch.setattr("freqbias.nn.evaluators.dense._KEPT", kept)
        linearization = DenseEvaluator(points).linearize(network)
        changes = linearization.pushforward(random_directions(network))
        parts = [linearization.outputs, changes, *linearization.pullback(upstream)]
        results.append(torch.cat([part.ravel() for part in parts]))
    torch.testing.assert_close(results[1], results[0], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(results[2], results[0], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e12])
def test_impossible_frequencies_are_an_error(bad):
    """Instead of a crash or a grid without end in the transform."""
    points, network = random_network(1, 5, 5)
    network.frequencies.data[0, 2] = bad
    with pytest.raises(NumericalError, match=re.escape(f"more than {LARGEST_GRID:.3g}")):
        NufftEvaluator(points).values(network)


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
