"""Pictures of three-dimensional spectra: slices and isosurfaces, drawn by VTK, labelled by matplotlib.

Run as a program of its own (see ``offscreen.py``): VTK ends the process where OpenGL does not work.
"""

import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from freqbias.compare.figures.style import MAGNITUDE_MAP
from freqbias.visualization.offscreen import READY, TRYING
from freqbias.visualization.pictures import MAGNITUDE_LABEL, colour_bar, frequency_label, scale_ends
from freqbias.visualization.time_series import VTK_CELL_TYPES

if TYPE_CHECKING:
    from pyvista import Camera, DataSet, Plotter

#: Isosurfaces, by what their value is less than the maximum, and their opacity.
ISOSURFACES = {2: 1.0, 10: 0.35, 100: 0.15}
#: Edge of a view in pixels, and in inches.
_PIXELS, _INCHES = 1100, 5.0
#: The camera looks from here to the centre of the box: the first axis runs to the right, the second away, the third up.
_VIEW_FROM = np.array([0.55, -1.0, 0.5])
#: Part of the view that the box takes; the rest is for numbers and names of the axes.
_FILLED = 0.8
#: Seconds that a window of a few pixels may take before OpenGL counts as not working.
_PROBE_SECONDS = 60
_INK, _FAINT = "#1b2026", "#a3abb3"


def draw_space(figure: Figure, nodes: np.ndarray, kind: str, cells: np.ndarray, magnitude: np.ndarray) -> None:
    """Draw |v| (n,) at ``nodes`` (n, 3): slices through ξ = 0 on the left, isosurfaces on the right."""
    import pyvista

    bottom, top = scale_ends(magnitude)
    grid = pyvista.UnstructuredGrid({VTK_CELL_TYPES[kind]: cells}, nodes)
    # Spectra fall exponentially: between nodes their logarithm is nearer to linear than they are.
    grid["decades"] = np.log10(np.maximum(magnitude / top, (bottom / top) ** 2))
    colours = {"scalars": "decades", "cmap": MAGNITUDE_MAP, "clim": (np.log10(bottom / top), 0.0)}
    parts = ", ".join(f"1/{part}" for part in ISOSURFACES)
    contents = {"slices through ξ = 0": _add_slices, f"isosurfaces at {parts} of the maximum": _add_isosurfaces}
    low, high = nodes.min(axis=0), nodes.max(axis=0)
    views = figure.subplots(1, len(contents))
    for axes, (title, add) in zip(views, contents.items(), strict=True):
        plotter = pyvista.Plotter(off_screen=True, window_size=[_PIXELS, _PIXELS])
        plotter.background_color = pyvista.Color("white")
        _add_box(plotter, grid.bounds, 2)
        add(plotter, grid, colours | {"show_scalar_bar": False})
        _place_camera(plotter.camera, low, high)
        image = plotter.screenshot(return_img=True)
        matrix = plotter.camera.GetCompositeProjectionTransformMatrix(1.0, -1, 1)
        plotter.close()
        axes.imshow(image, extent=(-1, 1, -1, 1), interpolation="antialiased")
        axes.set(xlim=(-1, 1), ylim=(-1, 1), title=title)
        axes.set_axis_off()
        _label_axes(axes, np.array([[matrix.GetElement(i, j) for j in range(4)] for i in range(4)]), low, high)
    marks = [top / part for part in ISOSURFACES]
    colour_bar(figure, LogNorm(bottom, top), views, MAGNITUDE_LABEL, marks)


def _add_slices(plotter: "Plotter", grid: "DataSet", look: dict[str, Any]) -> None:
    low, high = np.reshape(grid.bounds, (3, 2)).T
    x, y, z = np.clip(0.0, low, high)
    for piece in grid.slice_orthogonal(x=x, y=y, z=z):
        if not piece.n_points:
            continue
        _add_box(plotter, piece.bounds, 1)
        # What lies below the colour scale is left away: it would hide the rest.
        shown = piece.clip_scalar(scalars="decades", value=look["clim"][0], invert=False)
        if shown.n_points:
            plotter.add_mesh(shown, lighting=False, **look)


