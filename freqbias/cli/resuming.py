"""Options of commands that can go on where they stopped, and where they keep what they need for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from freqbias.errors import Interrupted

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


@contextmanager
def interruption_says_how_to_go_on() -> Iterator[None]:
    """Ctrl-C in the block raises Interrupted, which names the option that goes on."""
    try:
        yield
    except KeyboardInterrupt as stop:
        word = str(stop) or "interrupted"
        raise Interrupted(f"{word}: what was complete is kept, --resume goes on from there") from None
