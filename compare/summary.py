"""The comparison as a short table for the terminal."""

from typing import TYPE_CHECKING

from freqbias.compare.ensemble import band_in_words
from freqbias.compare.metrics import Comparison
from freqbias.compare.numbers import short, spread
from freqbias.compare.presence import absences, why_missing

if TYPE_CHECKING:
    from rich.table import Table


def summary_table(comparison: Comparison) -> "Table":
    """Rows pair → largest relative error over time, when, and what it measures. The caller prints it.

    Below it why levels are missing, what was done to align them, the bias index, and what the ranges are.
    """
    from rich.table import Table
    from rich.text import Text

    notes = [f"no {comparison.names[level]}: {reason}" for level, reason in absences(comparison).items()]
    notes += [f"{comparison.names[level]}: {note}" for level, one in comparison.alignment.items() for note in one.notes]
    indices = {comparison.names[level]: one.at_threshold for level, one in comparison.bias.items() if one is not None}
    if any(index is not None for index in indices.values()):
        threshold = short(comparison.problem.settings.report.threshold)
        values = ", ".join(f"{name} {short(index, 2)}" for name, index in indices.items())
        notes.append(
            f"bias index (0: all frequencies decay alike) when the error is {threshold} of its start: {values}"
        )
    for level, one in comparison.compared.items():
        if comparison.spectra[level].seeds and not one.seeds:
            notes.append(f"{comparison.names[level]}: the mean over {len(comparison.spectra[level].seeds)} seeds")
    if comparison.seed_count > 1:
        notes.append(f"mean, in parentheses {band_in_words(comparison.seed_count)}")
    table = Table(
        title="relative difference of the error spectra (L2 over frequency)",
        title_justify="left",
        caption=Text("\n".join(notes)) if notes else None,
        caption_justify="left",
    )
    table.add_column("pair")
    table.add_column("largest", justify="right")
    table.add_column("at time", justify="right")
    table.add_column("measures")
    for pair in comparison.pairs:
        largest, when = comparison.max_relative_error[pair.key], comparison.worst_time[pair.key]
        note = pair.isolates if largest is not None else why_missing(comparison, pair.key)
        band = spread(comparison.max_relative_error_band[pair.key])
        table.add_row(pair.name, f"{short(largest)}{band}", short(when), note)
    return table
