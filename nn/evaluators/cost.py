"""Estimated time of one gradient, by which an evaluator is chosen.

An estimate and not a measurement: a choice by the clock would differ from run to run, and with it the last digits
of the results. The constants are nanoseconds on one core, fitted to times of 1D, 2D and 3D gradients of 16 to 1e5
neurons and points; they are within a factor of about 2, which is enough to choose by.
"""

import numpy as np

#: Dense: the call, and one pair of neuron and point, forward and backward.
_DENSE_CALL, _DENSE_PAIR = 3e5, 27.0
#: Transforms: the call, a neuron or point apart from spreading, one grid value spread to, one grid value transformed.
_NUFFT_CALL, _NUFFT_POINT, _NUFFT_SPREAD, _NUFFT_GRID = 5e5, 50.0, 1.0, 40.0


def dense_time(points: np.ndarray, frequencies: np.ndarray) -> float:
    """Nanoseconds of one gradient by the plain formula, for ``points`` (N, d) and ``frequencies`` (m, d)."""
    return _DENSE_CALL + _DENSE_PAIR * len(points) * len(frequencies)


def nufft_time(points: np.ndarray, frequencies: np.ndarray, tolerance: float) -> float:
    """Nanoseconds of one gradient by d + 2 transforms: one forward, d + 1 backward. NaN as ``grid_size``."""
    dimension = points.shape[1]
    # The type-3 transform upsamples twice: its own grid, and that of the type 2 inside.
    finer = (upsampling(points, frequencies, tolerance) / 2) ** (2 * dimension)
    grid = finer * _grid_time(points, frequencies, tolerance)
    each = _NUFFT_POINT * (len(points) + len(frequencies)) + _spread_time(points, frequencies, tolerance) + grid
    return _NUFFT_CALL + (dimension + 2) * each


def upsampling(points: np.ndarray, frequencies: np.ndarray, tolerance: float) -> float:
    """Ratio of fine to coarse grid along each axis: 1.5, or 2 where spreading takes longer than the FFT.

    Measured in 3D with a wide band, 1.5 is 3 to 5 times faster, at no loss of accuracy: finufft makes the kernel
    wider, up to its limit at tolerances below 1e-11.
    """
    grid = _grid_time(points, frequencies, tolerance)
    spread = _spread_time(points, frequencies, tolerance)
    return 1.5 if grid > 3 * spread and tolerance >= 1e-11 else 2.0


def grid_size(point_extents: np.ndarray, frequency_extents: np.ndarray, tolerance: float) -> float:
    """Points of the inner grid of a type-3 transform with twofold upsampling; NaN if an extent is not finite.

    ``point_extents`` and ``frequency_extents`` (d,): largest minus smallest coordinate. Along each axis the grid has
    twice 4 S X / pi + kernel width points, S and X half the extents (Barnett, Magland and af Klinteberg, SIAM J. Sci.
    Comput. 41 (2019), C479, section 3.3).
    """
    areas = point_extents * frequency_extents / 4
    return float(np.prod(2 * (4 * areas / np.pi + _kernel_width(tolerance))))


def _grid_time(points: np.ndarray, frequencies: np.ndarray, tolerance: float) -> float:
    return _NUFFT_GRID * grid_size(np.ptp(points, axis=0), np.ptp(frequencies, axis=0), tolerance)


def _spread_time(points: np.ndarray, frequencies: np.ndarray, tolerance: float) -> float:
    return _NUFFT_SPREAD * _kernel_width(tolerance) ** points.shape[1] * (len(points) + len(frequencies))


def _kernel_width(tolerance: float) -> float:
    return 2 - np.log10(tolerance)
