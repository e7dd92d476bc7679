"""Frequency × time: the levels, and their differences."""

from typing import Any

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from freqbias.compare.figures.curves import frequency_label
from freqbias.compare.figures.heat_maps import cell_edges, colour_bar, scale_ends
from freqbias.compare.figures.style import DIFFERENCE_MAP, MAGNITUDE_MAP, TIME, logarithmic
from freqbias.compare.metrics import Comparison
from freqbias.compare.panels.panel import SMALL, Drawing, Panel, draw, unit_area


def heat_maps(comparison: Comparison, run: dict[str, Any]) -> Panel | None:
    """Magnitudes of the levels and of the differences; each group shares a colour scale."""
    if not np.any(comparison.times > 0):
        return None
    profiles = comparison.profiles
    levels = {level: profiles.magnitude[level] for level in comparison.spectra}
    pairs = {pair: one for pair in comparison.pairs if (one := profiles.difference[pair.key]) is not None}
    drawings = [
        _drawing(comparison, f"heat-{level}", comparison.names[level], values, _ends(levels), MAGNITUDE_MAP, "|v̂|")
        for level, values in levels.items()
    ]
    for pair, values in pairs.items():
        identifier, look = f"heat-{pair.key.replace('_', '-')}", (_ends(pairs), DIFFERENCE_MAP, "|difference of v̂|")
        drawings.append(_drawing(comparison, identifier, pair.name, values, *look))
    text = f"Magnitude of the error spectrum{unit_area(comparison)}, then of the differences. "
    text += "Each group shares one colour scale."
    if comparison.seed_count > 1:
        text += f" Means over {comparison.seed_count} seeds."
    return Panel("heat-maps", "Frequency × time", text, drawings)


def _ends(found: dict[Any, np.ndarray]) -> tuple[float, float]:
    return scale_ends(list(found.values()))


def _drawing(
    comparison: Comparison,
    identifier: str,
    name: str,
    values: np.ndarray,
    ends: tuple[float, float],
    colours: str,
    quantity: str,
) -> Drawing:
    def on(figure: Figure) -> None:
        later = comparison.times > 0
        times, xi = comparison.times[later], comparison.profiles.frequencies
        axes = figure.subplots()
        across, up = cell_edges(np.log(times), np.exp), cell_edges(xi)
        look: dict[str, Any] = {"norm": LogNorm(*ends), "cmap": colours, "rasterized": True, "label": f"_{quantity}"}
        image = axes.pcolormesh(across, up, np.maximum(values[later].T, ends[0]), **look)
        logarithmic(axes.xaxis, *across[[0, -1]])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_ylim(max(0, up[0]), up[-1])
        axes.grid(False)
        axes.set_title(name)
        axes.set_xlabel(f"{TIME} t")
        axes.set_ylabel(frequency_label(comparison))
        colour_bar(figure, image, axes, f"{quantity} (unit of the target)")

    kind = "Difference, " if quantity != "|v̂|" else "Error spectrum of "
    return draw(identifier, f"{kind}{name}", SMALL, on)
