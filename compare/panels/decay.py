"""How single frequencies decay: the figure that proves the verdict."""

from typing import Any

from matplotlib.figure import Figure

from freqbias.compare.figures.curves import (
    draw_over_time,
    drawn,
    level_legend,
    limit_magnitudes,
    theory_and_network,
    time_axis,
)
from freqbias.compare.figures.style import DASHES, INK, MARKERS, SERIES, TIME_LABEL, UNIT
from freqbias.compare.metrics import Comparison
from freqbias.compare.numbers import vector
from freqbias.compare.panels.panel import Panel, bands_in_words, draw


def decay(comparison: Comparison, run: dict[str, Any]) -> Panel:
    """Theory against network at the chosen frequencies."""
    names = [comparison.names[level] for level in theory_and_network(comparison)]
    text = "How the error at single frequencies decays over training, relative to its start"
    if len(names) == 2:
        text += f": {names[0]} as lines, {names[1]} as markers. Below: the difference over all frequencies"
    text = f"{text}.{bands_in_words(comparison)}"
    title = f"Decay curves of {' and '.join(names)}"
    figure = draw("decay", title, (8.4, 5.4), lambda figure: _draw(figure, comparison))
    return Panel("decay", "Decay of single frequencies", text, [figure])


def _draw(figure: Figure, comparison: Comparison) -> None:
    """Theory (lines) against network (markers) at the chosen frequencies; below, their relative difference."""
    theory, curves, times = comparison.theory, comparison.decay, comparison.times
    key = f"network_vs_{theory}"
    error = comparison.relative_error.get(key)
    if error is not None:
        axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1.15))
        band = comparison.relative_error_band[key]
        look = {"color": INK, "marker": "o", "markersize": 3, "label": "_relative difference"}
        draw_over_time(below, times, error, band, **look)
        limit_magnitudes(below, drawn(times, error, band), decades=4)
        below.set_ylabel("relative\ndifference")
        below.set_xlabel(TIME_LABEL)
    else:
        axes = figure.subplots()
        axes.set_xlabel(TIME_LABEL)
    shown = []
    for number, frequency in enumerate(curves.frequencies):
        colour, marker = SERIES[number % len(SERIES)], MARKERS[number % len(MARKERS)]
        dashes = DASHES[number % len(DASHES)]
        for level in theory_and_network(comparison):
            curve, band = curves.ratio[level][:, number], curves.band[level]
            band = None if band is None else band[..., number]
            shown += [curve, band]
            markers = level == "network"
            look = {"marker": marker, "linestyle": "none", "markerfacecolor": "none"}
            look = look if markers else {"linestyle": dashes}
            name = f"_ξ = {vector(frequency)}, {comparison.names[level]}"
            draw_over_time(axes, times, curve, band, color=colour, label=name, **look)
        look = {"marker": marker, "markerfacecolor": "none", "linestyle": dashes if theory else "none"}
        axes.plot([], [], color=colour, label=f"ξ = {vector(frequency)}", **look)
    time_axis(axes, times)
    limit_magnitudes(axes, shown)
    axes.set_ylabel("|v̂(ξ,t)| / |v̂(ξ,0)|")
    axes.legend(loc="lower left", title=f"frequency ({UNIT})", alignment="left")
    level_legend(axes, comparison)
