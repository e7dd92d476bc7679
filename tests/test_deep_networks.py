"""Networks with hidden layers: their start, PyTorch against numpy, derivatives, batched seeds."""

import numpy as np
import pytest
import torch
from scipy import stats

from freqbias.errors import InputError
from freqbias.initialization import initialize
from freqbias.network_settings import SirenSettings
from freqbias.nn.networks import network_for
from freqbias.problem import Problem

LAW = {"family": "normal", "scale": 4.0}
FAMILIES = {
    "deep-fourier-features": {"width": 12, "hidden": [10, 8], "law": LAW},
    "multilayer-perceptron": {"hidden": [10, 8, 6]},
    "siren": {"hidden": [16, 12], "omega": 8.0, "hidden_omega": 5.0},
}
NETWORKS = [
    *({"family": "deep-fourier-features", "activation": name} for name in ("relu", "tanh", "silu")),
    {"family": "multilayer-perceptron", "activation": "silu"},
    {"family": "siren"},
]
in_words = [" ".join(network.values()) for network in NETWORKS]


def problem(network, dimension=1, **training):
    return Problem.create(
        {
            "network": FAMILIES[network["family"]] | network,
            "target": {"expression": "sin(2*x)" if dimension == 1 else "sin(2*x) * cos(y)"},
            "data": {"lower": [-1.0] * dimension, "upper": [1.5] * dimension, "points": [30 if dimension == 1 else 6]},
            "training": {
                "optimizer": "gradient-descent",
                "learning_rate": 0.5,
                "times": {"first": 1.0, "last": 10.0, "count": 3},
            }
            | training,
            "mesh": {"cutoff": 6.0, "cells": 10},
        }
    )


@pytest.mark.parametrize("network", NETWORKS, ids=in_words)
@pytest.mark.parametrize("dimension", [1, 2])
@pytest.mark.parametrize(("precision", "tolerance"), [("float64", 1e-14), ("float32", 1e-5)])
def test_pytorch_evaluates_what_numpy_does(network, dimension, precision, tolerance):
    given = problem(network, dimension, precision=precision, seeds=[3, 5])
    module, points = network_for(given), torch.tensor(given.points, dtype=getattr(torch, precision))
    found = module(points)
    expected = np.array([initial.evaluate(given.points) for initial in given.initial_networks])
    assert found.dtype == getattr(torch, precision)
    assert found.shape == expected.shape == (2, len(given.points))
    assert found.detach().numpy() == pytest.approx(expected, abs=tolerance * max(1, np.abs(expected).max()))
    assert given.initial_errors == pytest.approx(expected - given.target_values, abs=1e-14)


def test_the_formula_of_fourier_features_by_hand():
    """One frequency, one hidden unit: w_out silu(w_c cos(w.x) + w_s sin(w.x) + b) + b_out."""
    given = problem({"family": "deep-fourier-features", "width": 1, "hidden": [1], "activation": "silu"}, 2)
    start = given.initial_networks[0]
    hidden, last = start.affine
    phase = given.points @ start.frequencies[0]
    inner = hidden.weights[0, 0] * np.cos(phase) + hidden.weights[0, 1] * np.sin(phase) + hidden.biases[0]
    expected = last.weights[0, 0] * inner / (1 + np.exp(-inner)) + last.biases[0]
    assert start.evaluate(given.points) == pytest.approx(expected, rel=1e-14)


def test_the_formula_of_siren_by_hand():
    given = problem({"family": "siren", "hidden": [1, 1], "omega": 7.0, "hidden_omega": 3.0})
    (w1, b1), (w2, b2), (w3, b3) = ((one.weights.item(), one.biases.item()) for one in given.initial_networks[0].affine)
    x = given.points[:, 0]
    expected = w3 * np.sin(3 * (w2 * np.sin(7 * (w1 * x + b1)) + b2)) + b3
    assert given.initial_networks[0].evaluate(given.points) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("network", NETWORKS[1:], ids=in_words[1:])
