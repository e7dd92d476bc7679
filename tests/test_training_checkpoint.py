"""Checkpoints of trainings: after any end they go on bit by bit; what is not a checkpoint is named."""

import json
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from killed_trainings import CASES, DEEP, RANDOM, TWO_LAYERS, problem

from freqbias.errors import DivergenceError, InputError
from freqbias.nn import kernel_flow
from freqbias.nn import training as training_module
from freqbias.nn.checkpoint import Checkpoint
from freqbias.nn.evaluators import NufftEvaluator
from freqbias.nn.training import Training, train

DESCENT = {"optimizer": "gradient-descent", "evaluator": "dense"}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "network.nc.checkpoint"


def leave_a_checkpoint(path, network=TWO_LAYERS, settings=DESCENT, steps=3):
    """What is there after ``steps`` steps, and the training itself."""
    training = Training(problem(network, settings))
    for _ in range(steps):
        training.now = training.stepper.step(training.now, np.inf)[0]
    Checkpoint(path, training.problem).save(training.state())
    return training


def test_killed_trainings_end_as_if_nothing_had_happened(tmp_path):
    """SIGKILL several times in a row before gradients, in the middle of writing, before syncs and renames."""
    script = Path(__file__).with_name("killed_trainings.py")
    words = [sys.executable, "-W", "error", script, tmp_path]
    done = subprocess.run(words, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["case"] for each in found] == list(CASES)
    for each in found:
        assert each["equal"], each
        assert each["deaths"] >= 2, each
        # The log has every output time once, and no line of a step that was lost.
        assert each["output_times"] == 4, each
        assert each["steps"] == sorted(set(each["steps"])), each
        assert not [name for name in each["files"] if "checkpoint." in name], each


@pytest.mark.parametrize("case", CASES)
def test_state_survives_the_file(case, path):
    network, settings = CASES[case]
    before = leave_a_checkpoint(path, network | {"width": 8}, settings).state()
    after = Checkpoint(path, problem(network | {"width": 8}, settings)).load()
    assert (after.steps, after.evaluations, after.threads) == (3, before.evaluations, 1)
    assert after.learning_time == before.learning_time > 0
    for name in ("parameters", "stepper"):
        old, new = getattr(before, name), getattr(after, name)
        assert len(old) == len(new) > 0
        for key in old if isinstance(old, dict) else range(len(old)):
            assert old[key].dtype == new[key].dtype
            np.testing.assert_array_equal(old[key], new[key])
    np.testing.assert_array_equal(after.errors, before.errors)


def test_optimizer_states_are_in_it(path):
    stepper = leave_a_checkpoint(path, RANDOM, {"optimizer": "adam"}).state().stepper
    assert {"0.exp_avg", "0.exp_avg_sq", "0.step", "2.exp_avg", "steps"} <= set(stepper)
    assert stepper["0.step"] == stepper["steps"] == 3
    assert np.abs(stepper["0.exp_avg"]).max() > 0


def test_nothing_to_resume_starts_anew(path):
    one = train(problem(TWO_LAYERS, DESCENT), checkpoint=path, resume=True)
    np.testing.assert_array_equal(one.values, train(problem(TWO_LAYERS, DESCENT)).values)
    assert path.exists()


def test_finished_training_is_not_done_again(path, monkeypatch):
    one = train(problem(TWO_LAYERS, DESCENT), checkpoint=path)
    spent = Checkpoint(path, problem(TWO_LAYERS, DESCENT)).load().seconds
    monkeypatch.setattr(Training, "_step", None)
    again = train(problem(TWO_LAYERS, DESCENT), checkpoint=path, resume=True)
    np.testing.assert_array_equal(again.values, one.values)
    assert again.info["gradient_evaluations"] == one.info["gradient_evaluations"] == 8
    assert again.info["wall_time_seconds"] >= spent > 0


def test_without_resume_a_checkpoint_is_not_looked_at(path):
    path.write_text("not a checkpoint")
    train(problem(TWO_LAYERS, DESCENT), checkpoint=path)
    assert Checkpoint(path, problem(TWO_LAYERS, DESCENT)).load().steps == 8


def test_the_thread_count_is_that_of_the_first_run(path, monkeypatch):
    """Measured anew it might be another one, and with it the last bits."""
    settings = {"optimizer": "gradient-descent", "evaluator": "nufft", "threads": 0}
    monkeypatch.setattr(training_module, "_measured_threads", lambda *_: 2)
    training = Training(problem(TWO_LAYERS, settings), threads=2)
    Checkpoint(path, training.problem).save(training.state())
    monkeypatch.setattr(training_module, "_measured_threads", None)
    assert train(problem(TWO_LAYERS, settings), checkpoint=path, resume=True).info["threads"] == 2


