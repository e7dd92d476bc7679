"""Looking at a frequency mesh: numbers, a picture."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from freqbias.errors import InputError
from freqbias.files import atomic_path
from freqbias.meshes.box import BoxMesh
from freqbias.meshes.resolution import mesh_error
from freqbias.transforms import error_spectrum

if TYPE_CHECKING:
    from rich.table import Table

    from freqbias.problem import Problem

_PICTURES = (".png", ".svg", ".pdf")


@dataclass(frozen=True)
class MeshFacts:
    """Facts on a mesh, each an array (d,); frequencies in radians per unit of x."""

    nodes: tuple[int, ...]
    cells: tuple[int, ...]
    degree: int
    cutoff: np.ndarray
    smallest_cell: np.ndarray
    largest_cell: np.ndarray
    #: Nodes per wavelength of exp(-i xi.x) for x at the edge of the box; 2 is the limit.
    nodes_per_wave: np.ndarray
    #: Interpolation error of that wave on the largest cell.
    wave_error: np.ndarray
    nyquist: np.ndarray


def inspect(mesh: BoxMesh, half_widths: np.ndarray, nyquist: np.ndarray) -> MeshFacts:
    """Facts on ``mesh`` for errors on a box |x_i| <= half_widths_i and samples with the given Nyquist frequencies."""
    widths = [np.diff(axis) for axis in mesh.axes]
    largest = np.array([w.max() for w in widths])
    cutoff = np.array([axis[-1] for axis in mesh.axes])
    errors = mesh_error(mesh, half_widths)
    return MeshFacts(
        nodes=mesh.shape,
        cells=mesh.cells,
        degree=mesh.degree,
        cutoff=cutoff,
        smallest_cell=np.array([w.min() for w in widths]),
        largest_cell=largest,
        nodes_per_wave=2 * np.pi / half_widths * mesh.degree / largest,
        wave_error=errors,
        nyquist=nyquist,
    )


def table(facts: MeshFacts) -> "Table":
    """The facts, one row for each, one column for each axis."""
    from rich.table import Table

    axes = "xyz"[: len(facts.cutoff)]
    result = Table(title=f"{np.prod(facts.nodes)} nodes, degree {facts.degree}")
    result.add_column("frequencies in radians per unit of x")
    for axis in axes:
        result.add_column(f"axis {axis}", justify="right")
    rows = {
        "cutoff": facts.cutoff,
        "Nyquist frequency of the samples": facts.nyquist,
        "cells": facts.cells,
        "nodes": facts.nodes,
        "smallest cell": facts.smallest_cell,
        "largest cell": facts.largest_cell,
        "nodes per wave from the edge of the box": facts.nodes_per_wave,
        "interpolation error of that wave": facts.wave_error,
    }
    for name, values in rows.items():
        result.add_row(name, *(f"{value:.4g}" for value in values))
    return result


def draw(problem: "Problem", path: str | os.PathLike) -> None:
    """Draw mesh, law and initial error spectrum of ``problem`` into a .png, .svg or .pdf file.

    Raises InputError for another kind of file.
    """
    from matplotlib.figure import Figure

    suffix = Path(path).suffix.lower()
    if suffix not in _PICTURES:
        raise InputError(f"{path}: unknown kind of picture {suffix!r}, allowed are {', '.join(_PICTURES)}")
    mesh = problem.mesh
    figure = Figure(figsize=(7, 4.2) if mesh.dimension == 1 else (9.5, 4.4), layout="constrained")
    if mesh.dimension == 1:
        _draw_line(figure, problem)
    else:
        _draw_plane(figure, problem)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format=suffix[1:], dpi=150)


def _draw_line(figure, problem: "Problem") -> None:
    mesh = problem.mesh
    frequencies = mesh.nodes
    spectrum = np.abs(error_spectrum(problem.points, problem.initial_error, frequencies))
    axes = figure.subplots()
    axes.plot(frequencies[:, 0], spectrum / spectrum.max(), label="initial error |v(ξ)|, scaled")
    damping = problem.family.damping(frequencies)
    axes.plot(frequencies[:, 0], damping / max(damping.max(), 1e-300), label="damping c(ξ), scaled", linestyle="--")
    axes.plot(mesh.axes[0], np.full(len(mesh.axes[0]), -0.06), "|", color="0.4", label=f"cells ({mesh.cells[0]})")
    axes.set(xlabel="frequency ξ (radians per unit of x)", ylim=(-0.12, 1.05), title=problem.settings.name)
    axes.legend(loc="upper right")


def _draw_plane(figure, problem: "Problem") -> None:
    """The first two axes; in 3D through the plane where the third frequency is nearest to 0."""
    from matplotlib.colors import LogNorm

    mesh = problem.mesh
    x, y = mesh.axis_nodes[:2]
    middle = np.argmin(np.abs(mesh.axis_nodes[2])) if mesh.dimension == 3 else None
    grids = mesh.nodes.reshape(*mesh.shape, mesh.dimension)
    plane = (grids if middle is None else grids[:, :, middle]).reshape(-1, mesh.dimension)
    fields = {
        "initial error |v(ξ)|": np.abs(error_spectrum(problem.points, problem.initial_error, plane)),
        "damping c(ξ)": problem.family.damping(plane),
    }
    for axes, (title, field) in zip(figure.subplots(1, 2), fields.items(), strict=True):
        top = max(field.max(), 1e-200)  # a law may vanish on the whole mesh
        scale = LogNorm(1e-4 * top, top)
        values = field.reshape(len(x), len(y)).T.clip(1e-4 * top)
        image = axes.pcolormesh(x, y, values, norm=scale, shading="gouraud", rasterized=True)
        every = [max(1, n // 40) for n in mesh.cells[:2]]
        for line in mesh.axes[0][:: every[0]]:
            axes.axvline(line, color="white", linewidth=0.2, alpha=0.5)
        for line in mesh.axes[1][:: every[1]]:
            axes.axhline(line, color="white", linewidth=0.2, alpha=0.5)
        axes.set(
            title=title,
            xlabel="frequency ξ₁ (radians per unit of x)",
            ylabel="frequency ξ₂ (radians per unit of x)",
            aspect="equal",
        )
        figure.colorbar(image, ax=axes, extend="min", shrink=0.8)
    drawn = "all grid lines" if max(every) == 1 else f"one grid line in {max(every)}"
    figure.suptitle(f"{problem.settings.name}: {' × '.join(map(str, mesh.cells))} cells, {drawn} drawn")
