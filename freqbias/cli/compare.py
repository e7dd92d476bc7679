"""``freqbias compare``: theory against network."""

from pathlib import Path
from typing import Annotated

import typer

from freqbias.cli.outcome import FailAboveOption, JsonOption, Outcome, StyleOption
from freqbias.cli.runs import are_runs, compare_runs, level_files


def compare(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="PDE.nc NETWORK.nc [KERNEL.nc] | RUN RUN…",
            help="Spectrum files, in any order, or folders of finished runs.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for metrics.json and report.html.")],
    fail_above: FailAboveOption = None,
    as_json: JsonOption = False,
    style: StyleOption = None,
) -> None:
    """Compare spectrum files, or several finished runs: metrics and a report.

    The kernel flow of infinite width is computed from the files if no kernel file is given.
    """
    from freqbias.cli.artefacts import write_comparison
    from freqbias.compare import check_comparable
    from freqbias.errors import InputError
    from freqbias.nn import kernel_flow
    from freqbias.spectra import ErrorSpectra

    outcome = Outcome.of(fail_above, as_json, style)
    if are_runs(files):
        if len(files) > 1:
            compare_runs(files, out, outcome)
            return
        files = level_files(files[0])
    levels: dict[str, ErrorSpectra] = {}
    for path in files:
        spectra = ErrorSpectra.read(path)
        if spectra.level in levels:
            raise InputError(f"{path}: holds the level {spectra.level!r}, which another file holds already")
        levels[spectra.level] = spectra
    if len(levels) < 2:
        raise InputError(f"{files[0]}: at least two of a pde, a network and a kernel file are needed")
    check_comparable(list(levels.values()))  # before the kernel flow: it takes its time
    other = next(iter(levels.values()))
    if "kernel" not in levels and other.problem.unpredicted is None:
        levels["kernel"] = kernel_flow(other.problem)
    write_comparison(levels, out, outcome)
