"""``report.html``: one self-contained page that says whether theory and network agree, and shows why."""

import os
from collections.abc import Iterable
from typing import Any

from freqbias.compare.metrics import Comparison
from freqbias.compare.noise import pair_status
from freqbias.compare.numbers import short
from freqbias.compare.page import Page, Readout, page_html
from freqbias.compare.reading import verdict
from freqbias.compare.status import Status
from freqbias.files import write_text


def write_report(comparison: Comparison, path: str | os.PathLike, run: dict[str, Any] | None = None) -> None:
    """Write the report, atomically; nothing in it is loaded from elsewhere. Equal input gives equal bytes.

    ``run`` holds facts of the whole run, as in ``run.json``: ``wall_seconds`` (part → seconds), ``versions``
    (package → version) and any further plain values (seed, ranks), which are listed as they are.
    Raises InputError if the place cannot be written.
    """
    write_text(path, report_html(comparison, run or {}))


def report_html(comparison: Comparison, run: dict[str, Any]) -> str:
    """The page as text."""
    # Drawing libraries take longer to load than a comparison to compute.
    from freqbias.compare.panels import PANELS

    key = comparison.headline
    found = verdict(comparison)
    return page_html(
        Page(
            name=comparison.problem.settings.name,
            kicker="Frequency bias: theory against network",
            grade=found.grade,
            verdict=found.sentence,
            panels=[panel for build in PANELS if (panel := build(comparison, run)) is not None],
            notes=_notes(comparison),
            times=comparison.times,
            start=len(comparison.times) // 2 if key is None else int(comparison.relative_error[key].argmax()),
            readouts=_readouts(comparison),
            footer=(
                "Frequencies are in radians per unit of x, times are learning rate × steps. "
                f"Problem {comparison.problem.digest[:12]}."
            ),
        )
    )


def _notes(comparison: Comparison) -> dict[str, list[str]]:
    """What follows the verdict: mistakes that the difference looks like, and what dominates it."""
    notes = {"It looks like": [finding.sentence for finding in comparison.findings]}
    if comparison.budget is not None:
        notes["What makes the difference"] = [comparison.budget.sentence]
    return {title: sentences for title, sentences in notes.items() if sentences}


def _readouts(comparison: Comparison) -> list[Readout]:
    """Errors, what is left, and the loss at every output time."""
    errors = {
        pair.name: [f"{_mark(comparison, pair.key, value)}{short(float(value), 2)}" for value in error]
        for pair in comparison.pairs
        if (error := comparison.relative_error[pair.key]) is not None
    }
    left = {comparison.names[level]: _texts(comparison.remaining[level]) for level in comparison.spectra}
    # At the samples where the level knows it: there a training measures its own success.
    losses = {
        comparison.names[level]: _texts(comparison.loss[level] if measured is None else measured)
        for level in comparison.spectra
        if (measured := comparison.measured_loss[level]) is not None or level == comparison.theory
    }
    groups = {"Relative error": errors, "Error left": left, "Loss": losses}
    return [Readout(title, columns) for title, columns in groups.items() if columns]


def _texts(values: Iterable[float]) -> list[str]:
    return [short(float(value), 2) for value in values]


def _mark(comparison: Comparison, key: str, value: float) -> str:
    return "≈ " if pair_status(comparison, key, value) == Status.WITHIN_NOISE else ""
