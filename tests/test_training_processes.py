"""Training by several processes as torchrun starts them: the same result, no process left waiting."""

import json
import os
import subprocess
import sys
import textwrap
import time

import numpy as np
import psutil
import pytest
import tomli_w
import torch

from freqbias import ErrorSpectra, Problem
from freqbias.cli.failure import reported_failures
from freqbias.errors import DivergenceError, InputError, Interrupted
from freqbias.nn.checkpoint import Checkpoint
from freqbias.nn.networks import network_for
from freqbias.nn.processes import ALONE, Processes
from freqbias.nn.training import Training, train

PROBLEM = {
    "network": {"width": 404, "law": {"family": "uniform", "scale": 10.0}},
    "target": {"expression": "exp(-x**2)*sin(3*x)"},
    "data": {"lower": [-3.0], "upper": [3.0], "points": [48]},
    "mesh": {"cutoff": 15.0, "cells": [60]},
}
TIMES = {"first": 1.0, "last": 10.0, "count": 3}
#: Every way in which a step uses the sum over the processes.
TRAININGS = {
    "gradient-flow, dense": {"optimizer": "gradient-flow", "evaluator": "dense", "times": TIMES},
    "gradient-flow, nufft": {
        "optimizer": "gradient-flow",
        "evaluator": "nufft",
        "nufft_tolerance": 1e-13,
        "times": TIMES,
    },
    "nesterov": {"optimizer": "nesterov", "learning_rate": 0.2, "evaluator": "dense", "times": TIMES},
    "adam": {"optimizer": "adam", "learning_rate": 0.1, "batch": 16, "seeds": 2, "times": TIMES},
}
#: What every process does in the one job in which numbers are compared.
JOB = textwrap.dedent("""
    import json, os, sys
    from pathlib import Path
    import numpy as np, torch
    from freqbias import Problem
    from freqbias.errors import Interrupted
    from freqbias.nn.checkpoint import Checkpoint
    from freqbias.nn.processes import joined_processes
    from freqbias.nn.training import Training, train

    folder = Path(sys.argv[1])
    cases = json.loads((folder / "cases.json").read_text())
    results = {}
    threads = len(os.listdir("/proc/self/task"))
    with joined_processes() as processes:
        for name, problem in cases.items():
            spectra = train(Problem.create(problem), processes=processes)
            assert (spectra is None) == (processes.rank > 0)
            if spectra is not None:
                results[name] = spectra.values

        # A state of one process goes on here, and its gathered parts are the state again.
        problem = Problem.create(cases["nesterov"])
        training = Training(problem, processes=processes)
        state = processes.from_first(Checkpoint(folder / "state", problem).load)
        training.restore(state)
        again = training.state()
        training.run()
        if processes.rank == 0:
            for number, parameter in enumerate(again.parameters):
                assert np.array_equal(parameter, state.parameters[number])
                name = f"{number}.momentum_buffer"
                assert np.array_equal(again.stepper[name], state.stepper[name])
            results["resumed"] = np.array(training.errors)

        # One that gives up takes the others with it, instead of leaving them to wait.
        def fails():
            if processes.rank == 1:
                raise Interrupted("only here", 143)
            return torch.ones(3)

        try:
            processes.sum(fails, torch.ones(3))
        except Interrupted as error:
            told = str(error), error.status
        assert told == ("only here", 143)
        assert processes.sum(lambda: torch.full((2,), 1.0 + processes.rank), torch.ones(2)).tolist() == [3.0, 3.0]
        assert processes.agreed(0.5 + processes.rank) == 0.5
    # One that still runs while Python ends may abort the process.
    assert len(os.listdir("/proc/self/task")) == threads
    if processes.rank == 0:
        np.savez(folder / "results.npz", **results)
""")


def torchrun(*words, processes=2):
    return [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)),
        *map(str, words),
    ]


@pytest.fixture
def environment():
    return os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def difference(one, other):
    return np.abs(one - other).max() / np.abs(other).max()


