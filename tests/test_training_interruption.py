"""Ctrl-C and SIGTERM: the present step is left, its state is kept, and training goes on from there bit by bit."""

import json
import os
import signal

import numpy as np
import pytest
import tomli_w
from killed_trainings import CASES, RANDOM, TWO_LAYERS, problem

from freqbias import ErrorSpectra
from freqbias.errors import Interrupted
from freqbias.nn.interruption import Interruption, interruption_by_signals
from freqbias.nn.training import Training, train

FLOW = (TWO_LAYERS, {"optimizer": "gradient-flow", "evaluator": "nufft"})
ADAM = CASES["adam, batches, schedule"]


@pytest.fixture(autouse=True)
def handlers():
    """A command that ends ignores further signals; this process goes on."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield before
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def problem_file(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(tomli_w.dumps(problem(*FLOW).settings.model_dump(exclude_none=True)))
    return path


def signal_at(monkeypatch, *moments, number=signal.SIGINT):
    """Send this process a signal before the gradients or products with the kernel of these numbers."""
    check, passed = Interruption.check, 0

    def counted(self):
        nonlocal passed
        passed += 1
        if passed in moments:
            os.kill(os.getpid(), number)
        check(self)

    monkeypatch.setattr(Interruption, "check", counted)


@pytest.mark.parametrize(
    ("case", "moments"), [(FLOW, (2, 40, 30, 12, 25)), (ADAM, (2, 5, 1, 6))], ids=["gradient flow", "adam"]
)
def test_interrupted_trainings_end_as_if_nothing_had_happened(case, moments, tmp_path, monkeypatch):
    """A step of gradient flow is left in the middle, so that the next one starts where it did."""
    whole = train(problem(*case))
    files = {"checkpoint": tmp_path / "c", "log": tmp_path / "log.jsonl", "resume": True}
    for moment in moments:
        with monkeypatch.context() as patch, interruption_by_signals() as interruption:
            signal_at(patch, moment)
            with pytest.raises(Interrupted, match=r"^interrupted after \d+ steps .* kept in .*: go on with --resume$"):
                train(problem(*case), **files, interruption=interruption)
    resumed = train(problem(*case), **files)
    np.testing.assert_array_equal(resumed.runs, whole.runs)
    np.testing.assert_array_equal(resumed.run_losses, whole.run_losses)
    assert resumed.info["gradient_evaluations"] == whole.info["gradient_evaluations"]
    assert resumed.info["steps"] == whole.info["steps"]


def test_interrupted_step_changes_nothing(monkeypatch):
    training = Training(problem(*FLOW))
    training.now = training.stepper.step(0.0, 4.0)[0]
    before = training.state()
    parameters = [array.copy() for array in before.parameters]
    training.objective.interruption.signal = signal.SIGINT
    for allowed in (0, 1, 6, 12):
        with monkeypatch.context() as patch:
            check, passed = Interruption.check, iter(range(1000))
            patch.setattr(
                Interruption, "check", lambda self, p=passed, a=allowed, c=check: c(self) if next(p) >= a else None
            )
            with pytest.raises(Interrupted):
                training._step(None, None)
        after = training.state()
        for old, new in zip(parameters, after.parameters, strict=True):
            np.testing.assert_array_equal(new, old)
        assert after.stepper == before.stepper
        assert (after.learning_time, after.evaluations) == (before.learning_time, before.evaluations)


@pytest.mark.parametrize(("number", "status", "word"), [("SIGINT", 130, "interrupted"), ("SIGTERM", 143, "terminated")])
def test_the_command_says_where_it_can_go_on(number, status, word, command, problem_file, tmp_path, monkeypatch):
    whole, out = tmp_path / "whole.nc", tmp_path / "network.nc"
    assert command("train", problem_file, "--out", whole).returncode == 0
    with monkeypatch.context() as patch:
        signal_at(patch, 25, number=getattr(signal, number))
        done = command("train", problem_file, "--out", out)
    assert done.returncode == status
    [line] = done.stderr.strip().splitlines()
    assert line.startswith(f"freqbias: {word} after ")
    assert line.endswith(f"kept in {out}.checkpoint: go on with --resume")
    assert not out.exists()
    assert (tmp_path / "network.nc.checkpoint").exists()
    done = command("train", problem_file, "--out", out, "--resume")
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "network.nc.checkpoint").exists()
    np.testing.assert_array_equal(ErrorSpectra.read(out).values, ErrorSpectra.read(whole).values)


@pytest.mark.parametrize(("number", "status"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_second_signal_ends_at_once(number, status, command, problem_file, tmp_path, monkeypatch):
    """Without a checkpoint, in the middle of a step that does not look whether it is interrupted."""

    def step(self, now, end):
        for _ in range(2):
            os.kill(os.getpid(), getattr(signal, number))
        raise AssertionError

    monkeypatch.setattr("freqbias.nn.gradient_flow.ExponentialRungeKutta.step", step)
    done = command("train", problem_file, "--out", tmp_path / "network.nc")
    assert done.returncode == status
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "network.nc.checkpoint").exists()


def test_handlers_are_the_commands_alone(handlers):
    """They come back after the block, also after a failure, and a training in Python sets none."""
    with pytest.raises(RuntimeError), interruption_by_signals():
        assert signal.getsignal(signal.SIGINT) != handlers[signal.SIGINT]
        raise RuntimeError
    assert {number: signal.getsignal(number) for number in handlers} == handlers
    seen = []
    train(problem(RANDOM, {"optimizer": "adam"}), lambda done: seen.append(signal.getsignal(signal.SIGINT)))
    assert set(seen) == {handlers[signal.SIGINT]}


def test_interruption_at_the_very_end_is_not_lost(tmp_path):
    interruption = Interruption()

    def progress(done):
        if done == 1:
            interruption.signal = signal.SIGTERM

    settings = {"optimizer": "gradient-descent"}
    with pytest.raises(Interrupted, match="terminated after 8 steps") as caught:
        train(problem(TWO_LAYERS, settings), progress, checkpoint=tmp_path / "c", interruption=interruption)
    assert caught.value.status == 143
    assert len(train(problem(TWO_LAYERS, settings), checkpoint=tmp_path / "c", resume=True).times) == 4


def test_run_goes_on_with_what_is_finished(command, problem_file, tmp_path, monkeypatch):
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        signal_at(patch, 25)
        assert command("run", problem_file, "--out", out).returncode == 130
    assert sorted(path.name for path in out.glob("*.nc*")) == ["kernel.nc", "network.nc.checkpoint", "pde.nc"]
    written = {name: (out / name).stat().st_mtime_ns for name in ("pde.nc", "kernel.nc")}
    done = command("run", problem_file, "--out", out, "--resume")
    assert done.returncode == 0, done.stderr
    assert {name: (out / name).stat().st_mtime_ns for name in written} == written
    assert (out / "report.html").exists()
    assert not (out / "network.nc.checkpoint").exists()
    assert json.loads((out / "run.json").read_text())["levels"].keys() == {"pde", "kernel", "network"}
    other = command("run", problem_file, "--out", out, "--resume", "--set", "network.amplitude_std=2.0")
    assert other.returncode == 2
    assert "pde.nc: belongs to another problem" in other.stderr
