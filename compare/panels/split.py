"""What is left at low and at high frequencies."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from freqbias.compare.figures.curves import (
    draw_over_time,
    drawn,
    level_legend,
    limit_magnitudes,
    theory_and_network,
    time_axis,
)
from freqbias.compare.figures.style import DASHES, MARKERS, SERIES, TIME_LABEL
from freqbias.compare.metrics import Comparison
from freqbias.compare.numbers import short
from freqbias.compare.panels.panel import Panel, bands_in_words, draw


def split(comparison: Comparison, run: dict[str, Any]) -> Panel:
    """The error below and above one frequency."""
    boundary = short(comparison.split_frequency)
    text = f"The error at low (|ξ| ≤ {boundary}) and at high frequencies, each relative to its own start."
    text += bands_in_words(comparison)
    figure = draw("split", f"What is left below and above |ξ| = {boundary}", (8.4, 3.8), lambda f: _draw(f, comparison))
    return Panel("split", "Low and high frequencies", text, [figure])


def _draw(figure: Figure, comparison: Comparison) -> None:
    axes = figure.subplots()
    times, shown, boundary = comparison.times, [], short(comparison.split_frequency)
    for number, (part, name) in enumerate((("low", f"|ξ| ≤ {boundary}"), ("high", f"|ξ| > {boundary}"))):
        colour, dashes, marker = SERIES[number], DASHES[number], MARKERS[number]
        for level in theory_and_network(comparison):
            values = getattr(comparison.split[level], part)
            band = getattr(comparison.split[level], f"{part}_band")
            if np.isnan(values).all():
                continue
            look = {"linestyle": dashes}
            if level == "network":
                look = {"marker": marker, "linestyle": "none", "markerfacecolor": "none"}
            label = f"_{name}, {comparison.names[level]}"
            draw_over_time(axes, times, values, band, color=colour, label=label, **look)
            shown += drawn(times, values, band)
        axes.plot([], [], color=colour, linestyle=dashes, marker=marker, markerfacecolor="none", label=name)
    time_axis(axes, times)
    limit_magnitudes(axes, shown)
    axes.set(xlabel=TIME_LABEL, ylabel="norm of the error / its start")
    axes.legend(loc="lower left")
    level_legend(axes, comparison)
