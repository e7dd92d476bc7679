"""What this machine has left: memory and disk."""

import resource
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from mpi4py import MPI

#: Where Linux keeps what a container may hold, holds, and could give back at once (a line of a table of pages of
#: files): version 2 of its control groups, and version 1.
_LIMITS = (
    ("/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"),
    ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)


def free_memory() -> float:
    """Bytes that can be had without swapping, and within the limit of the container if this is one."""
    free = float(psutil.virtual_memory().available)
    space, _ = resource.getrlimit(resource.RLIMIT_AS)
    if space != resource.RLIM_INFINITY:  # ulimit -v
        free = min(free, max(0.0, float(space - psutil.Process().memory_info().vms)))
    for folder, limit, used, cached in _LIMITS:
        try:
            left = float((Path(folder) / limit).read_text()) - float((Path(folder) / used).read_text())
            table = dict(line.split() for line in (Path(folder) / "memory.stat").read_text().splitlines())
            free = min(free, max(0.0, left + float(table.get(cached, 0))))
        except (OSError, ValueError):  # no such group, or "max"
            continue
    return free


def memory_of_ranks(comm: "MPI.Comm", hosts: "MPI.Comm | None" = None) -> float:
    """Bytes that all ranks of ``comm`` can have together, each as many as the others: the tightest host decides.

    ``hosts``: the ranks of ``comm`` on the host of this one, found out by default. Collective.
    """
    from mpi4py import MPI

    here = comm.Split_type(MPI.COMM_TYPE_SHARED) if hosts is None else hosts
    each = here.bcast(free_memory()) / here.size
    if hosts is None:
        here.Free()
    return comm.size * comm.allreduce(each, MPI.MIN)


def free_disk(path: Path) -> float:
    """Bytes that fit into the folder ``path``, or into that in which it will be made."""
    path = path.absolute()
    while not path.exists() and path != path.parent:
        path = path.parent
    return float(psutil.disk_usage(str(path)).free)


def in_words(size: float) -> str:
    """Bytes as a text, such as 3.2 GiB."""
    for unit in ("bytes", "KiB", "MiB", "GiB", "TiB"):
        if size < 999.5:
            return f"{size:.3g} {unit}"
        size /= 1024
    return f"{size:.3g} PiB"


def seconds_in_words(seconds: float) -> str:
    """A duration to two digits, such as 40 s, 5 min or 3 years."""
    for length, unit in ((31_557_600, "years"), (86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 1.5 * length:
            return f"{float(f'{seconds / length:.2g}'):g} {unit}"
    return f"{float(f'{seconds:.2g}'):g} s"
