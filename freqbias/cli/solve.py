"""``freqbias solve``: the PDE level."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from freqbias.cli.problem_file import (
    ForceOption,
    Plan,
    ProblemArgument,
    SetOption,
    on_first_rank,
    read_problem_on_all_ranks,
)
from freqbias.cli.quantities import MemoryOption, in_bytes
from freqbias.cli.resuming import CheckpointOption, ResumeOption, checkpoint_of, interruption_says_how_to_go_on


def solve(
    problem_file: ProblemArgument,
    out: Annotated[Path, typer.Option(metavar="PDE.nc", help="Spectrum file to write.")],
    changes: SetOption = None,
    memory: MemoryOption = None,
    resume: ResumeOption = False,
    checkpoint_every: CheckpointOption = 60.0,
    force: ForceOption = False,
) -> None:
    """Solve the PDE over frequency space; under mpirun, in parallel."""
    from mpi4py import MPI

    from freqbias.files import require_place
    from freqbias.lock import only_writer_of_file

    comm = MPI.COMM_WORLD
    on_first_rank(comm, lambda: require_place(out))
    folder = checkpoint_of(out)
    on_first_rank(comm, lambda: require_place(folder, folder=True))
    bound = in_bytes(memory)
    problem = read_problem_on_all_ranks(problem_file, changes, Plan(("pde",), out.parent, bound, force), comm)

    from freqbias import fem
    from freqbias.fem.checkpoint import remove
    from freqbias.progress import progress_bar

    with ExitStack() as locked, interruption_says_how_to_go_on():
        on_first_rank(comm, lambda: locked.enter_context(only_writer_of_file(out)))
        with progress_bar("PDE", comm.rank == 0) as progress:
            spectra = fem.solve(problem, comm, progress, bound, folder, checkpoint_every, resume)
        if spectra is None:  # not rank 0
            return
        spectra.write(out)
        remove(folder)
    info = spectra.info
    typer.echo(
        f"PDE: {info['nodes']} nodes, {info['parts']} part(s) of {info['unknowns']} unknowns, {info['linear_solver']}, "
        f"{info['factorizations']} poles, {info['solves']} solves, {info['wall_time_seconds']:.2f} s on "
        f"{info['ranks']} rank(s); evolution error at most {info['evolution_error_estimate']:.1e} of the initial norm"
    )
    typer.echo(out)
