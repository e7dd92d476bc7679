"""What cannot be compared is refused with the key, both values and both levels."""

import dataclasses
import re

import numpy as np
import pytest
from compare_cases import deep_settings, ensemble, settings, spectra, three_tones

from freqbias.compare import check_comparable
from freqbias.errors import InputError, NumericalError
from freqbias.meshes import BoxMesh
from freqbias.problem import Problem


def make(level, source="problem.toml", **changes):
    problem = Problem.create(settings(**changes), source=source)
    return spectra(level, np.ones((len(problem.times), len(problem.mesh.nodes)), dtype=complex), problem)


def refusal(**changes):
    with pytest.raises(InputError) as caught:
        check_comparable([make("pde"), make("network", **changes)])
    return str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"network__width": 1000},
        {"network__sampling": "random"},  # mirrored: starts from the same error
        {"training__seed": 3, "training__evaluator": "dense", "training__learning_rate": 0.1},
        {"training__seeds": 4, "training__tolerance": 1e-4, "training__precision": "float32", "training__threads": 1},
        {"solver__tolerance": 1e-6, "name": "another", "report": {"threshold": 0.1}},
    ],
)
def test_how_a_level_was_computed_may_differ(changes):
    check_comparable([make("pde"), make("kernel"), make("network", **changes)])


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"network__law": {"family": "uniform", "scale": 10.0}}, "network.law.scale: pde has 20, network has 10"),
        (
            {"network__law": {"family": "normal", "scale": 20.0}},
            "network.law.family: pde has uniform, network has normal",
        ),
        ({"network__amplitude_std": 2.0}, "network.amplitude_std: pde has 1, network has 2"),
        ({"network__frequency_rate_ratio": 0.0}, "network.frequency_rate_ratio: pde has 1, network has 0"),
        ({"data__lower": [-3.0]}, "data.lower: pde has -3.141592654, network has -3"),
        ({"data__points": [256]}, "data.points: pde has 512 samples, network has 256 samples"),
        (
            {"training__optimizer": "gradient-descent"},
            "training.optimizer: pde has gradient-flow, network has gradient-descent",
        ),
        ({"training__times__last": 600.0}, "times differ: pde has 26 from 0 to 300, network has 26 from 0 to 600"),
        ({"training__times__count": 5}, "times differ: pde has 26 from 0 to 300, network has 6 from 0 to 300"),
        ({"training__times__first": 2.0}, "times differ: pde has t = 1 as number 1, network has t = 2 as number 1"),
        ({"mesh__cutoff": [25.0]}, "mesh.cutoff: pde has 30, network has 25"),
        ({"mesh__cells": [800]}, "mesh: pde has 600 cells with 1201 nodes, network has 800 cells with 1601 nodes"),
        ({"mesh__degree": 1, "mesh__cells": [600]}, "mesh.degree: pde has 2, network has 1"),
        ({"target__expression": "exp(-x**2)"}, "initial error differ at sample"),
    ],
)
def test_a_mismatch_names_key_values_and_levels(changes, text):
    assert text in refusal(**changes)


def test_learning_rate_and_momentum_count_for_discrete_optimizers():
    base = {"training__optimizer": "momentum"}
    first = make("pde", **base)
    with pytest.raises(InputError, match=r"training\.learning_rate: pde has 0\.5, network has 0\.25"):
        check_comparable([first, make("network", **base, training__learning_rate=0.25)])
    with pytest.raises(InputError, match=r"training\.momentum: pde has 0\.9, network has 0\.5"):
        check_comparable([first, make("network", **base, training__momentum=0.5)])


@pytest.mark.parametrize(
    ("optimizer", "first", "second", "text"),
    [
        ("adamw", {"weight_decay": 0.1}, {}, "training.weight_decay: pde has 0.1, network has 0.01"),
        (
            "gradient-descent",
            {"schedule": {"family": "cosine"}},
            {},
            "training.schedule.family: pde has cosine, network has constant",
        ),
        (
            "momentum",
            {"schedule": {"family": "linear", "final": 0.5}},
            {"schedule": {"family": "linear"}},
            "training.schedule.final: pde has 0.5, network has 0.01",
        ),
        ("adam", {"weight_decay": 0.1}, {"schedule": {"final": 0.5}}, None),
        ("gradient-descent", {"batch": 32}, {}, None),
    ],
)
def test_what_an_optimizer_does_not_know_is_free(optimizer, first, second, text):
    levels = [
        make(level, training__optimizer=optimizer, **{f"training__{key}": value for key, value in changes.items()})
        for level, changes in (("pde", first), ("network", second))
    ]
    if text is None:
        check_comparable(levels)
    else:
        with pytest.raises(InputError, match=re.escape(text)):
            check_comparable(levels)


