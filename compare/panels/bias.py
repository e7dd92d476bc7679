"""The bias index over time: how differently frequencies decay."""

from typing import Any

from matplotlib.figure import Figure

from freqbias.compare.figures.curves import draw_linear_over_time, level_look, time_axis
from freqbias.compare.figures.style import MUTED, TIME_LABEL
from freqbias.compare.metrics import Comparison
from freqbias.compare.numbers import short
from freqbias.compare.panels.panel import Cell, Panel, Table, bands_in_words, draw, number_cell
from freqbias.compare.quantities.bias import Bias


def bias(comparison: Comparison, run: dict[str, Any]) -> Panel:
    """Bias index and drift of the mean frequency of every level."""
    threshold = short(comparison.problem.settings.report.threshold)
    text = (
        "Left: the bias index, the sine of the angle between |v̂(ξ,0)| and |v̂(ξ,t)| as functions of frequency: 0 when "
        "all frequencies decay alike. Right: the mean frequency of what is left, relative to its start, minus 1: "
        f"positive where low frequencies are learned first.{bands_in_words(comparison)}"
    )
    found = {level: one for level, one in comparison.bias.items() if one is not None}
    row = [Cell(f"Bias index when the norm of the error has fallen to {threshold}")]
    for one in found.values():
        value, band = one.at_threshold, one.at_threshold_band
        row.append(Cell("never") if value is None else number_cell(value, band))
    table = Table(["", *(comparison.names[level] for level in found)], [row], numbers=len(found))
    title = "Bias index and drift of the mean frequency"
    figure = draw("bias", title, (8.4, 3.5), lambda figure: _draw(figure, comparison, found))
    return Panel("bias", "Bias index", text, [figure], [table])


def _draw(figure: Figure, comparison: Comparison, found: dict[str, Bias]) -> None:
    left, right = figure.subplots(1, 2)
    for level, one in found.items():
        look = level_look(level) | {"label": comparison.names[level]}
        draw_linear_over_time(left, comparison.times, one.index, one.index_band, **look)
        draw_linear_over_time(right, comparison.times, one.drift, one.drift_band, **look)
    right.axhline(0, color=MUTED, linewidth=0.8)
    left.set_ylim(bottom=0)
    for axes, label in ((left, "bias index B(t)"), (right, "drift of the mean frequency")):
        time_axis(axes, comparison.times)
        axes.set(xlabel=TIME_LABEL, ylabel=label)
    left.legend(loc="best")
