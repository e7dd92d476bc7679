"""Several runs of a level: means, bands, which runs belong together, and what averages out."""

import json

import numpy as np
import pytest
from compare_cases import (
    SEEDS,
    deep_comparison,
    ensemble,
    line_comparison,
    ripple,
    settings,
    spectra,
    three_tones,
    three_tones_pde,
)
from rich.console import Console

from freqbias.compare import compare_spectra, emergence_times, metrics, reading, relative_errors, summary_table, verdict
from freqbias.compare.ensemble import band_in_words, mean_and_band
from freqbias.compare.numbers import spread
from freqbias.compare.presence import absences, present
from freqbias.problem import Problem


def amplified(factors):
    """The PDE of three tones, and runs that are its multiples."""
    problem = three_tones()
    exact = three_tones_pde(problem)
    runs = np.array(factors)[:, None, None] * exact
    return spectra("pde", exact, problem), ensemble("network", runs, problem, tuple(range(len(factors))))


def test_each_run_has_its_own_error():
    pde, network = amplified([1.1, 0.7, 1.5])
    result = compare_spectra(pde, network)
    key, decay = "network_vs_pde", result.remaining["pde"]
    assert relative_errors(network, pde) == pytest.approx(np.outer([0.1, 0.3, 0.5], decay), rel=1e-9)
    assert result.relative_error[key] == pytest.approx(0.3 * decay, rel=1e-9)
    assert result.relative_error_band[key] == pytest.approx(np.outer([0.1, 0.5], decay), rel=1e-9)
    # Errors of opposite sign average out: the mean run is 1.1 times the PDE.
    assert result.relative_error_of_mean[key] == pytest.approx(0.1 * decay, rel=1e-9)
    assert result.max_relative_error[key] == pytest.approx(0.3)
    assert result.max_relative_error_band[key] == pytest.approx((0.1, 0.5))
    # The loss is quadratic: its mean is not that of the mean run.
    assert result.loss["network"] == pytest.approx((1.21 + 0.49 + 2.25) / 3 * result.loss["pde"], rel=1e-12)
    assert result.loss_band["network"] == pytest.approx(np.outer([0.49, 2.25], result.loss["pde"]), rel=1e-12)
    assert result.measured_loss["network"] == pytest.approx(2 * np.linspace(1, 0.1, len(result.times)))
    assert result.remaining["network"] == pytest.approx(decay)
    for found in (result.relative_error_band["kernel_vs_pde"], result.loss_band["pde"], result.decay.band["pde"]):
        assert found is None


def test_curves_over_frequency_are_means_with_bands():
    problem = three_tones()
    pde = three_tones_pde(problem)
    runs = np.array([three_tones_pde(problem, rate) for rate in (0.5, 2.0)])
    result = compare_spectra(spectra("pde", pde, problem), ensemble("network", runs, problem, (0, 1)))
    ratio = np.abs(runs[:, :, result.decay.nodes])
    ratio /= ratio[:, :1]
    assert result.decay.ratio["network"] == pytest.approx(ratio.mean(axis=0), rel=1e-12)
    assert result.decay.band["network"] == pytest.approx(np.sort(ratio, axis=0), rel=1e-12)
    own = [emergence_times(result.times, run, 0.5) for run in ratio]
    assert own[0] == pytest.approx(4 * own[1], rel=1e-2)
    assert result.decay.emergence_time_band["network"] == pytest.approx(np.sort(own, axis=0))
    magnitude = result.profiles.magnitude["network"]
    assert magnitude == pytest.approx(np.abs(runs).mean(axis=0)[:, -magnitude.shape[1] :], rel=1e-12)
    assert np.all(result.profiles.magnitude_band["network"][0] <= magnitude)
    assert np.all(result.profiles.magnitude_band["network"][1] >= magnitude)
    difference = np.abs(runs - pde).mean(axis=0)[:, -magnitude.shape[1] :]
    assert result.profiles.difference["network_vs_pde"] == pytest.approx(difference, rel=1e-12)


