"""The panels of the report. A new panel is one function here, named in ``PANELS``.

A panel is a function (comparison, run) → ``Panel``, or None where it has nothing to show.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from freqbias.compare import curves, heat_maps
from freqbias.compare.ensemble import band_in_words
from freqbias.compare.figure_style import UNIT, render_svg
from freqbias.compare.metrics import Comparison
from freqbias.compare.numbers import plain, short, spread, vector
from freqbias.compare.presence import why_missing
from freqbias.compare.reading import reading
from freqbias.compare.setting import setting_rows
from freqbias.spectra import LEVELS

WIDE, SMALL = (8.4, 4.4), (3.3, 2.9)


@dataclass(frozen=True)
class Drawing:
    """One figure of a panel: its SVG element and a description for those who do not see it."""

    svg: str
    description: str
    wide: bool


@dataclass(frozen=True)
class Cell:
    """One entry of a table; ``value`` is the number behind ``text``, in full precision."""

    text: str
    value: float | None = None


@dataclass(frozen=True)
class Table:
    """``head`` (columns) and ``rows``; ``head`` empty: a list of key and value. The last ``numbers`` columns are."""

    head: list[str]
    rows: list[list[Cell]]
    numbers: int = 0


@dataclass(frozen=True)
class Panel:
    """One section of the report. Texts are plain: the template escapes them."""

    identifier: str
    title: str
    text: str = ""
    drawings: list[Drawing] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    details: str = ""


def draw(identifier: str, description: str, size: tuple[float, float], function: Callable[[Figure], None]) -> Drawing:
    """``function`` draws on an empty matplotlib figure of ``size`` inches; ``identifier`` is unique in the page."""
    return Drawing(render_svg(identifier, size, function), description, wide=size[0] > SMALL[0])


def decay(comparison: Comparison, run: dict[str, Any]) -> Panel:
    """The figure that proves the verdict."""
    names = [comparison.names[level] for level in (comparison.theory, "network") if level in comparison.spectra]
    text = "How the error at single frequencies decays over training, relative to its start"
    if len(names) == 2:
        text += f": {names[0]} as lines, {names[1]} as markers. Below: the difference over all frequencies"
    text = f"{text}.{_bands(comparison)}"
    figure = draw(
        "decay", f"Decay curves of {' and '.join(names)}", (8.4, 5.4), partial(_on, comparison, curves.draw_decay)
    )
    return Panel("decay", "Decay of single frequencies", text, [figure])


def setting(comparison: Comparison, run: dict[str, Any]) -> Panel:
    """The levels and the problem in short."""
    table = Table([], [[Cell(key), Cell(text)] for key, text in setting_rows(comparison).items()])
    return Panel("setting", "Setting", tables=[table])


def differences(comparison: Comparison, run: dict[str, Any]) -> Panel:
    """Largest relative errors of the three pairs, and the errors over time."""
    head = ["Pair", "What makes the difference", "Largest", "At time", "At the end"]
    if comparison.seed_count > 1:
        head.append("Of the mean")
    rows = []
    for pair in comparison.pairs:
        error, band = comparison.relative_error[pair.key], comparison.relative_error_band[pair.key]
        if error is None:
            rows.append([Cell(pair.name), Cell(why_missing(comparison, pair.key)), *[Cell("–")] * (len(head) - 2)])
            continue
        when = comparison.worst_time[pair.key]
        largest = _number(error.max(), comparison.max_relative_error_band[pair.key])
        final = _number(error[-1], None if band is None else tuple(band[:, -1]))
        rows.append([Cell(pair.name), Cell(pair.isolates), largest, _number(when), final])
        if comparison.seed_count > 1:
            of_mean = comparison.relative_error_of_mean[pair.key]
            rows[-1].append(Cell("–") if of_mean is None else _number(of_mean.max()))
    table = Table(head, rows, numbers=len(head) - 2)
    drawings = []
    if comparison.headline is not None:
        title = "Relative errors of the pairs over learning time"
        drawings = [draw("errors", title, (8.4, 3.8), partial(_on, comparison, curves.draw_relative_errors))]
    text = f"{reading(comparison)} L2 norm over frequency of the difference of two error spectra, relative to the "
    text += f"initial error.{_bands(comparison)}"
    if comparison.seed_count > 1:
        text += " Of the mean: the largest difference of the spectra averaged over the seeds."
    return Panel("differences", "Where the difference comes from", text, drawings, [table])


def heat_map(comparison: Comparison, run: dict[str, Any]) -> Panel | None:
    """Frequency × time: the levels, and their differences."""
    if not np.any(comparison.times > 0):
        return None
    drawings = []
    for level in comparison.spectra:
        function = partial(heat_maps.draw_level, comparison=comparison, level=level)
        drawings.append(draw(f"heat-{level}", f"Error spectrum of {comparison.names[level]}", SMALL, function))
    for pair in comparison.pairs:
        if comparison.relative_error[pair.key] is not None:
            function = partial(heat_maps.draw_difference, comparison=comparison, key=pair.key)
            drawings.append(draw(f"heat-{pair.key.replace('_', '-')}", f"Difference, {pair.name}", SMALL, function))
    average = "" if comparison.problem.dimension == 1 else ", averaged over directions"
    text = f"Magnitude of the error spectrum{average}, then of the differences. Each group shares one colour scale."
    if comparison.seed_count > 1:
        text += f" Means over {comparison.seed_count} seeds."
    return Panel("heat-maps", "Frequency × time", text, drawings)


def spectra(comparison: Comparison, run: dict[str, Any]) -> Panel:
    """The spectra at a few times: curves in 1D, maps in 2D and 3D."""
    if comparison.problem.dimension == 1:
        names = [comparison.names[level] for level in (comparison.theory, "network") if level in comparison.spectra]
        text = "Magnitude of the error spectrum"
        text += f": {names[0]} as lines, network as markers." if len(names) == 2 else "."
        text += _bands(comparison)
        function = partial(_on, comparison, curves.draw_spectra)
        return Panel("spectra", "Spectrum at a few times", text, [draw("spectra", text, WIDE, function)])
    plane = "the plane of frequencies" if comparison.problem.dimension == 2 else "the central plane ξ₃ = 0"
    text = f"Magnitude of the error spectrum over {plane}, in one colour scale."
    if comparison.seed_count > 1:
        text += f" Means over {comparison.seed_count} seeds."
    columns = len(curves.milestones(comparison))
    size = (WIDE[0], 0.9 + len(comparison.spectra) * min(2.2, (WIDE[0] - 1.6) / columns))
    return Panel(
        "spectra",
        "Maps at a few times",
        text,
        [draw("maps", text, size, partial(_on, comparison, heat_maps.draw_maps))],
    )


def emergence(comparison: Comparison, run: dict[str, Any]) -> Panel:
    """Which frequencies are learned when."""
    threshold = comparison.problem.settings.report.threshold
    text = f"First time at which the error of a frequency is below {short(threshold)} of its initial value."
    text += _bands(comparison)
    function = partial(_on, comparison, curves.draw_emergence_times)
    figure = draw("emergence", "Emergence time against frequency", WIDE, function)
    decay = comparison.decay
    levels = [level for level in LEVELS if level in comparison.spectra]
    rows = [
        [Cell(vector(xi)), *(_learned(comparison, level, number) for level in levels)]
        for number, xi in enumerate(decay.frequencies)
    ]
    table = Table([f"Frequency ξ ({UNIT})", *(comparison.names[level] for level in levels)], rows, numbers=len(levels))
    return Panel("emergence", "Emergence time", text, [figure], [table] if rows else [])


def loss(comparison: Comparison, run: dict[str, Any]) -> Panel:
    """The loss from the spectra, beside the loss at the samples."""
    text = (
        "By Parseval the loss follows from the spectrum, ½ (2π)⁻ᵈ / ρ₀ ‖v̂‖². It equals the loss at the samples if "
        "these, with their weights, stand for the uniform density and the mesh holds the whole spectrum."
    )
    text += _bands(comparison)
    figure = draw("loss", "Loss over learning time", WIDE, partial(_on, comparison, curves.draw_loss))
    return Panel("loss", "Loss", text, [figure])


def computation(comparison: Comparison, run: dict[str, Any]) -> Panel | None:
    """Run times, facts of each level, versions: what ``run`` and the spectra know."""
    rows = [
        [f"wall time of {comparison.names.get(part, part)}", f"{short(seconds)} s"]
        for part, seconds in run.get("wall_seconds", {}).items()
    ]
    for level, one in comparison.spectra.items():
        name = comparison.names[level]
        rows += [[f"{name}: {key.replace('_', ' ')}", plain(value)] for key, value in one.info.items()]
    rows += [[str(key), plain(value)] for key, value in run.items() if not isinstance(value, dict)]
    rows += [[f"version of {name}", str(version)] for name, version in run.get("versions", {}).items()]
    if not rows:
        return None
    return Panel("computation", "Computation", tables=[Table([], [[Cell(text) for text in row] for row in rows])])


def problem_file(comparison: Comparison, run: dict[str, Any]) -> Panel:
    """The resolved problem file."""
    text = "Every setting with its default filled in, enough to repeat the run."
    return Panel("problem", "Problem file", text, details=comparison.problem.to_toml())


#: The report from top to bottom, below its verdict.
PANELS: list[Callable[[Comparison, dict[str, Any]], Panel | None]] = [
    decay,
    setting,
    differences,
    heat_map,
    spectra,
    emergence,
    loss,
    computation,
    problem_file,
]


def _on(comparison: Comparison, function: Callable[[Figure, Comparison], None], figure: Figure) -> None:
    function(figure, comparison)


def _bands(comparison: Comparison) -> str:
    """What the light areas of a figure are, as a sentence; nothing without them."""
    return f" Light areas: {band_in_words(comparison.seed_count)}." if comparison.seed_count > 1 else ""


def _number(value: float, band: tuple[float, float] | None = None) -> Cell:
    return Cell(f"{short(float(value))}{spread(band)}", float(value))


def _learned(comparison: Comparison, level: str, number: int) -> Cell:
    """The emergence time of the frequency with this number among those that are followed."""
    decay = comparison.decay
    value, band = decay.emergence_time[level][number], decay.emergence_time_band[level]
    return _number(value, None if band is None else tuple(band[:, number])) if np.isfinite(value) else Cell("never")