def _add_isosurfaces(plotter: "Plotter", grid: "DataSet", look: dict[str, Any]) -> None:
    for part, opacity in ISOSURFACES.items():
        surface = grid.contour([-np.log10(part)], scalars="decades")
        if surface.n_points:
            plotter.add_mesh(surface, opacity=opacity, ambient=0.25, smooth_shading=True, **look)


def _add_box(plotter: "Plotter", bounds: Sequence[float], line_width: float) -> None:
    import pyvista

    plotter.add_mesh(pyvista.Box(bounds).extract_all_edges(), color=_FAINT, line_width=line_width)


def _place_camera(camera: "Camera", low: np.ndarray, high: np.ndarray) -> None:
    """Look at the box from ``_VIEW_FROM`` without perspective, so that lengths compare, as near as it fits."""
    centre, size = (low + high) / 2, high - low
    towards = _VIEW_FROM / np.linalg.norm(_VIEW_FROM)
    right = np.cross([0, 0, 1], towards)
    right /= np.linalg.norm(right)
    up = np.cross(towards, right)
    camera.parallel_projection = True
    camera.focal_point = centre
    camera.position = centre + 2 * np.linalg.norm(size) * towards
    camera.up = (0, 0, 1)
    camera.parallel_scale = max(np.abs(right) @ size, np.abs(up) @ size) / 2 / _FILLED
    camera.clipping_range = (0.5 * np.linalg.norm(size), 3.5 * np.linalg.norm(size))


def _label_axes(axes: Axes, projection: np.ndarray, low: np.ndarray, high: np.ndarray) -> None:
    """Numbers and names along the lower front, the lower right and the left front edge of the box."""

    def onto_view(point: np.ndarray) -> np.ndarray:
        x = projection @ [*point, 1.0]
        return x[:2] / x[3]

    corners = [low, np.array([high[0], low[1], low[2]]), low]
    middle = onto_view((low + high) / 2)
    for axis, start in enumerate(corners):
        end = start.copy()
        end[axis] = high[axis]
        a, b = onto_view(start), onto_view(end)
        along = (b - a) / np.linalg.norm(b - a)
        outward = np.array([along[1], -along[0]])
        outward *= np.sign(outward @ ((a + b) / 2 - middle))
        axes.plot(*np.transpose([a, b]), color=_INK, linewidth=1)
        ticks = MaxNLocator(4, steps=[1, 2, 5, 10]).tick_values(low[axis], high[axis])
        for tick in ticks[(ticks >= low[axis]) & (ticks <= high[axis])]:
            point = a + (b - a) * (tick - low[axis]) / (high[axis] - low[axis])
            axes.plot(*np.transpose([point, point + 0.02 * outward]), color=_INK, linewidth=1)
            x, y = point + 0.065 * outward
            axes.text(x, y, f"{tick:g}".replace("-", "−"), ha="center", va="center", fontsize=8.5)
        angle = np.degrees(np.arctan2(along[1], along[0]))
        x, y = (a + b) / 2 + 0.16 * outward
        axes.text(x, y, frequency_label(axis), rotation=angle, ha="center", va="center", fontsize=9)


def _probe() -> None:
    """Draw a window of a few pixels; ends the process if OpenGL does not work or does not answer."""
    import pyvista

    print(TRYING, flush=True)
    if hasattr(signal, "alarm"):
        signal.alarm(_PROBE_SECONDS)
    plotter = pyvista.Plotter(off_screen=True, window_size=[32, 32])
    plotter.add_mesh(pyvista.Cube())
    drawn = np.ptp(np.asarray(plotter.screenshot(return_img=True))) > 0
    plotter.close()
    if hasattr(signal, "alarm"):
        signal.alarm(0)
    if not drawn:
        sys.exit("the window stayed empty")
    print(READY, flush=True)


def main(data: str, picture: str, suffix: str) -> None:
    """Draw the arrays in the .npz file ``data`` into ``picture``, a file of the kind ``suffix``."""
    _probe()
    given = np.load(data)
    figure = Figure(figsize=(2 * _INCHES + 1.2, _INCHES + 0.5), layout="constrained")
    figure.suptitle(str(given["title"]))
    draw_space(figure, given["nodes"], str(given["kind"]), given["cells"], given["magnitude"])
    figure.savefig(picture, format=suffix, dpi=200)


if __name__ == "__main__":
    main(*sys.argv[1:])
