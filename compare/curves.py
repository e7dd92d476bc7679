"""Line figures: decay of frequencies, relative errors, emergence times, loss, spectra at a few times."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from freqbias.compare.emergence import frozen_emergence_times
from freqbias.compare.ensemble import band_in_words
from freqbias.compare.figure_style import (
    BAND_OPACITY,
    INK,
    LEVEL_COLOURS,
    MARKERS,
    MUTED,
    SERIES,
    TIME_LABEL,
    UNIT,
    logarithmic,
)
from freqbias.compare.metrics import Comparison
from freqbias.compare.numbers import short, vector

#: Decades below the largest value that an axis of magnitudes shows at most.
_DECADES = 6
#: Spectra are shown when these parts of what is learned in all are still to be learned.
_MILESTONES = (1, 0.7, 0.4, 0.12, 0)


def draw_decay(figure: Figure, comparison: Comparison) -> None:
    """Theory (lines) against network (markers) at the chosen frequencies; below, their relative difference."""
    theory, decay, times = comparison.theory, comparison.decay, comparison.times
    key = f"network_vs_{theory}"
    error = comparison.relative_error.get(key)
    if error is not None:
        axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1.15))
        band = comparison.relative_error_band[key]
        _draw_over_time(below, times, error, band, color=INK, marker="o", markersize=3)
        _limit_magnitudes(below, _drawn(times, error, band), decades=4)
        below.set_ylabel("relative\ndifference")
        below.set_xlabel(TIME_LABEL)
    else:
        axes = figure.subplots()
        axes.set_xlabel(TIME_LABEL)
    shown = []
    for number, frequency in enumerate(decay.frequencies):
        colour, marker = SERIES[number % len(SERIES)], MARKERS[number % len(MARKERS)]
        for level in (theory, "network"):
            if level is None or decay.ratio[level] is None:
                continue
            curve, band = decay.ratio[level][:, number], decay.band[level]
            band = None if band is None else band[..., number]
            shown += [curve, band]
            markers = level == "network"
            look = {"marker": marker, "linestyle": "none", "markerfacecolor": "none"} if markers else {}
            _draw_over_time(axes, times, curve, band, color=colour, **look)
        look = {"marker": marker, "markerfacecolor": "none", "linestyle": "-" if theory else "none"}
        axes.plot([], [], color=colour, label=f"ξ = {vector(frequency)}", **look)
    _time_axis(axes, times)
    _limit_magnitudes(axes, shown)
    axes.set_ylabel("|v̂(ξ,t)| / |v̂(ξ,0)|")
    axes.add_artist(axes.legend(loc="lower left", title=f"frequency ({UNIT})", alignment="left"))
    kinds = []
    if theory is not None:
        kinds.append(Line2D([], [], color=INK, label=comparison.names[theory]))
    if "network" in comparison.spectra:
        look = {"marker": "o", "linestyle": "none", "markerfacecolor": "none"}
        kinds.append(Line2D([], [], color=INK, label="network", **look))
    if comparison.seed_count > 1:
        kinds.append(_band_key(comparison))
    axes.legend(handles=kinds, loc="upper right")


def draw_relative_errors(figure: Figure, comparison: Comparison) -> None:
    """Relative error over time for each pair that could be compared."""
    axes = figure.subplots()
    shown = []
    looks = ((INK, "o", "-"), (SERIES[2], "s", "--"), (SERIES[1], "^", "-."))
    for pair, (colour, marker, dashes) in zip(comparison.pairs, looks, strict=True):
        error, band = comparison.relative_error[pair.key], comparison.relative_error_band[pair.key]
        if error is not None:
            look = {"color": colour, "marker": marker, "linestyle": dashes, "markersize": 3.5}
            _draw_over_time(axes, comparison.times, error, band, label=pair.name, **look)
            shown += _drawn(comparison.times, error, band)
    _time_axis(axes, comparison.times)
    _limit_magnitudes(axes, shown)
    axes.set_xlabel(TIME_LABEL)
    axes.set_ylabel("‖difference‖ / ‖initial error‖")
    _legend(axes, comparison)


def draw_emergence_times(figure: Figure, comparison: Comparison) -> None:
    """Learning time against frequency for every level, and by damping alone where that is a closed form."""
    axes = figure.subplots()
    profiles, problem = comparison.profiles, comparison.problem
    xi, learned = profiles.frequencies, profiles.emergence_time
    significant = np.zeros(len(xi), dtype=bool)
    for level, times in learned.items():
        if times is None:
            continue
        significant |= np.isfinite(times)
        look = {"linestyle": {"pde": "-", "kernel": "--"}.get(level, "none")}
        if level == "network":
            look |= {"marker": "o", "markersize": 3.2, "markerfacecolor": "none", "markevery": max(1, len(xi) // 150)}
        axes.plot(xi, times, color=LEVEL_COLOURS[level], label=comparison.names[level], **look)
        if (band := profiles.emergence_time_band[level]) is not None:
            # A run that never learns a frequency reaches beyond the upper end of the figure.
            high = np.where(np.isnan(band[1]) & np.isfinite(band[0]), 2 * comparison.times[-1], band[1])
            _draw_band(axes, xi, np.where(np.isfinite(times), [band[0], high], np.nan), LEVEL_COLOURS[level])
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
    axes.set_ylabel(f"time to fall below {short(problem.settings.report.threshold)} of the initial value")
    _legend(axes, comparison)


def draw_loss(figure: Figure, comparison: Comparison) -> None:
    """Loss by Parseval for every level (lines) and at the samples where it was measured (markers)."""
    axes = figure.subplots()
    shown = []
    for level in comparison.spectra:
        colour, loss, measured = LEVEL_COLOURS[level], comparison.loss[level], comparison.measured_loss[level]
        band, measured_band = comparison.loss_band[level], comparison.measured_loss_band[level]
        dashes = {"pde": "-", "kernel": "--", "network": ":"}[level]
        label = f"{comparison.names[level]}, from the spectrum"
        # One area for a level: around its markers where it has any.
        around = band if measured_band is None else None
        _draw_over_time(axes, comparison.times, loss, around, color=colour, linestyle=dashes, label=label)
        shown += [loss, around]
        if measured is not None:
            look = {"color": colour, "marker": "o" if level == "network" else "x", "markerfacecolor": "none"}
            label = f"{comparison.names[level]}, at the samples"
            _draw_over_time(axes, comparison.times, measured, measured_band, linestyle="none", label=label, **look)
            shown += [measured, measured_band]
    _time_axis(axes, comparison.times)
    _limit_magnitudes(axes, shown, decades=10)
    axes.set_xlabel(TIME_LABEL)
    axes.set_ylabel("loss (unit of the target)²")
    _legend(axes, comparison)


def draw_spectra(figure: Figure, comparison: Comparison) -> None:
    """1D: magnitude of the spectrum at a few times, theory as lines and network as markers."""
    axes = figure.subplots()
    profiles, theory = comparison.profiles, comparison.theory
    xi, shown = profiles.frequencies, []
    for number, k in enumerate(milestones(comparison)):
        colour, marker = SERIES[number % len(SERIES)], MARKERS[number % len(MARKERS)]
        for level in (theory, "network"):
            if level is None or profiles.magnitude[level] is None:
                continue
            look = {}
            if level == "network":
                look = {"marker": marker, "linestyle": "none", "markerfacecolor": "none", "markersize": 3.2}
                look["markevery"] = max(1, len(xi) // 75)
            axes.plot(xi, profiles.magnitude[level][k], color=colour, **look)
            band = profiles.magnitude_band[level]
            if band is not None:
                _draw_band(axes, xi, band[:, k], colour)
            shown.append(profiles.magnitude[level][k])
        label = f"t = {short(comparison.times[k])}"
        axes.plot([], [], color=colour, marker=marker, markerfacecolor="none", markersize=3.2, label=label)
    _limit_magnitudes(axes, shown, decades=5)
    axes.set_xlim(0, xi[-1])
    axes.set_xlabel(frequency_label(comparison))
    axes.set_ylabel("|v̂(ξ,t)| (unit of the target)")
    axes.legend(loc="upper right")


def milestones(comparison: Comparison) -> list[int]:
    """Numbers of a few telling output times, the first and the last among them."""
    remaining = comparison.remaining[comparison.theory or "network"]
    wanted = remaining[-1] + (remaining[0] - remaining[-1]) * np.array(_MILESTONES)
    nearest = np.abs(remaining - wanted[:, None]).argmin(axis=1)
    return sorted({0, len(remaining) - 1, *nearest[1:-1].tolist()})


def frequency_label(comparison: Comparison) -> str:
    return f"frequency ξ ({UNIT})" if comparison.problem.dimension == 1 else f"frequency |ξ| ({UNIT})"


def _draw_over_time(axes: Axes, times: np.ndarray, values: np.ndarray, band: np.ndarray | None, **look) -> None:
    """Draw ``values`` (T,) and their ``band`` (2, T) against time.

    0 has no place on a logarithmic axis, neither as time nor as value.
    """
    later = times > 0
    axes.plot(times[later], np.where(values[later] > 0, values[later], np.nan), **look)
    if band is not None:
        _draw_band(axes, times[later], band[:, later], look["color"])


def _drawn(times: np.ndarray, *curves: np.ndarray | None) -> list[np.ndarray]:
    """What ``_draw_over_time`` shows of curves (..., T): at time 0 errors may be rounding."""
    return [curve[..., times > 0] for curve in curves if curve is not None]


def _draw_band(axes: Axes, x: np.ndarray, band: np.ndarray, colour: str) -> None:
    """Fill between the two ends (2, k) of a band, on a logarithmic axis: 0 is far below everything shown."""
    low, high = band
    floor = 1e-12 * np.nanmax(high, initial=0.0)
    axes.fill_between(x, np.maximum(low, floor), np.maximum(high, floor), color=colour, alpha=BAND_OPACITY, linewidth=0)


def _band_key(comparison: Comparison) -> Patch:
    """The entry of a legend that says what the light areas are."""
    return Patch(color=INK, alpha=BAND_OPACITY, linewidth=0, label=band_in_words(comparison.seed_count))


def _legend(axes: Axes, comparison: Comparison) -> None:
    handles, _ = axes.get_legend_handles_labels()
    axes.legend(handles=[*handles, _band_key(comparison)] if comparison.seed_count > 1 else handles, loc="best")


def _time_axis(axes: Axes, times: np.ndarray) -> None:
    later = times[times > 0]
    if len(later):
        logarithmic(axes.xaxis, later[0] / 1.15, later[-1] * 1.15)


def _limit_magnitudes(axes: Axes, shown: list[np.ndarray | None], decades: float = _DECADES) -> None:
    known = [values[np.isfinite(values)] for values in shown if values is not None]
    values = np.concatenate(known) if known else np.empty(0)
    high = max(values.max(initial=0), 1e-16)
    low = max(values[values > 0].min(initial=high), high * 10.0**-decades)
    logarithmic(axes.yaxis, low / 1.6, high * 1.6)
