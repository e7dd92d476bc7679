"""Looking at a frequency mesh: numbers, a picture."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from freqbias.errors import InputError
from freqbias.files import atomic_path
from freqbias.laws.product import grid_points
from freqbias.meshes.box import BoxMesh
from freqbias.meshes.frequency_mesh import FrequencyMesh
from freqbias.meshes.resolution import mesh_error
from freqbias.meshes.topology import edges
from freqbias.meshes.unstructured import UnstructuredMesh

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from rich.table import Table

    from freqbias.problem import Problem

_PICTURES = (".png", ".svg", ".pdf")
#: Pixels along an axis of a picture of the plane.
_PIXELS = 300
#: Grid lines along an axis that are told apart.
_MOST_LINES = 40


@dataclass(frozen=True)
class MeshFacts:
    """Facts on a mesh, the arrays (d,) by axis; frequencies in radians per unit of x."""

    nodes: int
    cells: str
    degree: int
    lower: np.ndarray
    upper: np.ndarray
    smallest_cell: np.ndarray
    largest_cell: np.ndarray
    #: Nodes per wavelength of exp(-i xi.x) for x at the edge of the box; 2 is the limit.
    nodes_per_wave: np.ndarray
    #: Interpolation error of that wave on the largest cell.
    wave_error: np.ndarray
    nyquist: np.ndarray


def inspect(mesh: FrequencyMesh, half_widths: np.ndarray, nyquist: np.ndarray) -> MeshFacts:
    """Facts on ``mesh`` for errors on a box |x_i| <= half_widths_i and samples with the given Nyquist frequencies."""
    lower, upper = mesh.bounds
    return MeshFacts(
        nodes=len(mesh.nodes),
        cells=mesh.cells_in_words,
        degree=mesh.degree,
        lower=lower,
        upper=upper,
        smallest_cell=mesh.smallest_cell,
        largest_cell=mesh.largest_cell,
        nodes_per_wave=2 * np.pi / half_widths * mesh.degree / mesh.largest_cell,
        wave_error=mesh_error(mesh, half_widths),
        nyquist=nyquist,
    )


def table(facts: MeshFacts) -> "Table":
    """The facts, one row for each, one column for each axis."""
    from rich.table import Table

    result = Table(title=f"{facts.nodes} nodes, degree {facts.degree}, {facts.cells}")
    result.add_column("frequencies in radians per unit of x")
    for axis in "xyz"[: len(facts.upper)]:
        result.add_column(f"axis {axis}", justify="right")
    rows = {
        "lowest": facts.lower,
        "highest": facts.upper,
        "Nyquist frequency of the samples": facts.nyquist,
        "smallest cell": facts.smallest_cell,
        "largest cell": facts.largest_cell,
        "nodes per wave from the edge of the box": facts.nodes_per_wave,
        "interpolation error of that wave": facts.wave_error,
    }
    for name, values in rows.items():
        result.add_row(name, *(f"{value:.4g}" for value in values))
    return result


def draw(problem: "Problem", path: str | os.PathLike) -> None:
    """Draw mesh, initial error spectrum and (unless the family has none) damping of ``problem``: .png, .svg or .pdf.

    Raises InputError for another kind of file.
    """
    from matplotlib.figure import Figure

    suffix = Path(path).suffix.lower()
    if suffix not in _PICTURES:
        raise InputError(f"{path}: unknown kind of picture {suffix!r}, allowed are {', '.join(_PICTURES)}")
    mesh = problem.mesh
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    if mesh.dimension == 1:
        _draw_line(figure, problem)
    else:
        _draw_plane(figure, problem)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format=suffix[1:], dpi=150)


def _draw_line(figure: "Figure", problem: "Problem") -> None:
    mesh = problem.mesh
    frequencies = np.sort(mesh.nodes, axis=0)
    ends = mesh.with_degree(1).nodes[:, 0]
    spectrum = np.abs(problem.initial_spectrum(frequencies))
    axes = figure.subplots()
    axes.plot(frequencies[:, 0], spectrum / spectrum.max(), label="initial error |v(ξ)|, scaled")
    if problem.family is not None:
        damping = problem.family.damping(frequencies)
        axes.plot(frequencies[:, 0], damping / max(damping.max(), 1e-300), label="damping c(ξ), scaled", linestyle="--")
    axes.plot(ends, np.full(len(ends), -0.06), "|", color="0.4", label=mesh.cells_in_words)
    axes.set(xlabel="frequency ξ (radians per unit of x)", ylim=(-0.12, 1.05), title=problem.settings.name)
    axes.legend(loc="upper right")


def _draw_plane(figure: "Figure", problem: "Problem") -> None:
    """The first two axes; in 3D through the plane where the third frequency is 0 or nearest to it."""
    from matplotlib.colors import LogNorm

    mesh = problem.mesh
    lower, upper = mesh.bounds
    x, y = (np.linspace(low, high, _PIXELS) for low, high in zip(lower[:2], upper[:2], strict=True))
    plane = np.tile(np.clip(0.0, lower, upper), (_PIXELS**2, 1))
    plane[:, :2] = grid_points([x, y])
    outside = ~mesh.contains(plane)
    fields = {"initial error |v(ξ)|": np.abs(problem.initial_spectrum(plane))}
    if problem.family is not None:
        fields["damping c(ξ)"] = problem.family.damping(plane)
    figure.set_size_inches(4.75 * len(fields), 4.4)
    for axes, (title, field) in zip(figure.subplots(1, len(fields), squeeze=False)[0], fields.items(), strict=True):
        top = max(field.max(), 1e-200)  # a law may vanish on the whole mesh
        scale = LogNorm(1e-4 * top, top)
        values = np.ma.masked_array(field.clip(1e-4 * top), outside).reshape(_PIXELS, _PIXELS).T
        image = axes.pcolormesh(x, y, values, norm=scale, shading="nearest", rasterized=True)
        drawn = _draw_cells(axes, mesh)
        axes.set(
            title=title,
            xlabel="frequency ξ₁ (radians per unit of x)",
            ylabel="frequency ξ₂ (radians per unit of x)",
            aspect="equal",
        )
        figure.colorbar(image, ax=axes, extend="min", shrink=0.8)
    figure.suptitle(f"{problem.settings.name}: {mesh.cells_in_words}, {drawn}")


def _draw_cells(axes: "Axes", mesh: FrequencyMesh) -> str:
    """Draw the edges of the cells, of large grids some; says which."""
    from matplotlib.collections import LineCollection

    look: dict[str, Any] = {"color": "white", "linewidth": 0.2, "alpha": 0.5}
    if isinstance(mesh, BoxMesh):
        every = [max(1, n // _MOST_LINES) for n in mesh.cells[:2]]
        for line in mesh.axes[0][:: every[0]]:
            axes.axvline(line, **look)
        for line in mesh.axes[1][:: every[1]]:
            axes.axhline(line, **look)
        return "all grid lines drawn" if max(every) == 1 else f"one grid line in {max(every)} drawn"
    if mesh.dimension == 3 or not isinstance(mesh, UnstructuredMesh):
        return "cells not drawn"
    ends = mesh.vertices[edges(mesh.cells, mesh.kind)]
    axes.add_collection(LineCollection(ends, rasterized=True, **look))
    return "all cells drawn"
