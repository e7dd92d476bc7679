"""How much of a difference is one of phase, which magnitudes alone do not show.

At every frequency |a - b|² = (|a| - |b|)² + 4 |a| |b| sin²(φ/2), φ the angle between a and b: the first term is an
error of magnitude, the second one of phase. Summed over the nodes with their volumes, they split the squared relative
error.
"""

from dataclasses import dataclass

import numpy as np

from freqbias.compare.ensemble import matched_runs, mean_and_band
from freqbias.spectra import ErrorSpectra


@dataclass(frozen=True)
class PhaseError:
    """Of one pair, over time (T,), means over the runs; ``…_band`` (2, T) their band, None for one run.

    ``magnitude`` and ``phase``: the two parts of the relative error, whose squares, for every run, add up to its
    square. ``shift``: root mean square of the phase difference in radians, weighted with |a| |b|.
    """

    magnitude: np.ndarray
    magnitude_band: np.ndarray | None
    phase: np.ndarray
    phase_band: np.ndarray | None
    shift: np.ndarray
    shift_band: np.ndarray | None


def phase_error(spectra: ErrorSpectra, reference: ErrorSpectra, errors: np.ndarray) -> PhaseError:
    """Split the relative ``errors`` (S, T) of all runs of ``spectra`` against ``reference`` (see the module)."""
    weights = reference.mesh.node_volumes
    found = []
    for (run, other), error in zip(matched_runs(spectra, reference), errors, strict=True):
        rows = np.array([_split(a, b, weights) for a, b in zip(run, other, strict=True)])
        share, shift = rows.T
        found.append([np.sqrt(1 - share) * error, np.sqrt(share) * error, shift])
    magnitude, phase, shift = (mean_and_band(part) for part in np.array(found).swapaxes(0, 1))
    return PhaseError(*magnitude, *phase, *shift)


def _split(a: np.ndarray, b: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """The part of |a - b|² that is due to the phase, and the weighted root mean square of the phase difference."""
    difference, sizes = a - b, (np.abs(a), np.abs(b))
    # From the difference, since a and b may agree to more digits than their products keep.
    turned = difference * b.conj()
    angle = np.arctan2(turned.imag, turned.real + sizes[1] ** 2)
    product, total = sizes[0] * sizes[1], sizes[0] + sizes[1]
    by_phase = np.sum(weights * 4 * product * np.sin(angle / 2) ** 2)
    stretch = np.divide((difference * (a + b).conj()).real, total, out=np.zeros(len(a)), where=total > 0)
    squared = by_phase + np.sum(weights * stretch**2)
    common = np.sum(weights * product)
    shift = np.sqrt(np.sum(weights * product * angle**2) / common) if common > 0 else 0.0
    return (float(by_phase / squared) if squared > 0 else 0.0), float(shift)
