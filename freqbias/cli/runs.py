"""``freqbias compare RUN1 RUN2 …``: finished runs side by side."""

import json
from pathlib import Path

import typer

from freqbias.cli.outcome import Outcome
from freqbias.errors import InputError, LimitExceededError


def are_runs(paths: list[Path]) -> bool:
    """Whether all ``paths`` are folders. Raises InputError if only some are."""
    folders = [path.is_dir() for path in paths]
    if any(folders) and not all(folders):
        file = paths[folders.index(False)]
        raise InputError(f"{file}: is no folder: give folders of finished runs, or spectrum files, not both")
    return all(folders)


def level_files(folder: Path) -> list[Path]:
    """The spectrum files in the folder of a run. Raises InputError if there is none."""
    from freqbias.compare.runs.summary import run_files

    return list(run_files(folder).values())


def compare_runs(folders: list[Path], out: Path, outcome: Outcome) -> None:
    """One table and one page of all runs; the limits of ``outcome`` hold for each of them."""
    from freqbias.compare.runs.report import runs_reading, write_runs
    from freqbias.compare.runs.summary import read_runs
    from freqbias.compare.runs.table import print_runs
    from freqbias.lock import only_writer

    summaries = read_runs(folders)
    with only_writer(out):
        write_runs(summaries, out, outcome.style)
    if outcome.as_json:
        typer.echo(json.dumps(json.loads((out / "runs.json").read_text(encoding="utf-8")), ensure_ascii=False))
    else:
        typer.echo(runs_reading(summaries))
        print_runs(summaries, {key: key for key in summaries[0].values}, head="run")
        typer.echo(out / "report.html")
    exceeded = []
    for pair, limit in outcome.limits.items():
        for one in summaries:
            if pair not in one.largest:
                raise InputError(f"--fail-above {pair}={limit:g}: {one.name} does not hold both levels")
            if not one.largest[pair].value <= limit:
                exceeded.append(f"{one.name}: {pair} = {one.largest[pair].value:.3g} exceeds {limit:g}")
    if exceeded:
        raise LimitExceededError("; ".join(exceeded))
