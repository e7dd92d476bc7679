"""Several runs as a short table for the terminal."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from freqbias.compare.ensemble import band_in_words
from freqbias.compare.numbers import plain, short, spread
from freqbias.compare.pairs import PAIRS
from freqbias.compare.runs.summary import RunSummary
from freqbias.compare.status import Status

#: Characters in a line of a file or pipe.
_WIDE = 400
#: More settings that differ than these are not for a table.
_MOST_COLUMNS = 5

if TYPE_CHECKING:
    from rich.table import Table


def runs_table(summaries: Sequence[RunSummary], columns: dict[str, str], head: str | None = None) -> "Table":
    """One row for each run: its values under the titles ``columns``, its status, its largest differences, its bias.

    ``head`` is what a run is called; None where the values name it: only then all of them are shown, however many they
    are. The caller prints the table.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    shown, left_out = dict(columns), []
    if head is not None:
        shown = dict(list(columns.items())[:_MOST_COLUMNS])
        left_out = [title for key, title in columns.items() if key not in shown]
    notes = [f"they also differ in {', '.join(left_out)}"] if left_out else []
    notes += [f"{one.name}: {one.status}: {one.reason}" for one in summaries if one.reason]
    counts = {one.seed_count for one in summaries} - {1}
    notes += [f"in parentheses {band_in_words(count)}" for count in sorted(counts)]
    table = Table(
        title="largest relative difference over time of the error spectra (L2 over frequency), and bias index",
        title_justify="left",
        caption=Text("\n".join(notes)) if notes else None,
        caption_justify="left",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        show_edge=False,
    )
    for title in (*([head] if head else []), *shown.values(), "status"):
        table.add_column(title, overflow="fold")
    for pair in PAIRS:
        table.add_column(pair.name, justify="right", overflow="fold", min_width=9)
    for title in ("bias, theory", "bias, network"):
        table.add_column(title, justify="right", overflow="fold")
    for one in summaries:
        values = ["–" if (value := one.values.get(key)) is None else plain(value) for key in shown]
        status = one.grade or "" if one.status is Status.MEASURED else str(one.status)
        numbers = [_error(one, pair.key) for pair in PAIRS] + [_bias(one, level) for level in (one.theory, "network")]
        table.add_row(*([one.name] if head else []), *values, status, *numbers)
    return table


def print_runs(summaries: Sequence[RunSummary], columns: dict[str, str], head: str | None = None) -> None:
    """Print the table; where no terminal limits its width it is as wide as it needs."""
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else _WIDE)
    console.print(runs_table(summaries, columns, head))


def _error(one: RunSummary, key: str) -> str:
    error = one.largest.get(key)
    if error is None:
        return "–"
    return f"{'≈ ' if error.status is Status.WITHIN_NOISE else ''}{short(error.value)}{spread(error.band)}"


def _bias(one: RunSummary, level: str | None) -> str:
    found = None if level is None else one.bias.get(level)
    return "–" if found is None else short(found.at_threshold)
