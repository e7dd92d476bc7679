"""The PDE on several ranks as a user runs it: the same spectrum, no rank left waiting, nothing lost by a kill."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
import zlib
from pathlib import Path

import numpy as np
import psutil
import pytest
import tomli_w
from conftest import run_processes

from freqbias import ErrorSpectra

BIN = Path(sys.executable).parent
PLANE = {
    "network": {"width": 400, "law": {"family": "normal", "scale": 5.0}},
    "target": {"expression": "exp(-x**2-y**2)*(sin(3*x+y)+cos(2*x-y))"},
    "data": {"lower": [-3.0, -3.0], "upper": [3.0, 3.0], "points": [24, 24]},
    "training": {"learning_rate": 0.5, "times": {"first": 1.0, "last": 100.0, "count": 3}},
    "mesh": {"cutoff": 12.0, "cells": 40},
}
SPACE = {
    **PLANE,
    "target": {"expression": "exp(-x**2-y**2-(z-0.3)**2)*(sin(2*x+y)+cos(x))"},
    "data": {"lower": [-2.0] * 3, "upper": [2.0] * 3, "points": [12]},
    "mesh": {"cutoff": 8.0, "cells": 16, "degree": 1},
}
#: Takes some seconds: its law is even in no coordinate, so that the mesh is not folded.
LONG = {
    **PLANE,
    "network": {"width": 400, "law": {"family": "normal", "scale": 5.0, "location": 0.5}},
    "training": {"learning_rate": 0.5, "times": {"first": 0.01, "last": 1e4, "count": 25}},
    "mesh": {"cutoff": 12.0, "cells": 60},
}


def write(problem, path):
    path.write_text(tomli_w.dumps(problem))
    return path


def difference(one, other):
    """Largest difference of two spectrum files at any time, relative to the initial norm."""
    one, other = ErrorSpectra.read(one), ErrorSpectra.read(other)
    return (one.mesh.norm(one.values - other.values) / one.norms()[0]).max()


# The same spectrum


# Elimination and iterations, in a plane and in space; tests/test_cli.py has the default on 2 and 3 ranks.
@pytest.mark.parametrize(
    ("problem", "method", "ranks"),
    [(PLANE, "cholesky", 4), (PLANE, "cg", 3), (SPACE, "cg", 2)],
    ids=["2D on 4", "2D cg on 3", "3D cg on 2"],
)
def test_any_number_of_ranks_writes_the_same_spectrum(command, tmp_path, problem, method, ranks):
    words = ["solve", write(problem, tmp_path / "p.toml"), "--set", f"solver.method={method}", "--out"]
    done = command(*words, tmp_path / "1.nc")
    assert done.returncode == 0, done.stderr
    done = command(*words, tmp_path / "n.nc", ranks=ranks)
    assert done.returncode == 0, done.stderr
    assert difference(tmp_path / "1.nc", tmp_path / "n.nc") < 1e-8
    info = ErrorSpectra.read(tmp_path / "n.nc").info
    assert info["ranks"] == ranks
    assert (info["iterations"] > 0) == (method == "cg")
    assert not (tmp_path / "n.nc.checkpoint").exists()


# A rank that dies


@contextlib.contextmanager
def running(ranks, *words):
    """``freqbias`` under mpirun in the background; nothing of it is left afterwards."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PMI", "HYD", "MPI"))}
    job = subprocess.Popen(
        [*map(str, [BIN / "mpirun", "-n", ranks, sys.executable, "-m", "freqbias", *words])],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean | {"OMP_NUM_THREADS": "1", "UCX_TLS": "self,sm,tcp"},
        start_new_session=True,
    )
    try:
        yield job
    finally:
        for process in [*psutil.Process(job.pid).children(recursive=True)] if job.poll() is None else []:
            process.kill()
        job.kill()
        job.communicate()


def processes_of_ranks(job):
    """The Python processes of a job, in no order."""
    found = psutil.Process(job.pid).children(recursive=True)
    return [process for process in found if process.cmdline()[:1] == [sys.executable]]


