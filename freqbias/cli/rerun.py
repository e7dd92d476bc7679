"""``freqbias rerun``: a run once more, from its own folder."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from freqbias import torchrun
from freqbias.cli.device import DeviceOption
from freqbias.cli.problem_file import ForceOption
from freqbias.errors import InputError, LimitExceededError

if TYPE_CHECKING:
    from freqbias.rerun import Agreement, RecordedRun
    from freqbias.spectra import ErrorSpectra


def rerun(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a finished run.", show_default=False)],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for the new spectra; the default is RUN/rerun.")
    ] = None,
    tolerance: Annotated[
        float, typer.Option(metavar="PART", min=0.0, help="Largest difference of spectra, relative to their norm.")
    ] = 1e-6,
    device: DeviceOption = "cpu",
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON on standard output.")] = False,
    force: ForceOption = False,
) -> None:
    """Repeat a run from its own folder, and say whether the numbers agree; if not, it ends with status 1.

    With the same versions and threads, on a CPU, they are equal bit by bit.
    """
    if torchrun.started() or int(os.environ.get("PMI_SIZE", "1")) > 1:
        raise InputError("rerun: works in one process: run it without mpirun and torchrun")

    from freqbias.cost import check_fits
    from freqbias.files import require_place, write_text
    from freqbias.lock import only_writer
    from freqbias.rerun import Agreement, RecordedRun
    from freqbias.spectra import ErrorSpectra

    out = folder / "rerun" if out is None else out
    if out.resolve() == folder.resolve():
        raise InputError(f"--out {out}: is the run itself: choose another folder")
    require_place(out, folder=True)
    run = RecordedRun.read(folder)
    if not force:
        check_fits(run.problem, tuple(run.files), out, device=device)
    for note in run.notes:
        typer.echo(f"freqbias: warning: {folder}: {note}", err=True)
    found = {}
    with only_writer(out):
        write_text(out / "problem.toml", run.problem.to_toml())
        for level, file in run.files.items():
            old = ErrorSpectra.read(file)
            found[level] = Agreement.of(old, _repeated(run, level, old, out / f"{level}.nc", device))
            if not as_json:
                typer.echo(f"{level}: {found[level].words}")
        record = _record(run, out, tolerance, found)
        write_text(out / "rerun.json", json.dumps(record, indent=2) + "\n")
    if as_json:
        typer.echo(json.dumps(record))
    else:
        _print_differences(record["differences"])
    apart = [f"{level} {agreement.words}" for level, agreement in found.items() if not agreement.within(tolerance)]
    if apart:
        raise LimitExceededError(f"{folder}: the numbers do not agree to {tolerance:g}: {'; '.join(apart)}")


def _repeated(run: "RecordedRun", level: str, old: "ErrorSpectra", path: Path, device: str) -> "ErrorSpectra":
    """The level once more, written to ``path``."""
    from freqbias.progress import progress_bar
    from freqbias.spectra import ErrorSpectra, of_first_process

    if level == "network":
        from freqbias.cli.train import train_and_write

        threads = int(old.info.get("threads", 0)) or None
        train_and_write(run.problem, path, False, 60.0, device, threads)
        return ErrorSpectra.read(path)
    with progress_bar(level) as progress:
        if level == "pde":
            from mpi4py import MPI

            from freqbias import fem

            spectra = fem.solve(run.problem, MPI.COMM_SELF, progress)
        else:
            from freqbias import nn

            spectra = nn.kernel_flow(run.problem, progress)
    found = of_first_process(spectra)
    found.write(path)
    return found


def _record(run: "RecordedRun", out: Path, tolerance: float, found: "dict[str, Agreement]") -> dict[str, Any]:
    return {
        "schema": "freqbias-rerun-1",
        "run": str(run.folder),
        "out": str(out),
        "problem_digest": run.problem.digest,
        "tolerance": tolerance,
        "agrees": all(agreement.within(tolerance) for agreement in found.values()),
        "levels": {
            level: {**asdict(agreement), "difference": _finite(agreement.difference)}
            for level, agreement in found.items()
        },
        "notes": list(run.notes),
        "differences": run.differences(),
    }


def _print_differences(differences: dict[str, dict[str, list[Any]]]) -> None:
    for kind, changes in differences.items():
        for name, (then, now) in changes.items():
            typer.echo(f"{kind}: {name} was {_shown(then)}, is {_shown(now)}")


def _shown(value: Any) -> str:
    return "not there" if value is None else str(value)


def _finite(value: float | None) -> float | None:
    """JSON knows no infinity."""
    return None if value == float("inf") else value
