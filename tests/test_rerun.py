"""A run repeated from its own folder; what run.json says of how the numbers were made."""

import importlib.util
import json
import re
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import tomli_w

from freqbias import ErrorSpectra, Problem, fem, nn, versions
from freqbias.cli.artefacts import run_record
from freqbias.rerun import Agreement, RecordedRun
from freqbias.spectra import LEVELS


@pytest.fixture
def make_run(settings, tmp_path):
    """The levels of the small problem with changed tables, and what else the folder of a run holds: the folder."""

    def run(levels=LEVELS, **tables):
        out = tmp_path / "run"
        problem = Problem.create(settings | tables)
        compute = {"pde": fem.solve, "kernel": nn.kernel_flow, "network": nn.train}
        spectra = {level: compute[level](problem) for level in levels}
        for level, one in spectra.items():
            one.write(out / f"{level}.nc")
        (out / "problem.toml").write_text(problem.to_toml())
        (out / "run.json").write_text(json.dumps(run_record(spectra, 1)))
        return out

    return run


def change_spectrum(path, factor):
    """Multiply the last output time of a spectrum file."""
    spectra = ErrorSpectra.read(path)
    values = spectra.values.copy()
    values[-1] *= factor
    replace(spectra, values=values).write(path)


def test_the_same_machine_gives_the_same_bits(command, settings, tmp_path):
    settings["training"]["seeds"] = 2
    file, out = tmp_path / "small.toml", tmp_path / "run"
    file.write_text(tomli_w.dumps(settings))
    assert command("run", file, "--out", out, "--budget", "0").returncode == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    done = command("rerun", out, "--json")
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert record == json.loads((out / "rerun" / "rerun.json").read_text())
    assert record["agrees"] is True
    assert record["notes"] == []
    assert record["differences"] == {}
    assert set(record["levels"]) == {"pde", "kernel", "network"}
    for level, found in record["levels"].items():
        assert found == {"equal_bits": True, "difference": 0.0, "time": 0.0, "reason": None}
        new, old = (ErrorSpectra.read(folder / f"{level}.nc") for folder in (out / "rerun", out))
        np.testing.assert_array_equal(new.runs, old.runs)
        assert new.problem.digest == old.problem.digest
    assert {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()} == before


def test_other_numbers_end_with_status_1(make_run, command, tmp_path):
    out = make_run()
    change_spectrum(out / "network.nc", 1 / (1 + 1e-3))
    done = command("rerun", out, "--out", tmp_path / "again")
    assert done.returncode == 1
    assert "pde: equal bit by bit" in done.stdout
    assert "network: differs by 0.001 of its norm, at time 20" in done.stdout
    assert re.search(r"do not agree to 1e-06: network differs by 0.001 of its norm, at time 20$", done.stderr.strip())
    assert command("rerun", out, "--out", tmp_path / "again", "--tolerance", "0.01").returncode == 0


def test_a_data_file_that_is_gone(make_run, command, tmp_path):
    x = -3 + 6 * (np.arange(64) + 0.5) / 64
    file = tmp_path / "target.npy"
    np.save(file, np.exp(-(x**2)) * np.sin(3 * x))
    out = make_run(target={"file": str(file)})
    file.unlink()
    done = command("rerun", out)
    assert done.returncode == 0, done.stderr
    assert f"target.file = {str(file)!r} is not there any more" in done.stderr
    assert "pde: equal bit by bit" in done.stdout
    assert "kernel: equal bit by bit" in done.stdout


def test_a_data_file_that_has_changed(make_run, command, tmp_path):
    file = tmp_path / "target.npy"
    np.save(file, np.sin(np.arange(64)))
    out = make_run(("pde",), target={"file": str(file)})
    np.save(file, np.cos(np.arange(64)))
    done = command("rerun", out)
    assert done.returncode == 0, done.stderr
    assert "do not give the samples of the run any more" in done.stderr


def test_the_target_follows_from_what_a_spectrum_file_holds(settings, tmp_path):
    """Of networks that do not start from 0, so that a sign or a forgotten network shows; of a Python function."""
    settings["network"] |= {"sampling": "random", "mirrored": False}
    settings["training"]["seeds"] = 3
    del settings["target"]
    problem = Problem.create(settings, target=lambda x: 0.3 + np.cos(2 * x[:, 0]))
    nn.kernel_flow(problem).write(tmp_path / "kernel.nc")
    (tmp_path / "problem.toml").write_text(problem.to_toml())
    run = RecordedRun.read(tmp_path)
    assert "is known to its program only" in run.notes[0]
    np.testing.assert_allclose(run.problem.target_values, problem.target_values, atol=1e-9)


