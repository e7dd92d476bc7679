"""Which frequencies are learned when."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from freqbias.compare.figures.curves import draw_band, frequency_label, legend
from freqbias.compare.figures.style import LEVEL_COLOURS, LEVEL_DASHES, MUTED, TIME, UNIT, logarithmic
from freqbias.compare.metrics import Comparison
from freqbias.compare.numbers import short, vector
from freqbias.compare.panels.panel import WIDE, Cell, Panel, Table, bands_in_words, draw, number_cell
from freqbias.compare.quantities.emergence import frozen_emergence_times
from freqbias.spectra import LEVELS


def emergence(comparison: Comparison, run: dict[str, Any]) -> Panel:
    """Emergence time against frequency, and at the frequencies that are followed."""
    threshold = comparison.problem.settings.report.threshold
    text = f"First time at which the error of a frequency is below {short(threshold)} of its initial value."
    text += bands_in_words(comparison)
    title = "Emergence time against frequency"
    figure = draw("emergence", title, WIDE, lambda figure: _draw(figure, comparison))
    levels = [level for level in LEVELS if level in comparison.spectra]
    head = [f"Frequency ξ ({UNIT})", *(comparison.names[level] for level in levels)]
    ratio = comparison.emergence_ratio
    if ratio is not None and comparison.theory is not None:
        head.append(f"network / {comparison.names[comparison.theory]}")
    rows = []
    for number, xi in enumerate(comparison.decay.frequencies):
        row = [Cell(vector(xi)), *(_learned(comparison, level, number) for level in levels)]
        if ratio is not None:
            row.append(_ratio(ratio[0][number]))
        rows.append(row)
    tables = [Table(head, rows, numbers=len(head) - 1)] if rows else []
    return Panel("emergence", "Emergence time", text, [figure], tables)


def _ratio(value: float) -> Cell:
    """With as many digits as near 1 are needed to see a difference."""
    return Cell(f"{value:.5g}", float(value)) if np.isfinite(value) else Cell("–")


def _learned(comparison: Comparison, level: str, number: int) -> Cell:
    """The emergence time of the frequency with this number among those that are followed."""
    decay = comparison.decay
    value, band = decay.emergence_time[level][number], decay.emergence_time_band[level]
    if not np.isfinite(value):
        return Cell("never")
    return number_cell(value, None if band is None else tuple(band[:, number]))


def _draw(figure: Figure, comparison: Comparison) -> None:
    """Emergence time for every level, and by damping alone where that is a closed form."""
    axes = figure.subplots()
    profiles, problem = comparison.profiles, comparison.problem
    xi, learned = profiles.frequencies, profiles.emergence_time
    significant = np.zeros(len(xi), dtype=bool)
    for level, times in learned.items():
        if times is None:
            continue
        significant |= np.isfinite(times)
        look: dict[str, Any] = {"linestyle": "none" if level == "network" else LEVEL_DASHES[level]}
        if level == "network":
            look |= {"marker": "o", "markersize": 3.2, "markerfacecolor": "none", "markevery": max(1, len(xi) // 60)}
        axes.plot(xi, times, color=LEVEL_COLOURS[level], label=comparison.names[level], **look)
        if (band := profiles.emergence_time_band[level]) is not None:
            # A run that never learns a frequency reaches beyond the upper end of the figure.
            high = np.where(np.isnan(band[1]) & np.isfinite(band[0]), 2 * comparison.times[-1], band[1])
            draw_band(axes, xi, np.where(np.isfinite(times), [band[0], high], np.nan), LEVEL_COLOURS[level])
    if problem.dimension == 1 and problem.family is not None and problem.settings.training.optimizer == "gradient-flow":
        frozen = frozen_emergence_times(problem, xi[:, None], problem.settings.report.threshold)
        label = "damping alone: ln(1/threshold) / (ρ₀ c(ξ))"
        axes.plot(xi, np.where(significant, frozen, np.nan), color=MUTED, linestyle=":", label=label)
    last = comparison.times[-1]
    axes.axhline(last, color=MUTED, linewidth=1)
    axes.annotate("end of training", (1, last), (-2, 3), ("axes fraction", "data"), "offset points", ha="right")
    finite = [times[np.isfinite(times)] for times in learned.values() if times is not None]
    smallest = min((times.min() for times in finite if times.size), default=comparison.times[1:2].min(initial=last))
    logarithmic(axes.yaxis, max(smallest, last * 1e-8) / 1.5, last * 2)
    if significant.any():
        axes.set_xlim(0, xi[significant].max() * 1.08)
    axes.set_xlabel(frequency_label(comparison))
    axes.set_ylabel(f"{TIME} until below {short(problem.settings.report.threshold)} of the start")
    legend(axes, comparison)
