"""``freqbias train``: the network level."""

from pathlib import Path
from typing import Annotated

import typer

from freqbias.cli.problem_file import ProblemArgument, SetOption, read_problem


def train(
    problem_file: ProblemArgument,
    out: Annotated[Path, typer.Option(metavar="NETWORK.nc", help="Spectrum file to write.")],
    changes: SetOption = None,
) -> None:
    """Train the real network and record its error spectrum."""
    problem = read_problem(problem_file, changes)

    from freqbias import nn
    from freqbias.progress import progress_bar

    with progress_bar("training") as progress:
        spectra = nn.train(problem, progress)
    spectra.write(out)
    info = spectra.info
    typer.echo(f"network: {info['steps']} steps, {info['wall_time_seconds']:.2f} s, final loss {spectra.loss[-1]:.4e}")
    typer.echo(out)
