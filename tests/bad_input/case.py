"""What a case of bad input is: files, a command line, and the words that the one line of the answer must hold."""

import os
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path

import tomli_w

from freqbias.changes import apply_change

#: Text, bytes, or what makes the file at a path.
Content = str | bytes | Callable[[Path], None]

#: A sound problem in one dimension; every case spoils one thing.
SOUND = {
    "network": {"width": 400, "law": {"family": "uniform", "scale": 10.0}},
    "target": {"expression": "exp(-x**2)*sin(3*x)"},
    "data": {"lower": [-3.0], "upper": [3.0], "points": [64]},
    "training": {"learning_rate": 0.5, "times": {"first": 1.0, "last": 20.0, "count": 5}},
    "mesh": {"cutoff": 15.0, "cells": [60]},
}
SOLVE = ("solve", "problem.toml", "--out", "out/pde.nc")


@dataclass(frozen=True)
class Case:
    """``words`` is run in a folder with ``files``; the line on standard error must hold each of ``message``.

    ``isolated``: in a process of its own with little address space, since a mistake in freqbias would
    exhaust all there is, or never end.
    ``ranks``: also under mpirun.
    """

    name: str
    message: tuple[str, ...]
    files: dict[str, Content] = field(default_factory=dict)
    words: tuple[str, ...] = SOLVE
    isolated: bool = False
    ranks: bool = False

    def build(self, folder: Path) -> None:
        """Make the files of the case in ``folder``."""
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if callable(content):
                content(path)
            else:
                path.write_bytes(content.encode() if isinstance(content, str) else content)


def problem(changes: dict | None = None) -> str:
    """The sound problem file with other values under dotted keys; None removes a key."""
    data = deepcopy(SOUND)
    for key, value in (changes or {}).items():
        *tables, last = key.split(".")
        if value is not None:
            apply_change(data, key, deepcopy(value), "case")
            continue
        table = data
        for name in tables:
            table = table[name]
        del table[last]
    return tomli_w.dumps(data)


def plane(changes: dict | None = None) -> str:
    """A sound problem in two dimensions."""
    return problem(
        {
            "data": {"lower": [-3.0, -3.0], "upper": [3.0, 3.0], "points": [24, 24]},
            "target.expression": "exp(-x**2-y**2)*sin(3*x+y)",
            "mesh": {"cutoff": 12.0, "cells": 24},
            **(changes or {}),
        }
    )


def folder(path: Path) -> None:
    path.mkdir()


def fifo(path: Path) -> None:
    """A pipe that nobody writes to: opening it would wait for ever."""
    os.mkfifo(path)


def endless(path: Path) -> None:
    """A file without an end."""
    path.symlink_to("/dev/zero")


def loop(path: Path) -> None:
    """A link to itself."""
    path.symlink_to(path.name)


def dangling(path: Path) -> None:
    path.symlink_to("nothing")


def sparse(path: Path) -> None:
    """A terabyte of zeros that takes no room."""
    with path.open("wb") as file:
        file.truncate(2**40)
