"""The bias index: how differently frequencies decay, in one number without unit.

B(t) = sin of the angle between the magnitudes |v(0)| and |v(t)| as functions of frequency,
B² = 1 - (∫ |v(0)| |v(t)|)² / (∫ |v(0)|² ∫ |v(t)|²). It is 0 exactly if |v(ξ, t)| / |v(ξ, 0)| is the same for all
frequencies that carry error, and near 1 if what is left lies at frequencies that had almost no share in the error at
the start. Scale, units, phase, the pace of training and the mesh do not enter.
"""

from dataclasses import dataclass

import numpy as np

from freqbias.compare.ensemble import mean_and_band
from freqbias.spectra import ErrorSpectra


@dataclass(frozen=True)
class Bias:
    """Of one level: means over the runs, and their band, None for one run.

    ``index`` (T,): B(t). ``drift`` (T,): the mean |ξ| of what is left, weighted with |v|², relative to its start,
    minus 1: positive where low frequencies are learned first. ``at_threshold``: the index when the norm of the error
    has fallen to the threshold of the report; None if it never does.
    """

    index: np.ndarray
    index_band: np.ndarray | None
    drift: np.ndarray
    drift_band: np.ndarray | None
    at_threshold: float | None
    at_threshold_band: tuple[float, float] | None


def bias(spectra: ErrorSpectra, threshold: float) -> Bias:
    """The bias index of ``spectra``; ``threshold`` is the part of the initial norm at which it is read off."""
    weights, radius = spectra.mesh.node_volumes, np.linalg.norm(spectra.frequencies, axis=1)
    rows = np.array([[_row(vector, run[0], weights, radius) for vector in run] for run in spectra.runs])
    index, frequency, norm = np.moveaxis(rows, -1, 0)
    start = frequency[:, :1]
    drift = np.divide(frequency, start, out=np.ones_like(frequency), where=start > 0) - 1
    read = np.array([_at(spectra.times, *run, threshold) for run in zip(index, norm / norm[:, :1], strict=True)])
    value, band = (None, None) if np.isnan(read).any() else mean_and_band(read)
    return Bias(
        *mean_and_band(index),
        *mean_and_band(drift),
        None if value is None else float(value),
        None if band is None else (float(band[0]), float(band[1])),
    )


def _row(now: np.ndarray, start: np.ndarray, weights: np.ndarray, radius: np.ndarray) -> tuple[float, float, float]:
    """Bias index, mean |ξ| and norm of the spectrum ``now`` (n,) that began as ``start`` (n,)."""
    sizes, first = np.abs(now), np.abs(start)
    power = np.sum(weights * sizes**2)
    if power == 0:
        return 0.0, 0.0, 0.0
    # By the chord, not the cosine: 1 - cos² would lose half of the digits of a small angle.
    unit = sizes / np.sqrt(power) - first / np.sqrt(np.sum(weights * first**2))
    angle = 2 * np.arcsin(min(1.0, 0.5 * np.sqrt(np.sum(weights * unit**2))))
    return float(np.sin(angle)), float(np.sum(weights * radius * sizes**2) / power), float(np.sqrt(power))


def _at(times: np.ndarray, index: np.ndarray, remaining: np.ndarray, threshold: float) -> float:
    """``index`` (T,) when ``remaining`` (T,) first falls to ``threshold``, as in ``emergence_times``; NaN if never."""
    below = np.flatnonzero(remaining <= threshold)
    if len(below) == 0:
        return np.nan
    after = below[0]
    high, low = np.log(np.maximum(remaining[[after - 1, after]], 1e-300))
    part = (high - np.log(threshold)) / (high - low)
    return float(index[after - 1] + part * (index[after] - index[after - 1]))
