"""What a page must know of a drawn figure: where its axes are, its curves and images, and what moves with time.

Any figure gets values under the pointer and a cursor at the time of the slider, if an axis of learning time says so in
its label. A curve is known by its label; one that begins with an underscore stays out of the legend, as always in
matplotlib, and names the curve all the same. ``moving_curve`` and ``moving_image`` declare what has another look at
every output time.
"""

from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LogNorm, to_hex
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D

from freqbias.compare.figures.packed import packed
from freqbias.compare.figures.style import PALETTE, TIME

#: Points of a curve and cells of an image along an axis that the page keeps.
_MOST_POINTS, _MOST_CELLS = 400, 120
#: Of a curve that moves, at all output times together.
_MOST_MOVING_POINTS = 60_000
#: Of values in a colour scale, over five decades: in an image 1 % of the value, over frequency and time a thousandth.
_PIXEL_STEPS, _CELL_STEPS = 1200, 12_000
#: Of curves that move, over at most this many decades: a thousandth of the value.
_CURVE_STEPS, _CURVE_DECADES = 40_000, 16
#: The attribute of an artist that holds its values at all times.
_FRAMES = "frames"
#: Colours of a colour scale.
_COLOURS = 128


def moving_curve(line: Line2D, frames: np.ndarray) -> None:
    """``line`` shows ``frames[k]`` (n,), not negative, instead of its values (n,) at output time k."""
    _declare(line, frames)


def moving_image(image: AxesImage, frames: np.ndarray) -> None:
    """``image`` shows ``frames[k]`` (rows, columns) at output time k, in its own colours; what is masked is empty."""
    _declare(image, frames)


def _declare(artist: Artist, frames: np.ndarray) -> None:
    setattr(artist, _FRAMES, frames)


def axes_data(figure: Figure) -> list[dict[str, Any]]:
    """For every axes of a drawn figure (without colour bars) its place and contents, as JSON has them.

    ``box``: left, top, width, height in the coordinates of the SVG, points from the upper left corner; ``x``, ``y``:
    the axes; ``curves`` and ``images``. Numbers have about five digits.
    """
    width, height = 72 * figure.get_size_inches()
    found = []
    for axes in figure.axes:
        if axes.get_label() == "<colorbar>":
            continue
        place = axes.get_position()
        box = [place.x0 * width, (1 - place.y1) * height, place.width * width, place.height * height]
        xs: list[np.ndarray] = []
        curves = [curve for line in axes.get_lines() if (curve := _curve(line, xs)) is not None]
        images = [image for one in (*axes.collections, *axes.images) if (image := _image(one)) is not None]
        found.append(
            {
                "box": [round(number, 2) for number in box],
                "x": _axis(axes, "x"),
                "y": _axis(axes, "y"),
                "xs": [_rounded(x) for x in xs],
                "curves": curves,
                "images": images,
            }
        )
    return found


def _axis(axes: Axes, name: str) -> dict[str, Any]:
    shared = getattr(axes, f"get_shared_{name}_axes")().get_siblings(axes)
    # Of axes that share one, only the outer ones have a label.
    label = next((text for one in (axes, *shared) if (text := getattr(one, f"get_{name}label")())), "")
    low, high = getattr(axes, f"get_{name}lim")()
    return {
        "label": " ".join(label.split()),
        "log": getattr(axes, f"get_{name}scale")() == "log",
        "limits": _rounded(np.array([low, high]), 8),
        "time": label.startswith(TIME),
    }


def _curve(line: Line2D, xs: list[np.ndarray]) -> dict[str, Any] | None:
    """Label, colour and values of ``line``; its x are put into ``xs`` if they are not there yet."""
    label = str(line.get_label())
    if label in ("_", "_nolegend_") or label.startswith("_child"):
        return None
    if line.axes is None or line.get_transform() != line.axes.transData:
        return None
    x, y = (np.ma.filled(np.ma.asarray(values, dtype=float), np.nan) for values in line.get_data(orig=False))
    if len(x) == 0:
        return None
    frames = getattr(line, _FRAMES, None)
    most = _MOST_POINTS if frames is None else min(_MOST_POINTS, max(50, _MOST_MOVING_POINTS // len(frames)))
    step = -(-len(x) // most)
    x, y = x[::step], y[::step]
    number = next((k for k, known in enumerate(xs) if np.array_equal(known, x)), len(xs))
    if number == len(xs):
        xs.append(x)
    curve = {"label": label.removeprefix("_"), "colour": _colour(line.get_color()), "x": number}
    if frames is None:
        return curve | {"y": _rounded(y)}
    high = max(float(np.nanmax(frames, initial=0.0)), 1e-300)
    look = line.get_linestyle(), line.get_marker()
    return curve | {
        "marker": look[1] not in (None, "None", "", " "),
        "dashed": look[0] == "--",
        "frames": packed(frames[:, ::step], high * 10.0**-_CURVE_DECADES, high, _CURVE_STEPS, True),
    }


def _image(artist: Artist) -> dict[str, Any] | None:
    """Edges, colours and values of an image or of a grid of cells; frames instead of values where it moves."""
    if not isinstance(artist, QuadMesh | AxesImage) or not isinstance(artist.axes, Axes):
        return None
    shown, frames = artist.get_array(), getattr(artist, _FRAMES, None)
    if shown is None or shown.ndim != 2:
        return None
    values = shown if frames is None else frames
    rows, columns = values.shape[-2:]
    if isinstance(artist, QuadMesh):
        edges = np.asarray(artist.get_coordinates())
        x, y = edges[0, :, 0], edges[:, 0, 1]
    else:
        left, right, bottom, top = artist.get_extent()
        x, y = np.linspace(left, right, columns + 1), np.linspace(bottom, top, rows + 1)
        if artist.origin == "upper":
            y = y[::-1]
    centres = [_middles(edges, name, artist.axes) for edges, name in ((x, "x"), (y, "y"))]
    row, column = _thinned(rows), _thinned(columns)
    norm, label = artist.norm, str(artist.get_label())
    low, high = artist.get_clim()
    steps = _CELL_STEPS if isinstance(artist, QuadMesh) else _PIXEL_STEPS
    content = packed(values[..., row, :][..., column], low, high, steps, isinstance(norm, LogNorm))
    image = {
        "label": "" if label.startswith("_child") else label.removeprefix("_"),
        "x": _rounded(centres[0][column]),
        "y": _rounded(centres[1][row]),
    }
    if frames is None:
        return image | {"values": content}
    colours = "".join(to_hex(artist.cmap(k / (_COLOURS - 1)))[1:] for k in range(_COLOURS))
    return image | {"extent": _rounded(np.array([x[0], x[-1], y[0], y[-1]]), 8), "colours": colours, "frames": content}


def _middles(edges: np.ndarray, name: str, axes: Axes) -> np.ndarray:
    if getattr(axes, f"get_{name}scale")() == "log":
        return np.sqrt(edges[1:] * edges[:-1])
    return 0.5 * (edges[1:] + edges[:-1])


def _thinned(count: int) -> np.ndarray:
    return np.arange(0, count, -(-count // _MOST_CELLS))


def _colour(colour: Any) -> str:
    found = to_hex(colour)
    return next((f"var(--{name})" for name, (light, _) in PALETTE.items() if light == found), found)


def _rounded(values: np.ndarray, digits: int = 5) -> list[float | None]:
    return [float(f"{value:.{digits}g}") if np.isfinite(value) else None for value in values.tolist()]
