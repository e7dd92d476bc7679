"""Spectra of other tools in another convention are refused with its name; other targets are called that."""

from functools import cache

import numpy as np
import pytest
from compare_cases import plane_problem, settings, three_tones

from freqbias.compare import align, compare_spectra
from freqbias.compare.alignment.conventions import initial_difference
from freqbias.errors import InputError
from freqbias.plain_spectra import PlainSpectra
from freqbias.problem import Problem
from freqbias.spectra import ErrorSpectra

CYCLES = "frequencies are in cycles per unit of x: they must be in radians (multiply them by 2 pi)"
TOO_LARGE = "frequencies are 2 pi times as large as radians per unit of x (divide them by 2 pi)"
CONJUGATE = "values are complex conjugates: the exponent must be -i xi.x (conjugate them)"
SIGN = "values have the opposite sign: the error is network minus target, f - g (multiply them by -1)"


@cache
def lopsided():
    """A target without symmetry: conjugation, sign and shift all look different."""
    return Problem.create(settings(target__expression="exp(-(x-0.4)**2/0.5)*(sin(2*x)+cos(5*x+1)+0.5*sin(11*x))"))


@cache
def lopsided_plane():
    return Problem.create(
        settings(
            network__law={"family": "normal", "scale": 4.0},
            target__expression="exp(-2*(x-0.3)**2-2*y**2)*(cos(3*x+y)+sin(6*x-4*y))",
            data={"lower": [-2.0, -3.0], "upper": [4.0, 3.0], "points": [48]},
            mesh={"cutoff": [12.0], "cells": [24], "degree": 2},
        )
    )


def plain(problem, frequencies=None, change=lambda xi, values: (xi, values)):
    if frequencies is None:
        frequencies = problem.mesh.nodes
    xi, values = change(frequencies, problem.initial_spectrum(frequencies))
    return PlainSpectra("other.csv", "network", np.zeros(1), xi, values[None])


def refusal(problem, change, frequencies=None):
    with pytest.raises(InputError) as caught:
        initial_difference(plain(problem, frequencies, change), problem)
    text = str(caught.value)
    assert text.startswith("other.csv: ")
    assert "\n" not in text
    return text.removeprefix("other.csv: ")


PROBLEMS = pytest.mark.parametrize("problem", [lopsided(), lopsided_plane()], ids=["1D", "2D"])


@PROBLEMS
def test_the_same_convention_is_accepted(problem):
    assert initial_difference(plain(problem), problem) < 1e-12
    small = plain(problem, change=lambda xi, v: (xi, v + 0.05 * np.abs(v).max() * np.exp(-np.sum(xi**2, axis=1) / 9)))
    assert 1e-3 < initial_difference(small, problem) < 0.1


@PROBLEMS
@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda xi, v: (xi / (2 * np.pi), v), CYCLES),
        (lambda xi, v: (xi * 2 * np.pi, v), TOO_LARGE),
        (lambda xi, v: (xi, v.conj()), CONJUGATE),
        (lambda xi, v: (xi, -v), SIGN),
        (lambda xi, v: (xi, 1.37 * v), "values have a constant factor of 1.37, divide them by it"),
        (lambda xi, v: (xi / (2 * np.pi), v.conj()), f"{CYCLES}; {CONJUGATE}"),
        (lambda xi, v: (xi / (2 * np.pi), -v), f"{CYCLES}; {SIGN}"),
        (
            lambda xi, v: (xi, -0.7 * v.conj()),
            f"{CONJUGATE}; {SIGN}; values have a constant factor of 0.7, divide them by it",
        ),
        (lambda xi, v: (xi, 1j * v), "values have a constant factor of 1 exp(1.57i), divide them by it"),
    ],
)
def test_a_convention_is_named(problem, change, text):
    assert refusal(problem, change) == text


@PROBLEMS
def test_known_factors_are_named(problem):
    samples, volume, d = len(problem.points), 1 / problem.density, problem.dimension
    known = {
        samples: "factor of {} (N: a sum over the samples in place of their mean), divide",
        volume: "1/ρ₀: the density of the data",
        (2 * np.pi) ** d: "2π: a constant of the Fourier transform" if d == 1 else "(2π)²: a constant",
        (2 * np.pi) ** (d / 2): "(2π)^(d/2): a unitary Fourier transform",
        (2 * np.pi) ** -(d / 2): "1/(2π)^(d/2): a unitary Fourier transform",
        samples**-0.5: "1/√N: a unitary discrete Fourier transform",
    }
    for factor, text in known.items():
        assert text.format(f"{factor:.3g}") in refusal(problem, lambda xi, v, factor=factor: (xi, factor * v))


def test_what_the_data_cannot_tell_apart_is_all_named():
    """The spectrum of an odd target is imaginary: its conjugate is its negative."""
    text = refusal(three_tones(), lambda xi, v: (xi, v.conj()))
    assert set(text.split(" or: ")) == {CONJUGATE, SIGN}
    volume_and_pi = refusal(three_tones(), lambda xi, v: (xi, 2 * np.pi * v))
    assert "2π: a constant of the Fourier transform, or 1/ρ₀: the density of the data" in volume_and_pi


@pytest.mark.parametrize("shift", [np.pi, -0.7])
def test_a_shifted_origin_is_named(shift):
    text = refusal(lopsided(), lambda xi, v: (xi, v * np.exp(-1j * xi[:, 0] * shift)))
    assert text.startswith("values have the phase exp(-i xi.a) with a = ")
    assert float(text.split("a = ")[1].split(":")[0]) == pytest.approx(shift, abs=2e-3)


def test_a_shift_is_in_units_of_x_whatever_the_frequencies_are_in():
    text = refusal(lopsided(), lambda xi, v: (xi / (2 * np.pi), v * np.exp(-1j * xi[:, 0] * 1.5)))
    assert text.startswith(f"{CYCLES}; values have the phase exp(-i xi.a) with a = 1.5:")


def test_a_shifted_origin_is_named_in_the_plane():
    text = refusal(lopsided_plane(), lambda xi, v: (xi, v * np.exp(-1j * xi @ [-2.0, -3.0])))
    assert "a = -2, -3: the origin of x is another" in text


@pytest.mark.parametrize("count", [40, 301])
def test_the_points_of_the_spectrum_do_not_matter(count):
    """Other frequencies than those of our mesh: nothing is interpolated."""
    frequencies = np.linspace(-15, 15, count)[:, None]
    assert initial_difference(plain(lopsided(), frequencies), lopsided()) < 1e-12
    assert refusal(lopsided(), lambda xi, v: (xi / (2 * np.pi), v), frequencies) == CYCLES


@pytest.mark.parametrize("expression", ["exp(-x**2)", "exp(-x**2/0.5)*sin(8*x)", "x", "exp(-x**2/0.1)"])
def test_other_targets_are_not_taken_for_conventions(expression):
    other = Problem.create(settings(target__expression=expression))
    with pytest.raises(InputError, match=r"other\.csv: different targets: its initial spectrum differs by \d+ %"):
        initial_difference(plain(other), lopsided())


def test_alignment_refuses_and_names_the_convention():
    problem = plane_problem()
    pde = ErrorSpectra("pde", problem, np.zeros(1), problem.initial_spectrum(problem.mesh.nodes)[None])
    cycles = plain(problem, change=lambda xi, v: (xi / (2 * np.pi), v))
    with pytest.raises(InputError, match=r"other\.csv: frequencies are in cycles per unit of x"):
        align({"pde": pde, "network": cycles})
    with pytest.raises(InputError, match=r"other\.csv: frequencies are in cycles per unit of x"):
        compare_spectra(pde, cycles)
