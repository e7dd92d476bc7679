"""Planted mistakes of time, diffusion and law are found and named with their size; what is no mistake is not."""

from dataclasses import replace

import numpy as np
import pytest
from compare_cases import (
    ensemble,
    frozen,
    line_comparison,
    plane_comparison,
    settings,
    spectra,
    three_tones,
    three_tones_pde,
)
from diagnosis_cases import FEW, NARROW, QUICK, WIDE, compared, plane, planted, relabelled
from hypothesis import given
from hypothesis import strategies as st

from freqbias.compare import compare_spectra
from freqbias.compare.diagnosis import changed_theory
from freqbias.compare.diagnosis.changed_theory import ChangedTheory, thinned_samples
from freqbias.compare.diagnosis.diagnosis import diagnose
from freqbias.nn import kernel_flow, train
from freqbias.problem import Problem

# What is no mistake


def test_clean_comparisons_have_no_finding():
    assert diagnose(line_comparison()) == []
    assert diagnose(plane_comparison()) == []


@given(st.floats(1e-6, 1e3), st.integers(0, 1000))
@FEW
def test_noise_is_no_mistake(size, seed):
    exact = three_tones_pde(three_tones())
    generator = np.random.default_rng(seed)
    noise = generator.normal(size=(2, *exact.shape))
    assert diagnose(compared(exact, exact + size * np.abs(exact).max() * (noise[0] + 1j * noise[1]))) == []


@given(st.floats(1e-3, 0.3), st.integers(0, 1000))
@FEW
def test_smooth_differences_of_no_kind_are_no_mistake(size, seed):
    """Random waves in frequency and log t that grow from 0, under the envelope of the spectrum."""
    problem = three_tones()
    exact, xi = three_tones_pde(problem), problem.mesh.nodes[:, 0]
    generator = np.random.default_rng(seed)
    place = np.log1p(problem.times) / np.log1p(problem.times[-1])
    waves = generator.normal(size=(6, 2)) @ [1, 1j]
    moves = generator.uniform(-3, 3, (6, 2))
    ripple = sum(
        a * np.outer(np.sin(np.pi * place) * np.exp(1j * k * place), np.exp(1j * x * xi))
        for a, (k, x) in zip(waves, moves, strict=True)
    )
    assert diagnose(compared(exact, exact + size * ripple * np.abs(exact).max(axis=0))) == []


def test_a_wrong_theory_of_the_size_of_the_window_is_no_mistake():
    """Differences below 1e-3 of the initial error need no explanation."""
    problem = three_tones()
    exact, faster = three_tones_pde(problem), three_tones_pde(problem, 1.002)
    assert 5e-4 < compared(exact, faster).max_relative_error["network_vs_pde"] < 1e-3
    assert diagnose(compared(exact, faster)) == []


def test_wide_and_narrow_networks_have_no_finding():
    for width in (200, 1000):
        problem = Problem.create(settings(**(QUICK | {"network__width": width})))
        assert diagnose(compare_spectra(replace(kernel_flow(problem), level="pde"), train(problem))) == []


@pytest.mark.parametrize("mirrored", [True, False])
def test_random_networks_have_no_finding(mirrored):
    base = {"network__sampling": "random", "network__width": 500, "network__mirrored": mirrored}
    for seeds in (1, 4):
        problem = Problem.create(settings(**(QUICK | base | {"training__seeds": seeds})))
        assert diagnose(compare_spectra(replace(kernel_flow(problem), level="pde"), train(problem))) == []


def test_a_difference_within_the_band_of_the_seeds_is_chance():
    problem = three_tones()
    exact = three_tones_pde(problem)
    scattered = np.array([three_tones_pde(problem, rate) for rate in (0.8, 1.05, 1.3)])
    together = np.array([three_tones_pde(problem, rate) for rate in (1.19, 1.2, 1.21)])
    theory = spectra("pde", exact, problem)
    assert diagnose(compare_spectra(theory, ensemble("network", scattered, problem))) == []
    opposite = exact + np.array([0.1, -0.1])[:, None, None] * (scattered[0] - exact)
    assert diagnose(compare_spectra(theory, ensemble("network", opposite, problem, (1, 2)))) == []
    found = diagnose(compare_spectra(theory, ensemble("network", together, problem)))
    assert found[0].key == "time_scale"
    assert found[0].parameter == pytest.approx(1.2, rel=1e-3)


def test_a_lone_level_and_two_theories_have_no_finding():
    exact = three_tones_pde(three_tones())
    assert diagnose(compare_spectra(spectra("pde", exact, three_tones()), None)) == []
    kernel = spectra("kernel", 2 * exact, three_tones())
    assert diagnose(compare_spectra(spectra("pde", exact, three_tones()), None, kernel)) == []


# Time


