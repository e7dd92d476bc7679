"""Images: magnitude over frequency and time, and over the plane of frequencies at a few times."""

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from freqbias.compare.curves import frequency_label, milestones
from freqbias.compare.figure_style import DIFFERENCE_MAP, MAGNITUDE_MAP, UNIT, logarithmic, power_of_ten
from freqbias.compare.metrics import Comparison
from freqbias.compare.numbers import short
from freqbias.laws.product import grid_points
from freqbias.meshes import FrequencyMesh
from freqbias.spectra import LEVELS

#: Decades of the colour scales below their largest value.
_DECADES = 5
#: Pixels along an axis of a map of the frequency plane.
_PIXELS = 200


def draw_level(figure: Figure, comparison: Comparison, level: str) -> None:
    """|v| of one level over frequency and time, in the colour scale that all levels share."""
    _draw_heat_map(
        figure,
        comparison,
        comparison.profiles.magnitude[level],
        _scale(comparison.profiles.magnitude),
        MAGNITUDE_MAP,
        comparison.names[level],
        "|v̂| (unit of the target)",
    )


def draw_difference(figure: Figure, comparison: Comparison, key: str) -> None:
    """|v_a - v_b| of one pair over frequency and time, in the colour scale that all pairs share."""
    _draw_heat_map(
        figure,
        comparison,
        comparison.profiles.difference[key],
        _scale(comparison.profiles.difference),
        DIFFERENCE_MAP,
        next(pair.name for pair in comparison.pairs if pair.key == key),
        "|difference of v̂| (unit of the target)",
    )


def draw_maps(figure: Figure, comparison: Comparison) -> None:
    """|v| over (ξ₁, ξ₂) at a few times (columns) for every level (rows); in 3D on the central plane ξ₃ = 0."""
    columns = milestones(comparison)
    levels = [level for level in LEVELS if level in comparison.spectra]
    mesh = comparison.problem.mesh
    pick, extent = _pixels(mesh)
    norm = _scale({level: _mean_magnitude(comparison, level, 0) for level in levels})
    grid = figure.subplots(len(levels), len(columns), sharex=True, sharey=True, squeeze=False)
    for row, level in zip(grid, levels, strict=True):
        for axes, k in zip(row, columns, strict=True):
            seen = np.maximum(_mean_magnitude(comparison, level, k)[pick.data], norm.vmin)
            values = np.ma.masked_array(seen, pick.mask)
            image = axes.imshow(
                values.T, origin="lower", extent=extent, norm=norm, cmap=MAGNITUDE_MAP, interpolation="nearest"
            )
            axes.set_aspect("equal")
            axes.grid(False)
        row[0].set_ylabel(f"{comparison.names[level]}\nξ₂")
    for axes, k in zip(grid[0], columns, strict=True):
        axes.set_title(f"t = {short(comparison.times[k])}")
    for axes in grid[-1]:
        axes.set_xlabel("ξ₁")
    figure.supxlabel(f"frequencies ξ₁, ξ₂ in {UNIT}", fontsize=9)
    _colour_bar(figure, image, grid, "|v̂(ξ,t)| (unit of the target)")


def _mean_magnitude(comparison: Comparison, level: str, number: int) -> np.ndarray:
    """|v| (n,) of a level at output time ``number``, the mean over its runs."""
    return np.abs(comparison.compared[level].runs[:, number]).mean(axis=0)


def _draw_heat_map(figure, comparison, values, norm, colormap, title, label) -> None:
    later = comparison.times > 0
    times, xi = comparison.times[later], comparison.profiles.frequencies
    axes = figure.subplots()
    image = axes.pcolormesh(
        _edges(np.log(times), np.exp),
        _edges(xi),
        np.maximum(values[later].T, norm.vmin),
        norm=norm,
        cmap=colormap,
        rasterized=True,
    )
    logarithmic(axes.xaxis, *_edges(np.log(times), np.exp)[[0, -1]])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_ylim(max(0, _edges(xi)[0]), _edges(xi)[-1])
    axes.grid(False)
    axes.set_title(title)
    axes.set_xlabel("learning time t")
    axes.set_ylabel(frequency_label(comparison))
    _colour_bar(figure, image, axes, label)


def _scale(groups: dict[str, np.ndarray | None]) -> LogNorm:
    """One logarithmic scale for all arrays; its lower end must be positive even if all values are 0."""
    high = max(max(values.max() for values in groups.values() if values is not None), 1e-15)
    return LogNorm(high * 10.0**-_DECADES, high)


def _colour_bar(figure: Figure, image, axes, label: str) -> None:
    bar = figure.colorbar(image, ax=axes, format=power_of_ten, extend="min", pad=0.02)
    bar.ax.yaxis.set_major_locator(LogLocator(numticks=6))
    bar.ax.yaxis.set_minor_locator(NullLocator())
    bar.outline.set_visible(False)
    # As an image: the gradient would otherwise be hundreds of paths.
    bar.solids.set_rasterized(True)
    bar.set_label(label)


def _edges(centres: np.ndarray, back=lambda values: values) -> np.ndarray:
    """Edges (n + 1,) of cells around ``centres`` (n,), mapped by ``back``."""
    if len(centres) == 1:
        return back(centres[0] + np.array([-0.5, 0.5]))
    middles = 0.5 * (centres[1:] + centres[:-1])
    first, last = 2 * centres[0] - middles[0], 2 * centres[-1] - middles[-1]
    return back(np.concatenate([[first], middles, [last]]))


def _pixels(mesh: FrequencyMesh) -> tuple[np.ndarray, tuple[float, float, float, float]]:
    """Numbers (p, q) of the nodes nearest to even pixels of the (first) two axes, and the extent of the image.

    In 3D on the plane where the third frequency is 0, or nearest to it. Pixels outside of the mesh are masked.
    """
    lower, upper = mesh.bounds
    centres = [
        low + (np.arange(_PIXELS) + 0.5) * (high - low) / _PIXELS for low, high in zip(lower, upper, strict=True)
    ]
    coordinates = np.tile(np.clip(0.0, lower, upper), (_PIXELS**2, 1))
    coordinates[:, :2] = grid_points(centres[:2])
    numbers = np.ma.masked_array(mesh.node_numbers(coordinates), ~mesh.contains(coordinates))
    return numbers.reshape(_PIXELS, _PIXELS), (lower[0], upper[0], lower[1], upper[1])
