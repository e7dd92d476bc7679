"""Products with the infinite-width kernel on the samples, without its matrix."""

from abc import ABC, abstractmethod
from collections.abc import Callable

import finufft
import numpy as np
from scipy import fft

from freqbias.errors import NumericalError
from freqbias.families import Family
from freqbias.nn.kernel_matrix import grid_differences
from freqbias.nn.kernel_series import KernelSeries, kernel_series

#: Most modes of a series: finufft then takes about 1 GiB.
_MOST_MODES = 2**24
#: A larger error of the series is refused, and one below the first is not asked for.
_SERIES_ERRORS = (1e-13, 1e-5)


class HeavyTailsError(NumericalError):
    """A law has so heavy tails that no Fourier series of bounded length comes near to its kernel."""


class KernelProduct(ABC):
    """u -> K u for K(x, y) = C(x - y) + x.y D(x - y) on points (N, d).

    K u = C * u + sum_a x_a (D * (x_a u)), where * are the products with the matrices of the stationary kernels C and D.
    ``series_error``: the largest error of C and D, relative to their values at 0; ``count``: products so far.
    """

    def __init__(self, points: np.ndarray, series_error: float = 0.0):
        self.series_error = series_error
        self.count = 0
        self._factors = np.ones((1 + points.shape[1], len(points)))
        self._factors[1:] = points.T

    def __call__(self, vector: np.ndarray) -> np.ndarray:
        """K times ``vector`` (N,): (N,)."""
        self.count += 1
        return np.einsum("ai,ai->i", self._factors, self._convolve(self._factors * vector))

    @abstractmethod
    def _convolve(self, rows: np.ndarray) -> np.ndarray:
        """The products of C with the first of ``rows`` (1 + d, N) and of D with the others."""


class GridProduct(KernelProduct):
    """On an even tensor grid, the last axis running fastest: Toeplitz matrices, exact by FFTs of twice its size."""

    def __init__(self, family: Family, points: np.ndarray, shape: tuple[int, ...], threads: int = 0):
        super().__init__(points)
        self._shape, self._workers = shape, threads or None
        self._axes = tuple(range(-len(shape), 0))
        self._padded = tuple(fft.next_fast_len(2 * n - 1, real=True) for n in shape)
        spectra = []
        for table in family.stationary_kernels(grid_differences(points, shape)):
            if not np.isfinite(table).all():
                raise NumericalError("the kernel is not finite at the differences of the samples: check network.law")
            table = table.reshape([2 * n - 1 for n in shape])
            padded = np.zeros(self._padded)
            padded[tuple(slice(0, n) for n in table.shape)] = table
            # Difference 0 to the first place of every axis.
            padded = np.roll(padded, [1 - n for n in shape], axis=self._axes)
            spectra.append(fft.rfftn(padded, workers=self._workers))
        self._amplitudes, self._frequencies = spectra

    def _convolve(self, rows: np.ndarray) -> np.ndarray:
        spectra = fft.rfftn(rows.reshape(-1, *self._shape), self._padded, self._axes, workers=self._workers)
        spectra[0] *= self._amplitudes
        spectra[1:] *= self._frequencies
        images = fft.irfftn(spectra, self._padded, self._axes, workers=self._workers)
        inside = (slice(None), *(slice(0, n) for n in self._shape))
        return images[inside].reshape(rows.shape)