@given(st.one_of(st.floats(0.05, 0.95), st.floats(1.05, 30.0)))
@FEW
def test_a_time_scale_is_found(scale):
    problem = three_tones()
    found = planted(three_tones_pde(problem), three_tones_pde(problem, scale))
    assert found.key == "time_scale"
    assert found.parameter == pytest.approx(scale, rel=2e-3)
    assert found.explained > 0.999
    assert "times as fast" in found.sentence


@pytest.mark.parametrize(
    ("scale", "name"),
    [
        (2 * np.pi, "(2π: a constant of the Fourier transform, or 1/ρ₀: the density of the data)"),
        (1 / (2 * np.pi), "1/(2π)"),
        (2.0, "(2: a loss with or without its ½"),
        (0.5, "η: times in steps"),
        (10.0, "1/(1 − μ): momentum"),
        (1 / 512, "1/N: a sum over the samples"),
    ],
)
def test_a_known_time_scale_is_named(scale, name):
    problem = three_tones()
    assert name in planted(three_tones_pde(problem), three_tones_pde(problem, scale)).sentence


def test_an_unknown_time_scale_has_no_name():
    problem = three_tones()
    sentence = planted(three_tones_pde(problem), three_tones_pde(problem, 1.1)).sentence
    assert sentence.startswith("The network behaves like the PDE with time running 1.1 times as fast, which explains ")
    assert "training.learning_rate" in sentence


def test_time_scale_without_symbols_uses_what_overlaps():
    """Of a deep network neither c nor D is known: the theory is interpolated, and not known beyond its last time."""
    network = {"family": "multilayer-perceptron", "hidden": [16], "activation": "tanh", "centred": True}
    problem = Problem.create(settings(network=network))
    for scale in (0.3, 1.4, 3.0):
        kernel = spectra("kernel", three_tones_pde_of(problem, 1.0), problem, info={"kernel": "empirical"})
        fast = spectra("network", three_tones_pde_of(problem, scale), problem)
        (found,) = diagnose(compare_spectra(None, fast, kernel))
        assert found.key == "time_scale"
        assert found.parameter == pytest.approx(scale, rel=1e-2)
        assert "the empirical kernel flow" in found.sentence


def three_tones_pde_of(problem: Problem, scale: float) -> np.ndarray:
    """The closed form of the uniform law at the times of another problem on the same mesh."""
    return three_tones_pde(three_tones(), scale)


def test_a_trained_network_with_another_learning_rate():
    wrong = {"training__learning_rate": 0.6, "training__times": {"first": 2.4, "last": 180.0, "count": 12}}
    found = relabelled(wrong, QUICK, train)
    assert found[0].key == "time_scale"
    assert found[0].parameter == pytest.approx(1.2, rel=5e-3)


def test_momentum_that_the_theory_does_not_know():
    base = QUICK | {"training__learning_rate": 0.02, "training__momentum": 0.8}
    found = relabelled({"training__optimizer": "momentum"}, base)
    assert found[0].key == "time_scale"
    assert found[0].parameter == pytest.approx(5.0, rel=2e-2)
    assert "1/(1 − μ): momentum on one side only" in found[0].sentence


# Diffusion


@pytest.mark.parametrize("law", [WIDE, NARROW], ids=["uniform", "normal"])
@given(st.one_of(st.floats(0.3, 0.9), st.floats(1.1, 4.0)))
@FEW
def test_a_wrong_sigma_is_found(law, sigma):
    (found,) = relabelled({"network__amplitude_std": sigma}, {"network__law": law})
    assert found.key == "amplitude_std"
    assert found.parameter == pytest.approx(sigma, rel=1e-2)
    assert found.explained > 0.98
    assert "network.amplitude_std = " in found.sentence
    assert f"would have to be {float(f'{found.parameter**2:.3g}'):g} in place of 1" in found.sentence


def test_a_wrong_sigma_in_closed_form():
    problem = three_tones()
    wrong = Problem.create(settings(network__amplitude_std=1.5))
    found = planted(three_tones_pde(problem), three_tones_pde(wrong), problem)
    assert (found.key, found.parameter) == ("amplitude_std", pytest.approx(1.5, rel=1e-2))


@pytest.mark.parametrize("sampling", ["quadrature", "random"])
def test_a_trained_network_with_a_wrong_sigma(sampling):
    base = QUICK | {"network__sampling": sampling, "network__width": 2000 if sampling == "quadrature" else 16000}
    (found,) = relabelled({"network__amplitude_std": 1.5}, base, train)
    assert (found.key, found.parameter) == ("amplitude_std", pytest.approx(1.5, rel=5e-2))


