"""Levels from different meshes, times and tools, brought to common frequencies and times."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from freqbias.compare.alignment.common_mesh import common_mesh, differ, left_out, reach_in_words, two_pi_hint
from freqbias.compare.alignment.common_times import TimeInterpolation, agree, common_times
from freqbias.compare.alignment.comparable import check_comparable
from freqbias.compare.alignment.conventions import initial_difference
from freqbias.compare.alignment.interpolation import interpolation
from freqbias.compare.pairs import LEVEL_NAMES
from freqbias.errors import InputError
from freqbias.meshes import FrequencyMesh
from freqbias.plain_spectra import PlainSpectra
from freqbias.problem import Problem
from freqbias.spectra import ErrorSpectra

#: The common frequencies must leave out at most this part of the norm of any level's initial spectrum.
_LEFT_OUT = 0.1
#: A spectrum of another tool that loses more than this part of its norm by interpolation keeps its own frequencies.
_COARSE = 0.01
#: Below this, a difference of initial spectra is not worth a note.
_NOTEWORTHY = 1e-3

Level = ErrorSpectra | PlainSpectra


@dataclass(frozen=True)
class Alignment:
    """What was done to a level. ``notes``: in words, empty if nothing was.

    ``error`` (T,): estimated L2 norm over frequency of the error that this makes, relative to the norm of the
    initial spectrum. ``left_out``: part of the norm of its initial spectrum beyond the common frequencies.
    """

    notes: tuple[str, ...]
    error: np.ndarray
    left_out: float


@dataclass(frozen=True)
class Aligned:
    """Spectra of all levels on one mesh at the same times, and what was done to each."""

    spectra: dict[str, ErrorSpectra]
    facts: dict[str, Alignment]


def align(levels: Mapping[str, Level]) -> Aligned:
    """Bring ``levels`` (pde, kernel, network, as far as they are there) to common frequencies and times.

    Frequencies: the first of those meshes, in this order, that lies within the frequencies of all levels, else the
    part of one that all share; those of another tool only if they are too coarse to be interpolated. Times: the
    outputs that all share, or if these are few those of the first level that lie between outputs of all. What agrees
    already is left as it is. A spectrum without a problem gets that of the first level with one.

    Raises InputError if the levels belong to different settings, targets or conventions, or have too little in
    common; NumericalError if a spectrum is not finite.

    >>> from freqbias import Problem, fem, nn
    >>> problem = Problem.from_file("examples/three_tones.toml").changed({"training.times.last": 10.0})
    >>> aligned = align({"pde": fem.solve(problem.changed({"mesh.cells": [240]})), "kernel": nn.kernel_flow(problem)})
    >>> aligned.facts["kernel"].notes
    ('interpolated from 600 cells in [-30, 30] to 240 cells in [-30, 30]',)
    """
    levels = {level: levels[level] for level in LEVEL_NAMES if level in levels}
    own = {level: one for level, one in levels.items() if isinstance(one, ErrorSpectra)}
    if not own:
        sources = ", ".join(one.source for one in levels.values())
        raise InputError(f"{sources}: a spectrum file of freqbias is needed, too: it holds the problem")
    check_comparable(list(own.values()))
    problem = next(iter(own.values())).problem
    notes: dict[str, list[str]] = {level: [] for level in levels}
    foreign = {level: _checked(one, problem) for level, one in levels.items() if isinstance(one, PlainSpectra)}
    differences = {}
    for level, plain in foreign.items():
        notes[level] += plain.notes
        differences[level] = initial_difference(plain, problem)
        if differences[level] > _NOTEWORTHY:
            percent = f"{100 * differences[level]:.2g} %"
            notes[level].append(f"the initial spectrum differs by {percent} from that of the samples")
    levels |= foreign
    names = {level: _name(level, one, levels) for level, one in levels.items()}
    meshes = {names[level]: one.mesh for level, one in levels.items()}
    mesh = common_mesh(meshes, [names[level] for level in own])
    for level, plain in foreign.items():
        if _loses(plain, mesh, problem) > differences[level] + _COARSE:
            mesh = common_mesh(meshes, [names[level]], whole=True)
            break
    lost = {level: left_out(one.mesh, one.runs[:, 0], mesh) for level, one in levels.items()}
    worst = max(lost, key=lambda level: lost[level])
    if not lost[worst] <= _LEFT_OUT:
        reaches = ", ".join(f"{name} has {reach_in_words(one)}" for name, one in meshes.items())
        raise InputError(
            f"frequencies: those that all levels share leave out {100 * lost[worst]:.3g} % of the norm of the initial "
            f"spectrum of {names[worst]}, {100 * _LEFT_OUT:g} % is allowed: {reaches}{two_pi_hint(meshes)}"
        )
    times = common_times({names[level]: one.times for level, one in levels.items()})
    spectra, facts = {}, {}
    for level, one in levels.items():
        spectra[level], error, done = _brought_to(one, mesh, times, problem)
        facts[level] = Alignment((*notes[level], *done), error, lost[level])
    return Aligned(spectra, facts)


def _checked(plain: PlainSpectra, problem: Problem) -> PlainSpectra:
    if plain.dimension != problem.dimension:
        raise plain.fail(
            f"frequencies have {plain.dimension} coordinates, those of {problem.source} have {problem.dimension}"
        )
    return plain.completed()


def _loses(plain: PlainSpectra, mesh: FrequencyMesh, problem: Problem) -> float:
    """How far the interpolated initial spectrum is, relatively, from that of the samples, or may be."""
    found, error = interpolation(plain.mesh, mesh).interpolate(plain.runs[0, 0])
    expected = problem.initial_spectrum(mesh.nodes)
    return float(max(error, mesh.norm(found - expected)) / mesh.norm(expected))


def _name(level: str, one: Level, levels: Mapping[str, Level]) -> str:
    """The level, with its source where the sources differ."""
    return level if len({other.source for other in levels.values()}) == 1 else f"{level} ({one.source})"


def _brought_to(
    one: Level, mesh: FrequencyMesh, times: np.ndarray, problem: Problem
) -> tuple[ErrorSpectra, np.ndarray, list[str]]:
    """``one`` on ``mesh`` at ``times``; the estimated error (T,) relative to the initial norm; what was done."""
    done = []
    runs, errors = one.runs, np.zeros((len(one.runs), len(one.times)))
    if differ(one.mesh, mesh):
        runs, errors = _on_mesh(one, mesh)
        plain = isinstance(one, PlainSpectra)
        words = f"{len(one.frequencies)} frequencies" if plain else one.mesh.cells_in_words
        words = f"{words} in {reach_in_words(one.mesh)} to {mesh.cells_in_words} in {reach_in_words(mesh)}"
        if errors.any():
            done.append(f"interpolated from {words}")
        elif not (plain and len(one.frequencies) == len(mesh.nodes)):
            done.append(f"taken at common nodes, from {words}")
    losses = one.run_losses if isinstance(one, ErrorSpectra) else None
    if not agree(one.times, times):
        way = TimeInterpolation(one.times, times)
        runs, in_time = map(np.array, zip(*(way.interpolate(run, mesh) for run in runs), strict=True))
        errors = np.array([np.interp(times, one.times, error) for error in errors]) + in_time
        losses = None if losses is None else way.losses(losses)
        what = "interpolated in log t" if in_time.any() else "taken at common outputs"
        done.append(
            f"{what} from {len(one.times) - 1} times up to {one.times[-1]:g} to {len(times) - 1} up to {times[-1]:g}"
        )
    relative = (errors / mesh.norm(runs[:, 0])[:, None]).max(axis=0)
    if not done and isinstance(one, ErrorSpectra):
        return one, relative, done
    if isinstance(one, PlainSpectra):
        facts = {"source": one.source}
        return ErrorSpectra(one.level, _problem_of(one, problem, mesh), times, runs[0], info=facts), relative, done
    changed = one.problem if one.mesh is mesh else one.problem.with_mesh(mesh)
    seeds = one.seeds or (0,)
    spectra = ErrorSpectra.of_ensemble(one.level, changed, times, runs, losses, seeds, one.info)
    return spectra, relative, done


def _problem_of(plain: PlainSpectra, problem: Problem, mesh: FrequencyMesh) -> Problem:
    changed = problem.with_mesh(mesh)
    changed.source = plain.source
    return changed


def _on_mesh(one: Level, mesh: FrequencyMesh) -> tuple[np.ndarray, np.ndarray]:
    """The runs (S, T, n) of ``one`` at the nodes of ``mesh``, and the estimated errors (S, T)."""
    way = interpolation(one.mesh, mesh, _breakpoints(one))
    runs = np.empty((*one.runs.shape[:2], len(mesh.nodes)), dtype=complex)
    errors = np.empty(runs.shape[:2])
    for number, run in enumerate(one.runs):
        for time, values in enumerate(run):
            runs[number, time], errors[number, time] = way.interpolate(values)
    return runs, errors


def _breakpoints(one: Level) -> list[np.ndarray] | None:
    """Where the solution of the PDE has kinks: at jumps of the law. Other levels know no such places."""
    if not isinstance(one, ErrorSpectra) or one.level != "pde" or one.problem.family is None:
        return None
    return [np.unique([-points, points]) for points in one.problem.family.breakpoints(one.problem.dimension)]
