"""Pictures of a spectrum at one time: a curve, a map of the plane, or slices and isosurfaces of space."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator
from matplotlib.tri import Triangulation

from freqbias.compare.figures.style import MAGNITUDE_MAP, UNIT, logarithmic, power_of_ten
from freqbias.compare.numbers import short
from freqbias.compare.pairs import LEVEL_NAMES
from freqbias.errors import InputError
from freqbias.files import atomic_path
from freqbias.meshes import FrequencyMesh

KINDS = (".png", ".svg", ".pdf")
MAGNITUDE_LABEL = "|v̂| (unit of the target)"
#: Decades of the colour scale below the maximum.
_DECADES = 5


def check_kind(path: str | os.PathLike) -> str:
    """The kind of picture that the name ``path`` asks for, without the dot; InputError for an unknown one."""
    suffix = Path(path).suffix.lower()
    if suffix not in KINDS:
        raise InputError(f"{path}: unknown kind of picture {suffix!r}, allowed are {', '.join(KINDS)}")
    return suffix[1:]


def draw_picture(path: str | os.PathLike, mesh: FrequencyMesh, values: np.ndarray, title: str) -> None:
    """Draw |v| of ``values`` (n,) on ``mesh`` into a .png, .svg or .pdf file, in logarithmic colours over 5 decades.

    Raises InputError for another kind of file, FreqbiasError if three-dimensional pictures cannot be drawn here.
    """
    kind = check_kind(path)
    magnitude = np.abs(values)
    with atomic_path(path) as temporary:
        if mesh.dimension == 3:
            from freqbias.visualization.offscreen import draw_offscreen

            draw_offscreen(temporary, kind, mesh, magnitude, title)
            return
        figure = Figure(figsize=(7, 4.2) if mesh.dimension == 1 else (6.4, 5.4), layout="constrained")
        figure.suptitle(title)
        (_draw_line if mesh.dimension == 1 else _draw_plane)(figure, mesh, magnitude)
        figure.savefig(temporary, format=kind, dpi=200)


def picture_title(name: str, level: str, time: float) -> str:
    """What a picture shows, of which problem."""
    return f"{name}: error spectrum of the {LEVEL_NAMES[level]} at learning time {short(time)}"


def scale_ends(magnitude: np.ndarray) -> tuple[float, float]:
    """The ends of the logarithmic scale of colours; they must be positive even if all values are 0."""
    top = max(float(magnitude.max()), 1e-200)
    return top * 10.0**-_DECADES, top


def frequency_label(axis: int, dimension: int = 3) -> str:
    """Name and unit of an axis."""
    return f"{'ξ' if dimension == 1 else 'ξ' + '₁₂₃'[axis]} ({UNIT})"


def colour_bar(figure: Figure, norm: LogNorm, axes: Axes | np.ndarray, label: str, marks: Sequence[float] = ()) -> None:
    """A bar for the colour scale ``norm`` beside ``axes``, with lines at ``marks``."""
    image = ScalarMappable(norm, MAGNITUDE_MAP)
    bar = figure.colorbar(image, ax=axes, format=power_of_ten, extend="min", pad=0.02, shrink=0.85)
    bar.ax.yaxis.set_major_locator(LogLocator(numticks=8))
    bar.ax.yaxis.set_minor_locator(NullLocator())
    bar.set_label(label)
    for mark in marks:
        bar.ax.axhline(mark, color="white", linewidth=1.5)


def _draw_line(figure: Figure, mesh: FrequencyMesh, magnitude: np.ndarray) -> None:
    order = np.argsort(mesh.nodes[:, 0])
    low, high = scale_ends(magnitude)
    axes = figure.subplots()
    axes.plot(mesh.nodes[order, 0], np.maximum(magnitude[order], low * 1e-3))
    logarithmic(axes.yaxis, low, 2 * high)
    axes.set(xlabel=frequency_label(0, 1), ylabel=MAGNITUDE_LABEL)
    axes.margins(x=0)


def _draw_plane(figure: Figure, mesh: FrequencyMesh, magnitude: np.ndarray) -> None:
    kind, cells = mesh.linear_cells()
    triangles = cells if kind == "triangle" else np.concatenate([cells[:, [0, 1, 2]], cells[:, [0, 2, 3]]])
    low, high = scale_ends(magnitude)
    norm = LogNorm(low, high)
    x, y = mesh.nodes.T
    axes = figure.subplots()
    axes.tripcolor(
        Triangulation(x, y, triangles),
        np.maximum(magnitude, low),
        norm=norm,
        cmap=MAGNITUDE_MAP,
        shading="gouraud",
        rasterized=True,
    )
    axes.set(xlabel=frequency_label(0), ylabel=frequency_label(1), aspect="equal")
    axes.margins(0)
    colour_bar(figure, norm, axes, MAGNITUDE_LABEL)
