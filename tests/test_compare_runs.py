"""Finished runs side by side: what differs, common frequencies, table and page, and the command."""

import json
from dataclasses import replace

import numpy as np
import pytest
from compare_cases import settings as three_tones_settings
from compare_cases import spectra, three_tones_pde

from freqbias import Problem
from freqbias.compare import compare_spectra
from freqbias.compare.runs.report import runs_reading
from freqbias.compare.runs.summary import common_frequencies, differing_settings, results_table, summarize
from freqbias.compare.runs.table import runs_table
from freqbias.compare.status import Status
from freqbias.study.tasks import LevelTask, compute_level


def problem(**changes):
    return Problem.create(three_tones_settings(**changes))


def summary(name, rate=1.0, network=True, **changes):
    """A run whose network decays ``rate`` times as fast as the PDE."""
    one = problem(**changes)
    exact = three_tones_pde(one)
    runs = spectra("network", three_tones_pde(one, rate), one) if network else None
    return summarize(compare_spectra(spectra("pde", exact, one), runs), name)


def test_only_what_differs_is_named():
    problems = [problem(), problem(network__width=1000, name="another"), problem(training__learning_rate=0.25)]
    assert differing_settings(problems) == [
        {"network.width": 4000, "training.learning_rate": 0.5},
        {"network.width": 1000, "training.learning_rate": 0.5},
        {"network.width": 4000, "training.learning_rate": 0.25},
    ]
    law = {"family": "student-t", "dof": 5.0, "scale": 20.0}
    first, second = differing_settings([problem(), problem(network__law=law)])
    assert first == {"network.law.family": "uniform", "network.law.dof": None}
    assert second == {"network.law.family": "student-t", "network.law.dof": 5.0}


def test_common_frequencies_on_different_meshes():
    """Nodes nearest to 2 and 11 on three meshes; the first run also follows 5."""
    runs = [
        summary("a", report={"frequencies": [[2.0], [5.0], [11.0]]}),
        summary("b", mesh__cells=[437], report={"frequencies": [[11.0], [2.0]]}),
        summary("c", mesh__degree=1, report={"frequencies": [[2.0], [8.0], [11.0]]}),
    ]
    frequencies, numbers = common_frequencies(runs)
    assert frequencies[:, 0] == pytest.approx([2.0, 11.0])
    assert numbers == [[0, 2], [1, 0], [0, 2]]
    assert common_frequencies([runs[0], summary("d", report={"frequencies": [[7.0]]})])[1] == [[], []]


def test_table_of_runs():
    """The network of the second run is 10 % too fast: errors and emergence times say so."""
    asked = {"frequencies": [[2.0]]}
    table = results_table([summary("right", report=asked), summary("fast", 1.1, report=asked)])
    assert table["run"].tolist() == ["right", "fast"]
    assert table["network_vs_pde"][0] == 0
    assert table["network_vs_pde"][1] > 0.02
    ratio = table["emergence_network_2"] / table["emergence_theory_2"]
    assert ratio.tolist() == pytest.approx([1, 1 / 1.1], rel=1e-3)
    assert table["kernel_vs_pde"].isna().all()
    assert table["grade"].tolist() == ["agree", "roughly"]


def test_run_with_one_level():
    one = summary("alone", network=False)
    assert (one.status, one.reason) == (Status.NOT_COMPARABLE, "only one level was computed")
    assert np.isnan(results_table([one])["network_vs_pde"][0])


def test_terminal_table_keeps_every_number():
    from rich.console import Console

    console = Console(width=78, record=True)
    rows = [summary("right"), summary("fast", 1.1)]
    with console.capture() as captured:
        console.print(runs_table(rows, {}, head="run"))
    for text in ("right", "fast", "agree", "roughly", "network vs", "bias,"):
        assert text in captured.get()


def test_many_settings_that_differ_do_not_widen_the_table():
    summaries = [replace(summary(name), values={f"key.{k}": k for k in range(9)}) for name in ("one", "two")]
    assert runs_reading(summaries).startswith("Of 2 runs, which differ in key.0, key.1, key.2, key.3 and 5 more keys,")
    table = runs_table(summaries, {key: key for key in summaries[0].values}, head="run")
    titles = [column.header for column in table.columns]
    assert titles[:7] == ["run", *(f"key.{k}" for k in range(5)), "status"]
    assert table.caption.plain == "they also differ in key.5, key.6, key.7, key.8"


@pytest.fixture
def runs(settings, tmp_path):
    """What two small runs leave that differ in width."""
    folders = []
    settings["report"] = {"frequencies": [[3.0]]}
    settings["training"]["times"]["count"] = 3
    for name, width in (("narrow", 100), ("wide", 400)):
        settings["network"]["width"] = width
        folders.append(tmp_path / name)
        for level in ("pde", "kernel", "network"):
            compute_level(LevelTask(level, Problem.create(settings), folders[-1] / f"{level}.nc"))
    return folders


def test_runs_through_the_command_line(runs, tmp_path, command):
    out = tmp_path / "both"
    done = command("compare", *runs, "--out", out)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].startswith(
        "Of 2 runs, which differ in network.width, the difference network vs PDE"
    )
    assert {path.name for path in out.iterdir()} == {"runs.csv", "runs.json", "report.html"}
    content = json.loads((out / "runs.json").read_text())
    assert [(run["run"], run["network.width"]) for run in content["runs"]] == [("narrow", 100), ("wide", 400)]
    narrow, wide = (run["network_vs_kernel"] for run in content["runs"])
    assert narrow / wide == pytest.approx(4, rel=0.2)
    page = (out / "report.html").read_text()
    for panel in ("overlay", "keys", "results", "emergence"):
        assert f'id="panel-{panel}"' in page
    # For machines: the table on standard output, a limit that only the narrow one exceeds.
    limit = np.sqrt(narrow * wide)
    done = command("compare", *runs, "--out", out, "--json", "--fail-above", f"network_vs_kernel={limit}")
    assert done.returncode == 1
    assert json.loads(done.stdout)["runs"] == content["runs"]
    assert done.stderr.startswith("freqbias: narrow: network_vs_kernel = ")
    # One folder alone is compared as its files would be.
    done = command("compare", runs[0], "--out", tmp_path / "again")
    assert done.returncode == 0, done.stderr
    alone = json.loads((tmp_path / "again" / "metrics.json").read_text())
    assert alone["max_relative_error"]["network_vs_pde"] == content["runs"][0]["network_vs_pde"]
    assert alone["verdict"] == content["runs"][0]["verdict"]
    mistakes = {
        "is no folder: give folders of finished runs, or spectrum files, not both": [runs[0], runs[1] / "pde.nc"],
        "holds no run: none of pde.nc, kernel.nc, network.nc": [runs[0], tmp_path],
        "is given twice": [runs[0], runs[0]],
    }
    for message, folders in mistakes.items():
        done = command("compare", *folders, "--out", tmp_path / "none")
        assert done.returncode == 2
        assert message in done.stderr
        assert not (tmp_path / "none").exists()