def test_two_processes_train_as_one(tmp_path, environment):
    """Gradient flow makes its decisions from sums, and so the same ones on all processes; 403 neurons do not halve."""
    cases = {name: {**PROBLEM, "training": training} for name, training in TRAININGS.items()}
    odd = {"width": 403, "sampling": "random", "mirrored": False, "law": {"family": "normal", "scale": 5.0}}
    cases["gradient-flow, dense"]["network"] = odd
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    (tmp_path / "job.py").write_text(JOB)
    problem = Problem.create(cases["nesterov"])
    expected = {name: train(Problem.create(case)).values for name, case in cases.items()}
    half = Training(problem)
    half.stepper.step(0.0, 1.0)
    half.now = 0.2
    Checkpoint(tmp_path / "state", problem).save(half.state())
    half.run()
    expected["resumed"] = np.array(half.errors)

    done = subprocess.run(
        torchrun(tmp_path / "job.py", tmp_path), env=environment, capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, done.stderr
    results = np.load(tmp_path / "results.npz")
    assert sorted(results) == sorted(expected)
    for name, values in expected.items():
        assert difference(results[name], values) < 1e-10, name


def test_a_killed_process_ends_the_job_and_any_number_goes_on_from_its_checkpoint(tmp_path, environment, command):
    training = {"optimizer": "gradient-flow", "tolerance": 1e-7, "evaluator": "dense", "times": TIMES}
    problem = {**PROBLEM, "training": training}
    (tmp_path / "p.toml").write_text(tomli_w.dumps(problem))
    words = ["train", tmp_path / "p.toml", "--out", tmp_path / "n.nc"]
    job = subprocess.Popen(
        torchrun("-m", "freqbias", *words, "--checkpoint-every", "0"),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (tmp_path / "n.nc.checkpoint").exists():
        assert job.poll() is None, job.communicate()
        time.sleep(0.02)
    children = psutil.Process(job.pid).children(recursive=True)
    next(child for child in children if child.environ().get("RANK") == "1").kill()
    _, said = job.communicate(timeout=60)
    assert job.returncode != 0
    assert len(ours(said)) <= 1, said
    assert not (tmp_path / "n.nc").exists()
    done = command(*words, "--resume")
    assert done.returncode == 0, done.stderr
    resumed = ErrorSpectra.read(tmp_path / "n.nc")
    expected = train(Problem.create(problem))
    assert resumed.info["steps"] == expected.info["steps"]
    assert difference(resumed.values, expected.values) < 1e-10


def ours(text):
    """The lines that freqbias wrote, between those of torchrun."""
    return [line for line in text.splitlines() if line.startswith("freqbias:")]


# In one process


def test_shares_are_a_partition():
    for count in (2, 7, 400):
        parts = [Processes(rank, 3).share(count) for rank in range(3)] if count >= 3 else [ALONE.share(count)]
        assert np.concatenate([np.arange(count)[part] for part in parts]).tolist() == list(range(count))


def test_predictions_of_the_shares_add_to_those_of_the_network():
    problem = Problem.create({**PROBLEM, "training": TRAININGS["nesterov"]})
    points = torch.tensor(problem.points)
    shares = [network_for(problem, processes=Processes(rank, 3))(points).detach() for rank in range(3)]
    whole = network_for(problem)
    assert [len(network_for(problem, processes=Processes(rank, 3)).scale[0]) for rank in range(3)] == [134, 135, 135]
    terms = whole.scale.abs().sum()
    assert (sum(shares) - whole(points)).abs().max() < 1e-14 * terms


@pytest.mark.parametrize(
    ("network", "said"),
    [
        ({"family": "siren", "hidden": [8]}, 'network.family = "siren" is trained by one process, not by 3'),
        ({**PROBLEM["network"], "width": 2, "sampling": "random"}, "network.width = 2: 3 processes need at least"),
    ],
    ids=["deep", "narrow"],
)
def test_networks_that_cannot_be_shared_are_refused(network, said):
    problem = Problem.create({**PROBLEM, "network": network, "training": TRAININGS["nesterov"]}, source="p.toml")
    with pytest.raises(InputError, match=f"^p.toml: {said}"):
        network_for(problem, processes=Processes(0, 3))


@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize(
    ("error", "status"), [(InputError("x"), 2), (DivergenceError("x"), 1), (Interrupted("x", 143), 143)]
)
def test_only_the_first_process_tells_the_failure_of_all(monkeypatch, capsys, rank, error, status):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "job")
    monkeypatch.setenv("RANK", str(rank))
    waited = []
    monkeypatch.setattr("freqbias.cli.failure.time.sleep", waited.append)
    with pytest.raises(SystemExit) as ended, reported_failures():
        raise error
    assert ended.value.code == status
    # The others leave it time: torchrun ends them as soon as it has spoken and gone.
    assert (sum(waited) > 1) == (rank > 0)
    said = [] if rank > 0 and isinstance(error, Interrupted) else ["freqbias: x"]
    assert ours(capsys.readouterr().err) == said


def test_run_is_not_for_torchrun(monkeypatch, command, tmp_path):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "job")
    monkeypatch.setenv("RANK", "0")
    (tmp_path / "p.toml").write_text(tomli_w.dumps({**PROBLEM, "training": TRAININGS["nesterov"]}))
    done = command("run", tmp_path / "p.toml", "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "torchrun" in done.stderr
