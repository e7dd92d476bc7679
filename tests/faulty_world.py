"""A folder in which commands are killed, interrupted, and cannot write; for the tests of faults."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import tomli_w

TESTS = Path(__file__).parent
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
PROBLEM = {
    "network": {"width": 200, "law": {"family": "uniform", "scale": 6.0}},
    "target": {"expression": "exp(-x**2)*sin(3*x)"},
    "data": {"lower": [-3.0], "upper": [3.0], "points": [32]},
    "training": {"learning_rate": 0.5, "threads": 1, "times": {"first": 1.0, "last": 10.0, "count": 3}},
    "mesh": {"cutoff": 10.0, "cells": [40]},
}
LEVELS = ["run/network.nc", "run/pde.nc", "run/kernel.nc"]
#: Every command that writes, over files that are there; each after the first needs those before.
COMMANDS = {
    "run": ["run", "p.toml", "--out", "run", "--checkpoint-every", "0"],
    "budget": ["budget", "run"],
    "compare": ["compare", *LEVELS, "--out", "compared", "--json"],
    "solve": ["solve", "p.toml", "--out", "pde.nc", "--checkpoint-every", "0"],
    "kernel": ["kernel", "p.toml", "--out", "kernel.nc"],
    "train": ["train", "p.toml", "--out", "network.nc", "--checkpoint-every", "0"],
    "export": ["export", "run/pde.nc", "--out", "pde.vtkhdf"],
    "picture": ["export", "run/pde.nc", "--picture", "pde.png"],
    "convert": ["mesh", "p.toml", "--convert", "mesh.msh"],
    "drawing": ["mesh", "p.toml", "--picture", "mesh.png"],
}


class World:
    """Runs commands in a folder, which is a small file system of its own where this process may make one."""

    def __init__(self, folder):
        server = [sys.executable, TESTS / "faulty_commands.py"]
        mounted = f'mount -t tmpfs -o size=8m tmpfs "{folder}" && cd "{folder}" && exec "$@"'
        alone = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"]), "sh", "-c", mounted, "sh"]
        #: Whether disks can be filled and be mounted for reading alone.
        self.mounted = shutil.which("unshare") is not None and self._starts([*alone, "true"], folder)
        self._server = subprocess.Popen(
            [*alone, *server] if self.mounted else server,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=folder,
            env=ENVIRONMENT,
        )
        assert self._server.stdout.readline() == "ready\n"
        #: The folder, as this process sees it.
        self.folder = Path(f"/proc/{self._server.pid}/root") / str(folder).lstrip("/") if self.mounted else folder
        (self.folder / "p.toml").write_text(tomli_w.dumps(PROBLEM))

    @staticmethod
    def _starts(words, folder):
        return subprocess.run(words, cwd=folder, capture_output=True).returncode == 0

    def __call__(self, *words, **order):
        """The answer to a command; see faulty_commands.py."""
        self._server.stdin.write(json.dumps({"words": words} | order) + "\n")
        self._server.stdin.flush()
        return json.loads(self._server.stdout.readline())

    def end(self):
        self._server.communicate(timeout=10)

    def content(self):
        """File → bytes of everything that is there."""
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in files}

    def leave_free(self, size):
        """Fill the disk until ``size`` bytes of it are free; 0: down to the last one."""
        room = os.statvfs(self.folder)
        with (self.folder / "filler").open("wb") as filler:
            os.posix_fallocate(filler.fileno(), 0, max(1, room.f_bavail * room.f_frsize - size))


def temporary(content):
    return [name for name in content if name.endswith(".part")]