def test_derivatives_agree_with_differences(network):
    small = {"hidden": [4, 3]} | ({"width": 3} if "fourier" in network["family"] else {})
    module = network_for(problem(network | small, 2, seeds=2))
    points = torch.rand(2, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def outputs(*parameters):
        names = [name for name, _ in module.named_parameters()]
        return torch.func.functional_call(module, dict(zip(names, parameters, strict=True)), (points,))

    assert torch.autograd.gradcheck(outputs, tuple(module.parameters()), atol=1e-7)


@pytest.mark.parametrize("network", NETWORKS, ids=in_words)
def test_seeds_in_a_batch_are_the_seeds_alone(network):
    """Values and gradients, at points that all share and at points of their own."""
    seeds = [0, 9, 4]
    together = network_for(problem(network, 2, seeds=seeds))
    own = torch.rand(3, 20, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for points in (own[0], own):
        together.zero_grad()
        outputs = together(points)
        outputs.square().sum().backward()
        for number, seed in enumerate(seeds):
            alone = network_for(problem(network, 2, seed=seed))
            expected = alone(points if points.dim() == 2 else points[number])
            expected.square().sum().backward()
            assert outputs[number].detach().numpy() == pytest.approx(expected[0].detach().numpy(), abs=1e-13)
            for batched, single in zip(together.parameters(), alone.parameters(), strict=True):
                scale = single.grad.abs().max().item()
                assert batched.grad[number].numpy() == pytest.approx(single.grad[0].numpy(), abs=1e-12 * scale)


def test_affine_layers_start_as_those_of_pytorch():
    """Uniform on +-1/sqrt(in): Kolmogorov-Smirnov against torch.nn.Linear's bounds, and the bounds themselves."""
    given = problem({"family": "multilayer-perceptron", "hidden": [64, 100]})
    layers = given.initial_networks[0].affine
    reference = torch.nn.Linear(64, 100)
    assert reference.weight.abs().max().item() == pytest.approx(1 / 8, rel=0.01)
    assert layers[1].weights.shape == reference.weight.shape
    for layer in layers[1:]:
        limit = layer.weights.shape[1] ** -0.5
        assert stats.kstest(layer.weights.ravel(), stats.uniform(-limit, 2 * limit).cdf).pvalue > 1e-3
        assert np.abs(layer.biases).max() <= limit
    assert stats.kstest(layers[1].biases, stats.uniform(-1 / 8, 1 / 4).cdf).pvalue > 1e-3


def test_frequencies_come_from_the_law():
    given = problem({"family": "deep-fourier-features", "width": 4000, "law": LAW})
    frequencies = given.initial_networks[0].frequencies
    assert frequencies.shape == (4000, 1)
    assert stats.kstest(frequencies[:, 0], stats.norm(scale=4.0).cdf).pvalue > 1e-3


def test_siren_keeps_the_variance_of_its_phases():
    """Theorem 1.8 of the paper's supplement: behind the first layer the phases W h are normal, at first of variance 1.

    Biases as in the paper's code add omega^2 / (3 in) to the variance v of all phases, and the sine of normal phases
    has the variance (1 - exp(-2 v)) / 2, not quite the 1/2 of the arcsine law: the next W h has twice that.
    """
    width, points = 1024, np.linspace(-1, 1, 201)[:, None]
    settings = SirenSettings(family="siren", hidden=[width] * 4)
    variances, kurtoses = [], []
    for seed in range(4):
        hidden = points
        for layer in initialize(settings, seed, np.array([2.0])).affine[:-1]:
            weighted = layer.factor * hidden @ layer.weights.T
            phases = weighted + layer.factor * layer.biases
            variances.append(weighted.var())
            kurtoses.append(stats.kurtosis(phases, axis=None))
            hidden = np.sin(phases)
    expected, biases = [1.0], 30**2 / (3 * width)
    for _ in range(2):
        expected.append(1 - np.exp(-2 * (expected[-1] + biases)))
    assert np.reshape(variances, (4, 4)).mean(axis=0)[1:] == pytest.approx(expected, rel=0.02)
    assert np.reshape(kurtoses, (4, 4)).mean(axis=0)[1:] == pytest.approx(np.zeros(3), abs=0.15)


def test_the_first_layer_of_siren_has_frequencies_up_to_omega():
    start = problem({"family": "siren", "hidden": [2000, 4], "omega": 30.0}, 2).initial_networks[0]
    frequencies = start.affine[0].factor * start.affine[0].weights
    assert stats.kstest(frequencies.ravel(), stats.uniform(-15, 30).cdf).pvalue > 1e-3


def test_a_seed_gives_one_network_and_no_other():
    given = problem(NETWORKS[0])
    reach = given.upper - given.lower
    first, again, other = (initialize(given.settings.network, seed, reach) for seed in (1, 1, 2))
    assert np.array_equal(first.evaluate(given.points), again.evaluate(given.points))
    assert np.abs(first.evaluate(given.points) - other.evaluate(given.points)).max() > 1e-3


def test_a_centred_network_starts_from_0():
    plain, centred = (problem(NETWORKS[0] | {"centred": value}) for value in (False, True))
    assert not centred.initial_networks[0].evaluate(centred.points).any()
    assert np.array_equal(centred.initial_error, -centred.target_values)
    same = [given.initial_networks[0].outputs(given.points) for given in (plain, centred)]
    assert np.array_equal(*same)
    points = torch.from_numpy(centred.points)
    assert network_for(centred)(points).detach().numpy()[0] == pytest.approx(same[0], abs=1e-14)


def test_many_points_are_evaluated_in_blocks():
    start = problem(NETWORKS[0]).initial_networks[0]
    points = np.linspace(-1, 1, 40_000)[:, None]
    assert start.evaluate(points) == pytest.approx(start.outputs(points), abs=1e-14)


def test_the_frequencies_have_a_learning_rate_of_their_own():
    module = network_for(problem(NETWORKS[0] | {"frequency_rate_ratio": 0.25}))
    ratios = {name: module.learning_rate_ratio(parameter) for name, parameter in module.named_parameters()}
    assert ratios.pop("frequencies") == 0.25
    assert set(ratios.values()) == {1.0}
    frozen = network_for(problem(NETWORKS[0] | {"frequency_rate_ratio": 0.0}))
    assert [name for name, parameter in frozen.named_parameters() if not parameter.requires_grad] == ["frequencies"]


@pytest.mark.parametrize(
    ("network", "dimension"), [(NETWORKS[0], 2), (NETWORKS[-1], 1)], ids=[in_words[0], in_words[-1]]
)
def test_the_mesh_of_a_network_without_a_pde_is_inspected_and_drawn(command, tmp_path, network, dimension):
    path = tmp_path / "deep.toml"
    path.write_text(problem(network, dimension).to_toml())
    done = command("mesh", path, "--picture", tmp_path / "mesh.png")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "mesh.png").stat().st_size > 10_000


def test_given_grid_lines_are_judged_by_the_initial_error_of_a_network_without_a_pde():
    given = problem(NETWORKS[-1]).settings.model_dump(exclude_none=True)
    lines = np.linspace(-37.6, 37.6, 151)
    fine = Problem.create(given | {"mesh": {"lines": [[*lines[:1], *lines[3:-3], *lines[-1:]]]}})
    assert fine.mesh_warnings == []
    coarse = Problem.create(given | {"mesh": {"lines": [[-15.0, -7.0, 0.0, 7.0, 15.0]], "degree": 1}})
    with pytest.raises(InputError, match=r"mesh.lines cannot hold the error spectrum: .* relative error of 1$"):
        coarse.mesh  # noqa: B018
