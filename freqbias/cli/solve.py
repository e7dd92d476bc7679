"""``freqbias solve``: the PDE level."""

from pathlib import Path
from typing import Annotated

import typer

from freqbias.cli.problem_file import ProblemArgument, SetOption, read_problem_on_all_ranks


def solve(
    problem_file: ProblemArgument,
    out: Annotated[Path, typer.Option(metavar="PDE.nc", help="Spectrum file to write.")],
    changes: SetOption = None,
) -> None:
    """Solve the PDE over frequency space; under mpirun, in parallel."""
    from mpi4py import MPI

    comm = MPI.COMM_WORLD
    problem = read_problem_on_all_ranks(problem_file, changes, comm)

    from freqbias import fem
    from freqbias.progress import progress_bar

    with progress_bar("PDE", comm.rank == 0) as progress:
        spectra = fem.solve(problem, comm, progress)
    if comm.rank == 0:
        spectra.write(out)
        info = spectra.info
        typer.echo(
            f"PDE: {info['unknowns']} unknowns, {info['factorizations']} factorizations, {info['solves']} solves, "
            f"{info['wall_time_seconds']:.2f} s on {info['ranks']} rank(s); evolution error at most "
            f"{info['evolution_error_estimate']:.1e} of the initial norm"
        )
        typer.echo(out)
