"""The comparison as a short table for the terminal."""

from typing import TYPE_CHECKING

from freqbias.compare.metrics import Comparison
from freqbias.compare.numbers import short
from freqbias.compare.pairs import LEVEL_NAMES, PAIRS

if TYPE_CHECKING:
    from rich.table import Table


def summary_table(comparison: Comparison) -> "Table":
    """Rows pair → largest relative error over time, when, and what it measures. The caller prints it."""
    from rich.table import Table

    table = Table(title="relative difference of the error spectra (L2 over frequency)", title_justify="left")
    table.add_column("pair")
    table.add_column("largest", justify="right")
    table.add_column("at time", justify="right")
    table.add_column("measures")
    for pair in PAIRS:
        largest, when = comparison.max_relative_error[pair.key], comparison.worst_time[pair.key]
        note = pair.isolates if largest is not None else why_missing(comparison, pair.key)
        table.add_row(pair.name, short(largest), short(when), note)
    return table


def why_missing(comparison: Comparison, key: str) -> str:
    """Which level is not there, so that the pair ``key`` has no numbers."""
    pair = next(pair for pair in PAIRS if pair.key == key)
    names = [LEVEL_NAMES[level] for level in (pair.level, pair.reference) if level not in comparison.spectra]
    return f"not compared: no {' and no '.join(names)}"
