"""Planted mistakes in how a spectrum is written down are found and named with their size."""

import numpy as np
import pytest
from compare_cases import frozen, plane_problem, settings, three_tones, three_tones_pde
from diagnosis_cases import FEW, plane, planted
from hypothesis import given
from hypothesis import strategies as st

from freqbias.problem import Problem


@given(st.one_of(st.floats(-3.0, -0.01), st.floats(0.01, 3.0)))
@FEW
def test_a_shift_of_the_origin_is_found(shift):
    problem = three_tones()
    exact = three_tones_pde(problem)
    found = planted(exact, exact * np.exp(-1j * problem.mesh.nodes[:, 0] * shift))
    assert (found.key, found.parameter) == ("origin", pytest.approx(shift, rel=1e-6))


@pytest.mark.parametrize("sign", [1, -1])
def test_half_a_sample_spacing_is_named(sign):
    problem = three_tones()
    exact = three_tones_pde(problem)
    found = planted(exact, exact * np.exp(-1j * problem.mesh.nodes[:, 0] * sign * np.pi / 512))
    assert (found.key, found.parameter) == ("origin", pytest.approx(sign * np.pi / 512, rel=1e-6))
    assert "half a sample spacing" in found.sentence


@pytest.mark.parametrize(
    ("shift", "name"), [((0.5, -0.3), ""), ((np.pi / 48, np.pi / 48), "half a sample"), ((-np.pi, -np.pi), "corner")]
)
def test_a_shift_in_the_plane(shift, name):
    problem = plane_problem()
    exact = frozen(problem, problem.initial_spectrum(problem.mesh.nodes))
    found = planted(exact, exact * np.exp(-1j * problem.mesh.nodes @ shift), problem)
    assert (found.key, found.parameter) == ("origin", pytest.approx(np.linalg.norm(shift), rel=1e-6))
    assert name in found.sentence


@given(st.one_of(st.floats(-100, -0.01), st.floats(0.01, 0.97), st.floats(1.03, 1e3)))
@FEW
def test_a_constant_factor_is_found(factor):
    exact = three_tones_pde(three_tones())
    found = planted(exact, factor * exact)
    assert (found.key, found.parameter) == ("factor", pytest.approx(factor))
    assert found.explained == pytest.approx(1)


@pytest.mark.parametrize(
    ("factor", "name"),
    [
        (-1.0, "−1: the error is network − target"),
        (512.0, "N: a sum over the samples"),
        (2 * np.pi, "2π: a constant of the Fourier transform, or 1/ρ₀"),
        ((2 * np.pi) ** -0.5, "1/(2π)^(d/2): a unitary Fourier transform"),
        (512.0**-0.5, "1/√N: a unitary discrete"),
    ],
)
def test_a_known_factor_is_named(factor, name):
    exact = three_tones_pde(three_tones())
    assert name in planted(exact, factor * exact).sentence


@given(st.one_of(st.floats(-3, -0.1), st.floats(0.1, 3)))
@FEW
def test_a_constant_phase_is_found(angle):
    exact = three_tones_pde(three_tones())
    found = planted(exact, np.exp(1j * angle) * exact)
    assert (found.key, found.parameter) == ("phase", pytest.approx(angle))


def test_a_wrong_sign_of_the_exponent_is_found():
    problem = three_tones()
    exact = three_tones_pde(problem) * np.exp(-0.7j * problem.mesh.nodes[:, 0])
    found = planted(exact, exact.conj())
    assert (found.key, found.parameter) == ("conjugate", -1)
    assert "exp(−i ξ·x)" in found.sentence


@pytest.mark.parametrize("scale", [1 / (2 * np.pi), 0.7, 1.2])
def test_wrong_units_of_frequency_are_found(scale):
    problem = three_tones()
    exact, mesh = three_tones_pde(problem), problem.mesh
    places = mesh.nodes / scale
    stretched = np.zeros_like(exact)
    stretched[:, mesh.contains(places)] = mesh.evaluate(exact, places[mesh.contains(places)])
    found = planted(exact, stretched)
    assert (found.key, found.parameter) == ("frequency_scale", pytest.approx(scale, rel=1e-3))
    assert ("cycles in place of radians" in found.sentence) == (scale < 0.5)


def test_frequencies_in_cycles_in_the_plane():
    """The network at ξ is the theory at 2π ξ; the samples know frequencies up to 2π times the cutoff."""
    data = {"lower": [-np.pi] * 2, "upper": [np.pi] * 2, "points": [160]}
    problem = Problem.create(settings(**plane(data=data, mesh={"cutoff": [12.0], "cells": [48], "degree": 2})))
    nodes = problem.mesh.nodes
    rates = problem.density * problem.family.damping(2 * np.pi * nodes)
    network = problem.initial_spectrum(2 * np.pi * nodes) * np.exp(-np.outer(problem.times, rates))
    found = planted(frozen(problem, problem.initial_spectrum(nodes)), network, problem)
    assert (found.key, found.parameter) == ("frequency_scale", pytest.approx(1 / (2 * np.pi), rel=1e-2))
