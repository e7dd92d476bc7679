"""The error budget: sums, sentence, statuses and files, with planted errors; the scaling of the larger box."""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from budget_cases import SIZES, Planted, settings
from scipy.linalg import expm

from freqbias import nn
from freqbias.compare import compare_spectra
from freqbias.compare.budget.measurement import FILE, budget_refusal, measure_budget, stored_budget
from freqbias.compare.budget.terms import budget_numbers, read_budget, write_budget
from freqbias.compare.budget.variants import finer_mesh, larger_box, smaller_steps, trained, variant
from freqbias.compare.status import Status
from freqbias.errors import InputError
from freqbias.problem import Problem

TERMS = ("width", "step", "sampling", "window", "mesh", "evolution")


def planted(sizes=None, unknown=0.0, seconds=0.0, **changes) -> Planted:
    return Planted(Problem.create(settings(**changes)), SIZES | (sizes or {}), unknown, seconds=seconds)


def measured(case: Planted, **options):
    return measure_budget(case.comparison(), **{"seconds": 1000.0, **options}, **case.computations)


def test_every_planted_term_comes_out_and_the_sum_is_exact():
    case = planted()
    budget = measured(case)
    assert tuple(term.key for term in budget.terms) == TERMS
    for term in budget.terms:
        assert term.status is Status.MEASURED
        np.testing.assert_allclose(term.error, case.exact(term.key), rtol=1e-6, atol=1e-13)
    assert budget.unexplained.max() < 1e-9 * budget.total.max()
    assert budget.consistent
    assert [term.key for term in budget.dominating] == ["width"]
    assert budget.sentence.startswith("Finite width dominates: the network has finitely many neurons (")
    assert "the six terms add up to the total within" in budget.sentence


@pytest.mark.parametrize("key", TERMS)
def test_whatever_is_largest_is_named(key):
    case = planted(dict.fromkeys(TERMS, 1e-6) | {key: 1e-2})
    budget = measured(case)
    assert [term.key for term in budget.dominating] == [key]
    name = next(term.name for term in budget.terms if term.key == key)
    assert budget.sentence.lower().startswith(f"{name.lower()} dominates: ")


def test_two_terms_of_similar_size_are_both_named():
    budget = measured(planted({"width": 1e-3, "window": 0.8e-3}))
    assert [term.key for term in budget.dominating] == ["width", "window"]
    assert "Finite width (" in budget.sentence
    assert "and the window (" in budget.sentence
    assert "make most of the difference" in budget.sentence


def test_what_no_change_explains_is_unexplained():
    case = planted(unknown=2e-3)
    budget = measured(case)
    np.testing.assert_allclose(budget.unexplained, case.exact("unknown"), rtol=1e-6, atol=1e-13)
    assert budget.closure == pytest.approx(case.exact("unknown").max() / budget.total.max(), rel=1e-6)
    assert not budget.consistent
    assert "of the total unexplained, so something else is at work as well" in budget.sentence


def test_terms_below_their_uncertainty_are_noise_and_dominate_nothing():
    budget = measured(planted({"sampling": 1e-11, "window": 0.0}))
    statuses = {term.key: term.status for term in budget.terms}
    assert statuses["sampling"] is statuses["window"] is Status.WITHIN_NOISE
    assert statuses["width"] is Status.MEASURED
    nothing = measured(planted(dict.fromkeys(TERMS, 0.0)))
    assert nothing.consistent
    assert nothing.dominating == []
    assert nothing.sentence == "Network and PDE differ by rounding only: there is nothing to split."


def test_a_failed_change_says_why_and_leaves_the_others():
    case = planted()
    comparison = case.comparison()
    case.failing = "pde"
    case.calls.append("so that the next one fails")
    budget = measure_budget(comparison, 1000.0, **case.computations)
    statuses = {term.key: (term.status, term.reason) for term in budget.terms}
    for key in ("mesh", "evolution", "sampling"):
        assert statuses[key] == (Status.FAILED, "planted failure")
    assert statuses["width"] == (Status.MEASURED, None)
    assert "(not measured: the sampling, the mesh, time evolution)" in budget.sentence


