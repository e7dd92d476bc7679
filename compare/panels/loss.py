"""The loss from the spectra, beside the loss at the samples."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from freqbias.compare.figures.curves import draw_over_time, legend, limit_magnitudes, time_axis
from freqbias.compare.figures.style import LEVEL_COLOURS, LEVEL_DASHES, TIME_LABEL
from freqbias.compare.metrics import Comparison
from freqbias.compare.panels.panel import WIDE, Cell, Panel, Table, bands_in_words, draw, number_cell

#: Losses below this part of the first one are rounding.
_ROUNDING = 1e-20


def loss(comparison: Comparison, run: dict[str, Any]) -> Panel:
    """Whether mesh and samples hold the whole error."""
    text = (
        "By Parseval the loss follows from the spectrum, ½ (2π)⁻ᵈ / ρ₀ ‖v̂‖². It equals the loss at the samples if "
        "these, with their weights, stand for the uniform density and the mesh holds the whole spectrum."
    )
    text += bands_in_words(comparison)
    figure = draw("loss", "Loss over learning time", WIDE, lambda figure: _draw(figure, comparison))
    rows = [_row(comparison, level) for level, ratio in comparison.loss_ratio.items() if ratio is not None]
    head = ["From the spectrum / at the samples", "At the start", "Farthest from 1", "At time"]
    return Panel("loss", "Loss", text, [figure], [Table(head, rows, numbers=3)] if rows else [])


def _row(comparison: Comparison, level: str) -> list[Cell]:
    ratio = comparison.loss_ratio[level]
    # Where nothing is left the ratio of two roundings says nothing.
    known = np.where(comparison.loss[level] > _ROUNDING * comparison.loss[level][0], ratio, 1.0)
    farthest = int(np.nanargmax(np.abs(np.log(known))))
    values = (ratio[0], known[farthest])
    cells = [Cell(f"{value:.5g}", float(value)) for value in values]
    return [Cell(comparison.names[level]), *cells, number_cell(comparison.times[farthest])]


def _draw(figure: Figure, comparison: Comparison) -> None:
    """Loss by Parseval for every level (lines) and at the samples where it was measured (markers)."""
    axes = figure.subplots()
    shown = []
    for level in comparison.spectra:
        colour, found, measured = LEVEL_COLOURS[level], comparison.loss[level], comparison.measured_loss[level]
        band, measured_band = comparison.loss_band[level], comparison.measured_loss_band[level]
        label = f"{comparison.names[level]}, from the spectrum"
        # One area for a level: around its markers where it has any.
        around = band if measured_band is None else None
        look = {"color": colour, "linestyle": LEVEL_DASHES[level]}
        draw_over_time(axes, comparison.times, found, around, label=label, **look)
        shown += [found, around]
        if measured is not None:
            look = {"color": colour, "marker": "o" if level == "network" else "x", "markerfacecolor": "none"}
            label = f"{comparison.names[level]}, at the samples"
            draw_over_time(axes, comparison.times, measured, measured_band, linestyle="none", label=label, **look)
            shown += [measured, measured_band]
    time_axis(axes, comparison.times)
    limit_magnitudes(axes, shown, decades=10)
    axes.set_xlabel(TIME_LABEL)
    axes.set_ylabel("loss (unit of the target)²")
    legend(axes, comparison)
