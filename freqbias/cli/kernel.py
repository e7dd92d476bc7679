"""``freqbias kernel``: the infinite-width level on the samples."""

from pathlib import Path
from typing import Annotated

import typer

from freqbias.cli.problem_file import ForceOption, Plan, ProblemArgument, SetOption, read_problem


def kernel(
    problem_file: ProblemArgument,
    out: Annotated[Path, typer.Option(metavar="KERNEL.nc", help="Spectrum file to write.")],
    changes: SetOption = None,
    force: ForceOption = False,
) -> None:
    """Compute the infinite-width kernel flow on the samples."""
    from freqbias.files import require_place
    from freqbias.lock import only_writer_of_file

    require_place(out)
    problem = read_problem(problem_file, changes, Plan(("kernel",), out.parent, force=force))

    from freqbias.nn import kernel_flow
    from freqbias.progress import progress_bar

    with only_writer_of_file(out):
        with progress_bar("kernel flow") as progress:
            spectra = kernel_flow(problem, progress)
        spectra.write(out)
    typer.echo(f"kernel flow: {len(problem.points)} samples, {spectra.info['wall_time_seconds']:.2f} s")
    typer.echo(out)
