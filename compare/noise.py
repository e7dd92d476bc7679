"""How far a difference of two levels can be trusted: numbers below their noise say nothing."""

import math

from freqbias.compare.metrics import Comparison
from freqbias.compare.presence import absences
from freqbias.compare.status import Status

#: What a level knows of its own error, relative to the initial norm: of the evolution and of the training.
_ESTIMATES = ("evolution_error_estimate", "flow_error_estimate")


def noise(comparison: Comparison, pair_key: str) -> float:
    """The uncertainty of the relative error of a pair: root of the sum of squares of the known estimates.

    They are those of the time evolution of both levels, and of the interpolation where levels had to be aligned. What
    nobody estimates (the mesh, rounding) is not in it; 0 if nothing is known or a level is missing.
    """
    pair = next(pair for pair in comparison.pairs if pair.key == pair_key)
    parts = [0.0]
    for level in (pair.level, pair.reference):
        if level not in comparison.spectra:
            return 0.0
        info = comparison.spectra[level].info
        parts += [float(info[key]) for key in _ESTIMATES if info.get(key) is not None]
        parts += _alignment_errors(comparison, level)
    return math.hypot(*parts)


def pair_status(comparison: Comparison, pair_key: str, value: float | None = None) -> Status:
    """What ``value`` of a pair is, or why there is none."""
    pair = next(pair for pair in comparison.pairs if pair.key == pair_key)
    if comparison.relative_error[pair_key] is None:
        return missing_status(comparison, pair.level, pair.reference)
    return Status.WITHIN_NOISE if value is not None and value < noise(comparison, pair_key) else Status.MEASURED


def missing_status(comparison: Comparison, *levels: str) -> Status:
    """Why some of ``levels`` are not there: the problem has none of it, or nobody asked for it."""
    problem, missing = comparison.problem, [level for level in levels if level in absences(comparison)]
    without = {"pde": problem.unpredicted, "kernel": problem.nonlinear}
    return Status.NOT_COMPARABLE if any(without.get(level) for level in missing) else Status.SKIPPED


def _alignment_errors(comparison: Comparison, level: str) -> list[float]:
    alignment = comparison.alignment.get(level)
    return [] if alignment is None else [float(alignment.error.max())]
