"""Learning times against their closed form."""

import numpy as np
import pytest
from compare_cases import frozen, settings, spectra, three_tones_pde
from hypothesis import given
from hypothesis import strategies as st

from freqbias.compare import compare_spectra, emergence_times, frozen_emergence_times
from freqbias.problem import Problem


@given(st.floats(0.01, 0.99), st.floats(1e-3, 10), st.integers(2, 40))
def test_exponential_decay_is_met_exactly(threshold, rate, count):
    times = np.concatenate([[0.0], np.geomspace(0.01, 1e5, count)])
    found = emergence_times(times, np.exp(-rate * times)[:, None], threshold)
    # Far below the threshold nothing is left to interpolate with: outputs must be near enough.
    if np.exp(-rate * times[np.searchsorted(times, -np.log(threshold) / rate)]) > 1e-290:
        assert found == pytest.approx(-np.log(threshold) / rate, rel=1e-9)


@pytest.mark.parametrize("threshold", [0.5, 0.1])
def test_frozen_frequencies_learn_at_the_rate_of_the_damping(threshold):
    problem = Problem.create(
        settings(network__law={"family": "normal", "scale": 6.0}, report={"threshold": threshold}, mesh__cells=[300])
    )
    values = frozen(problem, three_tones_pde_start(problem))
    result = compare_spectra(spectra("pde", values, problem), None)
    xi = result.profiles.frequencies
    expected = frozen_emergence_times(problem, xi[:, None], threshold)
    density = np.exp(-(xi**2) / 72) / (6 * np.sqrt(2 * np.pi))
    assert expected == pytest.approx(-np.log(threshold) / (problem.density * 2 * np.pi * density), rel=1e-9)
    found = result.profiles.emergence_time["pde"]
    learned = np.isfinite(found)
    assert found[learned] == pytest.approx(expected[learned], rel=1e-9)
    initial = result.profiles.magnitude["pde"][0]
    assert np.array_equal(learned, (expected < problem.times[-1]) & (initial > 1e-3 * initial.max()))
    assert 0 < learned.sum() < len(xi)


def three_tones_pde_start(problem):
    """The initial spectrum of three tones for any law."""
    return three_tones_pde(Problem.create(settings(mesh__cells=[300])))[0]


def test_nothing_is_learned_where_the_law_is_0():
    problem = Problem.create(settings())
    assert np.isnan(frozen_emergence_times(problem, np.array([[25.0]]), 0.5)).all()


def test_never_and_without_signal_are_nan():
    times = np.array([0.0, 1.0, 2.0])
    magnitudes = np.array([[1.0, 1.0, 1e-4, 0.0], [0.9, 0.4, 1e-5, 0.0], [0.8, 0.3, 1e-6, 0.0]])
    assert np.isnan(emergence_times(times, magnitudes, 0.5)).tolist() == [True, False, True, True]


def test_a_frequency_learned_to_0_has_a_time_between_the_outputs():
    found = emergence_times(np.array([0.0, 1.0, 2.0]), np.array([[1.0], [1.0], [0.0]]), 0.5)
    assert 1 < found[0] < 2


def test_the_first_fall_counts():
    found = emergence_times(np.arange(5.0), np.array([1, 0.25, 0.9, 0.25, 0.1])[:, None], 0.5)
    assert found == pytest.approx(0.5)
