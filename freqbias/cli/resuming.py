"""Options of commands that can go on where they stopped, and where they keep what they need for it."""

from pathlib import Path
from typing import Annotated

import typer

ResumeOption = Annotated[bool, typer.Option("--resume", help="Go on from what is there, checkpoints among it.")]
CheckpointOption = Annotated[
    float,
    typer.Option(
        metavar="SECONDS", min=0.0, help="Time between checkpoints, each beside its spectrum file: FILE.nc.checkpoint."
    ),
]


def checkpoint_of(spectra: Path) -> Path:
    """Where the checkpoint of a spectrum file is."""
    return spectra.with_name(spectra.name + ".checkpoint")
