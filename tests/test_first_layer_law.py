"""The study examples/first_layer_law.py, small: what it claims of the law and of the hidden layers."""

import importlib.util

import numpy as np
import pytest
from conftest import EXAMPLES

SMALL = {"family": "deep-fourier-features", "width": 48, "hidden": [48, 48], "centred": True}


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("first_layer_law", EXAMPLES / "first_layer_law.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def rows(example):
    return [example.study(std, last=60.0, seeds=2, points=96, deep=SMALL) for std in (3.0, 10.0)]


def test_half_lives_are_those_of_exponentials(example):
    given = example.problem({"width": 40}, 10.0, 100.0)
    rates = 0.03 * np.exp(-((given.mesh.nodes[:, 0] / 12) ** 2))
    spectra = example.ErrorSpectra("pde", given, given.times, np.exp(-np.outer(given.times, rates)).astype(complex))
    expected = np.log(2) / (0.03 * np.exp(-((example.TONES / 12) ** 2)))
    expected[-1] = np.inf  # 372, beyond the end
    assert example.half_lives(spectra)[0] == pytest.approx(expected, rel=1e-9)


def test_the_prediction_for_two_layers_is_1_over_the_law(example, rows):
    """Times grow as 1 / law, but for the motion of the frequencies and the width of each packet: within a factor 2."""
    mean, _, _ = example.relative(rows[1].pde)
    law = np.exp(-(example.TONES**2) / (2 * 10.0**2))
    assert np.abs(np.log(mean * law / law[0])).max() < np.log(2)


def test_a_narrow_law_delays_high_frequencies_with_four_layers_too(example, rows):
    narrow, wide = (example.relative(row.network)[0] for row in rows)
    assert np.all(narrow[1:3] > 1.3 * wide[1:3])
    assert narrow[2] > 3


def test_hidden_layers_make_the_frequencies_that_the_law_lacks(example, rows):
    """At 11 the normal law of std 3 holds 1e-3 of its peak: two layers take hundreds of times longer than at 2."""
    two, own, trained = (example.relative(times)[0][2] for times in (rows[0].pde, rows[0].kernel, rows[0].network))
    assert two > 200
    assert 5 < own < 60
    assert trained < own


def test_the_study_is_printed_and_drawn(example, rows, tmp_path):
    text = example.table(rows)
    assert text.count("\n") == 1 + 2 * len(example.TONES)
    assert "| normal, std 3 | 20 | not halved |" in text
    example.draw(rows, tmp_path / "law.png")
    assert (tmp_path / "law.png").stat().st_size > 20_000
