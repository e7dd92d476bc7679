"""Training of networks with hidden layers: against plain PyTorch by hand, and against the flow of their own kernel."""

import numpy as np
import pytest
import torch

from freqbias import nn
from freqbias.errors import DivergenceError, InputError
from freqbias.nn.empirical_kernel import empirical_kernel, empirical_kernel_flow
from freqbias.nn.mini_batches import MiniBatches
from freqbias.nn.networks import network_for
from freqbias.nn.schedules import schedule_factor
from freqbias.nn.training import train
from freqbias.problem import Problem

LAW = {"family": "uniform", "scale": 8.0}
FAMILIES = {
    "deep-fourier-features": {"width": 9, "hidden": [8, 7], "law": LAW, "frequency_rate_ratio": 0.3},
    "multilayer-perceptron": {"hidden": [8, 7, 6], "activation": "silu"},
    "siren": {"hidden": [8, 7], "omega": 10.0, "hidden_omega": 6.0},
}


def problem(network, times=None, points=24, **training):
    return Problem.create(
        {
            "network": network,
            "target": {"expression": "sin(3*x) * exp(-x**2)"},
            "data": {"lower": [-1.0], "upper": [2.0], "points": [points]},
            "training": {
                "optimizer": "gradient-descent",
                "learning_rate": 0.01,
                "times": {"first": 0.1, "last": 0.4, "count": 3} | (times or {}),
                "threads": 1,
            }
            | training,
            "mesh": {"cutoff": 8.0, "cells": 20},
        }
    )


class Reference(torch.nn.Module):
    """The network of one seed out of PyTorch's own layers."""

    def __init__(self, initial, dtype):
        super().__init__()
        self.activation = {"silu": torch.nn.SiLU(), "relu": torch.nn.ReLU(), "sine": torch.sin}[initial.activation]
        if initial.frequencies is not None:
            self.features = torch.nn.Linear(1, len(initial.frequencies), bias=False, dtype=dtype)
            self.features.weight = torch.nn.Parameter(torch.tensor(initial.frequencies, dtype=dtype))
        self.layers = torch.nn.ModuleList()
        for layer in initial.affine:
            self.layers.append(torch.nn.Linear(*layer.weights.T.shape, dtype=dtype))
            self.layers[-1].weight = torch.nn.Parameter(torch.tensor(layer.weights, dtype=dtype))
            self.layers[-1].bias = torch.nn.Parameter(torch.tensor(layer.biases, dtype=dtype))
        self.factors = [layer.factor for layer in initial.affine]

    def forward(self, x):
        if hasattr(self, "features"):
            x = torch.cat([torch.cos(self.features(x)), torch.sin(self.features(x))], dim=-1)
        for layer, factor in zip(self.layers[:-1], self.factors, strict=False):
            x = self.activation(factor * layer(x))
        return self.layers[-1](x)[:, 0]


def by_hand(given, make_optimizer, number=0):
    """Spectra (T, n) of a plain loop for seed number ``number``: the sum over samples, nothing shared with training."""
    training = given.settings.training
    dtype = getattr(torch, training.precision)
    network = Reference(given.initial_networks[number], dtype)
    ratio = getattr(given.settings.network, "frequency_rate_ratio", 1.0)
    groups = [{"params": network.layers.parameters(), "lr": training.learning_rate, "base": training.learning_rate}]
    if hasattr(network, "features"):
        rate = ratio * training.learning_rate
        groups.append({"params": network.features.parameters(), "lr": rate, "base": rate})
    optimizer = make_optimizer(groups)
    points, targets = (torch.tensor(array, dtype=dtype) for array in (given.points, given.target_values))
    seed = training.all_seeds[number]
    batches = MiniBatches(len(points), training.batch or len(points), [seed])
    steps = np.rint(given.times / training.learning_rate).astype(int)
    spectra = []
    waves = np.exp(-1j * given.mesh.nodes @ given.points.T) / len(points)
    for step in range(steps[-1] + 1):
        if step in steps:
            with torch.no_grad():
                spectra.append(waves @ (network(points) - targets).numpy().astype(float))
        rows = torch.from_numpy(batches.indices(step)[0]) if training.batch else slice(None)
        for group in optimizer.param_groups:
            group["lr"] = group["base"] * schedule_factor(training.schedule, step, steps[-1]) if step < steps[-1] else 0
        optimizer.zero_grad()
        (0.5 * (network(points[rows]) - targets[rows]).square().mean()).backward()
        optimizer.step()
    return np.array(spectra)


OPTIMIZERS = {
    "adam": (torch.optim.Adam, {}),
    "adamw": (lambda groups: torch.optim.AdamW(groups, weight_decay=0.3), {"weight_decay": 0.3}),
    "momentum": (lambda groups: torch.optim.SGD(groups, lr=0.0, momentum=0.8), {"momentum": 0.8}),
}


BATCHES = {"batch": 7, "schedule": {"family": "cosine", "warmup": 0.2}}


@pytest.mark.parametrize(
    ("family", "optimizer", "extra"),
    [
        ("deep-fourier-features", "adam", {}),
        ("deep-fourier-features", "momentum", BATCHES),
        ("multilayer-perceptron", "momentum", {}),
        ("multilayer-perceptron", "adamw", BATCHES),
        ("siren", "adamw", {}),
        ("siren", "adam", BATCHES),
    ],
    ids=lambda value: value if isinstance(value, str) else "batches" if value else "all",
)
def test_training_is_what_a_plain_loop_does(family, optimizer, extra):
    make, keys = OPTIMIZERS[optimizer]
    given = problem(FAMILIES[family] | {"family": family}, optimizer=optimizer, seeds=[3, 1], **keys, **extra)
    found = train(given)
    scale = np.abs(found.values[0]).max()
    for number in (0, 1):
        expected = by_hand(given, make, number)
        assert np.abs(expected[-1] - expected[0]).max() > 0.03 * scale
        assert np.abs(found.runs[number] - expected).max() < 1e-9 * scale