@pytest.mark.parametrize("law", [{"family": "uniform", "scale": 9.0}, {"family": "normal", "scale": 4.0}])
@pytest.mark.parametrize("sigma", [0.7, 1.5])
def test_a_wrong_sigma_in_the_plane(law, sigma):
    base = plane(network__law=law)
    found = relabelled({"network__amplitude_std": sigma}, base, level="kernel")
    assert (found[0].key, found[0].parameter) == ("amplitude_std", pytest.approx(sigma, rel=3e-2))


def test_the_ratio_of_the_learning_rates_is_named_too():
    (found,) = relabelled({"network__frequency_rate_ratio": 0.5})
    assert (found.key, found.parameter) == ("amplitude_std", pytest.approx(0.5**0.5, rel=1e-2))
    assert "network.frequency_rate_ratio, which would have to be 0.5 in place of 1" in found.sentence


@pytest.mark.parametrize("law", [WIDE, NARROW], ids=["uniform", "normal"])
def test_frequencies_that_do_not_move(law):
    (found,) = relabelled({"network__frequency_rate_ratio": 0.0}, {"network__law": law})
    assert (found.key, found.parameter) == ("frequency_motion", 0)
    assert found.explained > 0.99
    problem = Problem.create(settings(network__law=law))
    moving = kernel_flow(problem).values
    found = planted(frozen(problem, moving[0]), moving, problem)
    assert (found.key, found.parameter) == ("theory_motion", 0)
    assert found.explained > 0.99


# The law


@pytest.mark.parametrize(
    "law", [WIDE, NARROW, {"family": "laplace", "scale": 6.0}, {"family": "student-t", "scale": 6.0, "dof": 4.0}]
)
@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_a_wrong_scale_of_the_law(law, factor):
    wrong = {"network__law": law | {"scale": law["scale"] * factor}}
    found = {one.key: one for one in relabelled(wrong, {"network__law": law})}
    assert found["law_scale"].parameter == pytest.approx(factor, rel=1e-2)
    assert found["law_scale"].explained > 0.999
    assert (
        f"network.law.scale = {law['scale'] * factor:.3g} in place of {law['scale']:g}" in found["law_scale"].sentence
    )


def test_what_cannot_be_told_apart_is_named_together():
    """Inside of a uniform law twice the width is half the speed; at its edge it is not."""
    inside = relabelled({"network__law": {"family": "uniform", "scale": 40.0}})
    assert [one.key for one in inside] == ["time_scale", "law_scale"]
    assert inside[0].parameter == pytest.approx(0.5, rel=2e-3)
    assert [one.key for one in relabelled({"network__law": {"family": "uniform", "scale": 12.0}})] == ["law_scale"]


# Many samples


@pytest.mark.parametrize("law", [WIDE, NARROW], ids=["uniform", "normal"])
def test_sigma_and_law_without_eigenvectors(law, monkeypatch):
    monkeypatch.setattr(changed_theory, "_MOST_EIGENVECTORS", 0)
    (found,) = relabelled({"network__amplitude_std": 1.5}, {"network__law": law})
    assert (found.key, found.parameter) == ("amplitude_std", pytest.approx(1.5, rel=5e-2))
    found = relabelled({"network__law": law | {"scale": 0.8 * law["scale"]}}, {"network__law": law})
    assert (found[0].key, found[0].parameter) == ("law_scale", pytest.approx(0.8, rel=5e-2))


def test_a_thinner_grid_has_the_same_theory():
    problem = three_tones()
    samples = thinned_samples(problem)
    assert len(samples.points) == 64
    np.testing.assert_allclose(np.diff(samples.points[:, 0]), 2 * np.pi / 64)
    cheap = ChangedTheory(problem, problem.times, problem.mesh.nodes)
    norm = problem.mesh.norm
    for settings_changed, change in (
        ({}, {}),
        ({"network__amplitude_std": 1.4}, {"diffusion": 1.4**2}),
        ({"network__law": {"family": "uniform", "scale": 26.0}}, {"stretch": 1.3}),
    ):
        exact = kernel_flow(Problem.create(settings(**settings_changed))).values
        assert norm(cheap(**change) - exact).max() < 1e-3 * norm(exact[0])
        assert norm(cheap.roughly(**change) - exact).max() < 1e-3 * norm(exact[0])
    assert norm(cheap(rate=1.3) - three_tones_pde(problem, 1.3)).max() < 1e-3 * norm(exact[0])


# Sentences


def test_the_kernel_flow_says_where_to_look():
    problem = three_tones()
    exact, fast = three_tones_pde(problem), three_tones_pde(problem, 1.3)
    for kernel, text in ((exact, "agrees with the PDE: look at the network first."), (fast, "look at the PDE first.")):
        result = compare_spectra(
            spectra("pde", exact, problem), spectra("network", fast, problem), spectra("kernel", kernel, problem)
        )
        assert diagnose(result)[0].sentence.endswith(text)
