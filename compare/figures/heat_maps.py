"""What images of the report have in common: logarithmic colour scales, colour bars, pixels of the frequency plane."""

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from freqbias.compare.figures.style import power_of_ten
from freqbias.laws.product import grid_points
from freqbias.meshes import FrequencyMesh

#: Decades of the colour scales below their largest value.
DECADES = 5


def scale_ends(arrays: list[np.ndarray], decades: float = DECADES) -> tuple[float, float]:
    """The ends of one logarithmic scale for all ``arrays``; the lower one is positive even if all values are 0."""
    high = max(max(float(values.max()) for values in arrays), 1e-15)
    return high * 10.0**-decades, high


def colour_bar(figure: Figure, image: ScalarMappable, axes: Axes | np.ndarray, label: str) -> None:
    bar = figure.colorbar(image, ax=axes, format=power_of_ten, extend="min", pad=0.02)
    bar.ax.yaxis.set_major_locator(LogLocator(numticks=6))
    bar.ax.yaxis.set_minor_locator(NullLocator())
    bar.outline.set_visible(False)
    if bar.solids is not None:  # as an image: the gradient would otherwise be hundreds of paths
        bar.solids.set_rasterized(True)
    bar.set_label(label)


def cell_edges(centres: np.ndarray, back: Callable[[np.ndarray], np.ndarray] = np.asarray) -> np.ndarray:
    """Edges (n + 1,) of cells around ``centres`` (n,), mapped by ``back``."""
    if len(centres) == 1:
        return back(centres[0] + np.array([-0.5, 0.5]))
    middles = 0.5 * (centres[1:] + centres[:-1])
    first, last = 2 * centres[0] - middles[0], 2 * centres[-1] - middles[-1]
    return back(np.concatenate([[first], middles, [last]]))


def plane_pixels(mesh: FrequencyMesh, count: int) -> tuple[np.ma.MaskedArray, tuple[float, float, float, float]]:
    """Numbers (count, count) of the nodes nearest to even pixels of the first two axes, and the extent of the image.

    Rows are ξ₂, columns ξ₁. In 3D on the plane where the third frequency is 0, or nearest to it. Pixels outside of
    the mesh are masked.
    """
    lower, upper = mesh.bounds
    centres = [low + (np.arange(count) + 0.5) * (high - low) / count for low, high in zip(lower, upper, strict=True)]
    coordinates = np.tile(np.clip(0.0, lower, upper), (count**2, 1))
    coordinates[:, :2] = grid_points(centres[:2])
    numbers = np.ma.masked_array(mesh.node_numbers(coordinates), ~mesh.contains(coordinates))
    return numbers.reshape(count, count).T, (lower[0], upper[0], lower[1], upper[1])
