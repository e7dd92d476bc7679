"""Decay curves of several runs in one figure."""

from collections.abc import Sequence
from typing import Any, Literal

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from freqbias.compare.figures.style import BAND_OPACITY, INK, SERIES, TIME_LABEL, logarithmic
from freqbias.compare.numbers import vector
from freqbias.compare.runs.summary import RunSummary, common_frequencies

#: Decades below the start that are shown at most.
_DECADES = 4
#: With more runs than colours that can be told apart they follow a scale of colours, in the order of the runs.
_SCALE = "viridis"
_DASHES: tuple[Literal["-"], Literal["--"]] = ("-", "--")
_NETWORK: dict[str, Any] = {"linestyle": "none", "marker": "o", "markersize": 2.8, "markerfacecolor": "none"}


def shown(summaries: Sequence[RunSummary]) -> list[RunSummary]:
    """The runs that have decay curves."""
    return [one for one in summaries if one.decay is not None]


def overlay_size(summaries: Sequence[RunSummary]) -> tuple[float, float]:
    """Inches of the figure that ``draw_overlaid_decay`` fills: two frequencies a row, and the list of runs."""
    count = len(common_frequencies(summaries)[0])
    lines = -(-len(shown(summaries)) // _legend_columns(summaries)) + 1
    return 8.4, 2.5 * max(1, -(-count // 2)) + 0.22 * lines + 0.3


def draw_overlaid_decay(figure: Figure, summaries: Sequence[RunSummary]) -> None:
    """|v(xi, t)| / |v(xi, 0)| of all runs at the frequencies they share: theory as lines, networks as markers."""
    runs = shown(summaries)
    frequencies, places = common_frequencies(runs)
    columns = min(2, len(frequencies))
    grid = figure.subplots(-(-len(frequencies) // columns), columns, sharex=True, sharey=True, squeeze=False)
    looks = [_look(number, len(runs)) for number in range(len(runs))]
    lowest = 1.0
    for k, axes in enumerate(grid.ravel()):
        if k >= len(frequencies):
            axes.set_axis_off()
            continue
        for one, numbers, (colour, dashes) in zip(runs, places, looks, strict=True):
            theory, network = (_curve(one, level, numbers[k]) for level in (one.theory, "network"))
            if theory is not None:
                axes.plot(
                    one.times, theory, color=colour, linestyle=dashes, linewidth=1.3, label=f"_{one.name}, theory"
                )
                lowest = min(lowest, theory[theory > 0].min(initial=1))
            if network is not None:
                axes.plot(one.times, network, color=colour, label=f"_{one.name}, network", **_NETWORK)
                lowest = min(lowest, network[network > 0].min(initial=1))
                band = None if one.decay is None else one.decay.band["network"]
                if band is not None:
                    low, high = band[..., numbers[k]]
                    axes.fill_between(one.times, low, high, color=colour, alpha=BAND_OPACITY, linewidth=0)
        axes.set_title(f"ξ = {vector(frequencies[k])}")
    times = np.concatenate([one.times[1:] for one in runs])
    for axes in grid.ravel()[: len(frequencies)]:
        logarithmic(axes.xaxis, times.min(), times.max())
        logarithmic(axes.yaxis, max(0.7 * lowest, 10.0**-_DECADES), 1.5)
    # The lowest of every column; in the last row places may be empty.
    for axes in grid.ravel()[max(0, len(frequencies) - columns) : len(frequencies)]:
        axes.tick_params(labelbottom=True)
        axes.set_xlabel(TIME_LABEL)
    for axes in grid[:, 0]:
        axes.set_ylabel("|v̂(ξ,t)| / |v̂(ξ,0)|")
    keys = [
        Line2D([], [], color=colour, linestyle=dashes, label=one.name)
        for one, (colour, dashes) in zip(runs, looks, strict=True)
    ]
    keys += [
        Line2D([], [], color=INK, label="theory"),
        Line2D([], [], color=INK, label="network", **_NETWORK),
    ]
    figure.legend(handles=keys, loc="outside upper left", ncols=_legend_columns(summaries))


def _curve(one: RunSummary, level: str | None, number: int) -> np.ndarray | None:
    ratio = None if level is None or one.decay is None else one.decay.ratio[level]
    return None if ratio is None else ratio[:, number]


def _look(number: int, count: int) -> tuple[str, Literal["-", "--"]]:
    """Colour and dashes of a run."""
    if count <= len(SERIES) * len(_DASHES):
        return SERIES[number % len(SERIES)], _DASHES[number // len(SERIES)]
    part = 0.05 + 0.85 * number / (count - 1)
    return matplotlib.colors.to_hex(matplotlib.colormaps[_SCALE](part)), "-"


def _legend_columns(summaries: Sequence[RunSummary]) -> int:
    longest = max(len(one.name) for one in summaries)
    return max(1, min(4, 112 // (longest + 7)))
