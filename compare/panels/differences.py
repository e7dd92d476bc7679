"""Where the difference comes from: the three pairs of levels."""

from typing import Any

from matplotlib.figure import Figure

from freqbias.compare.figures.curves import draw_over_time, drawn, legend, limit_magnitudes, time_axis
from freqbias.compare.figures.style import INK, SERIES, TIME_LABEL
from freqbias.compare.metrics import Comparison
from freqbias.compare.noise import noise, pair_status
from freqbias.compare.pairs import Pair
from freqbias.compare.panels.panel import Cell, Panel, Table, bands_in_words, draw, number_cell
from freqbias.compare.presence import why_missing
from freqbias.compare.reading import reading


def differences(comparison: Comparison, run: dict[str, Any]) -> Panel:
    """Largest relative errors of the three pairs, and the errors over time."""
    head = ["Pair", "What makes the difference", "Largest", "At time", "At the end", "Noise"]
    if comparison.seed_count > 1:
        head.append("Of the mean")
    rows = [_row(comparison, pair) for pair in comparison.pairs]
    drawings = []
    if comparison.headline is not None:
        title = "Relative errors of the pairs over learning time"
        drawings = [draw("errors", title, (8.4, 3.8), lambda figure: _draw(figure, comparison))]
    text = f"{reading(comparison)} L2 norm over frequency of the difference of two error spectra, relative to the "
    text += f"initial error.{bands_in_words(comparison)}"
    if comparison.seed_count > 1:
        text += " Of the mean: the largest difference of the spectra averaged over the seeds."
    text += " Noise: what the levels know of their own error (time evolution, training, alignment)."
    table = Table(head, rows, numbers=len(head) - 2)
    return Panel("differences", "Where the difference comes from", text, drawings, [table])


def _row(comparison: Comparison, pair: Pair) -> list[Cell]:
    several = comparison.seed_count > 1
    error, band = comparison.relative_error[pair.key], comparison.relative_error_band[pair.key]
    if error is None:
        status = pair_status(comparison, pair.key)
        return [
            Cell(pair.name),
            Cell(why_missing(comparison, pair.key), status=status),
            *[Cell("–", status=status)] * (5 if several else 4),
        ]

    def measured(value: float, ends: tuple[float, float] | None = None) -> Cell:
        return number_cell(value, ends, pair_status(comparison, pair.key, float(value)))

    known = noise(comparison, pair.key)
    row = [
        Cell(pair.name),
        Cell(pair.isolates),
        measured(error.max(), comparison.max_relative_error_band[pair.key]),
        number_cell(comparison.worst_time[pair.key]),
        measured(error[-1], None if band is None else tuple(band[:, -1])),
        number_cell(known) if known > 0 else Cell("–"),
    ]
    if several:
        of_mean = comparison.relative_error_of_mean[pair.key]
        row.append(Cell("–") if of_mean is None else measured(of_mean.max()))
    return row


def _draw(figure: Figure, comparison: Comparison) -> None:
    """Relative error over time for each pair that could be compared."""
    axes = figure.subplots()
    shown = []
    looks = ((INK, "o", "-"), (SERIES[2], "s", "--"), (SERIES[1], "^", "-."))
    for pair, (colour, marker, dashes) in zip(comparison.pairs, looks, strict=True):
        error, band = comparison.relative_error[pair.key], comparison.relative_error_band[pair.key]
        if error is not None:
            look = {"color": colour, "marker": marker, "linestyle": dashes, "markersize": 3.5}
            draw_over_time(axes, comparison.times, error, band, label=pair.name, **look)
            shown += drawn(comparison.times, error, band)
    time_axis(axes, comparison.times)
    limit_magnitudes(axes, shown)
    axes.set_xlabel(TIME_LABEL)
    axes.set_ylabel("‖difference‖ / ‖initial error‖")
    legend(axes, comparison)
