"""The checks of ``freqbias doctor``: each runs a probe in a process of its own, which may crash or hang.

A new check is one function in ``freqbias/doctor/probes.py`` and one line in ``CHECKS``.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Literal

#: Exit status of a probe that found nothing wrong, but not what it looked for either.
NOT_THERE = 77
#: Probes at a time: most of them wait for libraries to load.
_AT_ONCE = 3


@dataclass(frozen=True)
class Check:
    """``probe`` is a function of ``freqbias.doctor.probes``; after ``seconds`` it is ended, and counts as failed."""

    name: str
    probe: str
    required: bool
    mend: str
    seconds: float = 60.0


@dataclass(frozen=True)
class Finding:
    """What a check found: ``text`` in one line, and how to ``mend`` it unless it is ok.

    "missing" is what freqbias can do without, "broken" what it cannot.
    """

    name: str
    state: Literal["ok", "missing", "broken"]
    text: str
    mend: str | None
    seconds: float


_DOLFINX = "pip install --force-reinstall 'dolfinx-solver-real==0.11.0.post0', or conda-forge: environment.yml"

CHECKS = (
    Check("C compiler", "compiler", True, "on Debian: apt-get install gcc libc6-dev; or name one in the variable CC"),
    Check("cache folder", "cache", True, "make it writable, or name another one in the variable XDG_CACHE_HOME"),
    Check("DOLFINx, compiling a form", "jit", True, f"mend the compiler and the cache first; then {_DOLFINX}", 120.0),
    Check("PETSc with MUMPS", "mumps", True, _DOLFINX),
    Check("PETSc's other packages", "petsc_packages", False, "only for solver.petsc: a PETSc that is built with them"),
    Check(
        "MPI, two processes", "mpi", True, "run mpirun of the same MPI as mpi4py; on one host set UCX_TLS=self,sm,tcp"
    ),
    Check("PyTorch", "torch", True, "pip install --force-reinstall torch", 120.0),
    Check("finufft", "transforms", True, "pip install --force-reinstall finufft"),
    Check("GPU", "gpu", False, "for --device cuda: a GPU, its driver, and a torch built for its CUDA", 120.0),
    Check("transforms on the GPU", "gpu_transforms", False, "pip install 'freqbias[cufinufft]'", 120.0),
    Check(
        "drawing off the screen",
        "drawing",
        False,
        "for pictures in 3D: pip install 'freqbias[pictures]'; on Debian: apt-get install libegl1 libgl1-mesa-dri",
        120.0,
    ),
    Check("Chromium", "chromium", False, "only for the tests of the report; on Debian: apt-get install chromium"),
    Check("disk", "disk", True, "make room in the folder that is named, or work in another one", 20.0),
    Check("memory", "memory", True, "end other programs, or raise the memory limit of the container", 20.0),
)


def examine(checks: Sequence[Check] = CHECKS) -> Iterator[Finding]:
    """What every check finds, in order, as soon as it is known. Raises nothing whatever they do."""
    running: set[subprocess.Popen] = set()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        try:
            yield from pool.map(partial(_find, running), checks)
        finally:  # also Ctrl-C: nobody waits for the probes then
            for process in list(running):
                _end(process)


def _find(running: set[subprocess.Popen], check: Check) -> Finding:
    began = time.perf_counter()
    status, text = _run([sys.executable, "-m", "freqbias.doctor.probes", check.probe], check.seconds, running)
    seconds = time.perf_counter() - began
    if status == 0:
        return Finding(check.name, "ok", text, None, seconds)
    return Finding(check.name, "broken" if check.required else "missing", text, check.mend, seconds)


def _run(words: list[str], seconds: float, running: set[subprocess.Popen]) -> tuple[int, str]:
    """Exit status and last line of a program, one of ``running``; after ``seconds`` it is gone, with its children."""
    # A file and not a pipe: whatever survives cannot keep us waiting for its end.
    with tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
        except OSError as error:
            return 1, f"no process can be started: {error.strerror}"
        running.add(process)
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            return 1, f"no answer within {seconds:g} s"
        finally:
            _end(process)
            process.wait()
            running.discard(process)
        output.seek(0)
        lines = output.read().decode("utf-8", "replace").strip().splitlines()
    if status < 0:
        return status, f"ended by {signal.Signals(-status).name}"
    return status, lines[-1].strip() if lines else f"ended with status {status}"


def _end(process: subprocess.Popen) -> None:
    """End a probe with all that it has started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
