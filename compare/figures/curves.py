"""What figures of curves have in common: learning time and frequency as axes, bands, limits, legends."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from freqbias.compare.ensemble import band_in_words
from freqbias.compare.figures.style import (
    BAND_OPACITY,
    INK,
    LEVEL_COLOURS,
    LEVEL_DASHES,
    UNIT,
    logarithmic,
)
from freqbias.compare.metrics import Comparison

#: Decades below the largest value that an axis of magnitudes shows at most.
_DECADES = 6
#: Spectra are shown when these parts of what is learned in all are still to be learned.
_MILESTONES = (1, 0.7, 0.4, 0.12, 0)


def milestones(comparison: Comparison) -> list[int]:
    """Numbers of a few telling output times, the first and the last among them."""
    remaining = comparison.remaining[comparison.theory or "network"]
    wanted = remaining[-1] + (remaining[0] - remaining[-1]) * np.array(_MILESTONES)
    nearest = np.abs(remaining - wanted[:, None]).argmin(axis=1)
    return sorted({0, len(remaining) - 1, *nearest[1:-1].tolist()})


def frequency_label(comparison: Comparison) -> str:
    return f"frequency ξ ({UNIT})" if comparison.problem.dimension == 1 else f"frequency |ξ| ({UNIT})"


def level_look(level: str) -> dict[str, Any]:
    """The look of a curve over time of one level: the network as markers on a thin line."""
    look: dict[str, Any] = {"color": LEVEL_COLOURS[level], "linestyle": LEVEL_DASHES[level]}
    if level == "network":
        look |= {"marker": "o", "markerfacecolor": "none", "linewidth": 0.8}
    return look


def theory_and_network(comparison: Comparison) -> list[str]:
    """The levels that figures with many curves show: the theory and the network, as far as they are there."""
    return [level for level in (comparison.theory, "network") if level in comparison.spectra]


def level_keys(comparison: Comparison, bands: bool = True) -> list[Line2D | Patch]:
    """Entries of a legend for figures in which lines are the theory and markers the network, with their ``bands``."""
    keys: list[Line2D | Patch] = []
    if comparison.theory is not None:
        keys.append(Line2D([], [], color=INK, label=comparison.names[comparison.theory]))
    if "network" in comparison.spectra:
        look: dict[str, Any] = {"marker": "o", "linestyle": "none", "markerfacecolor": "none"}
        keys.append(Line2D([], [], color=INK, label=comparison.names["network"], **look))
    if bands and comparison.seed_count > 1:
        keys.append(band_key(comparison))
    return keys


def level_legend(axes: Axes, comparison: Comparison, bands: bool = True) -> None:
    """A legend of ``level_keys`` above the axes, where it hides nothing; one that is there stays."""
    present = axes.get_legend()
    if present is not None:
        axes.add_artist(present)
    keys = level_keys(comparison, bands)
    look: dict[str, Any] = {"ncols": len(keys), "columnspacing": 1.2, "borderpad": 0.1, "borderaxespad": 0.2}
    axes.legend(handles=keys, loc="lower right", bbox_to_anchor=(1, 1), **look)


def draw_over_time(axes: Axes, times: np.ndarray, values: np.ndarray, band: np.ndarray | None, **look: Any) -> None:
    """Draw ``values`` (T,) and their ``band`` (2, T) against time.

    0 has no place on a logarithmic axis, neither as time nor as value.
    """
    later = times > 0
    axes.plot(times[later], np.where(values[later] > 0, values[later], np.nan), **look)
    if band is not None:
        draw_band(axes, times[later], band[:, later], look["color"])


def draw_linear_over_time(
    axes: Axes, times: np.ndarray, values: np.ndarray, band: np.ndarray | None, **look: Any
) -> None:
    """As ``draw_over_time``, for values of either sign on an axis that is not logarithmic."""
    later = times > 0
    axes.plot(times[later], values[later], **look)
    if band is not None:
        low, high = band[:, later]
        axes.fill_between(times[later], low, high, color=look["color"], alpha=BAND_OPACITY, linewidth=0)


def drawn(times: np.ndarray, *curves: np.ndarray | None) -> list[np.ndarray]:
    """What ``draw_over_time`` shows of curves (..., T): at time 0 errors may be rounding."""
    return [curve[..., times > 0] for curve in curves if curve is not None]


def draw_band(axes: Axes, x: np.ndarray, band: np.ndarray, colour: str, gid: str | None = None) -> None:
    """Fill between the two ends (2, k) of a band, on a logarithmic axis: 0 is far below everything shown."""
    low, high = band
    floor = 1e-12 * np.nanmax(high, initial=0.0)
    look: dict[str, Any] = {"color": colour, "alpha": BAND_OPACITY, "linewidth": 0, "gid": gid}
    axes.fill_between(x, np.maximum(low, floor), np.maximum(high, floor), **look)


def band_key(comparison: Comparison) -> Patch:
    """The entry of a legend that says what the light areas are."""
    return Patch(color=INK, alpha=BAND_OPACITY, linewidth=0, label=band_in_words(comparison.seed_count))


def legend(axes: Axes, comparison: Comparison) -> None:
    handles, _ = axes.get_legend_handles_labels()
    axes.legend(handles=[*handles, band_key(comparison)] if comparison.seed_count > 1 else handles, loc="best")


def time_axis(axes: Axes, times: np.ndarray) -> None:
    later = times[times > 0]
    if len(later):
        logarithmic(axes.xaxis, later[0] / 1.15, later[-1] * 1.15)


def limit_magnitudes(axes: Axes, shown: Sequence[np.ndarray | None], decades: float = _DECADES) -> None:
    """A logarithmic axis for all values ``shown``, over at most ``decades``."""
    known = [values[np.isfinite(values)] for values in shown if values is not None]
    values = np.concatenate([one.ravel() for one in known]) if known else np.empty(0)
    high = max(values.max(initial=0), 1e-16)
    low = max(values[values > 0].min(initial=high), high * 10.0**-decades)
    logarithmic(axes.yaxis, low / 1.6, high * 1.6)
