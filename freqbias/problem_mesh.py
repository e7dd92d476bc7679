"""The frequency mesh of a problem: as the problem file says, with defaults from the law, the initial error and the box.

Whatever it is, it must not exceed what the samples can tell apart, must resolve the waves of errors on the box, and
must hold the frequencies of the initial error.
"""

from typing import TYPE_CHECKING

import numpy as np

from freqbias.errors import InputError
from freqbias.laws.product import grid_points
from freqbias.meshes import BoxMesh, FrequencyMesh, UnstructuredMesh, band, box_mesh, default_cells, mesh_error
from freqbias.meshes.grading import graded_mesh
from freqbias.meshes.indicator import interpolation_error
from freqbias.meshes.local_solution import LocalSolution
from freqbias.meshes.resolution import REFUSED_ERROR, WARNING_ERROR, needed_cells, resolution_warning
from freqbias.sample_weights import exact_band

if TYPE_CHECKING:
    from freqbias.problem import Problem

#: The default cutoff leaves out at most this part of the norm of the initial error …
_BAND_TAIL = 1e-4
#: … and has this much room, since the spectrum widens while the error shrinks.
_BAND_ROOM = 1.25
#: Points of the even grid, per axis, on which the band of the initial error is measured (1D, 2D, 3D).
_BAND_GRID = (4096, 256, 64)
#: A given mesh that leaves out more than this part of the norm earns a warning …
_LEFT_OUT_WARNING = 0.01
#: … and one that holds less than this part is refused.
_HELD = 0.5


def choose_mesh(problem: "Problem") -> tuple[FrequencyMesh, list[str]]:
    """The mesh of ``problem`` and warnings, one sentence each.

    Raises InputError naming the key if the mesh cannot be made or does not suit the problem.
    """
    given = problem.settings.mesh
    warnings: list[str] = []
    mesh: BoxMesh | UnstructuredMesh
    if given.file is not None:
        imported = _from_file(problem, given.file)
        key, mesh = f"mesh.file = {given.file!r}", imported
        if imported.piece_count > 1:
            warnings.append(
                f"{key}: {imported.piece_count} pieces that share no facet: nothing moves from one to the other"
            )
    elif given.lines is not None:
        key, mesh = "mesh.lines", BoxMesh(tuple(np.array(lines) for lines in given.lines), given.degree)
    elif given.error is not None:
        return _graded(problem, given.error), warnings
    else:
        even = _even(problem)
        key, mesh = f"mesh.cells = {list(even.cells)}", even
    _check_nyquist(problem, np.max(np.abs(mesh.bounds), axis=0), key)
    if given.file is None and given.lines is None:
        return mesh, warnings + _check_waves(problem, mesh, key)
    # Coverage first: a mesh without the initial error has no spectrum to hold.
    warnings += _check_coverage(problem, mesh, key)
    return mesh, warnings + _check_spectrum(problem, mesh, key)


def _check_waves(problem: "Problem", mesh: FrequencyMesh, key: str) -> list[str]:
    """Warnings if waves from the edge of the box are resolved poorly on the largest cell, wherever it is."""
    if mesh_error(mesh, problem.half_widths).max() > REFUSED_ERROR:
        raise problem.fail(
            f"{key} cannot resolve exp(-i xi.x) over the box, where |x| <= {problem.half_widths.tolist()}; "
            f"{needed_cells(mesh, problem.half_widths)} can"
        )
    poor = resolution_warning(mesh, problem.half_widths)
    return [] if poor is None else [poor]


def _check_spectrum(problem: "Problem", mesh: BoxMesh | UnstructuredMesh, key: str) -> list[str]:
    """The same for a mesh whose long cells may lie where nothing happens: what counts is the spectrum itself."""
    if mesh_error(mesh, problem.half_widths).max() <= WARNING_ERROR:
        return []
    if isinstance(mesh, BoxMesh):
        error = interpolation_error(mesh, LocalSolution.of(problem)).relative
    else:
        error = mesh.interpolation_error(problem.initial_spectrum)
    if error > REFUSED_ERROR:
        raise problem.fail(
            f"{key} cannot hold the error spectrum: its interpolation has a relative error of {error:.2g}"
        )
    if error <= WARNING_ERROR:
        return []
    return [f"{key} is coarse: the error spectrum is interpolated with a relative error of {error:.2g}"]


