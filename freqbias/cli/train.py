"""``freqbias train``: the network level."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from freqbias import torchrun
from freqbias.cli.device import DeviceOption
from freqbias.cli.problem_file import ForceOption, Plan, ProblemArgument, SetOption, read_problem
from freqbias.cli.resuming import CheckpointOption, ResumeOption, checkpoint_of

if TYPE_CHECKING:
    from freqbias.problem import Problem
    from freqbias.spectra import ErrorSpectra


def train(
    problem_file: ProblemArgument,
    out: Annotated[Path, typer.Option(metavar="NETWORK.nc", help="Spectrum file to write.")],
    changes: SetOption = None,
    resume: ResumeOption = False,
    checkpoint_every: CheckpointOption = 60.0,
    device: DeviceOption = "cpu",
    force: ForceOption = False,
) -> None:
    """Train the real network and record its error spectrum; what happens meanwhile goes to NETWORK.jsonl."""
    from freqbias.files import require_place

    if torchrun.rank() == 0:
        require_place(out)
        require_place(checkpoint_of(out))
        require_place(_log_of(out))
    problem = read_problem(problem_file, changes, Plan(("network",), out.parent, force=force, device=device))
    spectra = train_and_write(problem, out, resume, checkpoint_every, device)
    if spectra is None:  # not the first process of torchrun
        return
    info = spectra.info
    loss = "" if spectra.loss is None else f", final loss {spectra.loss[-1]:.4e}"
    typer.echo(f"network: {info['steps']} steps, {info['wall_time_seconds']:.2f} s{loss}")
    typer.echo(out)


def train_and_write(
    problem: "Problem", out: Path, resume: bool, checkpoint_every: float, device: str, threads: int | None = None
) -> "ErrorSpectra | None":
    """Train and write the spectrum file ``out``; a signal to stop leaves a checkpoint instead.

    ``threads``: as many, whatever the problem says.

    Of the processes that torchrun started the first one writes and returns the spectra, the others None.
    """
    from freqbias import nn
    from freqbias.files import remove_leftovers
    from freqbias.lock import only_writer_of_file
    from freqbias.nn.interruption import interruption_by_signals
    from freqbias.nn.processes import joined_processes
    from freqbias.progress import progress_bar

    checkpoint = checkpoint_of(out)
    with ExitStack() as locked:
        with joined_processes(device) as processes:
            processes.from_first(lambda: locked.enter_context(only_writer_of_file(out)))
            remove_leftovers(out)
            with progress_bar("training", processes.rank == 0) as progress, interruption_by_signals() as interruption:
                spectra = nn.train(
                    problem,
                    progress,
                    device=device,
                    processes=processes,
                    checkpoint=checkpoint,
                    checkpoint_seconds=checkpoint_every,
                    resume=resume,
                    log=_log_of(out),
                    interruption=interruption,
                    threads=threads,
                )
        if spectra is not None:
            spectra.write(out)
            checkpoint.unlink()
            _warn(problem, spectra)
    return spectra


def _warn(problem: "Problem", spectra: "ErrorSpectra") -> None:
    """In single precision the error of a gradient flow is not what was asked for where rounding is larger."""
    error, tolerance = spectra.info.get("flow_error_estimate", 0.0), problem.settings.training.tolerance
    if error > tolerance:
        typer.echo(
            f"freqbias: warning: {problem.source}: training.tolerance = {tolerance:g} is not reached: with precision = "
            f'"float32" the error of the gradient flow is at most {error:.1e}; precision = "float64" keeps it',
            err=True,
        )


def _log_of(spectra: Path) -> Path:
    """Where the log of a training is."""
    return spectra.with_suffix(".jsonl")
