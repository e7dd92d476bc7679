"""Weights of the samples in the loss: given ones, and computed ones with which the samples integrate over the box."""

from dataclasses import dataclass

import finufft
import numpy as np

from freqbias.errors import InputError
from freqbias.tables import read_arrays, real_numbers

#: Samples of a cell of the partition that the weights start from.
_SAMPLES_PER_CELL = 4
#: Cosines that are made exact: at most this part of the number of samples …
_LARGEST_PART = 0.25
#: … and no more than these: beyond, a wider band only costs time.
_MOST_COSINES = 2**15
#: Cosines along an axis that must be exact. Positive weights that are exact up to K leave no hole wider than about
#: 2 / (K + 1) of the box, so this is what covering the box means.
_LEAST_BAND = 3
#: The number of cosines is reduced by this factor until the weights are positive.
_NARROWING = 0.5
#: No weight is less than this part of its start.
_LEAST_FACTOR = 0.02
#: More iterations only a band needs that leaves no weights positive.
_MOST_ITERATIONS = 40
#: Error of the moments, of which the first is 1.
_MOMENT_ERROR = 1e-10


@dataclass(frozen=True)
class Quadrature:
    """Positive ``weights`` (N,) that sum to 1, with which the samples integrate products of cosines exactly.

    sum_i w_i prod_a cos(pi k_a (x_ia - lower_a) / (upper_a - lower_a)) is the mean over the box, to 1e-10, for all
    k_a from 0 to ``band``.
    """

    weights: np.ndarray
    band: int


def read_weights(name: str, count: int) -> np.ndarray:
    """The weights (``count``,) in a .npy, .npz (one array) or .csv file (one column).

    Raises InputError naming the file if it holds anything but one real number for each sample.
    """
    values = read_arrays(name)
    if isinstance(values, dict):
        if len(values) != 1:
            raise InputError(f"{name}: must hold one array, it holds {', '.join(values)}")
        values = next(iter(values.values()))
    if values.size != count or max(values.shape, default=1) != count:
        raise InputError(
            f"{name}: holds an array of shape {values.shape}, must hold one weight for each of {count} samples"
        )
    return real_numbers(name, values).ravel()


def normalized(weights: np.ndarray) -> np.ndarray:
    """``weights`` (N,) divided by their sum. Raises InputError if one is not positive and finite."""
    bad = ~(np.isfinite(weights) & (weights > 0))
    if bad.any():
        number = int(np.argmax(bad))
        raise InputError(
            f"{bad.sum()} of {len(weights)} weights are not positive and finite, the first is {weights[number]} of "
            f"sample {number}"
        )
    least = weights.min()
    weights = weights / weights.max()
    if not weights.all():
        raise InputError(f"the least of {len(weights)} weights, {least:g}, vanishes beside the largest")
    return weights / weights.sum()


