"""The error budget: which approximation makes how much of the difference between network and PDE."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from freqbias.compare.budget.terms import BudgetTerm, ErrorBudget
from freqbias.compare.figures.curves import draw_over_time, limit_magnitudes, time_axis
from freqbias.compare.figures.style import INK, MARKERS, MUTED, SERIES, TIME_LABEL, logarithmic
from freqbias.compare.metrics import Comparison
from freqbias.compare.numbers import short
from freqbias.compare.panels.panel import LEGEND, Cell, Panel, Table, draw, number_cell
from freqbias.compare.status import Status

_RELATIVE = "‖part of the difference‖ / ‖initial error‖"
#: Decades that the bars show at most.
_DECADES = 7
_DASHES = ("-", "--", "-.", ":")


def budget(comparison: Comparison, run: dict[str, Any]) -> Panel | None:
    """What each approximation makes of the difference, and whether the parts add up."""
    found = comparison.budget
    if found is None:
        return None
    text = (
        f"{found.sentence} Each term is measured by one controlled change, as a complex spectrum; norms are relative "
        "to the initial error. Unexplained is what the sum of the terms leaves of the total."
    )
    height = 1.1 + 0.34 * (len(found.terms) + 2)
    drawings = [
        draw("budget", "Largest value of every term", (8.4, height), partial(_on, found, draw_budget_bars)),
        draw("budget-time", "The terms over time", (8.4, 4.0), partial(_on, found, draw_budget_over_time)),
    ]
    head = ["Term", "Change", "Largest", "At time", "Noise"]
    rows = [_row(found, term) for term in found.terms]
    for name, error in (("unexplained", found.unexplained), ("total", found.total)):
        what = "network minus PDE" if name == "total" else "total minus the sum of the terms"
        when = found.times[error.argmax()]
        rows.append([Cell(name), Cell(what), number_cell(error.max()), number_cell(when), Cell("–")])
    return Panel("budget", "Error budget", text, drawings, [Table(head, rows, numbers=3)])


def draw_budget_bars(figure: Figure, found: ErrorBudget) -> None:
    """The largest value of every term over time, of what is unexplained, and of the total."""
    axes = figure.subplots()
    names = [term.name for term in found.terms] + ["unexplained", "total"]
    values = [term.largest for term in found.terms] + [float(found.unexplained.max()), float(found.total.max())]
    statuses = [term.status for term in found.terms] + [Status.MEASURED] * 2
    top = max([value for value in values if value is not None], default=0.0) or 1.0
    known = [value for value in values if value]
    low = max(min(known, default=top), top * 10.0**-_DECADES) / 3
    # Limits first: bars start at the lower one.
    logarithmic(axes.xaxis, low, top * 12)
    for place, (name, value, status) in enumerate(zip(names, values, statuses, strict=True)):
        if value is not None and value > 0:
            look: dict[str, Any] = {"color": INK if name == "total" else MUTED if name == "unexplained" else SERIES[0]}
            if status is Status.WITHIN_NOISE or name == "unexplained":
                look = {"facecolor": "none", "edgecolor": look["color"], "hatch": "////"}
            axes.barh(place, max(value, low) - low, left=low, height=0.62, linewidth=1, **look)
        label = short(value, 2) if value is not None else f"{LEGEND[status][0]} {status}"
        if status is Status.WITHIN_NOISE:
            label = f"{label} {LEGEND[status][0]} {status}"
        at = low if value is None else max(value, low)
        axes.annotate(
            label, (at, place), (5, 0), textcoords="offset points", va="center", color=MUTED if value is None else INK
        )
    axes.axhline(len(found.terms) - 0.5, color=MUTED, linewidth=0.8)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(f"largest {_RELATIVE} over time")


def draw_budget_over_time(figure: Figure, found: ErrorBudget) -> None:
    """Every measured term over time, with the total and what is unexplained."""
    axes = figure.subplots()
    later = found.times > 0
    shown = [found.total[later]]
    draw_over_time(axes, found.times, found.total, None, color=INK, linewidth=2.4, label="total")
    for number, term in enumerate(found.terms):
        if term.error is None:
            continue
        look: dict[str, Any] = {"color": SERIES[number % len(SERIES)], "linestyle": _DASHES[number // len(SERIES)]}
        if term.status is Status.WITHIN_NOISE:
            look = {"color": MUTED, "linestyle": ":"}
        look |= {"marker": MARKERS[number % len(MARKERS)], "markersize": 3.5, "markerfacecolor": "none"}
        mark = f" ({LEGEND[term.status][0]})" if term.status in LEGEND else ""
        draw_over_time(axes, found.times, term.error, None, label=f"{term.name}{mark}", **look)
        if term.status is Status.MEASURED:
            shown.append(term.error[later])
    unexplained: dict[str, Any] = {"color": MUTED, "linestyle": "--", "linewidth": 2.0, "label": "unexplained"}
    draw_over_time(axes, found.times, found.unexplained, None, **unexplained)
    time_axis(axes, found.times)
    limit_magnitudes(axes, [*shown, np.array([found.unexplained.max()])], decades=_DECADES)
    axes.set_xlabel(TIME_LABEL)
    axes.set_ylabel(_RELATIVE)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))


def _row(found: ErrorBudget, term: BudgetTerm) -> list[Cell]:
    change = term.change if term.reason is None else f"{term.change}; {term.reason}"
    if term.error is None:
        return [Cell(term.name), Cell(change, status=term.status), *[Cell("–", status=term.status)] * 3]
    return [
        Cell(term.name),
        Cell(change),
        number_cell(term.peak, status=term.status),
        number_cell(found.times[term.error.argmax()]),
        number_cell(term.noise),
    ]


def _on(found: ErrorBudget, function: Callable[[Figure, ErrorBudget], None], figure: Figure) -> None:
    function(figure, found)
