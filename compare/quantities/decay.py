"""Decay of single frequencies over training."""

from dataclasses import dataclass

import numpy as np

from freqbias.compare.ensemble import means_and_bands
from freqbias.compare.pairs import Found, by_level
from freqbias.compare.quantities.emergence import emergence_time_band, emergence_times
from freqbias.decay_rate import decay_rate, rounding
from freqbias.meshes import FrequencyMesh
from freqbias.problem import Problem
from freqbias.spectra import ErrorSpectra

#: At most this many peaks of the initial error are followed …
_MOST_PEAKS = 5
#: … of at least this part of the highest one …
_LOWEST_PEAK = 0.01
#: … and this far apart, in units of the resolution 2 pi / length of the box.
_SEPARATION = 2.0


@dataclass(frozen=True)
class DecayCurves:
    """|v(xi, t)| / |v(xi, 0)| at ``frequencies`` (k, d), nodes of the mesh, in radians per unit of x.

    ``ratio[level]`` is (T, k), the mean over the runs, NaN where v(xi, 0) = 0, or None for a missing level;
    ``asked`` (k, d) are the frequencies of the problem file, or the nodes themselves if it names none;
    ``emergence_time[level]`` (k,) belongs to ``ratio``. ``band[level]`` (2, T, k) and ``emergence_time_band[level]``
    (2, k) are None for one run. ``rate[level]`` (T, k) is the decay rate since the output before, in 1 / learning time,
    the mean over the runs, NaN at the first output and where a magnitude is within rounding.
    """

    nodes: np.ndarray
    frequencies: np.ndarray
    asked: np.ndarray
    ratio: Found
    band: Found
    emergence_time: Found
    emergence_time_band: Found
    rate: Found


def decay_curves(spectra: dict[str, ErrorSpectra], problem: Problem) -> DecayCurves:
    """The decay of the frequencies that the report of ``problem`` singles out, at every level of ``spectra``."""
    first = next(iter(spectra.values()))
    nodes, asked = chosen_nodes(problem, first.values[0])
    ratios = {level: decay_ratios(one, nodes) for level, one in spectra.items()}
    mean, band = means_and_bands(by_level(ratios))
    threshold = problem.settings.report.threshold
    emerged = {level: emergence_times(first.times, np.nan_to_num(mean[level]), threshold) for level in spectra}
    emerged_band = {
        level: emergence_time_band(first.times, np.nan_to_num(runs), threshold) for level, runs in ratios.items()
    }
    rates = {level: decay_rates(one, nodes) for level, one in spectra.items()}
    return DecayCurves(
        nodes,
        first.frequencies[nodes],
        asked,
        mean,
        band,
        by_level(emerged),
        by_level(emerged_band),
        by_level(rates),
    )


def chosen_nodes(problem: Problem, initial: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Numbers (k,) of the nodes to follow and the frequencies (k, d) asked for.

    Those nearest to ``report.frequencies``, or the ``peaks`` of the initial spectrum ``initial`` (n,).
    """
    asked = problem.settings.report.frequencies
    if asked:
        wanted = np.array(asked, dtype=float)
        return problem.mesh.node_numbers(wanted), wanted
    nodes = peaks(problem, np.abs(initial))
    return nodes, problem.mesh.nodes[nodes]


def peaks(problem: Problem, magnitude: np.ndarray) -> np.ndarray:
    """Numbers of the nodes of the highest well-separated maxima of ``magnitude`` (n,), by rising |xi|.

    Only one half of frequency space is searched: the magnitude of real data is even.
    """
    mesh = problem.mesh
    is_peak = (magnitude == _highest_around(mesh, magnitude)) & (magnitude >= _LOWEST_PEAK * magnitude.max())
    candidates = np.flatnonzero(is_peak & in_half_space(mesh.nodes))
    distance = _SEPARATION * 2 * np.pi / (problem.upper - problem.lower)
    chosen: list[int] = []
    for node in candidates[np.argsort(-magnitude[candidates], kind="stable")]:
        apart = (mesh.nodes[node] - mesh.nodes[chosen]) / distance
        mirrored = (mesh.nodes[node] + mesh.nodes[chosen]) / distance
        if not chosen or min(np.linalg.norm(apart, axis=1).min(), np.linalg.norm(mirrored, axis=1).min()) >= 1:
            chosen.append(int(node))
        if len(chosen) == _MOST_PEAKS:
            break
    return np.array(sorted(chosen, key=lambda node: np.linalg.norm(mesh.nodes[node])), dtype=int)


def _highest_around(mesh: FrequencyMesh, values: np.ndarray) -> np.ndarray:
    """The largest of ``values`` (n,) at each node and its neighbours (n,)."""
    _, cells = mesh.linear_cells()
    highest = values.copy()
    np.maximum.at(highest, cells, values[cells].max(axis=1, keepdims=True))
    return highest


def in_half_space(frequencies: np.ndarray) -> np.ndarray:
    """True for one of xi and -xi, and for 0: the first coordinate that is not 0 is positive. (n, d) to (n,)."""
    result = np.zeros(len(frequencies), dtype=bool)
    undecided = np.ones(len(frequencies), dtype=bool)
    for column in frequencies.T:
        result |= undecided & (column > 0)
        undecided &= column == 0
    return result | undecided


def decay_ratios(spectra: ErrorSpectra, nodes: np.ndarray) -> np.ndarray:
    """|v(xi, t)| / |v(xi, 0)| of every run (S, T, k) at the given nodes, NaN where v(xi, 0) = 0."""
    magnitude = np.abs(spectra.runs[:, :, nodes])
    initial = magnitude[:, :1]
    return np.divide(magnitude, initial, out=np.full(magnitude.shape, np.nan), where=initial > 0)


def decay_rates(spectra: ErrorSpectra, nodes: np.ndarray) -> np.ndarray:
    """-d/dt log|v(xi, t)| at the given nodes (T, k), see ``DecayCurves``: the mean over the runs."""
    found = np.full((len(spectra.runs), len(spectra.times), len(nodes)), np.nan)
    for rates, run in zip(found, spectra.runs, strict=True):
        magnitude, floor = np.abs(run[:, nodes]), rounding(np.abs(run[0]))
        for k, interval in enumerate(np.diff(spectra.times), start=1):
            rate, known = decay_rate(magnitude[k - 1], magnitude[k], interval, floor)
            rates[k, known] = rate[known]
    return found.mean(axis=0)
