"""Fourier series of a stationary kernel on the differences of the samples."""

from collections.abc import Callable
from dataclasses import dataclass

import finufft
import numpy as np
from numpy.polynomial import Chebyshev
from scipy.special import i0e

from freqbias.errors import NumericalError
from freqbias.laws.product import grid_points

#: A stationary kernel: values (n,) at differences (n, d) of x.
StationaryKernel = Callable[[np.ndarray], np.ndarray]

#: Lengths over which the window may fall, in units of the largest difference; which one needs the fewest modes is
#: tried.
_FALLS = (0.1, 0.2, 0.4, 0.7, 1.0, 1.4, 2.0)
#: Points on an axis at which coefficients are looked for, at first.
_AXIS_POINTS = 2**11
#: Values of the kernel that are computed at once.
_BLOCK = 2**21
#: Differences at which the series is measured.
_MEASURED = 4000


@dataclass(frozen=True)
class KernelSeries:
    """C(z) = sum_k coefficients_k exp(i pi sum_a k_a z_a / half_period_a), valid where |z_a| <= reach_a.

    ``coefficients`` (n_1, …, n_d) real, even, k_a = -(n_a - 1)/2 … (n_a - 1)/2 (all n_a odd); ``half_period`` (d,) in
    units of x.
    """

    coefficients: np.ndarray
    half_period: np.ndarray

    def __call__(self, differences: np.ndarray) -> np.ndarray:
        """The series at ``differences`` (n, d): (n,)."""
        angles = np.ascontiguousarray((np.pi * differences / self.half_period).T)
        plan = finufft.Plan(2, self.coefficients.shape, eps=1e-14, isign=1, nthreads=1)
        plan.setpts(*angles)
        return plan.execute(self.coefficients.astype(complex)).real

    def error(self, kernel: StationaryKernel, points: np.ndarray) -> float:
        """Largest error at some differences of ``points`` (N, d), also at ones near 0, relative to C(0)."""
        generator = np.random.default_rng(0)
        pairs = generator.integers(len(points), size=(2, _MEASURED))
        differences = points[pairs[0]] - points[pairs[1]]
        differences[_MEASURED // 2 :] *= 10.0 ** generator.uniform(-6, 0, (_MEASURED - _MEASURED // 2, 1))
        differences[0] = 0
        exact = kernel(differences)
        return float(np.abs(self(differences) - exact).max() / exact[0])


def kernel_series(kernel: StationaryKernel, reach: np.ndarray, tolerance: float, most_modes: int) -> KernelSeries:
    """The series of ``kernel`` on |z_a| <= ``reach`` (d,), for errors up to ``tolerance`` times the kernel at 0.

    The kernel times a window, 1 up to the reach, whose fall is the integral of a Kaiser-Bessel function (of all
    functions of bounded length nearly the one with the shortest spectrum). It is made periodic with a period so short
    that only falls overlap; coefficients by FFT. The number of modes is found on the axes: for a kernel that is
    positive definite the series along axis a has the sums of the coefficients over the other axes. It is bounded by
    ``most_modes``, which a law with heavy tails may need: measure ``KernelSeries.error``.
    """
    dimension = len(reach)
    most = min(_BLOCK, int(4 * most_modes ** (1 / dimension)))
    axes = [_Axis.best(_along(kernel, axis, dimension), reach[axis], tolerance, most) for axis in range(dimension)]
    counts = np.array([axis.modes for axis in axes])
    while np.prod(counts.astype(float)) > most_modes:
        counts[np.argmax(counts)] = int(0.95 * counts.max()) // 2 * 2 - 1
    places, windows, targets = zip(*(axis.samples(n) for axis, n in zip(axes, counts, strict=True)), strict=True)
    values = np.zeros(counts)
    rows = max(1, _BLOCK // int(np.prod([len(z) for z in places[1:]])))
    for start in range(0, len(places[0]), rows):
        block = slice(start, start + rows)
        part = kernel(grid_points([places[0][block], *places[1:]])).reshape(-1, *(len(z) for z in places[1:]))
        part *= windows[0][block].reshape([-1] + [1] * (dimension - 1))
        for axis in range(1, dimension):
            part = np.moveaxis(_folded(np.moveaxis(part, axis, 0), windows[axis], targets[axis], counts[axis]), 0, axis)
        np.add.at(values, targets[0][block], part)
    if not np.isfinite(values).all():
        raise NumericalError("the kernel is not finite at the differences of the samples: check network.law")
    coefficients = np.ascontiguousarray(np.fft.fftshift(np.fft.fftn(values)).real) / values.size
    return KernelSeries(coefficients, np.array([axis.half_period for axis in axes]))


def _folded(values: np.ndarray, window: np.ndarray, targets: np.ndarray, count: int) -> np.ndarray:
    """``values`` (n, …) times ``window`` (n,), summed over the places that are one and the same of ``count``."""
    folded = np.zeros((count, *values.shape[1:]))
    np.add.at(folded, targets, values * window.reshape([-1] + [1] * (values.ndim - 1)))
    return folded


def _along(kernel: StationaryKernel, axis: int, dimension: int) -> StationaryKernel:
    """The kernel as a function of one coordinate, the others 0."""

    def values(z: np.ndarray) -> np.ndarray:
        differences = np.zeros((len(z), dimension))
        differences[:, axis] = z
        return kernel(differences)

    return values


@dataclass(frozen=True)
class _Axis:
    """The window on one axis, 1 up to ``reach`` and 0 after ``fall`` more, and the number of modes (odd) it needs."""

    reach: float
    fall: float
    tolerance: float
    modes: int = 1

    @property
    def half_period(self) -> float:
        """The window's images overlap it only where both fall."""
        return self.reach + 0.5 * self.fall

    @classmethod
    def best(cls, kernel: StationaryKernel, reach: float, tolerance: float, most: int) -> "_Axis":
        """The window with which a one-dimensional ``kernel`` needs the fewest modes, up to about ``most``."""
        if reach == 0:  # all samples in one place
            return cls(1.0, 1.0, tolerance)
        candidates = [cls(reach, fall * reach, tolerance) for fall in _FALLS]
        points = _AXIS_POINTS
        while True:
            needed = [axis._needed(kernel, points) for axis in candidates]
            best = int(np.argmin(needed))
            if needed[best] < points // 2 or points >= most:
                chosen = candidates[best]
                return cls(reach, chosen.fall, tolerance, min(needed[best], points - 1) // 2 * 2 + 1)
            # A law with heavy tails: what matters is a short period.
            candidates, points = candidates[:1], 4 * points

    def samples(self, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Places z (n,) a ``count``-th of the period apart, the window there, and which of the ``count`` each is."""
        number = np.arange(-count + 1, count)
        z = 2 * self.half_period * number / count
        inside = np.abs(z) < self.reach + self.fall
        number, z = number[inside], z[inside]
        integral = _fall(self.tolerance)
        part = (np.abs(z) - self.reach) / self.fall
        return z, 1 - integral(np.clip(2 * part - 1, -1, 1)) / integral(1.0), number % count

    def _needed(self, kernel: StationaryKernel, points: int) -> int:
        """Modes after which the sum of the coefficients that are left is below the tolerance."""
        z, window, targets = self.samples(points)
        values = _folded(kernel(z), window, targets, points)
        coefficients = np.abs(np.fft.rfft(values)) / points
        left = 2 * np.cumsum(coefficients[::-1])[::-1]
        few = left <= 0.5 * self.tolerance * np.abs(values).max()
        return 2 * int(np.argmax(few)) + 1 if few.any() else points


def _fall(tolerance: float) -> Chebyshev:
    """The integral from -1 of the Kaiser-Bessel function whose spectrum is below ``tolerance`` outside of its band."""
    shape = 3 - np.log(tolerance)

    def bump(t: np.ndarray) -> np.ndarray:
        root = np.sqrt(np.maximum(1 - t**2, 0))
        return i0e(shape * root) * np.exp(shape * (root - 1))

    return Chebyshev.interpolate(bump, 100).integ(lbnd=-1)
