"""The log of a training: JSON lines that can be followed while it runs."""

import json

import numpy as np
import pytest
from killed_trainings import CASES, TWO_LAYERS, problem

from freqbias.errors import InputError
from freqbias.nn.run_log import RunLog
from freqbias.nn.training import train


@pytest.fixture
def path(tmp_path):
    return tmp_path / "network.jsonl"


def read(path):
    first, *lines = path.read_text(encoding="utf-8").splitlines()
    return json.loads(first), [json.loads(line) for line in lines]


def test_first_line_is_the_configuration(path):
    given = problem(*CASES["adam, batches, schedule"])
    train(given, log=path)
    configuration, _ = read(path)
    assert configuration["schema"] == "freqbias-training-log-1"
    assert configuration["problem_digest"] == given.digest
    assert configuration["seeds"] == [4, 2]
    assert configuration["threads"] == 1
    assert {"python", "torch", "numpy", "finufft"} <= set(configuration["versions"])
    assert type(given).from_toml(configuration["problem"]).digest == given.digest


@pytest.mark.parametrize("case", ["gradient flow, transforms", "adam, batches, schedule"])
def test_output_times_have_the_losses_of_the_spectra(case, path):
    given = problem(*CASES[case])
    spectra = train(given, log=path)
    _, lines = read(path)
    lines = [line for line in lines if line["output_time"]]
    np.testing.assert_array_equal([line["learning_time"] for line in lines], given.times)
    np.testing.assert_array_equal(np.array([line["loss"] for line in lines]).T, spectra.run_losses)
    assert lines[-1]["step"] == spectra.info["steps"]
    assert lines[-1]["gradient_evaluations"] == spectra.info["gradient_evaluations"]
    seconds = [line["seconds"] for line in lines]
    assert 0 <= seconds[0] <= seconds[-1] <= spectra.info["wall_time_seconds"] + 1e-3


def test_every_step_where_there_is_time(path, monkeypatch):
    """The loss before a step is that of the step before; the factor is that of the schedule: 4 steps of warm-up."""
    monkeypatch.setattr(RunLog, "due", lambda self: True)
    schedule = {"family": "linear", "warmup": 0.2, "final": 0.5}
    settings = {"optimizer": "adam", "schedule": schedule, "times": {"first": 0.01, "last": 0.2, "count": 20}}
    train(problem(TWO_LAYERS, settings), log=path)
    _, lines = read(path)
    between = [line for line in lines if not line["output_time"]]
    assert [line["step"] for line in between] == list(range(20))
    factors = [line["learning_rate_factor"] for line in between]
    np.testing.assert_allclose(factors, [0.2, 0.4, 0.6, 0.8, *np.linspace(1, 0.5, 16)], rtol=1e-12)
    at_outputs = {line["step"]: line["loss"] for line in lines if line["output_time"]}
    shared = [line for line in between if line["step"] in at_outputs]
    assert len(shared) > 10
    for line in shared:
        np.testing.assert_allclose(line["loss"], at_outputs[line["step"]], rtol=1e-12)


def test_at_most_one_line_a_second(path):
    given = problem(TWO_LAYERS, {"optimizer": "gradient-descent"})
    with RunLog(path, given, 1, interval=1e3) as log:
        assert not log.due()
    with RunLog(path, given, 1, interval=0.0) as log:
        assert log.due()


def written(path, steps, given, **options):
    with RunLog(path, given, 1, **options) as log:
        for step in steps:
            log.write(step, 0.5 * step, np.array([1.0, 2.0]), False, step, 1.0, 0.1)


def test_lines_are_there_at_once(path):
    with RunLog(path, problem(TWO_LAYERS, {"optimizer": "gradient-descent"}), 1) as log:
        log.write(3, 1.5, np.array([0.25]), True, 7, 0.5, 2.0)
        _, [line] = read(path)
    assert line == {
        "step": 3,
        "learning_time": 1.5,
        "loss": [0.25],
        "output_time": True,
        "gradient_evaluations": 7,
        "learning_rate_factor": 0.5,
        "seconds": 2.0,
    }


def test_lines_after_the_checkpoint_are_cut(path):
    given = problem(TWO_LAYERS, {"optimizer": "gradient-descent"})
    written(path, [0, 2, 4, 6], given)
    with path.open("a") as file:
        file.write('{"step": 1, "half a li')
    written(path, [5, 7], given, resumed=4)
    configuration, lines = read(path)
    assert configuration["problem_digest"] == given.digest
    assert [line["step"] for line in lines] == [0, 2, 4, 5, 7]
    written(path, [5], given)
    assert [line["step"] for line in read(path)[1]] == [5]


def test_log_of_another_problem_or_none_starts_anew(path):
    given, other = (problem(TWO_LAYERS, {"optimizer": name}) for name in ("gradient-descent", "momentum"))
    written(path, [0, 2], other)
    written(path, [3], given, resumed=2)
    assert read(path)[0]["problem_digest"] == given.digest
    assert [line["step"] for line in read(path)[1]] == [3]
    for content in ("", "{}\n", "[]\n", "\x00"):
        path.write_text(content)
        written(path, [3], given, resumed=2)
        assert [line["step"] for line in read(path)[1]] == [3]


def test_place_that_is_not_a_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"log\.jsonl: cannot be written"):
        train(problem(TWO_LAYERS, {"optimizer": "gradient-descent"}), log=tmp_path / "file" / "log.jsonl")
