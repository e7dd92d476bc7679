"""How much of the difference is one of phase."""

from typing import Any

from matplotlib.figure import Figure

from freqbias.compare.figures.curves import draw_over_time, drawn, limit_magnitudes, time_axis
from freqbias.compare.figures.style import DASHES, INK, MARKERS, SERIES, TIME_LABEL
from freqbias.compare.metrics import Comparison
from freqbias.compare.numbers import short
from freqbias.compare.panels.panel import Panel, bands_in_words, draw
from freqbias.compare.quantities.phase import PhaseError


def phase(comparison: Comparison, run: dict[str, Any]) -> Panel | None:
    """The relative error of the pair that decides, split into magnitude and phase."""
    key = comparison.headline
    if key is None:
        return None
    pair = next(pair for pair in comparison.pairs if pair.key == key)
    parts, k = comparison.phase[key], int(comparison.relative_error[key].argmax())
    if parts is None:
        return None
    squared = parts.phase[k] ** 2 + parts.magnitude[k] ** 2
    text = f"{pair.name}: errors of magnitude and of phase, whose squares add up to that of the relative error."
    if squared > 0:
        share, when = 100 * parts.phase[k] ** 2 / squared, short(comparison.times[k])
        text += f" Where it is largest (t = {when}), {short(share, 2)} % of the square is phase. Right: the root mean "
        text += "square of the phase difference, weighted with both magnitudes."
    text += bands_in_words(comparison)
    figure = draw(
        "phase", "Errors of magnitude and of phase", (8.4, 3.5), lambda figure: _draw(figure, comparison, key, parts)
    )
    return Panel("phase", "Magnitude and phase", text, [figure])


def _draw(figure: Figure, comparison: Comparison, key: str, parts: PhaseError) -> None:
    left, right = figure.subplots(1, 2)
    times, shown = comparison.times, []
    for values, band, label, colour, number in (
        (comparison.relative_error[key], None, "relative error", INK, 0),
        (parts.magnitude, parts.magnitude_band, "of magnitude", SERIES[0], 1),
        (parts.phase, parts.phase_band, "of phase", SERIES[1], 2),
    ):
        look = {"color": colour, "linestyle": DASHES[number], "marker": MARKERS[number], "markersize": 3}
        draw_over_time(left, times, values, band, label=label, **look)
        shown += drawn(times, values, band)
    time_axis(left, times)
    limit_magnitudes(left, shown)
    left.set(xlabel=TIME_LABEL, ylabel="‖difference‖ / ‖initial error‖")
    left.legend(loc="best")
    shown = []
    for number, pair in enumerate(comparison.pairs):
        if (one := comparison.phase[pair.key]) is not None:
            look = {"color": (INK, SERIES[2], SERIES[1])[number], "linestyle": DASHES[number]}
            look |= {"marker": MARKERS[number], "markersize": 3, "label": pair.name}
            draw_over_time(right, times, one.shift, one.shift_band, **look)
            shown += drawn(times, one.shift, one.shift_band)
    time_axis(right, times)
    limit_magnitudes(right, shown)
    right.set(xlabel=TIME_LABEL, ylabel="phase difference (radians)")
    right.legend(loc="best")