def test_a_run_that_never_learns_a_frequency_leaves_the_band_open():
    problem = three_tones()
    exact = three_tones_pde(problem)
    runs = np.array([exact, np.tile(exact[0], (len(exact), 1))])
    result = compare_spectra(None, ensemble("network", runs, problem, (0, 1)))
    low, high = result.decay.emergence_time_band["network"]
    assert low == pytest.approx(emergence_times(result.times, np.abs(exact[:, result.decay.nodes]), 0.5))
    assert np.isnan(high).all()
    assert spread((low[0], high[0])).endswith(" … never)")


def test_many_runs_have_a_band_of_percentiles():
    runs = np.random.default_rng(0).permutation(np.arange(101.0))[:, None] * np.ones(4)
    mean, band = mean_and_band(runs)
    assert mean == pytest.approx(50)
    assert band == pytest.approx(np.array([[10.0] * 4, [90.0] * 4]))
    assert band_in_words(101) == "10th to 90th percentile of 101 seeds"
    assert band_in_words(9) == "smallest to largest of 9 seeds"
    mean, band = mean_and_band(runs[:9])
    assert band == pytest.approx(np.stack([runs[:9].min(axis=0), runs[:9].max(axis=0)]))
    assert mean_and_band(runs[:1])[1] is None


def test_equal_seeds_are_compared_with_each_other():
    problem = three_tones()
    exact = three_tones_pde(problem)
    factors = np.array([1.0, 2.0, 4.0])[:, None, None]
    kernel = ensemble("kernel", factors * exact, problem, (7, 8, 9), kernel="empirical")
    same = ensemble("network", 1.01 * factors[[2, 0, 1]] * exact, problem, (9, 7, 8))
    assert relative_errors(same, kernel)[:, 0] == pytest.approx(0.01)
    # Other seeds know nothing of each other: against the mean, 7/3 times the solution.
    other = ensemble("network", factors * exact, problem, (1, 2, 3))
    assert relative_errors(other, kernel)[:, 0] == pytest.approx(np.abs(factors[:, 0, 0] * 3 / 7 - 1))
    # One run is held against each.
    assert relative_errors(spectra("network", exact, problem), kernel)[:, 0] == pytest.approx([0, 0.5, 0.75])


@pytest.mark.parametrize(
    ("common", "random", "text"),
    [(1e-2, 3e-3, "common to all seeds"), (3e-3, 1e-2, "varies from seed to seed")],
)
def test_the_reading_tells_whether_the_difference_averages_out(common, random, text):
    """Also for two seeds, whose mean still holds 0.7 of what varies."""
    problem = three_tones()
    exact, shape = three_tones_pde(problem), ripple(problem, 1, 0.5)
    other = ripple(problem, 1, 3.0)
    for runs in ([other, 1j * other], [other, -1j * other, -other, 1j * other]):
        network = np.array([exact + 0.1 * (common * shape + random * run) for run in runs])
        result = compare_spectra(
            spectra("pde", exact, problem), ensemble("network", network, problem, tuple(range(len(runs))))
        )
        assert f"most of the difference {'is ' if 'common' in text else ''}{text}." in reading(result)


def test_runs_that_start_apart_are_compared_by_their_mean():
    """The theory starts from the mean of the initial errors, and is linear in the error."""
    problem = Problem.create(settings(network__sampling="random", network__mirrored=False, training__seeds=4))
    problem.initial_error = three_tones().initial_error
    exact = three_tones_pde(problem)
    start = exact[0, ::-1] * np.linspace(1, 0.5, len(exact))[:, None]
    runs = np.array([1.01 * exact + part * start for part in (3, -3, 1j, -1j)])
    network, pde = ensemble("network", runs, problem, (0, 1, 2, 3)), spectra("pde", exact, problem)
    result = compare_spectra(pde, network)
    assert result.relative_error["network_vs_pde"] == pytest.approx(0.01 * result.remaining["pde"], rel=1e-9)
    assert result.relative_error_band["network_vs_pde"] is None
    assert result.relative_error_of_mean["network_vs_pde"] is None
    assert result.decay.ratio["network"] == pytest.approx(result.decay.ratio["pde"], rel=1e-9)
    assert result.decay.band["network"] is None
    assert result.seed_count == 1
    assert "for the mean over 4 seeds" in verdict(result).sentence
    assert summary_table(result).caption.plain.endswith("network: the mean over 4 seeds")
    assert "Every seed starts from an error of its own and the PDE from their mean" in reading(result)
    # A kernel flow that starts where each run does is compared run by run.
    kernel = ensemble("kernel", runs / 1.02, problem, (3, 2, 1, 0))
    assert relative_errors(network, kernel).shape == (4, len(exact))
    result = compare_spectra(None, ensemble("network", runs[::-1], problem, (0, 1, 2, 3)), kernel)
    assert result.relative_error["network_vs_kernel"][0] == pytest.approx(0.02)
    assert result.seed_count == 4


