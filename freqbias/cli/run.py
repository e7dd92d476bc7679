"""``freqbias run``: the whole job, from a problem file to a report."""

import signal
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from freqbias import torchrun
from freqbias.cli.budget import BudgetOption, budget_measurement
from freqbias.cli.device import DeviceOption
from freqbias.cli.outcome import FailAboveOption, JsonOption, Outcome, StyleOption
from freqbias.cli.problem_file import (
    ForceOption,
    Plan,
    ProblemArgument,
    SetOption,
    on_first_rank,
    read_problem_on_all_ranks,
)
from freqbias.cli.quantities import MemoryOption, in_bytes, in_seconds
from freqbias.cli.resuming import CheckpointOption, ResumeOption, checkpoint_of, interruption_says_how_to_go_on
from freqbias.cli.train import train_and_write
from freqbias.errors import InputError

if TYPE_CHECKING:
    from mpi4py import MPI

    from freqbias.compare import Comparison
    from freqbias.compare.budget.terms import ErrorBudget
    from freqbias.problem import Problem
    from freqbias.spectra import ErrorSpectra, StoredSpectra


def run(
    problem_file: ProblemArgument,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for all results.")],
    changes: SetOption = None,
    memory: MemoryOption = None,
    resume: ResumeOption = False,
    checkpoint_every: CheckpointOption = 60.0,
    device: DeviceOption = "cpu",
    budget: BudgetOption = "2min",
    fail_above: FailAboveOption = None,
    as_json: JsonOption = False,
    style: StyleOption = None,
    force: ForceOption = False,
) -> None:
    """Predict, train and compare: writes spectra, the error budget, metrics and a report."""
    if torchrun.started():
        raise InputError("run: is no command for torchrun: run solve and train apart, then compare")
    from mpi4py import MPI

    from freqbias.files import require_place, write_text
    from freqbias.lock import only_writer

    comm = MPI.COMM_WORLD
    on_first_rank(comm, lambda: require_place(out, folder=True))
    bound, seconds, outcome = in_bytes(memory), in_seconds(budget, "--budget"), Outcome.of(fail_above, as_json, style)
    plan = Plan(("pde", "kernel", "network"), out, bound, force, device)
    problem = read_problem_on_all_ranks(problem_file, changes, plan, comm)
    on_first_rank(comm, lambda: _check_work(problem, out, device, resume))
    with only_writer(out) if comm.rank == 0 else nullcontext(), interruption_says_how_to_go_on():
        if comm.rank == 0:
            write_text(out / "problem.toml", problem.to_toml())
        pde = None
        if problem.unpredicted is None:
            pde = _solve(problem, comm, bound, out / "pde.nc", resume, checkpoint_every)
        if comm.rank == 0:
            measure = budget_measurement(out, seconds, bound, device, outcome)
            _train_and_compare(problem, pde, out, comm.size, resume, checkpoint_every, device, outcome, measure)
        else:
            # Rank 0 keeps its state and then ends the job.
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)
        # The network is trained by one process: the others sleep instead of spinning in a barrier.
        finished = comm.Ibarrier()
        while not finished.Test():
            time.sleep(0.05)


def _solve(
    problem: "Problem", comm: "MPI.Comm", memory: float | None, path: Path, resume: bool, checkpoint_every: float
) -> "ErrorSpectra | None":
    """The PDE level on rank 0, None elsewhere."""
    from freqbias import fem
    from freqbias.fem.checkpoint import remove
    from freqbias.progress import progress_bar

    pde = on_first_rank(comm, lambda: _finished(problem, path)) if resume else None
    if not comm.bcast(pde is not None):
        with progress_bar("PDE", comm.rank == 0) as progress:
            pde = fem.solve(problem, comm, progress, memory, checkpoint_of(path), checkpoint_every, resume)
        if pde is not None:
            pde.write(path)
    if pde is not None:
        remove(checkpoint_of(path))
    return pde


def _train_and_compare(
    problem: "Problem",
    pde: "ErrorSpectra | None",
    out: Path,
    ranks: int,
    resume: bool,
    checkpoint_every: float,
    device: str,
    outcome: Outcome,
    budget: "Callable[[Comparison], ErrorBudget | None]",
) -> None:
    from freqbias import nn
    from freqbias.cli.artefacts import write_comparison
    from freqbias.spectra import of_first_process

    def level(name: str, compute: Callable[[Path], "ErrorSpectra"]) -> "ErrorSpectra":
        path = out / f"{name}.nc"
        spectra = (_finished(problem, path) if resume else None) or compute(path)
        checkpoint_of(path).unlink(missing_ok=True)
        return spectra

    levels = {}
    if pde is None:
        typer.echo(f"No PDE: {problem.unpredicted}.", err=outcome.as_json)
    else:
        levels["pde"] = pde
    refusal = nn.kernel_flow_refusal(problem)
    if refusal is not None:
        typer.echo(f"No kernel flow: {refusal}.", err=outcome.as_json)
    else:
        levels["kernel"] = level("kernel", lambda path: _kernel_flow(problem, path))
    levels["network"] = level(
        "network", lambda path: of_first_process(train_and_write(problem, path, resume, checkpoint_every, device))
    )
    write_comparison(levels, out, outcome, ranks, budget)


def _kernel_flow(problem: "Problem", path: Path) -> "ErrorSpectra":
    from freqbias import nn
    from freqbias.progress import progress_bar

    with progress_bar("kernel flow") as progress:
        spectra = nn.kernel_flow(problem, progress)
    spectra.write(path)
    return spectra


def _finished(problem: "Problem", path: Path) -> "ErrorSpectra | None":
    """What an earlier run has written to ``path``. Raises InputError if it belongs to another problem."""
    from freqbias.spectra import ErrorSpectra

    if not path.exists():
        return None
    _check_problem(problem, spectra := ErrorSpectra.read(path), path)
    return spectra


def _check_work(problem: "Problem", out: Path, device: str, resume: bool) -> None:
    """Raises InputError if there is no such device, or what shall be used again in ``out`` is of another problem."""
    if device != "cpu":  # PyTorch takes seconds to import
        from freqbias.nn.devices import device_for

        device_for(device)
    if resume:
        _check_folder(problem, out)


def _check_folder(problem: "Problem", out: Path) -> None:
    """Raises InputError if a spectrum file in ``out`` belongs to another problem: before anything is written there."""
    from freqbias.spectra import stored_spectra

    for path in (out / f"{level}.nc" for level in ("pde", "kernel", "network")):
        if path.exists():
            with stored_spectra(path) as stored:
                _check_problem(problem, stored, path)


def _check_problem(problem: "Problem", spectra: "ErrorSpectra | StoredSpectra", path: Path) -> None:
    if spectra.problem.digest != problem.digest:
        raise InputError(f"{path}: belongs to another problem: choose another folder, or start anew without --resume")
