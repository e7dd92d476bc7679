"""Levels from other meshes and times are brought together with an honest error; what cannot be compared is named."""

import dataclasses
import re

import mesh_cases
import numpy as np
import pytest
from compare_cases import (
    deep_settings,
    ensemble,
    frozen,
    plane_problem,
    ripple,
    settings,
    spectra,
    three_tones,
    three_tones_pde,
)

from freqbias.compare import align, check_comparable, compare_spectra
from freqbias.errors import InputError, NumericalError
from freqbias.meshes import BoxMesh, box_mesh
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
        (
            {"training__optimizer": "gradient-descent"},
            "training.optimizer: pde has gradient-flow, network has gradient-descent",
        ),
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


def test_an_unmirrored_random_network_starts_from_its_own_error():
    text = refusal(network__sampling="random", network__mirrored=False)
    assert "initial error differ at sample" in text
    assert "starts from its own error" in text


def test_two_files_are_both_named():
    assert refusal(source="network.nc", network__amplitude_std=2.0).endswith("(problem.toml, network.nc)")


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


def level(name, size=0.0, **changes):
    """The closed form, for the network with a ripple of ``size``."""
    problem = Problem.create(settings(**changes))
    exact = three_tones_pde(problem)
    return spectra(name, exact + ripple(problem, size * np.abs(exact).max(), 1.0), problem)


MESHES = [
    {"mesh__cells": [500]},
    {"mesh__cells": [200]},
    {"mesh__cells": [300], "mesh__degree": 1},
    {"mesh__cells": [120], "mesh__degree": 5},
    {"mesh__cutoff": [33.0]},
    {"mesh__cutoff": [33.0], "mesh__cells": None, "mesh__error": 1e-4},
]


@pytest.mark.parametrize("changes", MESHES)
def test_the_same_spectrum_on_another_mesh_differs_by_the_estimated_error(changes):
    """Both are exact at their own nodes: what is left is the error of interpolation."""
    result = compare_spectra(level("pde"), level("network", **changes))
    error, estimate = result.relative_error["network_vs_pde"], result.alignment["network"].error
    assert result.spectra["pde"].mesh.cells == (600,)
    assert result.alignment["pde"].notes == ()
    assert not result.alignment["pde"].error.any()
    assert result.alignment["network"].notes[0].startswith("interpolated from")
    assert error.max() < 3 * estimate.max() + 1e-13
    assert estimate.max() < 30 * error.max() + 1e-12
    assert error.max() < 1e-4


@pytest.mark.parametrize("changes", MESHES)
def test_a_difference_does_not_depend_on_the_mesh(changes):
    """Property: refining or changing the mesh of one level leaves the relative error what it is."""
    expected = compare_spectra(level("pde"), level("network", 0.03)).relative_error["network_vs_pde"]
    result = compare_spectra(level("pde"), level("network", 0.03, **changes))
    bound = 3 * result.alignment["network"].error + 1e-12
    assert np.all(np.abs(result.relative_error["network_vs_pde"] - expected) <= bound)


def test_levels_that_agree_already_are_left_as_they_are():
    levels = {"pde": level("pde"), "network": level("network", 0.01)}
    aligned = align(levels)
    assert all(aligned.spectra[name] is one for name, one in levels.items())
    assert all(not fact.notes and not fact.error.any() and fact.left_out == 0 for fact in aligned.facts.values())


def test_the_common_mesh_is_the_first_within_all_others():
    aligned = align({"network": level("network", mesh__cutoff=[24.0]), "pde": level("pde")})
    assert list(aligned.spectra) == ["pde", "network"]
    assert aligned.spectra["pde"].mesh.bounds[1] == 24
    assert aligned.facts["network"].notes == ()
    problem = level("pde").problem
    outside = np.abs(problem.mesh.nodes[:, 0]) > 24
    power = problem.mesh.node_volumes * np.abs(three_tones_pde(problem)[0]) ** 2
    assert aligned.facts["pde"].left_out == pytest.approx(np.sqrt(power[outside].sum() / power.sum()), rel=1e-9)


def test_meshes_that_overlap_share_their_common_part():
    problem = Problem.create(settings())
    shifted = problem.with_mesh(BoxMesh((np.linspace(-26, 34, 601),), 2))
    aligned = align({"pde": level("pde"), "network": spectra("network", three_tones_pde(shifted), shifted)})
    mesh = aligned.spectra["pde"].mesh
    assert [bound.tolist() for bound in mesh.bounds] == [[-26], [30]]
    for one in aligned.spectra.values():
        np.testing.assert_allclose(one.values, three_tones_pde(one.problem), rtol=0, atol=1e-9)


def test_too_small_an_overlap_is_refused_with_the_numbers():
    with pytest.raises(InputError) as caught:
        align({"pde": level("pde"), "network": level("network", mesh__cutoff=[10.0])})
    assert re.match(
        r"frequencies: those that all levels share leave out \d\d\.\d % of the norm of the initial spectrum of pde, "
        r"10 % is allowed: pde has \[-30, 30\], network has \[-10, 10\]$",
        str(caught.value),
    )


@pytest.mark.parametrize("names", [("pde", "network"), ("network", "pde")])
def test_a_cutoff_in_cycles_is_named(names):
    wide, narrow = names
    cycles = level(narrow, mesh__cutoff=[30 / (2 * np.pi)])
    with pytest.raises(InputError, match=r"factor 2 pi: frequencies must be in radians per unit of x"):
        align({wide: level(wide), narrow: cycles})