def test_single_precision_is_a_plain_loop_in_single_precision():
    given = problem(FAMILIES["siren"] | {"family": "siren"}, optimizer="adam", precision="float32")
    found, expected = train(given), by_hand(given, torch.optim.Adam)
    scale = np.abs(found.values[0]).max()
    assert np.abs(found.values - expected).max() < 1e-4 * scale
    double = train(problem(FAMILIES["siren"] | {"family": "siren"}, optimizer="adam"))
    assert 1e-9 * scale < np.abs(found.values - double.values).max() < 1e-4 * scale


@pytest.mark.parametrize("family", FAMILIES)
def test_the_first_step_follows_the_empirical_kernel(family):
    """(e_1 - e_0) / eta tends to -K e_0 / N, with an error proportional to eta."""
    rates, differences = np.array([1e-3, 5e-4, 2.5e-4]), []
    for rate in rates:
        times = {"first": rate, "last": rate, "count": 1}
        given = problem(FAMILIES[family] | {"family": family}, times, learning_rate=float(rate))
        start = given.initial_error
        velocity = -empirical_kernel(network_for(given), given.points) @ start / len(start)
        waves = np.exp(-1j * given.mesh.nodes @ given.points.T) / len(start)
        found = np.diff(train(given).values, axis=0)[0] / rate
        differences.append(np.abs(found - waves @ velocity).max() / np.abs(waves @ velocity).max())
    assert np.polyfit(np.log(rates), np.log(differences), 1)[0] == pytest.approx(1, abs=0.05)
    assert differences[-1] < 0.01


def test_wide_networks_follow_their_empirical_kernel():
    """The kernel moves less the wider the network is: at equal decay of the error, as 1 / width."""
    widths, differences = [24, 72, 216], []
    for width in widths:
        network = {"family": "deep-fourier-features", "width": width, "hidden": [width], "activation": "tanh"}
        network |= {"law": LAW, "centred": True}
        slow = problem(network, {"first": 1e-6, "last": 1e-6, "count": 1}, learning_rate=1e-6)
        rate = 1 / nn.kernel_flow(slow).info["largest_rate"]
        times = {"first": rate, "last": 40 * rate, "count": 5}
        given = problem(network, times, learning_rate=rate, seeds=4)
        flow, network = nn.kernel_flow(given), train(given)
        assert np.abs(flow.values[-1]).max() < 0.01 * np.abs(flow.values[0]).max()
        difference = np.abs(network.runs - flow.runs).max(axis=(1, 2)) / np.abs(flow.values[0]).max()
        differences.append(difference.mean())
    assert np.polyfit(np.log(widths), np.log(differences), 1)[0] == pytest.approx(-1, abs=0.35)
    assert differences[-1] < 6e-3


def test_the_empirical_flow_of_a_wide_two_layer_network_is_the_flow_of_infinite_width():
    network = {"width": 4000, "law": LAW}
    given = problem(network, {"first": 1.0, "last": 50.0}, learning_rate=1.0, optimizer="momentum")
    infinite = nn.kernel_flow(given)
    found = empirical_kernel_flow(given)
    assert found.info["kernel"] == "empirical"
    assert np.abs(found.values - infinite.values).max() < 1e-5 * np.abs(infinite.values[0]).max()
    assert found.loss == pytest.approx(infinite.loss, rel=1e-4)


def test_the_flow_of_a_deep_network_has_its_seeds():
    given = problem(FAMILIES["siren"] | {"family": "siren"}, seeds=[5, 2])
    flow = nn.kernel_flow(given)
    assert (flow.level, flow.seeds, flow.info["kernel"]) == ("kernel", (5, 2), "empirical")
    for number, seed in enumerate(flow.seeds):
        alone = nn.kernel_flow(problem(FAMILIES["siren"] | {"family": "siren"}, seed=seed))
        assert flow.runs[number] == pytest.approx(alone.values, rel=1e-12, abs=1e-13)
        assert flow.run_losses[number] == pytest.approx(alone.loss, rel=1e-12)


def test_training_starts_where_its_flow_starts():
    for centred in (False, True):
        network = FAMILIES["siren"] | {"family": "siren", "centred": centred}
        given = problem(network, seeds=2)
        flow, trained = nn.kernel_flow(given), train(given)
        assert trained.runs[:, 0] == pytest.approx(flow.runs[:, 0], abs=1e-14)
        if centred:
            assert flow.runs[0, 0] == pytest.approx(flow.runs[1, 0], abs=1e-14)


def test_without_a_linear_response_there_is_no_flow():
    given = problem(FAMILIES["siren"] | {"family": "siren"}, optimizer="adam")
    with pytest.raises(InputError, match=r'training.optimizer = "adam" is not linear'):
        nn.kernel_flow(given)


def test_too_many_samples_for_an_empirical_kernel_are_refused():
    given = problem(FAMILIES["siren"] | {"family": "siren"}, points=4001)
    with pytest.raises(InputError, match=r"data.points: the empirical kernel .* at most 4000 samples, there are 4001"):
        nn.kernel_flow(given)


def test_the_flow_refuses_a_learning_rate_that_is_not_stable():
    given = problem(FAMILIES["siren"] | {"family": "siren"}, {"last": 100.0}, learning_rate=50.0)
    with pytest.raises(DivergenceError, match="largest stable learning rate"):
        nn.kernel_flow(given)