def test_bands_stand_in_the_metrics_and_in_the_table():
    result = line_comparison()
    found = json.loads(json.dumps(metrics(result), allow_nan=False))
    assert found["seeds"] == {"network": list(SEEDS)}
    assert found["band"] == "smallest to largest of 3 seeds"
    low, high = found["relative_error_band"]["network_vs_pde"]
    assert low == pytest.approx(0.5 * result.relative_error["network_vs_pde"], rel=1e-9)
    assert high == pytest.approx(1.5 * result.relative_error["network_vs_pde"], rel=1e-9)
    assert found["relative_error_of_mean"]["kernel_vs_pde"] is None
    curves = found["decay_curves"]
    assert np.shape(curves["network_band"]) == (2, len(curves["frequencies"]), len(found["times"]))
    assert curves["pde_band"] is None
    assert np.shape(found["emergence_times"]["network_band"]) == (2, len(found["emergence_times"]["frequencies"]))
    console = Console(width=200)
    with console.capture() as capture:
        console.print(summary_table(result))
    ends = f"({spread(result.max_relative_error_band['network_vs_pde'])[2:]}"
    assert ends in capture.get()
    assert "mean, in parentheses smallest to largest of 3 seeds" in capture.get()
    assert "in the mean over 3 seeds" in verdict(result).sentence


@pytest.mark.parametrize(
    ("band", "text"),
    [
        ((1.4e-3, 2.6e-3), " (1.4 … 2.6·10⁻³)"),
        ((9.7e-5, 2.9e-4), " (9.7·10⁻⁵ … 2.9·10⁻⁴)"),
        ((0.014, 0.026), " (0.014 … 0.026)"),
        ((24.31, 24.44), " (24.3 … 24.4)"),
        (None, ""),
    ],
)
def test_a_band_is_short(band, text):
    assert spread(band) == text


def test_a_deep_network_is_held_against_its_empirical_kernel():
    result = deep_comparison()
    assert result.theory == "kernel"
    assert result.headline == "network_vs_kernel"
    # Seed by seed: 2 % everywhere, though the runs of the two seeds are far apart.
    assert result.relative_error["network_vs_kernel"][0] == pytest.approx(0.02)
    assert result.max_relative_error["network_vs_kernel"] == pytest.approx(0.02)
    assert present(result) == ["empirical kernel flow (2 seeds)", "network (2 seeds)"]
    assert absences(result) == {
        "pde": 'network.family = "multilayer-perceptron" has no PDE, only two-layer networks have'
    }
    assert verdict(result).sentence.startswith("Empirical kernel flow and network agree roughly: over 25 output times")
    text = reading(result)
    assert text.startswith('There is no PDE: network.family = "multilayer-perceptron"')
    assert "the network linearised at its start" in text
    assert "change of the kernel during training and mini-batches" in text
    levels = metrics(result)["levels"]
    assert levels["network"]["hidden"] == [64, 64]
    assert "width" not in levels["network"]


def test_the_empirical_kernel_of_a_wide_network_has_its_own_width():
    """For two layers all three levels can be there, and finite width lies between kernel flow and PDE."""
    problem = Problem.create(settings())
    exact = three_tones_pde(problem)
    kernel = spectra("kernel", 1.05 * exact, problem, info={"kernel": "empirical"})
    result = compare_spectra(spectra("pde", exact, problem), spectra("network", 1.05 * exact, problem), kernel)
    assert "empirical kernel flow vs PDE (finite width, samples and window, mesh, time evolution)" in reading(result)
    plain = spectra("kernel", 1.05 * exact, problem, info={"kernel": "infinite width"})
    assert not compare_spectra(spectra("pde", exact, problem), None, plain).empirical
