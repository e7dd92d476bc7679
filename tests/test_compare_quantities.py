"""Phase, bias index, low and high frequencies, cuts, decay rates: against numbers known in closed form."""

import numpy as np
import pytest
from compare_cases import ensemble, frozen, plane_problem, ripple, settings, spectra, three_tones, three_tones_pde
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import erfinv

from freqbias.compare import compare_spectra
from freqbias.compare.quantities.bias import bias
from freqbias.compare.quantities.cuts import directional_cuts
from freqbias.compare.quantities.residual_split import median_frequency, residual_split
from freqbias.problem import Problem

PAIR = "network_vs_pde"


def compare(pde, network, problem=None):
    problem = problem or three_tones()
    return compare_spectra(spectra("pde", pde, problem), spectra("network", network, problem))


@given(st.floats(1e-9, 3.1))
def test_a_turned_spectrum_has_an_error_of_phase_alone(angle):
    exact = three_tones_pde(three_tones())
    result = compare(exact, exact * np.exp(1j * angle))
    found = result.phase[PAIR]
    assert found.shift == pytest.approx(angle, rel=1e-6)
    assert found.phase == pytest.approx(result.relative_error[PAIR], rel=1e-6)
    assert (found.magnitude <= 1e-6 * found.phase).all()


@given(st.floats(1e-9, 10))
def test_a_larger_spectrum_has_an_error_of_magnitude_alone(size):
    exact = three_tones_pde(three_tones())
    result = compare(exact, exact * (1 + size))
    found = result.phase[PAIR]
    assert found.magnitude == pytest.approx(result.relative_error[PAIR], rel=1e-6)
    assert (found.phase <= 1e-6 * found.magnitude).all()


def test_both_parts_make_the_error():
    """A factor (1 + s) e^{iα} splits |(1 + s) e^{iα} - 1|² into s² and 4 (1 + s) sin²(α/2)."""
    exact = three_tones_pde(three_tones())
    s, angle = 0.3, 0.7
    result = compare(exact, exact * (1 + s) * np.exp(1j * angle))
    found, error = result.phase[PAIR], result.relative_error[PAIR]
    parts = s**2, 4 * (1 + s) * np.sin(angle / 2) ** 2
    assert found.magnitude == pytest.approx(error * np.sqrt(parts[0] / sum(parts)), rel=1e-12)
    assert found.phase**2 + found.magnitude**2 == pytest.approx(error**2, rel=1e-12)


def test_equal_spectra_have_no_error_of_phase():
    exact = three_tones_pde(three_tones())
    found = compare(exact, exact).phase[PAIR]
    assert not found.phase.any()
    assert not found.magnitude.any()
    assert not found.shift.any()


def test_every_run_is_split_by_itself():
    problem = three_tones()
    exact = three_tones_pde(problem)
    runs = exact * np.array([1.1, np.exp(0.2j), 0.7])[:, None, None]
    result = compare_spectra(spectra("pde", exact, problem), ensemble("network", runs, problem))
    found = result.phase[PAIR]
    remaining = result.remaining["pde"]
    assert found.magnitude == pytest.approx((0.1 + 0 + 0.3) / 3 * remaining, rel=1e-6)
    assert found.phase == pytest.approx(2 * np.sin(0.1) / 3 * remaining, rel=1e-6)
    assert found.phase_band == pytest.approx(np.outer([0, 2 * np.sin(0.1)], remaining), rel=1e-6, abs=1e-12)


@given(st.floats(1e-3, 0.2), st.floats(0, 6), st.floats(1e-6, 1e6))
def test_the_bias_index_is_0_when_all_frequencies_decay_alike(rate, angle, scale):
    """Whatever the pace, the phase and the size of the error."""
    problem = three_tones()
    start = scale * np.exp(1j * angle) * three_tones_pde(problem)[0]
    found = bias(spectra("pde", np.exp(-rate * problem.times)[:, None] * start, problem), 0.5)
    assert found.index.max() < 1e-12
    assert np.abs(found.drift).max() < 1e-12


@pytest.mark.parametrize(("low", "high"), [(0.05, 0.0), (0.0, 0.05), (0.05, 0.02)])
def test_the_bias_index_of_two_bands_is_known(low, high):
    """|v| = 1 below |ξ| = 10 and beyond: B² = 1 - (Σ w q)² / Σ w q², q = exp(-rate t), w the shares of the bands."""
    problem = three_tones()
    inside = np.abs(problem.mesh.nodes[:, 0]) <= 10
    decay = np.exp(-np.outer(problem.times, np.where(inside, low, high)))
    found = bias(spectra("pde", decay.astype(complex), problem), 0.5)
    # The node on the boundary belongs to the low band with its volume.
    share = problem.mesh.node_volumes[inside].sum() / 60
    q = np.exp(-np.outer([low, high], problem.times))
    w = np.array([share, 1 - share])
    expected = np.sqrt(1 - (w @ q) ** 2 / (w @ q**2))
    assert found.index == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert (np.sign(found.drift[1:]) == np.sign(low - high)).all()
    remaining = np.sqrt(w @ q**2)
    if remaining.min() < 0.5:
        assert found.at_threshold == pytest.approx(np.interp(-0.5, -remaining, found.index), rel=0.05)
    else:
        assert found.at_threshold is None


