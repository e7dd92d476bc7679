"""Decay rates of single frequencies over time."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from freqbias.compare.figures.curves import (
    draw_linear_over_time,
    level_legend,
    limit_magnitudes,
    theory_and_network,
    time_axis,
)
from freqbias.compare.figures.style import DASHES, MARKERS, SERIES, TIME_LABEL
from freqbias.compare.metrics import Comparison
from freqbias.compare.numbers import vector
from freqbias.compare.panels.panel import Panel, draw


def rates(comparison: Comparison, run: dict[str, Any]) -> Panel | None:
    """-d/dt log|v| at the frequencies that are followed."""
    found = [comparison.decay.rate[level] for level in theory_and_network(comparison)]
    if not any(np.isfinite(one).any() for one in found):
        return None
    text = "How fast the error at single frequencies decays: −d/dt log |v̂(ξ,t)|, averaged since the output time "
    text += "before. Constant where frequencies do not mix."
    if comparison.seed_count > 1:
        text += f" Means over {comparison.seed_count} seeds."
    figure = draw("rates", "Decay rates over learning time", (8.4, 3.8), lambda figure: _draw(figure, comparison))
    return Panel("rates", "Decay rates", text, [figure])


def _draw(figure: Figure, comparison: Comparison) -> None:
    axes = figure.subplots()
    decay, shown = comparison.decay, []
    for number, frequency in enumerate(decay.frequencies):
        colour, marker = SERIES[number % len(SERIES)], MARKERS[number % len(MARKERS)]
        dashes, name = DASHES[number % len(DASHES)], f"ξ = {vector(frequency)}"
        for level in theory_and_network(comparison):
            look = {"linestyle": dashes}
            if level == "network":
                look = {"marker": marker, "linestyle": "none", "markerfacecolor": "none"}
            values, label = decay.rate[level][:, number], f"_{name}, {comparison.names[level]}"
            draw_linear_over_time(axes, comparison.times, values, None, color=colour, label=label, **look)
            shown.append(values)
        axes.plot([], [], color=colour, linestyle=dashes, marker=marker, markerfacecolor="none", label=name)
    time_axis(axes, comparison.times)
    # An error that grows has a negative rate, which has no place on a logarithmic axis.
    if all(np.nanmin(values, initial=np.inf) > 0 for values in shown):
        limit_magnitudes(axes, shown, decades=4)
    axes.set(xlabel=TIME_LABEL, ylabel="decay rate (1 / learning time)")
    axes.legend(loc="best")
    level_legend(axes, comparison, bands=False)