def test_plans_are_those_of_the_start(monkeypatch):
    """Transforms are planned for the frequencies at the start, also where training goes on with others."""
    planned = []
    original = NufftEvaluator._parts_for

    def parts_for(self, frequencies):
        if not self._parts:
            planned.append(frequencies.copy())
        return original(self, frequencies)

    monkeypatch.setattr(NufftEvaluator, "_parts_for", parts_for)
    settings = DESCENT | {"evaluator": "nufft"}
    first = Training(problem(TWO_LAYERS, settings))
    first.stepper.step(0.0, np.inf)
    Training(problem(TWO_LAYERS, settings)).restore(first.state())
    np.testing.assert_array_equal(*planned)
    assert np.abs(planned[0] - first.objective.network.frequencies.detach().numpy()).max() > 1e-3


def test_saving_takes_its_time(path):
    assert not Checkpoint(path, problem(TWO_LAYERS, DESCENT), seconds=1e3).due()
    assert Checkpoint(path, problem(TWO_LAYERS, DESCENT), seconds=0.0).due()


def test_what_is_not_finite_does_not_replace_a_state(path):
    training = leave_a_checkpoint(path)
    training.objective.network.cosine.data[0, 3] = np.nan
    training.stepper.steps = 4
    Checkpoint(path, training.problem).save(training.state())
    assert Checkpoint(path, training.problem).load().steps == 3


@pytest.mark.parametrize("network", [TWO_LAYERS, DEEP], ids=["two layers", "deep"])
def test_divergence_leaves_a_finite_state_and_names_the_largest_rate(network, path):
    stable = 2 / kernel_flow(problem(network, DESCENT | {"learning_rate": 1e-3})).info["largest_rate"]
    for rate in (4 * stable, 1e200):
        times = {"first": rate, "last": 200 * rate, "count": 3}
        diverging = problem(network, DESCENT | {"learning_rate": rate, "times": times})
        with pytest.raises(DivergenceError) as caught:
            train(diverging, checkpoint=path, checkpoint_seconds=0.0)
        text = str(caught.value)
        assert f"training.learning_rate = {rate:.6g} " in text
        named = float(text.partition("largest stable learning rate is about ")[2])
        assert named == pytest.approx(stable, rel=0.01)
        state = Checkpoint(path, diverging).load()
        assert state is None or state.finite
        path.unlink(missing_ok=True)


@pytest.mark.parametrize("place", np.linspace(0, 1, 24))
def test_damage_is_named(place, path):
    """A bit anywhere, or an end that is missing."""
    leave_a_checkpoint(path)
    content = bytearray(path.read_bytes())
    at = round(place * (len(content) - 1))
    path.write_bytes(content[:at])
    with pytest.raises(InputError, match=r"checkpoint: is no complete checkpoint .* remove it to start anew"):
        train(problem(TWO_LAYERS, DESCENT), checkpoint=path, resume=True)
    content[at] ^= 4
    path.write_bytes(content)
    with suppress(InputError):  # unless the bit means nothing, as in an entry's time of day
        found = Checkpoint(path, problem(TWO_LAYERS, DESCENT)).load()
        np.testing.assert_array_equal(found.parameters[0], leave_a_checkpoint(path).state().parameters[0])


@pytest.mark.parametrize("kind", ["text", "folder", "array", "other archive"])
def test_other_files_are_named(kind, path):
    if kind == "text":
        path.write_text("hello")
    elif kind == "folder":
        path.mkdir()
    elif kind == "array":
        with path.open("wb") as file:
            np.save(file, np.zeros(3))
    else:
        with path.open("wb") as file:
            np.savez(file, something=np.zeros(3))
    with pytest.raises(InputError, match=r"no complete checkpoint|is a folder"):
        train(problem(TWO_LAYERS, DESCENT), checkpoint=path, resume=True)


def test_checkpoint_of_another_problem_is_named(path):
    leave_a_checkpoint(path)
    with pytest.raises(InputError, match=r"network\.nc\.checkpoint: belongs to another problem"):
        train(problem(TWO_LAYERS, DESCENT | {"learning_rate": 0.25}), checkpoint=path, resume=True)


def test_other_schemas_are_named(path, monkeypatch):
    monkeypatch.setattr("freqbias.nn.checkpoint.SCHEMA", "freqbias-training-checkpoint-0")
    leave_a_checkpoint(path)
    monkeypatch.undo()
    with pytest.raises(InputError, match="schema = 'freqbias-training-checkpoint-0': must be"):
        Checkpoint(path, problem(TWO_LAYERS, DESCENT)).load()
