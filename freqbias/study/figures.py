"""Figures of a study: its numbers against what varies, with the fitted slopes."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import XAxis, YAxis
from matplotlib.figure import Figure

from freqbias.compare.figures.style import BAND_OPACITY, MARKERS, MUTED, SERIES, logarithmic
from freqbias.compare.pairs import PAIRS
from freqbias.study.analysis import Series, above_noise, series
from freqbias.study.answer import in_brackets, leading_quantity, slope_text
from freqbias.study.axes import Column, label_text
from freqbias.study.quantities import BIAS_QUANTITIES, PAIR_QUANTITIES, quantities
from freqbias.study.results import StudyResults
from freqbias.study.slopes import Slope

if TYPE_CHECKING:
    import pandas as pd

#: Numbers that are positive and spread over more than this factor are drawn on a logarithmic axis.
_LOGARITHMIC_FROM = 3
_TITLES = {pair.key: pair.name for pair in PAIRS} | {"bias_theory": "bias of theory", "bias_network": "bias of network"}
#: Decades of an axis of differences at most.
_DECADES = 8
#: A logarithmic axis spans at least this factor, or its labels would all be the same.
_LEAST_RANGE = 20.0
#: As many values along an axis are its ticks.
_MOST_TICKS = 6


def drawn_quantities(results: StudyResults) -> list[str]:
    """What the figures show: the differences of the pairs, or the bias indices if the study is about these."""
    known = quantities(results.table)
    about_bias = leading_quantity(results.study, results.table, results.effects) in BIAS_QUANTITIES
    return [name for name in (BIAS_QUANTITIES if about_bias else PAIR_QUANTITIES) if name in known]


def column_size(results: StudyResults, column: Column) -> tuple[float, float]:
    """Inches of the figure that ``draw_column`` fills."""
    found = list(series(results.table, results.study.columns, column))
    lines = -(-len(found) // _legend_columns(found))
    height = 3.2 if column.numeric else 1.1 + 0.34 * len(column.labels)
    return 8.4, height + 0.22 * lines


def draw_column(figure: Figure, results: StudyResults, column: Column) -> None:
    """One axes for every quantity, one series for every choice of the other columns, with its band over the seeds."""
    names = drawn_quantities(results)
    grid = figure.subplots(1, len(names), squeeze=False, sharey=True, sharex=True)[0]
    found = list(series(results.table, results.study.columns, column))
    draw = _draw_numbers if column.numeric else _draw_categories
    for axes, quantity in zip(grid, names, strict=True):
        draw(axes, results, column, quantity, found)
        axes.set_title(_TITLES[quantity])
    handles, labels = grid[0].get_legend_handles_labels()
    if len(found) > 1:
        figure.legend(handles, labels, loc="outside upper left", ncols=_legend_columns(found))


def _legend_columns(found: list[Series]) -> int:
    longest = max(len(in_brackets(one.others)) for one in found)
    return max(1, min(len(found), 110 // (longest + 8)))


def _draw_numbers(axes: Axes, results: StudyResults, column: Column, quantity: str, found: list[Series]) -> None:
    slopes = [one for one in results.slopes if one.column.name == column.name and one.quantity == quantity]
    for number, one in enumerate(found):
        colour, marker = _look(number)
        rows = one.rows.sort_values(column.name)
        x = rows[column.name].to_numpy(dtype=float)
        if (band := _band(rows, quantity)) is not None:
            axes.fill_between(x, *band, color=colour, alpha=BAND_OPACITY, linewidth=0)
        y, inside = rows[quantity].to_numpy(dtype=float), above_noise(rows, quantity).notna().to_numpy()
        axes.plot(x[inside], y[inside], marker, color=colour, label=in_brackets(one.others))
        axes.plot(x[~inside], y[~inside], marker, color=MUTED, mfc="none")
        fitted = next((fitted.result for fitted in slopes if fitted.others == one.others), None)
        if isinstance(fitted, Slope):
            _draw_slope(axes, fitted, x[x > 0], colour)
        else:
            axes.plot(x, y, color=colour, linewidth=0.7, alpha=0.6, label="_")
    labels = np.array(column.labels, dtype=float)
    if _is_logarithmic(labels):
        logarithmic(axes.xaxis, labels.min() / 1.2, labels.max() * 1.2)
        if len(labels) <= _MOST_TICKS:
            axes.set_xticks(labels, map(label_text, column.labels))
            axes.set_xticks([], minor=True)
    _magnitude_axis(axes.yaxis, results)
    axes.set_xlabel(column.short_name)
    place = axes.get_subplotspec()
    if place is None or place.is_first_col():
        axes.set_ylabel(_label(quantity))


def _draw_slope(axes: Axes, slope: Slope, x: np.ndarray, colour: str) -> None:
    """The fitted line, and its exponent beside its middle."""
    ends = np.array([x.min(), x.max()])
    middle = np.sqrt(ends.prod())
    axes.plot(ends, slope.factor * ends**slope.exponent, color=colour, linewidth=1.2)
    place = (middle, slope.factor * middle**slope.exponent)
    axes.annotate(slope_text(slope), place, (4, 5), textcoords="offset points", color=colour, fontsize=8.5)


def _draw_categories(axes: Axes, results: StudyResults, column: Column, quantity: str, found: list[Series]) -> None:
    places = {label: number for number, label in enumerate(column.labels)}
    offsets = np.linspace(-0.22, 0.22, len(found)) if len(found) > 1 else [0.0]
    for number, (one, offset) in enumerate(zip(found, offsets, strict=True)):
        colour, marker = _look(number)
        y = np.array([places[label] for label in one.rows[column.name]]) + offset
        if (band := _band(one.rows, quantity)) is not None:
            axes.hlines(y, *band, color=colour, linewidth=1.5, alpha=0.6)
        axes.plot(one.rows[quantity], y, marker, color=colour, label=in_brackets(one.others))
    axes.set_yticks(range(len(places)), [label_text(label) for label in places])
    axes.set_ylim(len(places) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    _magnitude_axis(axes.xaxis, results)
    axes.set_xlabel(_label(quantity))


def _look(number: int) -> tuple[str, str]:
    """Colour and marker of a series: the pairs begin anew only after all of them."""
    return SERIES[number % len(SERIES)], MARKERS[(number + number // len(SERIES)) % len(MARKERS)]


def _label(quantity: str) -> str:
    return "largest relative difference" if quantity in PAIR_QUANTITIES else "bias index"


def _band(rows: "pd.DataFrame", quantity: str) -> tuple[np.ndarray, np.ndarray] | None:
    """The two ends of the band over the seeds; None where no row has one."""
    names = [f"{quantity}_low", f"{quantity}_high"]
    if names[0] not in rows or rows[names[0]].isna().all():
        return None
    low, high = rows[names].to_numpy(dtype=float).T
    return low, high


def _magnitude_axis(axis: XAxis | YAxis, results: StudyResults) -> None:
    """One scale for all that is drawn: logarithmic for differences and what spans decades, else from 0 on."""
    names, table = drawn_quantities(results), results.table
    columns = [name for one in names for name in (one, f"{one}_low", f"{one}_high") if name in table]
    numbers = table[columns].to_numpy(dtype=float).ravel()
    numbers = numbers[np.isfinite(numbers)]
    if names[0] in PAIR_QUANTITIES or _is_logarithmic(numbers):
        numbers = numbers[numbers > 0]
        low, high = max(numbers.min(), numbers.max() / 10**_DECADES), numbers.max()
        room = max(1.6, np.sqrt(_LEAST_RANGE * low / high))
        logarithmic(axis, low / room, high * room)
    else:
        getattr(axis.axes, f"set_{axis.axis_name}lim")(0, 1.1 * numbers.max())


def _is_logarithmic(values: np.ndarray) -> bool:
    return bool(values.min() > 0 and values.max() > _LOGARITHMIC_FROM * values.min())