def test_the_bias_index_does_not_depend_on_the_mesh():
    found = []
    for cells in (600, 1200):
        problem = Problem.create(settings(mesh__cells=[cells], network__law={"family": "normal", "scale": 6.0}))
        found.append(bias(spectra("pde", frozen(problem, three_tones_pde_start(problem)), problem), 0.5))
    coarse, fine = found
    assert coarse.index == pytest.approx(fine.index, rel=1e-6, abs=1e-12)
    assert coarse.at_threshold == pytest.approx(fine.at_threshold, rel=1e-6)
    assert coarse.at_threshold > 0.1
    assert coarse.drift[-1] > 0  # a normal law learns low frequencies first


def three_tones_pde_start(problem):
    """The initial spectrum of three tones for any law."""
    return three_tones_pde(Problem.create(settings(mesh__cells=problem.settings.mesh.cells)))[0]


def test_the_law_that_is_flat_over_the_target_has_the_smaller_index():
    start = three_tones_pde(three_tones())[0]
    found = {}
    for name, law in (("wide", {"family": "uniform", "scale": 29.0}), ("narrow", {"family": "normal", "scale": 4.0})):
        problem = Problem.create(settings(network__law=law, training__times__last=3000.0))
        found[name] = bias(spectra("pde", frozen(problem, start), problem), 0.5).at_threshold
    assert found["wide"] < 1e-12
    assert found["narrow"] > 0.3


def test_the_residual_is_split_at_the_median_of_the_initial_error():
    """|v|² = exp(-ξ²/s²): half of it lies below s erfinv(1/2)."""
    problem = three_tones()
    xi, s = problem.mesh.nodes[:, 0], 4.0
    start = np.exp(-(xi**2) / (2 * s**2)).astype(complex)
    decay = np.where(np.abs(xi) <= 3, 0.1, 0.01)
    values = start * np.exp(-np.outer(problem.times, decay))
    one = spectra("pde", values, problem)
    assert median_frequency(one) == pytest.approx(s * erfinv(0.5), rel=1e-4)
    found = residual_split(one, 3.0)
    assert found.low == pytest.approx(np.exp(-0.1 * problem.times), rel=1e-12)
    assert found.high == pytest.approx(np.exp(-0.01 * problem.times), rel=1e-12)
    assert np.isnan(residual_split(one, 100.0).high).all()
    given = Problem.create(settings(report={"split": 3.0}))
    result = compare_spectra(spectra("pde", values, given), None)
    assert result.split_frequency == 3.0
    assert result.split["pde"].low == pytest.approx(found.low)
    assert result.split["network"] is None


def test_the_median_does_not_depend_on_the_mesh():
    fine = Problem.create(settings(mesh__cells=[1200]))
    found = [median_frequency(spectra("pde", three_tones_pde(p), p)) for p in (three_tones(), fine)]
    assert found[0] == pytest.approx(found[1], rel=1e-4)


def test_cuts_follow_axes_and_diagonal():
    problem = plane_problem()
    xi = problem.mesh.nodes
    # A quadratic: elements of degree 2 hold it exactly between their nodes.
    values = np.tile((1 + xi[:, 0] ** 2 + 2j * xi[:, 1] ** 2), (len(problem.times), 1))
    cuts = directional_cuts({"pde": spectra("pde", values, problem)})
    assert [cut.name for cut in cuts] == ["ξ₁ axis", "ξ₂ axis", "diagonal"]
    for cut in cuts:
        x, y = cut.direction[:, None] * cut.distance
        expected = np.abs(1 + x**2 + 2j * y**2)
        assert cut.magnitude["pde"][3] == pytest.approx(expected, rel=1e-10)
    assert cuts[0].distance[-1] == pytest.approx(12.0)
    assert cuts[2].distance[-1] == pytest.approx(12.0 * np.sqrt(2))
    assert directional_cuts({"pde": spectra("pde", three_tones_pde(three_tones()), three_tones())}) == []


def test_decay_rates_of_exponentials_are_exact():
    problem = Problem.create(settings(network__law={"family": "normal", "scale": 6.0}))
    values = frozen(problem, three_tones_pde(three_tones())[0])
    result = compare(values, values + 0 * ripple(problem, 1, 1), problem)
    rate = problem.density * problem.family.damping(result.decay.frequencies)
    for level in ("pde", "network"):
        assert np.isnan(result.decay.rate[level][0]).all()
        assert result.decay.rate[level][1:] == pytest.approx(np.tile(rate, (len(problem.times) - 1, 1)), rel=1e-9)
    assert result.decay.rate["kernel"] is None