def until_saved(job, folder, number=3):
    """Wait until the running job has saved its state ``number`` times."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(FileNotFoundError):
            if json.loads((folder / "state.json").read_text())["number"] >= number:
                return
        assert job.poll() is None, job.communicate()
        time.sleep(0.01)
    raise AssertionError("no checkpoint within a minute")


def assert_complete(folder):
    """Every block that state.json names is there, whole."""
    state = json.loads((folder / "state.json").read_text())
    blocks = [*(block for group in state["fields"].values() for block in group), *state["arrays"].values()]
    assert any("basis" in block["file"] for block in blocks)
    for block in blocks:
        values = np.load(folder / block["file"], allow_pickle=False)
        assert zlib.crc32(np.ascontiguousarray(values)) == block["crc32"]


def test_killed_rank_ends_the_job_and_another_number_of_ranks_goes_on(command, tmp_path):
    problem, out = write(LONG, tmp_path / "p.toml"), tmp_path / "pde.nc"
    folder = tmp_path / "pde.nc.checkpoint"
    with running(2, "solve", problem, "--out", out, "--checkpoint-every", "0") as job:
        until_saved(job, folder)
        ranks = processes_of_ranks(job)
        assert len(ranks) == 2
        ranks[1].kill()
        job.communicate(timeout=30)
        assert job.returncode != 0
        assert psutil.wait_procs(ranks, timeout=10)[1] == []
    assert not out.exists()
    assert_complete(folder)
    done = command("solve", problem, "--out", out, "--resume", ranks=3)
    assert done.returncode == 0, done.stderr
    assert not folder.exists()
    done = command("solve", problem, "--out", tmp_path / "whole.nc")
    assert done.returncode == 0, done.stderr
    assert difference(tmp_path / "whole.nc", out) < 1e-8
    assert ErrorSpectra.read(out).info["solves"] < ErrorSpectra.read(tmp_path / "whole.nc").info["solves"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p.toml", "pde.nc", "whole.nc"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_ends_the_job(number, tmp_path):
    problem, out = write(LONG, tmp_path / "p.toml"), tmp_path / "pde.nc"
    with running(2, "solve", problem, "--out", out, "--checkpoint-every", "0") as job:
        until_saved(job, tmp_path / "pde.nc.checkpoint", 1)
        ranks = processes_of_ranks(job)
        job.send_signal(number)
        _, shown = job.communicate(timeout=30)
        assert job.returncode != 0
        assert psutil.wait_procs(ranks, timeout=10)[1] == []
    assert "Traceback" not in shown
    assert shown.count("freqbias: ") <= 1
    assert not out.exists()
    assert_complete(tmp_path / "pde.nc.checkpoint")


@pytest.mark.parametrize("ending", ["raise ValueError('lost')", "sys.exit(3)"])
def test_one_rank_that_leaves_a_solve_ends_the_job(tmp_path, ending):
    """In the midst of the evolution; the others wait for it in the next reduction."""
    script = tmp_path / "fails.py"
    script.write_text(
        textwrap.dedent(f"""
        import sys
        from mpi4py import MPI
        from freqbias import Problem, fem
        from freqbias.cli.failure import reported_failures
        def progress(done):
            if MPI.COMM_WORLD.rank == 1:
                {ending}
        with reported_failures():
            fem.solve(Problem.from_file({str(write(PLANE, tmp_path / "p.toml"))!r}), progress=progress)
            print("done")
        """)
    )
    done = run_processes(2, "-m", "mpi4py", script, timeout=30)
    assert done.returncode != 0
    assert "done" not in done.stdout


# Memory


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ("1MB", "mesh.cells = [40, 40]: the PDE would take about"),
        ("1MB --force", "is too little for 6561 nodes and 4 output times: at least"),
        ("lots", "--memory lots: must be a number with a unit"),
        ("0", "--memory 0: must be a number with a unit"),
        ("-3GiB", "--memory -3GiB: must be"),
        ("8 GiX", "--memory 8 GiX: must be"),
    ],
)
def test_memory_that_will_not_do_is_one_line_and_status_2(command, tmp_path, size, expected):
    problem = write(PLANE, tmp_path / "p.toml")
    ranks = 2 if size.startswith("1MB") or size == "lots" else None
    words = [size] if size == "8 GiX" else size.split()
    done = command("solve", problem, "--out", tmp_path / "pde.nc", "--memory", *words, ranks=ranks, timeout=60)
    assert done.returncode == 2
    assert expected in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == ""
    assert [path.name for path in tmp_path.iterdir()] == ["p.toml"]


MEASURE = """
import re, resource, sys
import psutil
from freqbias import Problem, fem
from freqbias.errors import InputError
small, large = (Problem.from_file(path) for path in sys.argv[1:3])
fem.solve(small)  # all that is loaded or compiled once
large.initial_error, large.mesh.nodes
before = psutil.Process().memory_info().rss
try:
    spectra = fem.solve(large, memory=float(sys.argv[4]))
except InputError as error:
    print(2**30 * float(re.search("at least ([0-9.]+) GiB", str(error))[1]))
else:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before)
    spectra.write(sys.argv[3])
"""


def test_the_least_memory_is_kept_and_changes_nothing(command, tmp_path):
    """A basis that does not fit is cut by starting anew from a later time: the same result, within the bound."""
    times = {"times": {"first": 0.01, "last": 1e5, "count": 4}}
    case = LONG | {"training": times, "mesh": {"cutoff": 12.0, "cells": 120}}
    case |= {"solver": {"tolerance": 1e-11, "method": "cholesky"}}
    small, large = write(LONG | {"training": times}, tmp_path / "small.toml"), write(case, tmp_path / "large.toml")
    words = ["-c", MEASURE, small, large, tmp_path / "least.nc"]
    # What is resident differs by some 15 MiB from run to run, for the least that is asked for and for the peak.
    noise = 16 * 2**20
    least = []
    for _ in range(2):
        done = run_processes(1, *words, "1")
        assert done.returncode == 0, done.stderr
        least.append(float(done.stdout))
    peak = np.inf
    for _ in range(4):  # on a busy machine now and then more is resident
        bound = min(least) + 1.1 * noise
        done = run_processes(1, *words, bound)
        assert done.returncode == 0, done.stderr
        if not (tmp_path / "least.nc").exists():
            least = [float(done.stdout)]
            continue
        peak = float(done.stdout)
        if peak < bound + noise:
            break
    assert 0 < peak < bound + noise
    assert command("solve", large, "--out", tmp_path / "whole.nc").returncode == 0
    least, whole = (ErrorSpectra.read(tmp_path / name).info for name in ("least.nc", "whole.nc"))
    assert whole["restarts"] == 0 < least["restarts"]
    assert difference(tmp_path / "least.nc", tmp_path / "whole.nc") < 2e-9