def test_what_is_not_as_it_was(make_run):
    out = make_run(("kernel",))
    record = json.loads((out / "run.json").read_text())
    record["versions"]["numpy"] = "1.0"
    record["versions"]["gone"] = "3"
    record["threads"]["variables"] = {"OMP_NUM_THREADS": "64"}
    record["ranks"] = 4
    (out / "run.json").write_text(json.dumps(record))
    differences = RecordedRun.read(out).differences()
    assert differences["versions"] == {"numpy": ["1.0", np.__version__], "gone": ["3", None]}
    assert differences["threads"]["OMP_NUM_THREADS"][0] == "64"
    assert differences["processes"] == {"ranks": [4, 1]}
    assert "host" not in differences
    (out / "run.json").unlink()
    run = RecordedRun.read(out)
    assert run.differences() == {}
    assert "run.json is missing" in run.notes[-1]


@pytest.mark.parametrize("content", ["", "[1]", "{"])
def test_a_damaged_record_is_named(make_run, command, content):
    out = make_run(("kernel",))
    (out / "run.json").write_text(content)
    done = command("rerun", out)
    assert done.returncode == 2
    assert str(out / "run.json") in done.stderr


def test_what_is_no_run(command, tmp_path, make_run):
    done = command("rerun", tmp_path)
    assert done.returncode == 2
    assert "holds no run" in done.stderr
    out = make_run(("kernel",))
    done = command("rerun", out, "--out", out)
    assert done.returncode == 2
    assert "is the run itself" in done.stderr


def test_agreement_of_norms(settings):
    old = nn.kernel_flow(Problem.create(settings))
    same = Agreement.of(old, replace(old, values=old.values.copy()))
    assert same == Agreement(True, 0.0, 0.0)
    # A change of one node: its norm over that of the whole, at that time.
    values = old.values.copy()
    values[3, 60] += 1e-3
    change = np.zeros(len(old.frequencies), dtype=complex)
    change[60] = 1e-3
    found = Agreement.of(old, replace(old, values=values))
    assert not found.equal_bits
    assert found.time == old.times[3]
    assert found.difference == pytest.approx(old.mesh.norm(change) / old.mesh.norm(old.values[3]), rel=1e-9)
    assert found.within(2 * found.difference)
    assert not found.within(0.5 * found.difference)
    shorter = replace(old, times=old.times[:-1], values=old.values[:-1], loss=None)
    assert not Agreement.of(old, shorter).within(1.0)
    # Another loss alone is not the same run, bit by bit.
    assert not Agreement.of(old, replace(old, loss=old.loss * (1 + 1e-15))).equal_bits


def test_the_record_of_a_run(make_run):
    out = make_run()
    record = json.loads((out / "run.json").read_text())
    assert record["problem_digest"] == ErrorSpectra.read(out / "pde.nc").problem.digest
    assert datetime.fromisoformat(record["started"]) <= datetime.now(UTC)
    assert record["host"] == versions.host()
    assert record["host"]["cores"] >= 1
    assert record["threads"] == {"training": 0, "variables": versions.thread_variables()}
    assert record["revision"] == versions.revision()
    assert record["levels"]["network"]["threads"] >= 1


def test_the_revision_is_that_of_the_checkout_or_of_the_environment(tmp_path, monkeypatch):
    def git(*words):
        who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        return subprocess.run(["git", "-C", tmp_path, *who, *words], check=True, capture_output=True, text=True).stdout

    def revision():
        spec = importlib.util.spec_from_file_location("copied_versions", copy)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.revision()

    copy = tmp_path / "versions.py"
    shutil.copy(Path(versions.__file__), copy)
    monkeypatch.setenv("FREQBIAS_REVISION", "")
    assert revision() is None
    git("init", "--quiet")
    assert revision() is None  # a checkout, but of something else
    monkeypatch.setenv("FREQBIAS_REVISION", "0123abcd")
    assert revision() == {"commit": "0123abcd", "changed": False}
    monkeypatch.setenv("FREQBIAS_REVISION", "0123abcd-dirty")
    assert revision() == {"commit": "0123abcd", "changed": True}
    git("add", "versions.py")
    git("commit", "--quiet", "--message", "first")
    # The checkout knows better.
    assert revision() == {"commit": git("rev-parse", "HEAD").strip(), "changed": False}
    copy.write_text(copy.read_text() + "\n")
    assert revision()["changed"] is True
