"""Maps of the frequency plane: at a few times, and in a page at any. In two and three dimensions."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from freqbias.compare.ensemble import matched_runs
from freqbias.compare.figures.curves import milestones
from freqbias.compare.figures.data import moving_image
from freqbias.compare.figures.heat_maps import colour_bar, plane_pixels, scale_ends
from freqbias.compare.figures.style import MAGNITUDE_MAP, UNIT
from freqbias.compare.metrics import Comparison
from freqbias.compare.numbers import short
from freqbias.compare.panels.panel import WIDE, Panel, draw
from freqbias.spectra import LEVELS

#: Pixels along an axis of a map at one time.
_PIXELS = 200
#: Of all maps that move together, and along an axis of one of them at most.
_MOVING_PIXELS, _MOST_MOVING_PIXELS = 1_500_000, 120
#: Decades of the colour scale that levels and their difference share.
_DECADES = 6


def maps(comparison: Comparison, run: dict[str, Any]) -> Panel | None:
    """|v| over (ξ₁, ξ₂); in 3D on the central plane ξ₃ = 0."""
    if comparison.problem.dimension == 1:
        return None
    plane = "the plane of frequencies" if comparison.problem.dimension == 2 else "the central plane ξ₃ = 0"
    when = short(comparison.times[_shown(comparison)])
    levels = len(_levels(comparison))
    with_difference = comparison.headline is not None
    count = levels + with_difference
    text = f"Magnitude of the error spectrum over {plane}, in one colour scale"
    text += ": the levels and the difference that decides" if with_difference else ""
    text += f" at t = {when}, below at a few times."
    if comparison.seed_count > 1:
        text += f" Means over {comparison.seed_count} seeds."
    side = min(2.6, (WIDE[0] - 1.4) / count)
    moving = draw(
        "film",
        f"Maps of the levels at t = {when}",
        (WIDE[0], 0.9 + side),
        lambda figure: _draw_moving(figure, comparison),
    )
    columns = len(milestones(comparison))
    size = (WIDE[0], 0.9 + levels * min(2.2, (WIDE[0] - 1.6) / columns))
    still = draw("maps", "Maps of the levels at a few times", size, lambda figure: _draw_still(figure, comparison))
    return Panel("spectra", "Maps of the frequency plane", text, [moving, still])


def _levels(comparison: Comparison) -> list[str]:
    return [level for level in LEVELS if level in comparison.spectra]


def _shown(comparison: Comparison) -> int:
    """The output time that a still picture shows: that of the largest difference."""
    key = comparison.headline
    return milestones(comparison)[-2] if key is None else int(comparison.relative_error[key].argmax())


def _draw_moving(figure: Figure, comparison: Comparison) -> None:
    """All levels and the difference at one time; each is a film over all output times."""
    names = {level: comparison.names[level] for level in _levels(comparison)}
    pair = next((pair for pair in comparison.pairs if pair.key == comparison.headline), None)
    count = len(names) + (pair is not None)
    pixels = int(min(_MOST_MOVING_PIXELS, (_MOVING_PIXELS / (count * len(comparison.times))) ** 0.5))
    numbers, extent = plane_pixels(comparison.problem.mesh, pixels)
    films = {
        name: _masked(comparison.compared[level].runs[..., numbers.data], numbers) for level, name in names.items()
    }
    low, high = scale_ends([film[0] for film in films.values()], _DECADES)
    norm = LogNorm(low, high)
    if pair is not None:
        compared = comparison.spectra[pair.level], comparison.spectra[pair.reference]
        runs = [(a[:, numbers.data], b[:, numbers.data]) for a, b in matched_runs(*compared)]
        difference = np.array([a - b for a, b in runs])
        films[f"|{pair.name.replace(' vs ', ' − ')}|"] = _masked(difference, numbers)
    grid = figure.subplots(1, count, sharex=True, sharey=True, squeeze=False)[0]
    for axes, (name, film) in zip(grid, films.items(), strict=True):
        image = _draw_map(axes, np.ma.maximum(film[_shown(comparison)], low), extent, norm)
        moving_image(image, film)
        axes.set_title(name)
        axes.set_xlabel("ξ₁")
    grid[0].set_ylabel("ξ₂")
    colour_bar(figure, image, grid, "|v̂(ξ,t)| (unit of the target)")


def _masked(runs: np.ndarray, numbers: np.ma.MaskedArray) -> np.ma.MaskedArray:
    """Magnitudes (T, p, q) at the pixels ``numbers`` (p, q), the mean over ``runs`` (S, T, p, q)."""
    film = np.abs(runs).mean(axis=0)
    return np.ma.masked_array(film, np.broadcast_to(np.ma.getmaskarray(numbers), film.shape))


def _draw_still(figure: Figure, comparison: Comparison) -> None:
    """A few times (columns) for every level (rows)."""
    columns, levels = milestones(comparison), _levels(comparison)
    numbers, extent = plane_pixels(comparison.problem.mesh, _PIXELS)
    runs = {level: comparison.compared[level].runs[:, columns] for level in levels}
    films = {level: _masked(one[..., numbers.data], numbers) for level, one in runs.items()}
    low, high = scale_ends([film[0] for film in films.values()])
    norm = LogNorm(low, high)
    grid = figure.subplots(len(levels), len(columns), sharex=True, sharey=True, squeeze=False)
    for row, level in zip(grid, levels, strict=True):
        for axes, values in zip(row, films[level], strict=True):
            image = _draw_map(axes, np.ma.maximum(values, low), extent, norm)
        row[0].set_ylabel(f"{comparison.names[level]}\nξ₂")
    for axes, k in zip(grid[0], columns, strict=True):
        axes.set_title(f"t = {short(comparison.times[k])}")
    for axes in grid[-1]:
        axes.set_xlabel("ξ₁")
    figure.supxlabel(f"frequencies ξ₁, ξ₂ in {UNIT}", fontsize="medium")
    colour_bar(figure, image, grid, "|v̂(ξ,t)| (unit of the target)")


def _draw_map(
    axes: Axes, values: np.ma.MaskedArray, extent: tuple[float, float, float, float], norm: LogNorm
) -> AxesImage:
    look: dict[str, Any] = {"norm": norm, "cmap": MAGNITUDE_MAP, "interpolation": "nearest", "label": "_|v̂|"}
    image = axes.imshow(values, origin="lower", extent=extent, **look)
    axes.set_aspect("equal")
    axes.grid(False)
    return image
