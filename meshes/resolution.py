"""How well a mesh resolves the error spectrum, and what mesh a problem needs.

The spectrum of an error on a box |x_i| <= X_i is a sum of exp(-i xi.x): it varies on the scale 1/X_i along axis i.
"""

import numpy as np

from freqbias.meshes.box import lagrange_matrix, lobatto_points
from freqbias.meshes.frequency_mesh import FrequencyMesh

#: Largest error of interpolating exp(-i xi x), x at the edge of the box, that a default mesh allows in 1D, 2D, 3D.
DEFAULT_ERROR = (1e-3, 1e-2, 5e-2)
#: Above this error a mesh earns a warning, above the next one it is refused.
WARNING_ERROR = 0.1
REFUSED_ERROR = 0.9


def wave_error(phase: float, degree: int) -> float:
    """Largest error of the degree-``degree`` interpolant of exp(i s) on a cell of length ``phase`` (radians)."""
    points = np.linspace(-1, 1, 101)
    nodes = np.exp(0.5j * phase * lobatto_points(degree))
    return float(np.abs(lagrange_matrix(degree, points) @ nodes - np.exp(0.5j * phase * points)).max())


def largest_phase(error: float, degree: int) -> float:
    """The largest cell length times X for which ``wave_error`` stays below ``error``."""
    low, high = 0.0, np.pi * degree
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if wave_error(middle, degree) <= error else (low, middle)
    return low


def mesh_error(mesh: FrequencyMesh, half_widths: np.ndarray) -> np.ndarray:
    """``wave_error`` (d,) of the longest cell of each axis for points x up to ``half_widths`` (d,)."""
    # A cell longer than half a wavelength per node cannot tell waves apart: count it as wrong altogether.
    phases = mesh.largest_cell * half_widths
    return np.array([1.0 if phase > np.pi * mesh.degree else wave_error(phase, mesh.degree) for phase in phases])


def resolution_warning(mesh: FrequencyMesh, half_widths: np.ndarray) -> str | None:
    """One sentence if ``mesh`` resolves errors on a box |x_i| <= half_widths_i poorly, else None."""
    errors = mesh_error(mesh, half_widths)
    if errors.max() <= WARNING_ERROR:
        return None
    axis = int(np.argmax(errors))
    return (
        f"the mesh of {mesh.cells_in_words} is coarse: waves from the edge of the box are interpolated with an error "
        f"of {errors[axis]:.2g} along axis {axis}; {needed_cells(mesh, half_widths)} resolve them"
    )


def needed_cells(mesh: FrequencyMesh, half_widths: np.ndarray) -> str:
    """The cells with which a mesh in the place of ``mesh`` meets DEFAULT_ERROR, in words."""
    phase = largest_phase(DEFAULT_ERROR[mesh.dimension - 1], mesh.degree)
    lengths = [float(f"{phase / width:.3g}") for width in half_widths]
    lower, upper = mesh.bounds
    counts = default_cells(0.5 * (upper - lower), half_widths, mesh.degree)
    return f"cells no longer than {lengths} (on an even grid: {counts} cells)"


def default_cells(cutoff: np.ndarray, half_widths: np.ndarray, degree: int) -> list[int]:
    """Cells per axis, even numbers, with which ``mesh_error`` meets DEFAULT_ERROR.

    >>> default_cells(np.array([30.0]), np.array([3.0]), degree=2)
    [360]
    """
    phase = largest_phase(DEFAULT_ERROR[len(cutoff) - 1], degree)
    return [max(4, 2 * int(np.ceil(c * x / phase))) for c, x in zip(cutoff, half_widths, strict=True)]


def band(frequencies: list[np.ndarray], spectrum: np.ndarray, part: float) -> np.ndarray:
    """Half-widths (d,) of the box outside of which ``spectrum`` has at most ``part`` of its L2 norm, axis by axis.

    ``spectrum`` is sampled on the even tensor grid with the axes ``frequencies``.
    """
    power = np.abs(spectrum) ** 2
    total = power.sum()
    widths = []
    for axis, values in enumerate(frequencies):
        others = tuple(i for i in range(power.ndim) if i != axis)
        profile = power.sum(axis=others)
        order = np.argsort(-np.abs(values))
        outside = np.cumsum(profile[order])
        first_too_much = np.searchsorted(outside, part**2 * total, side="right")
        widths.append(abs(values[order[min(first_too_much, len(order) - 1)]]))
    return np.array(widths)