def _graded(problem: "Problem", error: float) -> BoxMesh:
    if problem.family is None:
        raise problem.fail(f"mesh.error = {error}: {problem.unpredicted}; mesh.cells makes an even mesh")
    try:
        return graded_mesh(
            LocalSolution.of(problem),
            problem.cutoff,
            problem.settings.mesh.degree,
            error,
            _breakpoints(problem),
        )
    except ValueError as failure:
        raise problem.fail(f"mesh.error = {error}: {failure}") from failure


def _even(problem: "Problem") -> BoxMesh:
    given, cutoff = problem.settings.mesh, problem.cutoff
    cells = given.cells or default_cells(cutoff, problem.half_widths, given.degree)
    try:
        return box_mesh(cutoff, cells, given.degree, _breakpoints(problem))
    except ValueError as error:
        raise problem.fail(f"mesh.cells = {cells}: {error}") from error


def _breakpoints(problem: "Problem") -> list[np.ndarray]:
    """Where the symbols jump or have kinks, on each axis."""
    if problem.family is None:
        return [np.empty(0)] * problem.dimension
    return problem.family.breakpoints(problem.dimension)


def mesh_cutoff(problem: "Problem") -> np.ndarray:
    """Half-widths (d,) of a mesh that is neither given by lines nor by a file: given, or of the initial error."""
    given = problem.settings.mesh.cutoff
    if given is None:
        return np.minimum(problem.nyquist, _BAND_ROOM * band(*_initial_spectrum(problem), _BAND_TAIL))
    _check_nyquist(problem, np.array(given), f"mesh.cutoff = {given}")
    return np.array(given)


def _from_file(problem: "Problem", file: str) -> UnstructuredMesh:
    from freqbias.meshes.files import read_mesh

    try:
        return read_mesh(file, problem.dimension, problem.settings.mesh.degree)
    except InputError as error:
        raise problem.fail(f"mesh.file: {error}") from error


def _check_nyquist(problem: "Problem", reach: np.ndarray, key: str) -> None:
    if problem.grid_shape is not None and np.any(reach > problem.nyquist * (1 + 1e-9)):
        given = "" if key.startswith("mesh.cutoff") else f" reaches to {reach.tolist()}, which"
        raise problem.fail(f"{key}{given} exceeds the Nyquist frequency {problem.nyquist.tolist()} of data.points")


def _check_coverage(problem: "Problem", mesh: FrequencyMesh, key: str) -> list[str]:
    axes, spectrum = _initial_spectrum(problem)
    power = np.abs(spectrum.ravel()) ** 2
    inside = mesh.contains(grid_points(axes))
    left_out, held = (float(np.sqrt(power[part].sum() / power.sum())) for part in (~inside, inside))
    if left_out <= _LEFT_OUT_WARNING:
        return []
    reach = [float(f"{width:.3g}") for width in band(axes, spectrum, _LEFT_OUT_WARNING)]
    text = f"{key} leaves out {100 * left_out:.2g} % of the norm of the initial error, which reaches to {reach}"
    if held < _HELD:
        raise problem.fail(f"{text}; the mesh must hold {100 * _HELD:g} %, and holds {100 * held:.2g} %")
    return [text]


def _initial_spectrum(problem: "Problem") -> tuple[list[np.ndarray], np.ndarray]:
    """Axes of an even grid up to the Nyquist frequency, and the initial error spectrum on it."""
    half = _BAND_GRID[problem.dimension - 1] // 2
    axes = [limit * np.arange(-half, half + 1) / half for limit in problem.nyquist]
    frequencies = grid_points(axes)
    spectrum = problem.initial_spectrum(frequencies)
    if problem.grid_shape is None and problem.settings.data.weights == "quadrature":
        spectrum = np.where(_is_noise(problem, frequencies, spectrum), 0.0, spectrum)
    return axes, spectrum.reshape([len(axis) for axis in axes])


def _is_noise(problem: "Problem", frequencies: np.ndarray, spectrum: np.ndarray) -> np.ndarray:
    """Where ``spectrum`` (n,) says no more of the error than scattered samples say of anything.

    Up to half of the band of the weights, waves times errors below the other half are integrated exactly. Beyond, terms
    w_i e_i of random phases add up to squares of the mean sum_i (w_i e_i)^2, of which the largest of N is about ln N
    times as large.
    """
    size = problem.upper - problem.lower
    limit = 0.5 * np.pi * exact_band(problem.points, problem.weights, problem.lower, problem.upper) / size
    level = (np.log(len(problem.points)) + 2) * np.sum((problem.weights * problem.initial_error) ** 2)
    noise = np.any(np.abs(frequencies) > limit, axis=1) & (np.abs(spectrum) ** 2 <= level)
    return noise & ~noise.all()
