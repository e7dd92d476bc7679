"""``freqbias run``: the whole job, from a problem file to a report."""

import time
from pathlib import Path
from typing import Annotated

import typer

from freqbias.cli.problem_file import ProblemArgument, SetOption, read_problem_on_all_ranks
from freqbias.cli.quantities import MemoryOption, in_bytes


def run(
    problem_file: ProblemArgument,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for all results.")],
    changes: SetOption = None,
    memory: MemoryOption = None,
) -> None:
    """Predict, train and compare: writes spectra, metrics and a report."""
    from mpi4py import MPI

    from freqbias.files import write_text

    comm = MPI.COMM_WORLD
    bound = in_bytes(memory)
    problem = read_problem_on_all_ranks(problem_file, changes, comm)
    if comm.rank == 0:
        write_text(out / "problem.toml", problem.to_toml())
    spectra = None
    if problem.unpredicted is None:
        from freqbias import fem
        from freqbias.progress import progress_bar

        with progress_bar("PDE", comm.rank == 0) as progress:
            spectra = fem.solve(problem, comm, progress, bound)
    if comm.rank == 0:
        _train_and_compare(problem, spectra, out, comm.size)
    # The network is trained by one process: the others sleep instead of spinning in a barrier.
    finished = comm.Ibarrier()
    while not finished.Test():
        time.sleep(0.05)


def _train_and_compare(problem, pde, out: Path, ranks: int) -> None:
    from freqbias import nn
    from freqbias.cli.artefacts import write_comparison
    from freqbias.progress import progress_bar

    levels = {}
    if pde is None:
        typer.echo(f"No PDE: {problem.unpredicted}.")
    else:
        pde.write(out / "pde.nc")
        levels["pde"] = pde
    refusal = nn.kernel_flow_refusal(problem)
    if refusal is not None:
        typer.echo(f"No kernel flow: {refusal}.")
    else:
        with progress_bar("kernel flow") as progress:
            levels["kernel"] = nn.kernel_flow(problem, progress)
        levels["kernel"].write(out / "kernel.nc")
    with progress_bar("training") as progress:
        levels["network"] = nn.train(problem, progress)
    levels["network"].write(out / "network.nc")
    write_comparison(levels, out, ranks)
