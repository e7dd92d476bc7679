"""Panels of a page on several runs: their numbers, their emergence times, their decay curves."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from freqbias.compare.ensemble import band_in_words
from freqbias.compare.figures.overlay import draw_overlaid_decay, overlay_size
from freqbias.compare.figures.style import UNIT
from freqbias.compare.numbers import plain, short, vector
from freqbias.compare.pairs import PAIRS
from freqbias.compare.panels.panel import Cell, Panel, Table, draw, number_cell
from freqbias.compare.runs.summary import RunSummary, common_frequencies
from freqbias.compare.status import Status


def results_panel(summaries: Sequence[RunSummary], columns: dict[str, str], head: str | None = None) -> Panel:
    """The numbers of every run. ``columns``: keys of ``values`` → their titles.

    ``head`` is what a run is called; None where the values name it.
    """
    titles = [*([head] if head else []), *columns.values(), "Status"]
    numbers = [*(pair.name for pair in PAIRS), "Bias, theory", "Bias, network", "Seconds"]
    rows = []
    for one in summaries:
        row = [Cell(one.name)] if head else []
        row += [Cell(_value(one.values.get(key))) for key in columns]
        row.append(_status(one))
        row += [_error(one, pair.key) for pair in PAIRS]
        row += [_bias(one, level) for level in (one.theory, "network")]
        row.append(Cell("–") if one.seconds is None else number_cell(one.seconds))
        rows.append(row)
    text = (
        "Largest difference of the error spectra over time, L2 norm over frequency, relative to the initial error. "
        "Bias index: 0 if all frequencies decay alike, read off when the norm of the error has fallen to "
        f"{_thresholds(summaries)} of its start."
    )
    counts = {one.seed_count for one in summaries} - {1}
    if counts:
        text += f" In parentheses: {' or '.join(band_in_words(count) for count in sorted(counts))}."
    return Panel("results", "Numbers", text, tables=[Table([*titles, *numbers], rows, numbers=len(numbers))])


def differences_panel(summaries: Sequence[RunSummary]) -> Panel | None:
    """Where the problems of the runs differ, key by key; None if they are all the same."""
    keys = list(summaries[0].values)
    if not keys:
        return None
    rows = [[Cell(key), *(Cell(_value(one.values[key])) for one in summaries)] for key in keys]
    text = "The keys of the problem files that are not the same in all runs."
    return Panel("keys", "What differs", text, tables=[Table(["Key", *(one.name for one in summaries)], rows)])


def emergence_panel(summaries: Sequence[RunSummary], head: str) -> Panel | None:
    """Emergence times of theory and network at the frequencies that all runs follow; None without any."""
    frequencies, places = common_frequencies(summaries)
    if not len(frequencies):
        return None
    titles = [head]
    for frequency in frequencies:
        titles += [f"ξ = {vector(frequency)}, theory", "network"]
    rows = [
        [Cell(one.name), *(_emergence(one, level, k) for k in numbers for level in (one.theory, "network"))]
        for one, numbers in zip(summaries, places, strict=True)
        if numbers
    ]
    text = (
        f"First learning time at which the error of a frequency (in {UNIT}) is below {_thresholds(summaries)} of its "
        "initial value."
    )
    return Panel("emergence", "Emergence times", text, tables=[Table(titles, rows, numbers=len(titles) - 1)])


def decay_panel(summaries: Sequence[RunSummary]) -> Panel | None:
    """Decay curves of all runs over each other; None if they follow no common frequency."""
    frequencies, _ = common_frequencies(summaries)
    if not len(frequencies):
        return None
    text = "How the error at single frequencies decays, relative to its start: theory as lines, networks as markers."
    if any(one.seed_count > 1 for one in summaries):
        text += " Light areas: the networks of all seeds."
    figure = draw(
        "overlay",
        "Decay curves of all runs",
        overlay_size(summaries),
        lambda figure: draw_overlaid_decay(figure, summaries),
    )
    return Panel("overlay", "Decay of single frequencies", text, [figure])


def _value(value: Any) -> str:
    return "–" if value is None else plain(value)


def _status(one: RunSummary) -> Cell:
    if one.status is Status.MEASURED:
        return Cell(one.grade or "")
    return Cell(f"{one.status}: {one.reason}", status=one.status)


def _missing(one: RunSummary) -> Cell:
    return Cell("–", status=Status.FAILED if one.status is Status.FAILED else Status.NOT_COMPARABLE)


def _error(one: RunSummary, key: str) -> Cell:
    error = one.largest.get(key)
    return _missing(one) if error is None else number_cell(error.value, error.band, error.status)


def _bias(one: RunSummary, level: str | None) -> Cell:
    found = None if level is None else one.bias.get(level)
    if found is None:
        return _missing(one)
    return (
        Cell("not reached") if found.at_threshold is None else number_cell(found.at_threshold, found.at_threshold_band)
    )


def _emergence(one: RunSummary, level: str | None, number: int) -> Cell:
    times = None if level is None or one.decay is None else one.decay.emergence_time[level]
    if times is None:
        return _missing(one)
    return number_cell(times[number]) if np.isfinite(times[number]) else Cell("never")


def _thresholds(summaries: Sequence[RunSummary]) -> str:
    return " or ".join(short(value) for value in sorted({one.threshold for one in summaries}))
