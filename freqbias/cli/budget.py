"""``freqbias budget``: what makes the difference between network and PDE of a finished run."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from freqbias.cli.device import DeviceOption
from freqbias.cli.outcome import JsonOption, Outcome
from freqbias.cli.quantities import MemoryOption, in_bytes, in_seconds
from freqbias.errors import InputError, Interrupted

if TYPE_CHECKING:
    from freqbias.compare import Comparison
    from freqbias.compare.budget.terms import ErrorBudget
    from freqbias.problem import Problem
    from freqbias.progress import Progress
    from freqbias.spectra import ErrorSpectra

BudgetOption = Annotated[
    str,
    typer.Option(
        "--budget",
        metavar="TIME",
        help="Time that the error budget may take, e.g. 90s, 2min or 1h; 0: none. What would take longer is left out.",
    ),
]


def budget(
    folder: Annotated[
        Path, typer.Argument(metavar="RUN", help="Folder of a finished run with all three levels.", show_default=False)
    ],
    time: BudgetOption = "10min",
    memory: MemoryOption = None,
    device: DeviceOption = "cpu",
    as_json: JsonOption = False,
) -> None:
    """Split the difference between network and PDE: width, step, sampling, window, mesh, time evolution.

    Each term is measured by a controlled change. What an earlier budget has measured is not computed again; metrics
    and report of the run are written anew.
    """
    seconds, bound, outcome = in_seconds(time, "--budget"), in_bytes(memory), Outcome(as_json=as_json)

    from freqbias.cli.artefacts import write_comparison
    from freqbias.cli.runs import level_files
    from freqbias.compare import compare_spectra
    from freqbias.compare.budget.measurement import budget_refusal
    from freqbias.files import require_place
    from freqbias.lock import only_writer
    from freqbias.spectra import ErrorSpectra

    files = level_files(folder)
    require_place(folder, folder=True)
    levels = {spectra.level: spectra for spectra in map(ErrorSpectra.read, files)}
    refusal = budget_refusal(compare_spectra(levels.get("pde"), levels.get("network"), levels.get("kernel")))
    if refusal is not None:
        raise InputError(f"{folder}: no error budget: {refusal}")
    measure = budget_measurement(folder, seconds, bound, device, outcome)
    with only_writer(folder):
        write_comparison(levels, folder, outcome, budget=measure, record=_record(folder))


def budget_measurement(
    folder: Path, seconds: float, memory: float | None, device: str, outcome: Outcome
) -> "Callable[[Comparison], ErrorBudget | None]":
    """What measures the budget of a comparison within ``seconds`` and keeps it in ``folder``; says why there is none.

    It computes on this process alone, whatever other ranks there are.
    """

    def measure(comparison: "Comparison") -> "ErrorBudget | None":
        if seconds == 0:
            return None

        from freqbias.compare.budget.measurement import FILE, FOLDER, budget_refusal, measure_budget
        from freqbias.compare.budget.terms import write_budget
        from freqbias.progress import progress_bar
        from freqbias.spectra import of_first_process

        refusal = budget_refusal(comparison)
        if refusal is not None:
            typer.echo(f"No error budget: {refusal}.", err=outcome.as_json)
            return None

        def solve(problem: "Problem", progress: "Progress") -> "ErrorSpectra":
            from mpi4py import MPI

            from freqbias import fem

            return of_first_process(fem.solve(problem, MPI.COMM_SELF, progress, memory))

        def train(problem: "Problem", progress: "Progress") -> "ErrorSpectra":
            from freqbias import nn

            return of_first_process(nn.train(problem, progress, device=device))

        try:
            with progress_bar("error budget") as progress:
                found = measure_budget(comparison, seconds, folder / FOLDER, progress, solve, train)
        except KeyboardInterrupt as stop:
            raise Interrupted(
                f"{str(stop) or 'interrupted'} while the error budget was measured; the levels are complete: --resume "
                "goes on, with --budget 0 to the report alone"
            ) from None
        if found is not None:
            write_budget(found, folder / FILE)
        return found

    return measure


def _record(folder: Path) -> dict | None:
    """What made the run, as it says itself; None if it does not."""
    try:
        return json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