@pytest.mark.parametrize(
    ("times", "count"),
    [
        ({"last": 100.0}, 20),
        ({"first": 2.0}, 22),
        ({"count": 15}, 25),
        ({"count": 60}, 25),
    ],
)
def test_times_are_interpolated_between_outputs_only(times, count):
    changes = {f"training__times__{key}": value for key, value in times.items()}
    network = level("network", **changes)
    result = compare_spectra(level("pde"), network)
    assert len(result.times) == count + 1
    assert result.times[0] == 0
    assert np.isin(result.times, three_tones().times).all()
    assert network.times[1] * (1 - 1e-9) <= result.times[1]
    assert result.times[-1] <= network.times[-1] * (1 + 1e-9)
    error, estimate = result.relative_error["network_vs_pde"], result.alignment["network"].error
    assert error[0] == estimate[0] == 0
    assert np.all(error <= 4 * estimate + 1e-14)
    assert estimate.max() <= 30 * error.max()
    assert error.max() < 1e-3


@pytest.mark.parametrize(("fewer", "other"), [("pde", "network"), ("network", "pde")])
def test_outputs_that_all_levels_have_are_taken_as_they_are(fewer, other):
    """Whichever level has more of them: nothing is interpolated."""
    times = three_tones().times[[0, 2, 3, 7, 11, 25]]
    values = three_tones_pde(three_tones())[[0, 2, 3, 7, 11, 25]]
    levels = {fewer: dataclasses.replace(level(fewer), times=times, values=values), other: level(other)}
    result = compare_spectra(levels["pde"], levels["network"])
    np.testing.assert_array_equal(result.times, times)
    assert result.relative_error["network_vs_pde"].max() < 1e-14
    assert not result.alignment[other].error.any()
    assert result.alignment[other].notes == ("taken at common outputs from 25 times up to 300 to 5 up to 300",)
    assert result.alignment[fewer].notes == ()


@pytest.mark.parametrize("changes", [{"first": 150.0}, {"first": 0.01, "last": 0.7, "count": 9}])
def test_too_few_common_times_are_refused(changes):
    network = level("network", **{f"training__times__{key}": value for key, value in changes.items()})
    network = dataclasses.replace(network, times=network.times * 2, values=network.values)
    with pytest.raises(InputError, match=r"times: \d output times besides 0 lie within .*pde has 25 from 1 to 300"):
        align({"pde": level("pde"), "network": network})


def test_losses_follow_the_times():
    network = level("network", training__times__count=49)
    loss = np.exp(-network.times / 50)
    aligned = align({"pde": level("pde"), "network": dataclasses.replace(network, loss=loss)})
    np.testing.assert_allclose(aligned.spectra["network"].loss, np.exp(-three_tones().times / 50), rtol=2e-3)


def test_every_run_of_an_ensemble_is_aligned():
    problem = Problem.create(settings(mesh__cells=[500], training__times__count=40))
    exact = three_tones_pde(problem)
    runs = np.array([exact, 1.1 * exact, 0.8 * exact])
    result = compare_spectra(level("pde"), ensemble("network", runs, problem))
    network = result.spectra["network"]
    assert network.seeds == (3, 1, 8)
    assert network.ensemble.shape == (3, 26, 1201)
    assert network.ensemble_loss.shape == (3, 26)
    remaining = result.remaining["pde"]
    bound = 4 * result.alignment["network"].error + 1e-13
    low, high = result.relative_error_band["network_vs_pde"]
    assert np.all(low <= bound)
    assert np.all(np.abs(high - 0.2 * remaining) <= bound)


def test_other_samples_of_the_same_target_are_comparable():
    result = compare_spectra(level("pde"), level("network", data__points=[300]))
    assert result.relative_error["network_vs_pde"].max() < 1e-12


def test_other_samples_of_another_target_are_not():
    with pytest.raises(InputError) as caught:
        compare_spectra(level("pde"), level("network", data__points=[300], target__expression="exp(-x**2)"))
    text = "different targets: pde has 512 samples, network has 300 samples; their initial spectra differ by"
    assert str(caught.value).startswith(text)


def test_a_plane_is_aligned_with_another_grid_and_with_a_disc():
    problem = plane_problem()
    initial = problem.initial_spectrum(problem.mesh.nodes)
    pde = spectra("pde", frozen(problem, initial), problem)
    for mesh in (box_mesh([11.0, 12.0], [32, 29], 2), mesh_cases.disc(11.5, 26, 2)):
        other = problem.with_mesh(mesh)
        network = spectra("network", frozen(other, other.initial_spectrum(mesh.nodes)), other)
        result = compare_spectra(pde, network)
        assert result.spectra["pde"].mesh is mesh
        error, estimate = result.relative_error["network_vs_pde"], result.alignment["pde"].error
        assert error.max() < 3 * estimate.max()
        assert estimate.max() < 30 * error.max()
        assert error.max() < 0.02


def test_an_unstructured_mesh_is_interpolated_by_its_elements():
    problem = plane_problem()
    initial = problem.initial_spectrum(problem.mesh.nodes)
    pde = spectra("pde", frozen(problem, initial), problem)
    for mesh in (mesh_cases.disc(18.0, 40, 3), mesh_cases.box("quadrilateral", [-13.0] * 2, [13.0] * 2, [30, 30], 3)):
        other = problem.with_mesh(mesh)
        network = spectra("network", frozen(other, other.initial_spectrum(mesh.nodes)), other)
        result = compare_spectra(pde, network)
        assert result.spectra["network"].mesh is problem.mesh
        error, estimate = result.relative_error["network_vs_pde"], result.alignment["network"].error
        assert error.max() < 3 * estimate.max()
        assert estimate.max() < 30 * error.max()
        assert error.max() < 0.02
