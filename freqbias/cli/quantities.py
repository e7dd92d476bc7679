"""Sizes and durations on the command line."""

import re
from typing import Annotated

import typer

from freqbias.errors import InputErrorOnEveryRank

MemoryOption = Annotated[
    str | None,
    typer.Option(
        "--memory",
        metavar="SIZE",
        help="Memory of the solve on all ranks together, e.g. 8GiB or 500MB; the default is 0.7 of what is free.",
    ),
]

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}

_SECONDS = {"": 1, "S": 1, "SEC": 1, "MIN": 60, "H": 3600}


def in_bytes(size: str | None) -> float | None:
    """Bytes of a size such as 8GiB; None stays None. Raises InputError for anything else."""
    if size is None:
        return None
    found = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([A-Za-z]*)\s*", size)
    if found is None or found[2].upper() not in _UNITS or not float(found[1]) > 0:
        raise InputErrorOnEveryRank(f"--memory {size}: must be a number with a unit, for instance 8GiB or 500MB")
    return float(found[1]) * _UNITS[found[2].upper()]


def in_seconds(duration: str, option: str) -> float:
    """Seconds of a duration such as 90s, 2min or 1.5h; 0 is allowed. Raises InputError naming ``option`` for others."""
    found = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([A-Za-z]*)\s*", duration)
    if found is None or found[2].upper() not in _SECONDS:
        raise InputErrorOnEveryRank(f"{option} {duration}: must be a number with a unit, for instance 90s, 2min or 1h")
    return float(found[1]) * _SECONDS[found[2].upper()]
