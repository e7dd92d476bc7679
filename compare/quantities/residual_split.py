"""What is left at low and at high frequencies."""

from dataclasses import dataclass

import numpy as np

from freqbias.compare.ensemble import mean_and_band
from freqbias.spectra import ErrorSpectra


@dataclass(frozen=True)
class ResidualSplit:
    """Of one level: norm of the error below and above a frequency, each relative to its own initial norm.

    ``low`` and ``high`` (T,) are means over the runs, ``…_band`` (2, T) their band. A part without initial error is
    NaN.
    """

    low: np.ndarray
    low_band: np.ndarray | None
    high: np.ndarray
    high_band: np.ndarray | None


def median_frequency(spectra: ErrorSpectra) -> float:
    """The |ξ| below which half of the squared norm of the initial error lies, in radians per unit of x."""
    power = spectra.mesh.node_volumes * np.abs(spectra.values[0]) ** 2
    # Rounded, so that mirror images are one place.
    radius = np.round(np.linalg.norm(spectra.frequencies, axis=1) / (scale := np.abs(spectra.frequencies).max()), 12)
    places, number = np.unique(radius, return_inverse=True)
    shells = np.bincount(number, power)
    # Half of the power of a place lies below it; between places, so that a finer mesh gives the same number.
    return float(scale * np.interp(0.5 * shells.sum(), np.cumsum(shells) - 0.5 * shells, places))


def residual_split(spectra: ErrorSpectra, boundary: float) -> ResidualSplit:
    """The error of ``spectra`` at |ξ| up to ``boundary`` (radians per unit of x), and beyond."""
    low = np.linalg.norm(spectra.frequencies, axis=1) <= boundary
    weights = spectra.mesh.node_volumes

    def part(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        norms = np.array([[np.sqrt(weights[mask] @ np.abs(row[mask]) ** 2) for row in run] for run in spectra.runs])
        start = norms[:, :1]
        return mean_and_band(np.divide(norms, start, out=np.full_like(norms, np.nan), where=start > 0))

    return ResidualSplit(*part(low), *part(~low))
