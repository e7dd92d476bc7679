"""The spectrum at a few times, and in a page at any: in one dimension."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from freqbias.compare.figures.curves import draw_band, frequency_label, limit_magnitudes, milestones, theory_and_network
from freqbias.compare.figures.data import moving_curve
from freqbias.compare.figures.style import DASHES, LEVEL_COLOURS, MARKERS, SERIES
from freqbias.compare.metrics import Comparison, Found
from freqbias.compare.numbers import short
from freqbias.compare.panels.panel import WIDE, Panel, bands_in_words, draw


def spectra(comparison: Comparison, run: dict[str, Any]) -> Panel | None:
    """|v| over frequency in 1D; maps show it in 2D and 3D."""
    if comparison.problem.dimension > 1:
        return None
    names = [comparison.names[level] for level in theory_and_network(comparison)]
    text = "Magnitude of the error spectrum"
    text += f": {names[0]} as lines, network as markers." if len(names) == 2 else "."
    text += bands_in_words(comparison)
    figure = draw("spectra", text, WIDE, lambda figure: _draw(figure, comparison))
    return Panel("spectra", "Spectrum at a few times", text, [figure])


def _draw(figure: Figure, comparison: Comparison) -> None:
    axes = figure.subplots()
    profiles = comparison.profiles
    shown = draw_milestones(axes, comparison, profiles.frequencies, profiles.magnitude, profiles.magnitude_band)
    limit_magnitudes(axes, shown, decades=5)
    axes.set_xlabel(frequency_label(comparison))
    axes.set_ylabel("|v̂(ξ,t)| (unit of the target)")
    axes.legend(loc="upper right")


def draw_milestones(
    axes: Axes, comparison: Comparison, xi: np.ndarray, magnitude: Found, bands: Found
) -> list[np.ndarray]:
    """``magnitude[level]`` (T, k) over ``xi`` (k,) at a few times: theory as lines, network as markers.

    In a page all levels are also curves that move with time, over these. Returns what is shown.
    """
    number_of_axes, shown = len(axes.figure.axes), []
    for number, k in enumerate(milestones(comparison)):
        colour, marker = SERIES[number % len(SERIES)], MARKERS[number % len(MARKERS)]
        dashes = DASHES[number % len(DASHES)]
        for level in theory_and_network(comparison):
            look: dict[str, Any] = {"linestyle": dashes}
            if level == "network":
                look = {"marker": marker, "linestyle": "none", "markerfacecolor": "none", "markersize": 3.2}
                look["markevery"] = max(1, len(xi) // 60)
            gid = f"milestone-{number_of_axes}-{k}-{level}"
            axes.plot(xi, magnitude[level][k], color=colour, gid=gid, **look)
            if (band := bands.get(level)) is not None:
                draw_band(axes, xi, band[:, k], colour, f"{gid}-band")
            shown.append(magnitude[level][k])
        look = {"color": colour, "marker": marker, "markerfacecolor": "none", "markersize": 3.2, "linestyle": dashes}
        axes.plot([], [], label=f"t = {short(comparison.times[k])}", **look)
    for level in comparison.spectra:
        look = {"linestyle": "--" if level == "kernel" else "-", "marker": "o" if level == "network" else None}
        label = f"_{comparison.names[level]}"
        (line,) = axes.plot(xi, np.zeros_like(xi), color=LEVEL_COLOURS[level], label=label, visible=False, **look)
        moving_curve(line, magnitude[level])
    axes.set_xlim(0, xi[-1])
    return shown
