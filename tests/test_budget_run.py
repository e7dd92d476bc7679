"""Error budgets of real runs: the terms add up, and a planted cause is named."""

import json
from functools import cache

import numpy as np
import pytest
from budget_cases import settings
from mpi4py import MPI

from freqbias import fem, nn
from freqbias.compare import compare_spectra
from freqbias.compare.budget.measurement import measure_budget
from freqbias.compare.budget.terms import ErrorBudget, read_budget
from freqbias.compare.status import Status
from freqbias.cost import level_costs
from freqbias.problem import Problem
from freqbias.spectra import ErrorSpectra

#: What is planted, and the term that must be found to dominate.
CASES = {
    "narrow": ("width", {"network": {"width": 200}}),
    "random": ("width", {"network": {"width": 200, "sampling": "random"}}),
    "through the edge": ("window", {"target": "sin(2*x)+cos(3*x)", "times": {"last": 20.0}}),
    "coarse": ("mesh", {"mesh": {"cells": [250], "degree": 1}}),
    "loose flow": ("step", {"tolerance": 0.1}),
    "loose evolution": ("evolution", {"solver": {"tolerance": 1e-2}, "mesh": {"cells": [200]}}),
    "few samples": (
        "sampling",
        {"data": {"points": [24]}, "mesh": {"cutoff": 12.0}, "target": "exp(-2*x**2)*cos(7*x)"},
    ),
    "descent": ("width", {"network": {"width": 200}, "optimizer": "gradient-descent", "learning_rate": 0.5}),
    "momentum": ("width", {"network": {"width": 200}, "optimizer": "momentum", "learning_rate": 0.05}),
    "batches": ("batches", {"optimizer": "gradient-descent", "learning_rate": 0.5, "batch": 16}),
}
#: Seconds that are never needed.
_AMPLE = 1000.0


@cache
def budget_of(name: str) -> ErrorBudget:
    changes = {"times": {}, **CASES[name][1]}
    times = {"first": 1.0, "last": 60.0, "count": 5} | changes.pop("times")
    problem = Problem.create(settings(times=times, **changes))
    levels = fem.solve(problem, MPI.COMM_SELF), nn.train(problem), nn.kernel_flow(problem)
    return measure_budget(compare_spectra(*levels), _AMPLE)


@pytest.mark.parametrize("name", CASES)
def test_the_planted_cause_is_named_and_the_terms_add_up(name):
    budget = budget_of(name)
    print(name, budget.sentence, {term.key: term.largest for term in budget.terms})
    assert [term.key for term in budget.dominating] == [CASES[name][0]]
    assert budget.sentence.split(" dominates: ")[0].lower() == budget.dominating[0].name.lower()
    assert not budget.missing
    assert budget.closure < 0.3


def test_a_term_is_the_same_however_large_the_others_are():
    """The window of two runs of other width is one number."""
    window = [next(term for term in budget_of(name).terms if term.key == "window") for name in ("narrow", "random")]
    np.testing.assert_allclose(window[0].error, window[1].error, rtol=1e-6, atol=1e-12)


def test_the_width_follows_from_the_difference_to_the_kernel_flow():
    budget = budget_of("narrow")
    width = next(term for term in budget.terms if term.key == "width")
    assert 2e-3 < width.largest < 2e-2
    assert width.change.startswith("width 800 instead of 200")


def test_what_does_not_fit_into_memory_is_not_started(monkeypatch):
    """With room for what the run itself takes, and not for a network 4 times as wide."""
    problem = Problem.create(settings(times={"first": 1.0, "last": 60.0, "count": 5}, network={"width": 20_000}))
    levels = fem.solve(problem, MPI.COMM_SELF), nn.train(problem), nn.kernel_flow(problem)
    *_, cost = level_costs(problem, ["network"])
    room = (cost.libraries + 2 * (cost.bytes - cost.libraries)) / 0.9
    monkeypatch.setattr("freqbias.compare.budget.laboratory.free_memory", lambda: room)
    budget = measure_budget(compare_spectra(*levels), _AMPLE)
    width = next(term for term in budget.terms if term.key == "width")
    assert width.status is Status.SKIPPED
    assert "network.width = 80000: training would take about" in width.reason
    assert any(term.status is Status.MEASURED for term in budget.terms)


