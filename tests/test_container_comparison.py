"""Whether a run in a container agrees with one outside: the script that decides it sees planted differences."""

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from freqbias import Problem
from freqbias.spectra import LEVELS, ErrorSpectra

SCRIPT = Path(__file__).parent.parent / "docker" / "compare_runs.py"
ERROR = 1.8e-4


def write_run(folder, problem, scale=1.0, error=ERROR):
    """A run whose spectra all are a decaying Gaussian; that of the network is ``scale`` times it at the last time."""
    folder.mkdir()
    shape = np.exp(-(problem.mesh.nodes[:, 0] ** 2) / 8) * (1 + 0.5j)
    for level in LEVELS:
        values = np.exp(-problem.times / 30)[:, None] * shape
        if level == "network":
            values[-1] *= scale
        ErrorSpectra(level, problem, problem.times, values).write(folder / f"{level}.nc")
    pairs = {"network_vs_pde": error, "network_vs_kernel": 1e-5, "kernel_vs_pde": None}
    (folder / "metrics.json").write_text(json.dumps({"max_relative_error": pairs}), encoding="utf-8")
    return folder


@pytest.fixture
def outcome(monkeypatch, capsys):
    """Status and output of the script, run with the given words."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", [SCRIPT.name, *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(SCRIPT), run_name="__main__")
        captured = capsys.readouterr()
        return ended.value.code, captured.out + captured.err

    return run


@pytest.fixture
def problem(settings):
    return Problem.create(settings)


def test_equal_runs_agree(problem, tmp_path, outcome):
    run, other = write_run(tmp_path / "a", problem), write_run(tmp_path / "b", problem)
    status, said = outcome(run, other, "--pde", other / "pde.nc")
    assert status == 0, said
    assert "6 of 6 agree" in said


def test_differences_are_relative_to_the_initial_norm(problem, tmp_path, outcome):
    """The last spectrum, exp(-t/30) of the first, is off by 1e-6 of itself."""
    run, other = write_run(tmp_path / "a", problem), write_run(tmp_path / "b", problem, scale=1 + 1e-6)
    difference = 1e-6 * np.exp(-problem.times[-1] / 30)
    assert outcome(run, other, "--tolerance", 1.1 * difference)[0] == 0
    status, said = outcome(run, other, "--tolerance", 0.9 * difference)
    assert status == 1
    assert [line.split()[-1] for line in said.splitlines() if line.startswith("DIFFERS")] == ["network"]


@pytest.mark.parametrize("error", [ERROR + 2e-7, float("nan")])
def test_other_metrics_are_seen(problem, tmp_path, outcome, error):
    run, other = write_run(tmp_path / "a", problem), write_run(tmp_path / "b", problem, error=error)
    status, said = outcome(run, other)
    assert status == 1
    assert "DIFFERS" in said
    assert "network_vs_pde" in said


def test_runs_of_different_problems_are_not_compared(settings, problem, tmp_path, outcome):
    settings["network"]["width"] = 80
    run, other = write_run(tmp_path / "a", problem), write_run(tmp_path / "b", Problem.create(settings))
    status, said = outcome(run, other)
    assert status == 2
    assert "different problems" in said
    assert outcome(run, tmp_path / "missing")[0] == 2
