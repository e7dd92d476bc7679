"""What the numbers depend on beside the problem: versions of packages, the state of this one, the host, threads."""

import os
import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_PACKAGES = (
    *("freqbias", "numpy", "scipy", "torch", "finufft", "dolfinx-solver-real", "fenics-dolfinx", "mpi4py", "mpich"),
    *("xarray", "h5netcdf", "matplotlib"),
)
#: What libraries ask how many threads to take.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
#: A commit, with "-dirty" behind it if tracked files had changed, as ``git describe --always --dirty`` has it.
_REVISION = "FREQBIAS_REVISION"


@cache
def versions() -> dict[str, str]:
    """Versions of Python and of the packages that the numbers depend on, as far as they are installed."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


@cache
def revision() -> dict[str, Any] | None:
    """The ``commit`` of the checkout that this package runs from, and whether it has ``changed`` since.

    Of a package that runs from no checkout, what FREQBIAS_REVISION says, as container images do; else None.
    """
    here = Path(__file__).resolve()
    if _git(here.parent, "ls-files", "--error-unmatch", here.name) is None:
        # Installed elsewhere, perhaps below the checkout of something else.
        given = os.environ.get(_REVISION, "")
        return {"commit": given.removesuffix("-dirty"), "changed": given.endswith("-dirty")} if given else None
    commit = _git(here.parent, "rev-parse", "HEAD")
    changes = _git(here.parent, "status", "--porcelain", "--untracked-files=no")
    return None if commit is None or changes is None else {"commit": commit, "changed": bool(changes)}


def host() -> dict[str, Any]:
    """Name and kind of this machine, and the cores that the process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"name": platform.node(), "machine": platform.machine(), "system": platform.system(), "cores": cores}


def thread_variables() -> dict[str, str]:
    """The variables of the environment that limit threads, as far as they are set."""
    return {name: os.environ[name] for name in _THREADS if name in os.environ}


def _git(folder: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
