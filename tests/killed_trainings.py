"""Trainings that are killed by SIGKILL at any moment and go on; run by tests/test_training_checkpoint.py.

``python killed_trainings.py FOLDER``: prints one JSON line for each case. A process of its own, because it forks: each
training runs in a fresh copy of a process that has loaded all libraries.
"""

import json
import os
import signal
import sys
from pathlib import Path

import numpy as np

from freqbias import Problem
from freqbias.files import _PatientFile
from freqbias.nn.interruption import Interruption
from freqbias.nn.training import train
from freqbias.spectra import ErrorSpectra

TWO_LAYERS = {"width": 40, "law": {"family": "uniform", "scale": 6.0}}
RANDOM = TWO_LAYERS | {"sampling": "random", "mirrored": False}
DEEP = {
    "family": "deep-fourier-features",
    "width": 6,
    "hidden": [7, 5],
    "activation": "tanh",
    "law": {"family": "normal", "scale": 3.0},
}
SCHEDULE = {"family": "cosine", "warmup": 0.2}
#: By name: network, table training.
CASES = {
    "gradient flow, transforms": (TWO_LAYERS, {"optimizer": "gradient-flow", "tolerance": 1e-3, "evaluator": "nufft"}),
    "gradient flow, deep, two seeds": (DEEP, {"optimizer": "gradient-flow", "tolerance": 5e-2, "seeds": 2}),
    "adam, batches, schedule": (RANDOM, {"optimizer": "adam", "batch": 7, "schedule": SCHEDULE, "seeds": [4, 2]}),
    "nesterov, transforms": (TWO_LAYERS, {"optimizer": "nesterov", "evaluator": "nufft"}),
    "adamw, deep, batches, single precision": (DEEP, {"optimizer": "adamw", "batch": 8, "precision": "float32"}),
    "two threads, transforms": (TWO_LAYERS | {"width": 32768}, {"optimizer": "gradient-descent", "threads": 2}),
}


def problem(network: dict, training: dict) -> Problem:
    """A small one, by default with output times after 1 and the last of 8 steps, with Adam 20."""
    first, steps = (0.01, 20) if training["optimizer"].startswith("adam") else (0.5, 8)
    return Problem.create(
        {
            "network": network,
            "target": {"expression": "sin(2*x) + cos(4*x)"},
            "data": {"lower": [-1.0], "upper": [2.0], "points": [30]},
            "training": {
                "learning_rate": first,
                "times": {"first": first, "last": steps * first, "count": 3},
                "threads": 1,
            }
            | training,
            "mesh": {"cutoff": 10.0, "cells": 40},
        }
    )


class Moments:
    """Counts the moments of a command, before and in the middle of what it does; signals the process at one of them."""

    def __init__(self, last: float, number: int = signal.SIGKILL):
        self.passed, self._last, self._number = 0, last, number
        self._before(Interruption, "check")
        self._before(os, "fsync")
        self._before(Path, "replace")
        self._before(Path, "unlink")
        write = _PatientFile.write

        def half(file, content):
            content = memoryview(content).cast("B")
            write(file, content[: len(content) // 2])
            self.pass_one()
            write(file, content[len(content) // 2 :])
            return len(content)

        _PatientFile.write = half

    def _before(self, owner: object, name: str) -> None:
        function = getattr(owner, name)

        def counted(*arguments, **options):
            self.pass_one()
            return function(*arguments, **options)

        setattr(owner, name, counted)

    def pass_one(self) -> None:
        self.passed += 1
        if self.passed >= self._last:
            self._last = np.inf
            os.kill(os.getpid(), self._number)


def in_a_copy(work, *arguments) -> int:
    """The exit status of a fork that does ``work``; minus the signal that ended it."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work(*arguments)
            status = 0
        finally:
            sys.stderr.flush()
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def run(case: str, folder: Path, last: float = np.inf) -> None:
    """Train, going on from what is there; a file ``moments`` says how many there were."""
    moments = Moments(last)
    files = {"checkpoint": folder / "network.nc.checkpoint", "log": folder / "network.jsonl"}
    spectra = train(problem(*CASES[case]), **files, checkpoint_seconds=0.0, resume=True)
    spectra.write(folder / "network.nc")
    (folder / "moments").write_text(str(moments.passed))


def reference(case: str, folder: Path) -> None:
    """Train without checkpoints."""
    train(problem(*CASES[case])).write(folder / "network.nc")


def content(folder: Path) -> tuple:
    spectra = ErrorSpectra.read(folder / "network.nc")
    facts = {key: spectra.info[key] for key in spectra.info if key != "wall_time_seconds"}
    return spectra.runs.tobytes(), spectra.run_losses.tobytes(), spectra.seeds, facts


def check(case: str, folder: Path) -> dict:
    rng = np.random.default_rng(len(case))
    whole, once, killed = folders(folder, "whole", "once", "killed")
    assert in_a_copy(reference, case, whole) == 0
    assert in_a_copy(run, case, once) == 0
    moments = int((once / "moments").read_text())
    deaths = 0
    while (status := in_a_copy(run, case, killed, rng.integers(moments // 6, moments // 2))) != 0:
        assert status == -signal.SIGKILL
        deaths += 1
        assert deaths < 100
    lines = (killed / "network.jsonl").read_text().splitlines()
    return {
        "case": case,
        "deaths": deaths,
        "moments": moments,
        "equal": content(killed) == content(once) == content(whole),
        "files": sorted(path.name for path in killed.iterdir()),
        "steps": [json.loads(line)["step"] for line in lines[1:]],
        "output_times": sum('"output_time": true' in line for line in lines),
    }


def folders(parent: Path, *names: str) -> list[Path]:
    for name in names:
        (parent / name).mkdir(parents=True)
    return [parent / name for name in names]


if __name__ == "__main__":
    reference("nesterov, transforms", *folders(Path(sys.argv[1]), "loading"))
    for number, name in enumerate(CASES):
        print(json.dumps(check(name, Path(sys.argv[1]) / str(number))), flush=True)
