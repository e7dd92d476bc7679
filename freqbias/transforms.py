"""Non-uniform Fourier transforms between scattered points and scattered frequencies (finufft, type 3)."""

import finufft
import numpy as np

#: Strengths and frequencies together below which a transform runs on one thread.
_SMALL = 200_000


def fourier_transform(
    points: np.ndarray,
    strengths: np.ndarray,
    frequencies: np.ndarray,
    sign: int = -1,
    tolerance: float = 1e-12,
    threads: int = 0,
) -> np.ndarray:
    """sum_j strengths[..., j] exp(sign i frequencies[k] . points[j]) for every k.

    ``points`` (N, d), ``frequencies`` (n, d), ``strengths`` (N,) or (K, N), real or complex; returns (n,) or
    (K, n) complex. With sign = -1 and strengths w_j e(x_j) it is the error spectrum of THEORY section 1.
    ``tolerance`` is relative to the largest sum of magnitudes; ``threads`` 0 means one for small transforms, which
    threads only slow down, and finufft's choice for others.
    """
    dimension = points.shape[1]
    strengths = np.ascontiguousarray(strengths, dtype=complex)
    if strengths.size == 0 or len(frequencies) == 0:
        return np.zeros((*strengths.shape[:-1], len(frequencies)), dtype=complex)
    if threads == 0 and strengths.size + len(frequencies) < _SMALL:
        threads = 1
    transform = (finufft.nufft1d3, finufft.nufft2d3, finufft.nufft3d3)[dimension - 1]
    source = [np.ascontiguousarray(points[:, i], dtype=float) for i in range(dimension)]
    target = [np.ascontiguousarray(frequencies[:, i], dtype=float) for i in range(dimension)]
    return transform(*source, strengths, *target, eps=tolerance, isign=sign, nthreads=threads)


def error_spectrum(
    points: np.ndarray, errors: np.ndarray, weights: np.ndarray, frequencies: np.ndarray, threads: int = 0
) -> np.ndarray:
    """v(xi) = sum_i w_i e(x_i) exp(-i xi . x_i): errors (T, N) at points (N, d), weights (N,), to spectra (T, n)."""
    return fourier_transform(points, errors * weights, frequencies, threads=threads)
