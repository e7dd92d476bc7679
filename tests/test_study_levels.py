"""Which levels of a study are computed: what points share, what is there from before, what fails."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tomli_w
from study_cases import computed, decaying, dying_when_wide, failing_when_wide, interrupted_after_three

from freqbias import Problem
from freqbias.compare.status import Status
from freqbias.errors import Interrupted
from freqbias.study import Study, axis_of_option, run_study
from freqbias.study.level_keys import level_key
from freqbias.study.results import wanted_levels


@pytest.fixture
def study(settings, tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(tomli_w.dumps(settings))
    axes = [axis_of_option("network.width=200,800"), axis_of_option("network.sampling=random,quadrature")]
    return Study.read(path).varied(axes)


def changed(settings, **changes):
    """The problem with ``table__key=value`` changed."""
    data = json.loads(json.dumps(settings))
    for path, value in changes.items():
        *tables, key = path.split("__")
        table = data
        for name in tables:
            table = table.setdefault(name, {})
        table[key] = value
    return Problem.create(data)


#: change → the levels on which it has no influence.
SHARED = {
    "width": ({"network__width": 800}, {"pde", "kernel"}),
    "sampling": ({"network__sampling": "random"}, {"pde", "kernel"}),
    "seeds": ({"training__seeds": 3}, {"pde", "kernel"}),
    "precision": ({"training__precision": "float32"}, {"pde", "kernel"}),
    "evaluator": ({"training__evaluator": "dense"}, {"pde", "kernel"}),
    "accuracy of the training": ({"training__tolerance": 1e-6}, {"pde", "kernel"}),
    "threads": ({"training__threads": 2}, {"pde", "kernel", "network"}),
    "learning rate of the flow": ({"training__learning_rate": 0.1}, {"pde", "kernel", "network"}),
    "momentum of the flow": ({"training__momentum": 0.5}, {"pde", "kernel", "network"}),
    "name": ({"name": "another"}, {"pde", "kernel", "network"}),
    "report": ({"report__threshold": 0.2}, {"pde", "kernel", "network"}),
    "method of the PDE": ({"solver__method": "cg"}, {"kernel", "network"}),
    "accuracy of the theory": ({"solver__tolerance": 1e-6}, {"network"}),
    "mesh": ({"mesh__cells": [90]}, set()),
    "degree": ({"mesh__degree": 1}, set()),
    "times": ({"training__times": {"last": 30.0, "count": 5}}, set()),
    "law": ({"network__law": {"family": "uniform", "scale": 11.0}}, set()),
    "amplitudes": ({"network__amplitude_std": 1.5}, set()),
    "frequencies that move": ({"network__frequency_rate_ratio": 0.0}, set()),
    "optimizer": ({"training__optimizer": "gradient-descent"}, set()),
    "target": ({"target__expression": "exp(-x**2)*sin(4*x)"}, set()),
    "samples": ({"data__points": [65]}, set()),
    "box": ({"data__upper": [3.1]}, set()),
    "start of the network": ({"network__sampling": "random", "network__mirrored": False}, set()),
}


@pytest.mark.parametrize("change", SHARED)
def test_what_levels_depend_on(change, settings):
    changes, shared = SHARED[change]
    first, second = changed(settings), changed(settings, **changes)
    equal = {level for level in ("pde", "kernel", "network") if level_key(first, level) == level_key(second, level)}
    assert equal == shared


def test_learning_rate_counts_for_steps(settings):
    descents = [
        changed(settings, training__optimizer="gradient-descent", training__learning_rate=rate) for rate in (0.5, 0.25)
    ]
    for level in ("pde", "kernel", "network"):
        assert level_key(descents[0], level) != level_key(descents[1], level)


def test_levels_of_networks_without_a_theory(settings):
    deep = {"family": "multilayer-perceptron", "hidden": [8], "centred": True}
    problem = changed(settings, network=deep)
    assert wanted_levels(problem) == ["kernel", "network"]
    # The kernel is that of the network itself.
    wider = changed(settings, network=deep | {"hidden": [16]})
    other_seed = changed(settings, network=deep, training__seed=5)
    assert len({level_key(one, "kernel") for one in (problem, wider, other_seed)}) == 3
    assert wanted_levels(changed(settings, training__optimizer="adam")) == ["network"]


def test_points_share_what_does_not_change(study, tmp_path):
    """Four networks, one PDE and one kernel flow; the second time nothing."""
    results = run_study(study, tmp_path / "out", compute=decaying)
    names = [name.split("-")[0] for name in computed(tmp_path / "out")]
    assert sorted(names) == ["kernel", "network", "network", "network", "network", "pde"]
    again = run_study(study, tmp_path / "out", compute=decaying)
    assert len(computed(tmp_path / "out")) == 6
    assert again.table.equals(results.table)
    # One width more and another out: only its networks are new.
    other = study.varied([axis_of_option("network.width=200,1600")])
    run_study(other, tmp_path / "out", compute=decaying)
    assert len(computed(tmp_path / "out")) == 8


def test_failed_level(study, tmp_path):
    """Its points are marked, with the message; what they hold besides is compared, and the others go on."""
    results = run_study(study, tmp_path / "out", compute=failing_when_wide)
    statuses = [one.status for one in results.summaries]
    assert statuses == [Status.MEASURED] * 2 + [Status.FAILED] * 2
    failed = results.table.iloc[2]
    assert failed["reason"] == "network: the loss has grown; try a smaller learning rate"
    assert np.isnan(failed["network_vs_pde"])
    assert failed["kernel_vs_pde"] == results.table["kernel_vs_pde"][0] > 0
    assert any("2 failed" in sentence for sentence in results.answer)
    # Mended, the same command computes the rest.
    assert {one.status for one in run_study(study, tmp_path / "out", compute=decaying).summaries} == {Status.MEASURED}


def test_process_that_dies(study, tmp_path):
    """Only its point fails: the levels that were under way beside it are computed again."""
    quadrature = study.varied([axis_of_option("network.sampling=quadrature")])
    results = run_study(quadrature, tmp_path / "out", jobs=2, compute=dying_when_wide)
    assert [one.status for one in results.summaries] == [Status.MEASURED, Status.FAILED]
    assert "its process ended without a word" in results.summaries[1].reason
    assert len(list((tmp_path / "out" / "levels").iterdir())) == 3


def test_interrupted_study_goes_on(study, tmp_path):
    message = "interrupted: 3 of 6 levels are computed; the same command goes on from there"
    with pytest.raises(Interrupted, match=message) as stopped:
        run_study(study, tmp_path / "out", compute=interrupted_after_three)
    assert stopped.value.status == 130
    before = computed(tmp_path / "out")
    results = run_study(study, tmp_path / "out", compute=decaying)
    after = computed(tmp_path / "out")
    assert after[:3] == before
    assert len(after) == len(set(after)) == 6
    assert {one.status for one in results.summaries} == {Status.MEASURED}


PROGRAM = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from study_cases import slow
from freqbias.cli.failure import reported_failures
from freqbias.study import Study, axis_of_option, run_study
if __name__ == "__main__":
    axes = [axis_of_option("network.width=200,400,800,1600,2000,2400")]
    with reported_failures():
        run_study(Study.read({file!r}).varied(axes), Path({out!r}), 2, compute=slow)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_processes_end_with_the_study(number, settings, tmp_path):
    """Whatever ends the command, no process stays behind; what is finished stays."""
    file, out, program = tmp_path / "small.toml", tmp_path / "out", tmp_path / "program.py"
    file.write_text(tomli_w.dumps(settings))
    program.write_text(PROGRAM.format(tests=os.path.dirname(__file__), file=str(file), out=str(out)))
    running = subprocess.Popen([sys.executable, program], stderr=subprocess.PIPE, text=True, start_new_session=True)
    deadline = time.monotonic() + 60
    while len(list((out / "levels").glob("*.nc"))) < 2:
        assert time.monotonic() < deadline
        assert running.poll() is None
        time.sleep(0.02)
    running.send_signal(number)
    _, text = running.communicate(timeout=30)
    if number != signal.SIGKILL:
        assert running.returncode == 128 + number
        assert "of 8 levels are computed; the same command goes on from there" in text
        assert "Traceback" not in text
    while time.monotonic() < deadline:
        try:
            os.killpg(running.pid, 0)
        except ProcessLookupError:
            break
        time.sleep(0.05)
    else:
        pytest.fail("processes of the study stayed behind")
    assert len(list((out / "levels").glob("*.nc"))) < 8
