"""Several runs side by side as files: ``runs.csv``, ``runs.json``, ``report.html``."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from freqbias.compare.metrics_file import json_types
from freqbias.compare.numbers import short
from freqbias.compare.pairs import PAIRS
from freqbias.compare.runs.summary import COLUMNS, RunSummary, results_table
from freqbias.files import write_text

if TYPE_CHECKING:
    from freqbias.compare.page import Page

SCHEMA = "freqbias-runs-1"
#: Keys that a sentence names.
_MOST_KEYS = 4


def write_runs(summaries: Sequence[RunSummary], out: Path, style: str | None = None) -> None:
    """Write table and page of ``summaries`` into ``out``, with a ``style`` its figures too (``write_page``).

    Raises InputError if the place cannot be written.
    """
    table = results_table(summaries)
    write_text(out / "runs.csv", table.to_csv(index=False))
    content = {
        "schema": SCHEMA,
        "reading": runs_reading(summaries),
        "runs": [row | {"verdict": one.verdict} for row, one in zip(table.to_dict("records"), summaries, strict=True)],
        "definitions": COLUMNS | {"all other columns": "keys of the problem file that are not the same in all runs"},
    }
    write_text(out / "runs.json", json.dumps(json_types(content), indent=1, allow_nan=False, ensure_ascii=False) + "\n")
    write_page(runs_page(summaries), out, style)


def write_page(page: "Page", out: Path, style: str | None = None) -> None:
    """Write ``report.html`` into ``out``, and with a ``style`` (report, paper) every figure as SVG and PDF too."""
    from freqbias.compare.figures.files import write_figure
    from freqbias.compare.page import page_html

    write_text(out / "report.html", page_html(page))
    if style is not None:
        for panel in page.panels:
            for drawing in panel.drawings:
                write_figure(drawing, out / "figures", style, ("svg", "pdf"))


def runs_reading(summaries: Sequence[RunSummary]) -> str:
    """What stands out between the runs: which agree with their theory best and worst, and where they differ."""
    key = next((pair.key for pair in PAIRS if sum(pair.key in one.largest for one in summaries) > 1), None)
    differ = _keys_in_words(list(summaries[0].values))
    if key is None:
        return f"Of {len(summaries)} runs no two hold the same pair of levels. They differ in {differ}."
    pair = next(pair for pair in PAIRS if pair.key == key)
    ranked = sorted((one for one in summaries if key in one.largest), key=lambda one: one.largest[key].value)
    best, worst = ranked[0], ranked[-1]
    return (
        f"Of {len(summaries)} runs, which differ in {differ}, the difference {pair.name} is smallest in {best.name} "
        f"({short(best.largest[key].value, 2)} of the initial error) and largest in {worst.name} "
        f"({short(worst.largest[key].value, 2)})."
    )


def _keys_in_words(keys: list[str]) -> str:
    """The first keys by name, how many more there are."""
    if not keys:
        return "no key of the problem file"
    if len(keys) <= _MOST_KEYS:
        return ", ".join(keys)
    return f"{', '.join(keys[:_MOST_KEYS])} and {len(keys) - _MOST_KEYS} more keys"


def runs_page(summaries: Sequence[RunSummary]) -> "Page":
    """The page on several runs."""
    from freqbias.compare.page import Page
    from freqbias.compare.runs.panels import decay_panel, differences_panel, emergence_panel, results_panel

    panels = [
        decay_panel(summaries),
        differences_panel(summaries),
        results_panel(summaries, {}, head="Run"),
        emergence_panel(summaries, "Run"),
    ]
    return Page(
        name="Runs side by side",
        kicker=", ".join(one.name for one in summaries),
        grade=_worst_grade(summaries),
        verdict=runs_reading(summaries),
        panels=[panel for panel in panels if panel is not None],
        notes={"Verdicts": [f"{one.name}: {one.verdict}" for one in summaries if one.verdict]},
        footer="Frequencies are in radians per unit of x, times are learning rate × steps.",
    )


def _worst_grade(summaries: Sequence[RunSummary]) -> str:
    grades = {one.grade for one in summaries}
    return next((grade for grade in ("disagree", "unknown", "roughly", "agree") if grade in grades), "unknown")