def test_what_would_take_too_long_is_skipped_with_the_time_it_takes():
    budget = measured(planted(seconds=100.0), seconds=240.0)
    terms = {term.key: term for term in budget.terms}
    assert terms["evolution"].status is Status.MEASURED
    assert terms["width"].status is Status.SKIPPED
    assert terms["width"].reason == "would take about 4 min: --budget 10min measures it"
    assert terms["width"].error is None
    assert budget.dominating == []
    assert budget.sentence.startswith("The largest measured term is time evolution (")
    assert "not measured: " in budget.sentence


def test_a_computation_that_outlasts_the_budget_is_stopped():
    case = planted()

    def slow(problem, progress):
        while True:
            progress(0.5)

    budget = measure_budget(case.comparison(), 0.3, **case.computations | {"train": slow})
    terms = {term.key: term for term in budget.terms}
    assert terms["window"].status is Status.MEASURED
    assert terms["width"].status is Status.SKIPPED
    assert "--budget" in terms["width"].reason


def test_an_interrupted_budget_goes_on_from_its_files(tmp_path):
    case = planted()
    comparison = case.comparison()

    with pytest.raises(KeyboardInterrupt):
        measure_budget(comparison, 1000.0, tmp_path / "budget", **case.computations | {"train": _interrupted})
    theory = list(case.calls)
    assert sorted(path.name for path in (tmp_path / "budget").iterdir())[0].startswith("kernel-")
    case.calls.clear()
    budget = measure_budget(comparison, 1000.0, tmp_path / "budget", **case.computations)
    assert "pde" in theory
    assert set(case.calls) == {"network"}
    assert budget.unexplained.max() < 1e-9 * budget.total.max()
    assert not (tmp_path / "budget").exists()  # all is measured: nothing needs them any more


def test_files_of_another_problem_are_not_taken(tmp_path):
    for case in (planted(), planted(network={"amplitude_std": 2.0})):
        comparison = case.comparison()
        with pytest.raises(KeyboardInterrupt):
            measure_budget(comparison, 1000.0, tmp_path, **case.computations | {"train": _interrupted})
        assert "pde" in case.calls


def _interrupted(problem, progress):
    raise KeyboardInterrupt


def test_the_file_gives_the_budget_back(tmp_path):
    case = planted(seconds=100.0)
    comparison = case.comparison()
    budget = measure_budget(comparison, 240.0, **case.computations)
    path = tmp_path / FILE
    write_budget(budget, path)
    again = read_budget(path)
    assert budget_numbers(again) == budget_numbers(budget)
    assert again.sentence == budget.sentence
    assert stored_budget(path, comparison).sentence == budget.sentence
    # That of other spectra is not shown.
    assert stored_budget(path, planted({"width": 2e-3}).comparison()) is None
    assert stored_budget(tmp_path / "none.nc", comparison) is None
    path.write_bytes(b"no budget")
    with pytest.raises(InputError, match="is not a file of an error budget"):
        read_budget(path)


def test_numbers_are_plain_json():
    numbers = budget_numbers(measured(planted(seconds=100.0), seconds=240.0))
    again = json.loads(json.dumps(numbers, allow_nan=False))
    assert again["terms"]["width"] == {
        "name": "finite width",
        "change": "a wider network",
        "status": "skipped",
        "reason": numbers["terms"]["width"]["reason"],
        "largest": None,
        "worst_time": None,
        "noise": 0.0,
        "error": None,
    }
    assert set(again) == {"sentence", "dominating", "closure", "consistent", "total", "unexplained", "terms"}


def test_refusals():
    case = planted()
    comparison = case.comparison()
    assert budget_refusal(comparison) is None
    missing = compare_spectra(comparison.spectra["pde"], comparison.spectra["network"], None)
    assert budget_refusal(missing) == "there is no kernel flow"
    assert measure_budget(missing) is None
    random = planted(network={"sampling": "random", "mirrored": False}, seeds=3)
    budget = measured(random)
    assert {term.status for term in budget.terms} == {Status.SKIPPED}
    assert budget.sentence.startswith("No part of the difference was measured: every seed starts from an error of")


