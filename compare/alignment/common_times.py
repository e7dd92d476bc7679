"""The times at which all levels are compared, and spectra between their own output times."""

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import maximum_filter1d

from freqbias.compare.alignment.interpolation import extrapolated, spline, thinned
from freqbias.errors import InputError
from freqbias.meshes import FrequencyMesh

#: Times that differ by less, relatively, are the same.
_SAME = 1e-8
#: Fewer common output times than these (besides 0) say nothing about training.
_FEWEST = 3
#: Shared output times are enough if they are this part of the outputs of the level with the fewest.
_SHARED = 0.5
#: Degrees of splines in log t.
_DEGREES = (3, 5)
#: Nodes whose values over time are interpolated together.
_BLOCK = 100_000


def agree(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether two lists of output times are the same up to rounding."""
    return len(first) == len(second) and np.allclose(first, second, rtol=_SAME, atol=0)


def common_times(times: dict[str, np.ndarray]) -> np.ndarray:
    """The output times that all of ``times`` (under names for messages) share, and 0: nothing is to be interpolated.

    If these are few, those of the first that lie between outputs of all. Raises InputError if there are fewer than 3
    besides 0.
    """
    first, *others = times.values()
    if all(agree(first, other) for other in others):
        return first
    shared = first[1:][
        [all(np.isclose(other, time, rtol=_SAME, atol=0).any() for other in others) for time in first[1:]]
    ]
    fewest = min(len(one) for one in times.values()) - 1
    if len(shared) >= max(_FEWEST, _SHARED * fewest):
        return np.concatenate([[0.0], shared])
    trained = {name: one for name, one in times.items() if len(one) > 1}
    reaches = [f"{name} has {len(one) - 1} from {one[1]:g} to {one[-1]:g}" for name, one in trained.items()]
    low = max((one[1] for one in trained.values()), default=0.0)
    high = min(one[-1] for one in times.values())
    common = first[(first >= low * (1 - _SAME)) & (first <= high * (1 + _SAME)) & (first > 0)]
    if len(common) < _FEWEST:
        raise InputError(
            f"times: {len(common)} output times besides 0 lie within those of all levels, at least {_FEWEST} are "
            f"needed: {', '.join(reaches) or 'there is only time 0'}"
        )
    return np.concatenate([[0.0], common])


class TimeInterpolation:
    """From output times to others between them: splines in log t; time 0 is taken as it is.

    The estimated error at a time is that of leaving out every second output there, less by the factor by which it
    falls from every fourth to every second one. Of cubic and quintic splines it chooses: few outputs want the first.
    """

    def __init__(self, source: np.ndarray, target: np.ndarray):
        self._source = np.log(source[1:])
        self._target = np.clip(np.log(target[1:]), self._source[0], self._source[-1])
        nearest = np.abs(self._source[:, None] - self._target).argmin(axis=0)
        self._known = np.abs(self._source[nearest] - self._target) <= 2 * _SAME
        self._target[self._known] = self._source[nearest[self._known]]

    def interpolate(self, values: np.ndarray, mesh: FrequencyMesh) -> tuple[np.ndarray, np.ndarray]:
        """``values`` (T, n) at the output times and the nodes of ``mesh`` to those (K, n) at the others.

        With them their estimated errors (K,), L2 norms over the mesh.
        """
        if self._known.all():
            degree, error = _DEGREES[0], np.zeros(len(self._target) + 1)
        else:
            estimates = {degree: self._estimate(values, mesh, degree) for degree in _DEGREES}
            degree, error = min(estimates.items(), key=lambda item: item[1].max())
        found = np.empty((len(self._target) + 1, values.shape[1]), dtype=values.dtype)
        found[0] = values[0]
        for start in range(0, values.shape[1], _BLOCK):
            block = slice(start, start + _BLOCK)
            found[1:, block] = _spline(self._source, values[1:, block], self._target, degree)
        return found, error

    def losses(self, losses: np.ndarray) -> np.ndarray:
        """Losses (S, T) at the output times to those (S, K) at the others: monotone between outputs, as they are."""
        if len(self._source) == 1:
            return losses[:, [0] + [1] * len(self._target)]
        between = PchipInterpolator(self._source, losses[:, 1:], axis=1)(self._target)
        return np.concatenate([losses[:, :1], between], axis=1)

    def _estimate(self, values: np.ndarray, mesh: FrequencyMesh, degree: int) -> np.ndarray:
        half, quarter = (self._missed(values, stride, mesh, degree) for stride in (2, 4))
        total = float(np.linalg.norm(half))
        factor = extrapolated(total, float(np.linalg.norm(quarter)), 2.0 ** -(degree + 1)) / total if total else 0.0
        # An output that was left out speaks for the times around it: one of two neighbours was, or the one before.
        nearest = np.searchsorted(self._source, self._target)
        around = maximum_filter1d(half, 5, mode="nearest")[nearest]
        return np.concatenate([[0.0], np.where(self._known, 0.0, factor * around)])

    def _missed(self, values: np.ndarray, stride: int, mesh: FrequencyMesh, degree: int) -> np.ndarray:
        """How far the spline through every ``stride``-th output misses each (T - 1,)."""
        kept = thinned([(0, len(self._source) - 1)], stride)
        squares = np.zeros(len(self._source))
        for start in range(0, values.shape[1], _BLOCK):
            block = slice(start, start + _BLOCK)
            found = _spline(self._source[kept], values[1:, block][kept], self._source, degree)
            squares += np.abs(found - values[1:, block]) ** 2 @ mesh.node_volumes[block]
        return np.sqrt(squares)


def _spline(source: np.ndarray, values: np.ndarray, target: np.ndarray, degree: int) -> np.ndarray:
    if len(source) == 1:
        return np.repeat(values, len(target), axis=0)
    return spline(values, source, [(0, len(source) - 1)], target, degree)
