"""``freqbias compare``: theory against network."""

from functools import partial
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
            help="Spectrum files (.nc, or .csv of other tools), in any order, or folders of finished runs.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for metrics.json and report.html.")],
    fail_above: FailAboveOption = None,
    as_json: JsonOption = False,
    style: StyleOption = None,
) -> None:
    """Compare spectrum files, or several finished runs: metrics and a report.

    One file must be of freqbias; others may hold the spectra of other tools as CSV or NetCDF. The kernel flow of
    infinite width is computed from the files if no kernel file is given.
    """
    from freqbias.cli.artefacts import write_comparison
    from freqbias.compare import align
    from freqbias.compare.budget.measurement import FILE, stored_budget
    from freqbias.errors import InputError
    from freqbias.files import require_place
    from freqbias.lock import only_writer
    from freqbias.nn import kernel_flow
    from freqbias.plain_files import read_any
    from freqbias.plain_spectra import PlainSpectra
    from freqbias.spectra import ErrorSpectra

    outcome, budget = Outcome.of(fail_above, as_json, style), None
    require_place(out, folder=True)
    if are_runs(files):
        if len(files) > 1:
            compare_runs(files, out, outcome)
            return
        budget = partial(stored_budget, files[0] / FILE)
        files = level_files(files[0])
    levels: dict[str, ErrorSpectra | PlainSpectra] = {}
    for path in files:
        spectra = read_any(path)
        if spectra.level in levels:
            raise InputError(f"{path}: holds the level {spectra.level!r}, which another file holds already")
        levels[spectra.level] = spectra
    if len(levels) < 2:
        raise InputError(f"{files[0]}: at least two of a pde, a network and a kernel file are needed")
    align(levels)  # before the kernel flow: it takes its time
    other = next(one for one in levels.values() if isinstance(one, ErrorSpectra))
    if "kernel" not in levels and other.problem.unpredicted is None:
        levels["kernel"] = kernel_flow(other.problem)
    with only_writer(out):
        write_comparison(levels, out, outcome, budget=budget)