@pytest.mark.parametrize(
    ("network", "key", "values"),
    [
        (
            {"family": "multilayer-perceptron", "hidden": [64, 32], "activation": "tanh"},
            "network.hidden",
            "[64, 64], network has [64, 32]",
        ),
        (
            {"family": "multilayer-perceptron", "hidden": [64, 64], "activation": "silu"},
            "network.activation",
            "tanh, network has silu",
        ),
        (
            {"family": "siren", "hidden": [64, 64]},
            "network.family",
            "multilayer-perceptron, network has siren",
        ),
    ],
)
def test_everything_about_a_deep_network_counts(network, key, values):
    def deep(level, network):
        problem = Problem.create(deep_settings() | {"network": network | {"centred": True}})
        return spectra(level, np.ones((len(problem.times), len(problem.mesh.nodes)), dtype=complex), problem)

    known = deep_settings()["network"]
    check_comparable([deep("kernel", known), deep("network", known)])
    with pytest.raises(InputError, match=re.escape(f"{key}: kernel has {values}")):
        check_comparable([deep("kernel", known), deep("network", network)])


def test_a_factor_two_pi_in_frequency_is_named():
    text = refusal(
        mesh__cutoff=[30 / (2 * np.pi)], mesh__cells=[600], network__law={"family": "uniform", "scale": 20.0}
    )
    assert text.startswith("mesh.cutoff: pde has 30, network has 4.774648293")
    assert "2 pi: frequencies must be in radians per unit of x" in text


def test_an_unmirrored_random_network_starts_from_its_own_error():
    text = refusal(network__sampling="random", network__mirrored=False)
    assert "initial error differ at sample" in text
    assert "starts from its own error" in text


def test_two_files_are_both_named():
    assert refusal(source="network.nc", network__amplitude_std=2.0).endswith("(problem.toml, network.nc)")


def test_moved_nodes_are_refused():
    first, second = make("pde"), make("network")
    lines = first.mesh.axes[0].copy()
    lines[10] += 1e-3
    second.problem.mesh = BoxMesh((lines,), 2)
    with pytest.raises(InputError, match="mesh nodes differ: node"):
        check_comparable([first, second])


@pytest.mark.parametrize("times", [[1.0, 2.0], [0.0, 2.0, 1.0]])
def test_times_must_start_at_0_and_increase(times):
    values = np.ones((len(times), len(three_tones().mesh.nodes)), dtype=complex)
    one = dataclasses.replace(make("pde"), times=np.array(times), values=values)
    with pytest.raises(InputError, match="times of pde must start at 0 and increase"):
        check_comparable([one])


def test_a_spectrum_that_is_not_finite_is_refused():
    one = make("network")
    one.values[5:, 3] = np.nan
    with pytest.raises(NumericalError, match=r"the spectrum of network is not finite at t = 2\.587"):
        check_comparable([one])


def test_a_spectrum_that_starts_at_0_is_refused():
    one = make("network")
    one.values[0] = 0
    with pytest.raises(InputError, match="the initial error of network is 0"):
        check_comparable([one])


def test_every_run_of_an_ensemble_is_checked():
    problem = three_tones()
    runs = np.ones((3, len(problem.times), len(problem.mesh.nodes)), dtype=complex)
    runs[1, 5:, 3] = np.nan
    one = ensemble("network", runs, problem)
    with pytest.raises(NumericalError, match=r"the spectrum of network is not finite at t = 2\.587"):
        check_comparable([one])
    runs[1] = 0
    with pytest.raises(InputError, match="the initial error of network is 0"):
        check_comparable([ensemble("network", runs, problem)])
