"""``freqbias study``: a grid of problems, and how the numbers follow what varies."""

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from freqbias import torchrun
from freqbias.cli.outcome import Outcome, StyleOption
from freqbias.cli.problem_file import ForceOption, SetOption
from freqbias.errors import InputError

if TYPE_CHECKING:
    from freqbias.study.plan import Point


def study(
    file: Annotated[
        Path, typer.Argument(metavar="FILE.toml", help="A problem file or a study file.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for all results; what is there is used again.")],
    vary: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE,…", help="Vary a key, e.g. network.width=250,1000,4000; repeatable: a grid."),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="Processes beside each other; the default: one per core, as far as memory allows."
        ),
    ] = None,
    changes: SetOption = None,
    style: StyleOption = None,
    force: ForceOption = False,
) -> None:
    """Run a grid of problems: tables, slopes with their uncertainty, and a report.

    Stopped by Ctrl-C or otherwise, the same command goes on where it was.
    """
    if torchrun.started() or int(os.environ.get("PMI_SIZE", "1")) > 1:
        raise InputError("study: starts processes of its own: run it without mpirun and torchrun, with --jobs")

    outcome = Outcome.of(None, False, style)

    from freqbias.changes import parse_change, parse_value
    from freqbias.compare.runs.table import print_runs
    from freqbias.cost import fitting_jobs
    from freqbias.files import require_place
    from freqbias.lock import only_writer
    from freqbias.progress import progress_bar
    from freqbias.resources import free_memory, in_words
    from freqbias.study import Study, axis_of_option, point_tasks, run_study, write_study_report

    require_place(out, folder=True)
    pairs = [parse_change(change) for change in changes or []]
    plan = Study.read(file).changed({key: parse_value(text) for key, text in pairs})
    plan = plan.varied([axis_of_option(text) for text in vary or []])
    plan = replace(plan, force=force)
    points = plan.points
    _warn(points)
    tasks = {task.path: task for one in point_tasks(points, out / "levels") for task in one.values()}
    missing = [(task.problem, task.level) for path, task in tasks.items() if not path.exists()]
    there = len(tasks) - len(missing)
    fitting = fitting_jobs(missing, free_memory())
    if jobs is not None and fitting < min(jobs, len(missing)) and not force:
        raise InputError(
            f"--jobs = {jobs}: {fitting} of the computations fit into the {in_words(free_memory())} of memory that are "
            "free; give a smaller number, or try with --force"
        )
    typer.echo(
        f"{len(points)} points, {len(tasks)} levels to compute" + (f", {there} of them are there" if there else "")
    )
    with only_writer(out):
        with progress_bar("levels") as progress:
            results = run_study(plan, out, jobs or max(1, min(_cores(), fitting)), progress)
        write_study_report(results, out, outcome.style)
    print_runs(results.summaries, {column.name: column.short_name for column in plan.columns})
    typer.echo(" ".join(results.answer))
    typer.echo(out / "report.html")


def _cores() -> int:
    """Cores that this process may use, where the system says so."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _warn(points: "list[Point]") -> None:
    """Every warning of a mesh once, with the points that it is about."""
    found: dict[str, list[str]] = {}
    for point in points:
        for warning in point.problem.mesh_warnings:
            found.setdefault(warning, []).append(point.name)
    for warning, names in found.items():
        others = f" and {len(names) - 1} more" if len(names) > 1 else ""
        typer.echo(f"freqbias: warning: {names[0]}{others}: {warning}", err=True)