def test_samples_of_a_file_are_all_there_are(tmp_path):
    x = np.linspace(-3, 3, 96)
    np.savetxt(tmp_path / "samples.csv", np.stack([x, np.exp(-2 * x**2) * np.sin(3 * x)], axis=1), delimiter=",")
    case = settings(data={"sampling": "file", "points": None})
    case["target"] = {"file": str(tmp_path / "samples.csv")}
    del case["data"]["points"]
    terms = {term.key: term for term in measured(Planted(Problem.create(case))).terms}
    assert terms["sampling"].status is Status.SKIPPED
    assert terms["sampling"].reason == "the samples are those of the file: there are no more"
    assert terms["window"].status is Status.MEASURED


# The variants


def _direct(problem: Problem, points, errors, weight, steps):
    """Spectra of the kernel flow with the density of ``problem`` on any ``points``, by powers of a dense matrix.

    ``weight``: what each sample counts in the measure, which may weigh more than 1 in all.
    """
    x = points[:, 0]
    network = problem.settings.network
    phi = np.exp(-0.5 * (network.law.scale[0] * (x[:, None] - x)) ** 2)
    matrix = (1 + network.amplitude_std**2 * x[:, None] * x) * phi * weight
    waves = np.exp(-1j * np.outer(x, problem.mesh.nodes[:, 0]))
    return np.array([(weight * (step(matrix) @ errors)) @ waves for step in steps])


@pytest.mark.parametrize("optimizer", ["gradient-flow", "gradient-descent", "momentum"])
def test_on_the_larger_box_only_the_window_changes(optimizer):
    """s k(s t) on the larger box is the flow with the old density on more samples, integrated directly."""
    training = {"optimizer": optimizer}
    if optimizer != "gradient-flow":
        training |= {"learning_rate": 0.05, "momentum": 0.5}
    problem = Problem.create(settings(data={"points": [24]}, mesh={"cutoff": 12.0}, times={"last": 4.0}, **training))
    larger, ratio = larger_box(problem, 2.0)
    assert ratio == pytest.approx(2)
    assert len(larger.points) == 48
    np.testing.assert_allclose(larger.points[12:36], problem.points, atol=1e-14)
    found = ratio * nn.kernel_flow(larger).values
    errors = np.zeros(48)
    errors[12:36] = problem.initial_error
    rate = problem.settings.training.learning_rate

    def step(time):
        if optimizer == "gradient-flow":
            return lambda matrix: expm(-time * matrix)
        count = round(time / rate)
        if optimizer == "gradient-descent":
            return lambda matrix: np.linalg.matrix_power(np.eye(48) - rate * matrix, count)

        def heavy_ball(matrix):
            one = np.eye(48)
            both = np.block([[one - rate * matrix, -rate * 0.5 * one], [matrix, 0.5 * one]])
            return np.linalg.matrix_power(both, count)[:48, :48]

        return heavy_ball

    exact = _direct(problem, larger.points, errors, np.full(48, 1 / 24), map(step, problem.times))
    np.testing.assert_allclose(found, exact, atol=1e-9 * np.abs(exact).max())
    # The same function at the start.
    np.testing.assert_allclose(found[0], problem.initial_spectrum(problem.mesh.nodes), atol=1e-12)


def test_scattered_samples_get_a_grid_around_them():
    problem = Problem.create(
        settings(data={"points": [40], "sampling": "random"}, mesh={"cutoff": 12.0}, times={"last": 4.0})
    )
    larger, ratio = larger_box(problem, 2.0)
    np.testing.assert_allclose(larger.weights.sum(), 1)
    outside = np.abs(larger.points[:, 0]) > np.pi
    assert np.array_equal(larger.points[~outside], problem.points)
    np.testing.assert_allclose(larger.weights[outside].sum(), 1 - 1 / ratio)
    weight = ratio * larger.weights
    exact = _direct(
        problem,
        larger.points,
        larger.initial_error,
        weight,
        [lambda matrix, time=time: expm(-time * matrix) for time in problem.times],
    )
    np.testing.assert_allclose(ratio * nn.kernel_flow(larger).values, exact, atol=1e-9 * np.abs(exact).max())