class SeriesProduct(KernelProduct):
    """On scattered points: Fourier series of C and D, a non-uniform FFT to their modes and one back.

    C * u is real for real u: two rows go through a complex transform together.
    """

    def __init__(self, family: Family, points: np.ndarray, tolerance: float = 1e-12, threads: int = 0):
        """``tolerance``: error of the series, relative to the kernels at 0, and of the transforms.

        Raises HeavyTailsError if the series, of bounded length, does not come near to the kernels.
        """
        tolerance = max(tolerance, _SERIES_ERRORS[0])
        reach, dimension = np.ptp(points, axis=0), points.shape[1]
        origin = np.zeros((1, dimension))
        sizes = [float(kernel(origin)[0]) for kernel in _kernels(family)]
        series: list[KernelSeries] = []
        errors = [0.0]
        for kernel, size in zip(_kernels(family), sizes, strict=True):
            if size > 0 and not (series and _proportional(family, points)):
                series.append(kernel_series(kernel, reach, tolerance, _MOST_MODES))
                errors.append(series[-1].error(kernel, points))
        if max(errors) > _SERIES_ERRORS[1]:
            raise HeavyTailsError(
                f"the law has so heavy tails that a Fourier series of its kernel with {series[-1].coefficients.size} "
                f"modes has a relative error of {max(errors):.1g} at scattered samples: try samples on a grid, at most "
                "6000 samples, or a law with lighter tails"
            )
        super().__init__(points, max(errors))
        amplitudes, frequencies = slice(0, 1), slice(1, None)
        parts: list[tuple[slice, KernelSeries, np.ndarray | float]]
        if sizes[1] == 0:
            parts = [(amplitudes, series[0], 1.0)]
        elif len(series) == 1:
            parts = [(slice(None), series[0], np.array([1.0] + dimension * [sizes[1] / sizes[0]]))]
        else:
            parts = [(amplitudes, series[0], 1.0), (frequencies, series[1], 1.0)]
        middle = 0.5 * (points.max(axis=0) + points.min(axis=0))
        self._parts = [
            (rows, _Convolution(points - middle, one.coefficients, one.half_period, 0.1 * tolerance, threads), factors)
            for rows, one, factors in parts
        ]

    def _convolve(self, rows: np.ndarray) -> np.ndarray:
        images = np.zeros_like(rows)
        for which, convolution, factors in self._parts:
            images[which] = np.reshape(factors, (-1, 1)) * convolution(rows[which])
        return images


class _Convolution:
    """Products of the matrix of a Fourier series on points (N, d) with real rows (q, N)."""

    def __init__(
        self, points: np.ndarray, coefficients: np.ndarray, half_period: np.ndarray, tolerance: float, threads: int
    ):
        self._coefficients = coefficients
        self._angles = np.ascontiguousarray((np.pi * points / half_period).T)
        self._options = {"eps": max(tolerance, 1e-14), "nthreads": threads}
        self._plans: tuple[finufft.Plan, finufft.Plan] | None = None

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        pairs = (len(rows) + 1) // 2
        packed = rows[:pairs].astype(complex)
        packed[: len(rows) - pairs].imag = rows[pairs:]
        if self._plans is None:
            shape = self._coefficients.shape
            to_modes, back = (
                finufft.Plan(kind, shape, n_trans=pairs, isign=sign, **self._options)
                for kind, sign in ((1, -1), (2, 1))
            )
            for plan in (to_modes, back):
                plan.setpts(*self._angles)
            self._plans = to_modes, back
        modes = self._plans[0].execute(packed if pairs > 1 else packed[0])
        modes *= self._coefficients
        images = np.atleast_2d(self._plans[1].execute(modes))
        return np.concatenate([images.real, images.imag[: len(rows) - pairs]])


def kernel_product(
    family: Family, points: np.ndarray, shape: tuple[int, ...] | None, tolerance: float = 1e-12, threads: int = 0
) -> KernelProduct:
    """The product with the kernel of ``family`` on ``points`` (N, d); ``shape`` if they are an even tensor grid.

    ``tolerance`` is relative to the kernel at 0; ``threads`` 0 leaves their number to the libraries.
    """
    if shape is not None:
        return GridProduct(family, points, shape, threads)
    return SeriesProduct(family, points, tolerance, threads)


def _kernels(family: Family) -> list[Callable[[np.ndarray], np.ndarray]]:
    """C and D as functions of differences (n, d)."""
    return [lambda z: family.stationary_kernels(z)[0], lambda z: family.stationary_kernels(z)[1]]


def _proportional(family: Family, points: np.ndarray) -> bool:
    """Whether D is a multiple of C: then all rows share one series."""
    amplitudes, frequencies = family.stationary_kernels(points[:: max(1, len(points) // 1000)] - points[0])
    return np.allclose(frequencies * amplitudes[0], amplitudes * frequencies[0], rtol=1e-14, atol=0)