def quadrature_weights(points: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> Quadrature:
    """Weights with which ``points`` (N, d) in the box from ``lower`` to ``upper`` integrate like its uniform density.

    Start: the volumes of the cells of a k-d tree, shared among the samples of a cell. Then the smallest correction
    that makes the cosines exact up to a band: sum (w - w0)^2 / w0 is least for w = w0 (1 + sum_k c_k T_k), where c
    solves the normal equations with the Gram matrix of the cosines T_k under w0, which is close to the identity; by
    conjugate gradients and non-uniform FFTs. The band is the widest one tried that leaves all weights positive.

    Raises InputError if the samples do not cover the box.
    """
    places = (points - lower) / (upper - lower)
    # Samples at one place share one weight.
    places, which, multiplicity = np.unique(places, axis=0, return_inverse=True, return_counts=True)
    count, dimension = places.shape
    start = _cell_volumes(places)
    band = int(min(_LARGEST_PART * count, _MOST_COSINES) ** (1 / dimension)) - 1
    while band >= _LEAST_BAND:
        factors = _Cosines(places, band).correction(start)
        if factors is not None and factors.min() >= _LEAST_FACTOR:
            weights = (start * factors / multiplicity)[which.ravel()]
            return Quadrature(weights / weights.sum(), band)
        band = min(band - 1, int(_NARROWING ** (1 / dimension) * (band + 1)) - 1)
    hole = lower + (upper - lower) * places[int(np.argmax(start))]
    raise InputError(
        f"{count} different samples do not cover the box: no positive weights integrate the first {_LEAST_BAND} "
        f"cosines along each axis (samples are scarcest near x = {[float(f'{x:.3g}') for x in hole]})"
    )


def exact_band(points: np.ndarray, weights: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """For each axis the largest K for which ``weights`` (N,) integrate cos(pi k (x - lower) / (upper - lower)), k <= K.

    To 10 times the error of ``quadrature_weights``; 0 if they do not integrate even the first one.
    """
    most = int(len(points) ** (1 / points.shape[1])) + 1
    bands = []
    for axis in range(points.shape[1]):
        places = (points[:, [axis]] - lower[axis]) / (upper[axis] - lower[axis])
        wrong = np.abs(_Cosines(places, most).moments(weights)[1:]) > 10 * _MOMENT_ERROR
        bands.append(int(np.argmax(wrong)) if wrong.any() else most)
    return np.array(bands)


def _cell_volumes(places: np.ndarray) -> np.ndarray:
    """For places (N, d) in the unit cube, halved along its longest edge until few samples are in a cell: (N,).

    The volume of a sample's cell divided by the number of samples in it; their sum is 1.
    """
    count, dimension = places.shape
    volumes = np.empty(count)
    cells = [(np.arange(count), np.zeros(dimension), np.ones(dimension))]
    while cells:
        inside, low, high = cells.pop()
        if len(inside) <= _SAMPLES_PER_CELL:
            volumes[inside] = np.prod(high - low) / len(inside)
            continue
        axis = int(np.argmax(high - low))
        coordinate, half = places[inside, axis], len(inside) // 2
        order = np.argpartition(coordinate, [half - 1, half])
        left, right = high.copy(), low.copy()
        left[axis] = right[axis] = 0.5 * (coordinate[order[half - 1]] + coordinate[order[half]])
        cells += [(inside[order[:half]], low, left), (inside[order[half:]], right, high)]
    return volumes


class _Cosines:
    """Products of cosines T_k(x) = prod_a s_a cos(pi k_a x_a), k_a = 0 … band, on places (N, d) in the unit cube.

    s_a = sqrt(2), but 1 for k_a = 0: orthonormal under the uniform density.
    """

    def __init__(self, places: np.ndarray, band: int):
        dimension = places.shape[1]
        self._shape = (2 * band + 1,) * dimension
        axis = np.full(band + 1, np.sqrt(2.0))
        axis[0] = 1.0
        self._scale = np.ones(())
        for _ in range(dimension):
            self._scale = np.multiply.outer(self._scale, axis)
        # One thread: finufft's own threads add in the order in which they finish.
        options = {"eps": 0.1 * _MOMENT_ERROR, "nthreads": 1, "isign": 1}
        self._adjoint, self._series = (finufft.Plan(kind, self._shape, **options) for kind in (1, 2))
        for plan in (self._adjoint, self._series):
            plan.setpts(*np.ascontiguousarray(np.pi * places.T))

    def moments(self, weights: np.ndarray) -> np.ndarray:
        """sum_i w_i T_k(x_i) for all k: (band + 1, …)."""
        sums = self._adjoint.execute(weights.astype(complex)).reshape(self._shape).real
        for axis, size in enumerate(self._shape):
            sums = np.moveaxis(sums, axis, 0)
            sums = np.moveaxis(0.5 * (sums[size // 2 :] + sums[size // 2 :: -1]), 0, axis)
        return self._scale * sums

    def values(self, coefficients: np.ndarray) -> np.ndarray:
        """sum_k c_k T_k at the places (N,)."""
        modes = 0.5 ** len(self._shape) * self._scale * coefficients
        for axis in range(len(self._shape)):
            modes = np.moveaxis(modes, axis, 0)
            modes = np.moveaxis(np.concatenate([modes[:0:-1], 2 * modes[:1], modes[1:]]), 0, axis)
        return self._series.execute(np.ascontiguousarray(modes, dtype=complex)).real

    def correction(self, start: np.ndarray) -> np.ndarray | None:
        """1 + sum_k c_k T_k (N,), with which ``start`` (N,) gets exact moments; None if there are too many cosines."""
        residual = -self.moments(start)
        residual.flat[0] += 1
        solution, direction = np.zeros_like(residual), residual.copy()
        for _ in range(_MOST_ITERATIONS):
            if np.abs(residual).max() <= _MOMENT_ERROR:
                return 1 + self.values(solution)
            image = self.moments(start * self.values(direction))
            before = np.sum(residual**2)
            step = before / np.sum(direction * image)
            solution += step * direction
            residual -= step * image
            direction = residual + np.sum(residual**2) / before * direction
        return None