def test_steps_of_half_the_size_follow_the_same_equation():
    """The response to few slow modes at the new times is nearer to that of even smaller steps, at first order."""
    rates = np.array([0.05, 0.3, 1.0])
    for training in (
        {"optimizer": "gradient-descent", "learning_rate": 0.4},
        {"optimizer": "momentum", "learning_rate": 0.04, "momentum": 0.8},
        {"optimizer": "nesterov", "learning_rate": 0.04, "momentum": 0.8},
    ):
        problem = Problem.create(settings(times={"first": 2.0, "last": 20.0}, **training))
        responses = []
        for _ in range(4):
            responses.append(problem.optimizer.response(rates, problem.times))
            changes, times = smaller_steps(problem)
            problem = variant(problem, changes, times=times)
        steps = [np.abs(a - b).max() for a, b in pairwise(responses)]
        ratios = np.divide(steps[:-1], steps[1:])
        assert np.all((ratios > 1.6) & (ratios < 2.6)), (training, ratios)


def test_networks_of_another_start_get_the_same_initial_error():
    problem = Problem.create(settings(network={"width": 40, "sampling": "random", "mirrored": False}))
    other = trained(problem, {"network.sampling": "quadrature"})
    start = other.initial_networks[0].evaluate(other.points) - other.target_values
    np.testing.assert_allclose(start, problem.initial_error, atol=1e-14)
    assert not np.allclose(other.target_values, problem.target_values)


def test_the_finer_mesh_holds_the_old_one_and_reaches_further():
    problem = Problem.create(settings())
    mesh, words = finer_mesh(problem)
    assert mesh.bounds[1][0] == pytest.approx(31.0)  # cells of 0.5, at most 1.25 times 25, below the 48 of the samples
    assert words == "cells of half the size, cutoff 31"
    assert np.abs(mesh.nodes - problem.mesh.nodes[:, None]).min(axis=1).max() < 1e-12
    wide = Problem.create(settings(network={"law": {"family": "uniform", "scale": 10.0}}))
    assert finer_mesh(wide)[1] == "cells of half the size"  # beyond 10 nothing moves
    near = Problem.create(settings(mesh={"cutoff": 47.9, "cells": [200]}))
    assert finer_mesh(near)[1] == "cells of half the size"  # the samples tell no more apart


def test_the_panel_shows_every_status(tmp_path):
    from freqbias.compare.panels.budget import budget as panel

    case = planted({"evolution": 1e-11}, seconds=100.0)
    comparison = case.comparison()
    assert panel(comparison, {}) is None
    shown = panel(replace(comparison, budget=measure_budget(comparison, 240.0, **case.computations)), {})
    assert shown.text.startswith("No term stands out")
    texts = shown.drawings[0].svg + shown.drawings[1].svg
    for word in ("within noise", "skipped", "unexplained", "total", "finite width", "the window"):
        assert word in texts
    table = shown.tables[0]
    assert [row[0].text for row in table.rows][-2:] == ["unexplained", "total"]
    assert {cell.status for row in table.rows for cell in row} >= {Status.SKIPPED, Status.WITHIN_NOISE}


def test_a_second_widening_that_takes_too_long_leaves_the_first():
    """An error that does not fall like 1/m needs more than one widening."""
    case = planted(dict.fromkeys(TERMS, 0.0) | {"width": 1e-3})
    comparison = case.comparison()

    def slow(problem, progress):
        width = problem.settings.network.width
        while width > 16000:
            progress(0.5)
        spectra, kernel = case.train(problem), case.kernel_flow(problem)
        if width < 16000:
            return spectra
        turned = kernel.values + 2j * (spectra.values - kernel.values)
        return replace(spectra, values=turned)

    budget = measure_budget(comparison, 0.5, **case.computations | {"train": slow})
    width = budget.terms[0]
    assert width.status is Status.MEASURED
    assert width.reason.startswith("not settled: about ")
    assert width.change.startswith("width 16000 instead of 4000")
    assert "not settled: finite width; a larger --budget goes on" in budget.sentence