def test_a_box_that_outgrows_the_memory_keeps_what_was_measured(monkeypatch):
    """The first larger box fits, the second does not; more time would not help, and that is not promised."""
    problem = Problem.create(settings(times={"first": 1.0, "last": 20.0, "count": 5}, target="sin(2*x)+cos(3*x)"))
    levels = fem.solve(problem, MPI.COMM_SELF), nn.train(problem), nn.kernel_flow(problem)
    boxes = []

    def refusal(cost, memory):
        boxes.append(cost) if cost.level == "kernel" else None
        return "too large" if len(boxes) > 1 and cost.level == "kernel" else None

    monkeypatch.setattr("freqbias.compare.budget.laboratory.memory_refusal", refusal)
    budget = measure_budget(compare_spectra(*levels), _AMPLE)
    window = next(term for term in budget.terms if term.key == "window")
    assert window.error is not None
    assert window.reason.endswith("is still to come (too large)")


def test_the_first_of_several_seeds_is_split():
    changes = {"network": {"width": 200, "sampling": "random"}, "times": {"first": 1.0, "last": 60.0, "count": 5}}
    one, several = (Problem.create(settings(**changes, **seeds)) for seeds in ({"seed": 4}, {"seeds": [4, 7]}))
    budgets = []
    for problem in (one, several):
        levels = fem.solve(problem, MPI.COMM_SELF), nn.train(problem), nn.kernel_flow(problem)
        budgets.append(measure_budget(compare_spectra(*levels), _AMPLE))
    np.testing.assert_allclose(budgets[0].total, budgets[1].total, rtol=1e-4, atol=1e-12)
    for a, b in zip(budgets[0].terms, budgets[1].terms, strict=True):
        np.testing.assert_allclose(a.error, b.error, rtol=1e-4, atol=1e-6)


@pytest.fixture
def problem_file(tmp_path, settings):
    import tomli_w

    path = tmp_path / "problem.toml"
    path.write_text(tomli_w.dumps(settings))
    return path


def test_a_run_ends_with_a_budget_which_more_time_completes(command, problem_file, tmp_path):
    out = tmp_path / "run"
    done = command("run", problem_file, "--out", out, "--budget", "1h")
    assert done.returncode == 0, done.stderr
    assert "the six terms add up to the total within" in " ".join(done.stdout.split())
    budget = read_budget(out / "budget.nc")
    assert not (out / "budget").exists()
    # What compare shows of the folder is the same.
    shown = command("compare", out, "--out", tmp_path / "again")
    assert " ".join(budget.sentence.split()) in " ".join(shown.stdout.split())


def test_no_time_is_no_budget_and_a_later_one_keeps_the_record(command, problem_file, tmp_path):
    out = tmp_path / "run"
    assert command("run", problem_file, "--out", out, "--budget", "0").returncode == 0
    assert not (out / "budget.nc").exists()
    record = json.loads((out / "run.json").read_text())
    levels = {name: (out / name).read_bytes() for name in ("pde.nc", "kernel.nc", "network.nc")}
    done = command("budget", out, "--budget", "1h", "--json")
    assert done.returncode == 0, done.stderr
    json.loads(done.stdout)
    assert {term.status for term in read_budget(out / "budget.nc").terms} <= {Status.MEASURED, Status.WITHIN_NOISE}
    assert json.loads((out / "run.json").read_text()) == record
    assert levels == {name: (out / name).read_bytes() for name in levels}
    assert ErrorSpectra.read(out / "network.nc").level == "network"


def test_mistakes_are_one_line(command, problem_file, tmp_path):
    wrong = command("run", problem_file, "--out", tmp_path / "run", "--budget", "soon")
    assert (wrong.returncode, wrong.stderr) == (
        2,
        "freqbias: --budget soon: must be a number with a unit, for instance 90s, 2min or 1h\n",
    )
    assert command("budget", tmp_path / "nowhere").returncode == 2
    assert command("run", problem_file, "--out", tmp_path / "run", "--budget", "0").returncode == 0
    (tmp_path / "run" / "kernel.nc").unlink()
    refused = command("budget", tmp_path / "run")
    assert refused.returncode == 2
    assert "no error budget: there is no kernel flow" in refused.stderr
