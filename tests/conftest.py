"""Shared by all tests; also run as ``mpirun -n 2 python -m mpi4py -m pytest -m mpi``."""

import gc
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

# A shell that starts the tests in the background has Ctrl-C ignored, and so would every command that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

EXAMPLES = Path(__file__).parent.parent / "examples"


def pytest_make_parametrize_id(config, val, argname):
    """Objects are named after their class: an address in memory would name a test anew in every process."""
    if type(val).__repr__ is object.__repr__:
        return type(val).__name__
    return None


def pytest_runtest_teardown(item):
    """PETSc objects are freed collectively: no rank may do it alone at a time of its own."""
    mpi = sys.modules.get("mpi4py.MPI")
    if mpi is not None and mpi.COMM_WORLD.size > 1:
        gc.collect()
        mpi.COMM_WORLD.Barrier()


@pytest.fixture
def three_tones():
    """The problem of examples/three_tones.toml."""
    from freqbias import Problem

    return Problem.from_file(EXAMPLES / "three_tones.toml")


@pytest.fixture
def settings():
    """A small one-dimensional problem file as a dictionary, to be changed at will."""
    return {
        "network": {"width": 400, "law": {"family": "uniform", "scale": 10.0}},
        "target": {"expression": "exp(-x**2)*sin(3*x)"},
        "data": {"lower": [-3.0], "upper": [3.0], "points": [64]},
        "training": {"learning_rate": 0.5, "times": {"first": 1.0, "last": 20.0, "count": 5}},
        "mesh": {"cutoff": 15.0, "cells": [60]},
    }


@pytest.fixture
def command(capfd, monkeypatch):
    """Run ``freqbias`` with the given words: in this process, or under ``ranks`` MPI processes of their own."""

    def run(*words, ranks=None, timeout=120):
        if ranks is not None:
            return run_processes(ranks, "-m", "freqbias", *words, timeout=timeout)
        from freqbias.cli.main import main

        monkeypatch.setattr(sys, "argv", ["freqbias", *map(str, words)])
        capfd.readouterr()
        # A command that ends ignores further signals; this process, and those that it starts, go on.
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        with pytest.raises(SystemExit) as ended:
            main()
        for number, handler in before.items():
            signal.signal(number, handler)
        shown = capfd.readouterr()
        return subprocess.CompletedProcess(words, ended.value.code or 0, shown.out, shown.err)

    return run


def run_processes(ranks, *words, timeout=120):
    """Python with ``words`` under mpirun; a job started from inside of an MPI job must not think it belongs to it."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PMI", "HYD", "MPI"))}
    launch = [Path(sys.executable).parent / "mpirun", "-n", str(ranks), sys.executable]
    return subprocess.run(
        [*map(str, [*launch, *words])],
        capture_output=True,
        text=True,
        timeout=timeout,
        env=clean | {"OMP_NUM_THREADS": "1", "UCX_TLS": "self,sm,tcp"},
    )
