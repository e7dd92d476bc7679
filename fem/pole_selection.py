"""Where the next pole of a rational Krylov space goes.

The Ritz values of the present space and the weights of u(0) in them are a Gauss quadrature of the spectral measure of
u(0). Spread over a fine logarithmic grid of rates it makes a small diagonal stand-in for (A, M) and u(0), on which
the space of any list of poles, and so the error of any choice, costs microseconds. The next pole is the one that
lowers the errors at all output times the most. Optimizing poles on a cheap surrogate with a similar spectrum follows
Börner, Ernst, Güttel, Geophys. J. Int. 202 (2015) 577; choosing them one by one from Ritz values follows Druskin,
Lieberman, Zaslavsky, SIAM J. Sci. Comput. 32 (2010) 2485.
"""

from functools import cached_property

import numpy as np

from freqbias.fem.rational_krylov import Response

#: Candidates for a pole per decade of rates, at most this many in all.
_CANDIDATES_PER_DECADE = 4
_MOST_CANDIDATES = 40
#: Output times that the surrogate looks at, spread over all.
MOST_TIMES = 32


class SpectralSurrogate:
    """Diagonal stand-in for the operator and u(0), with the rational Krylov space of the shifts taken so far.

    ``rates`` and ``weights`` (k,) come from ``RationalKrylovSpace.rates_and_weights``; ``response`` maps rates (g,) to
    factors (T, g); ``interval`` holds all rates that matter; ``shifts`` (m,) are 1/gamma of every solve so far.
    ``floor`` is an error that nobody resolves. All errors are relative to u(0).
    """

    def __init__(
        self,
        rates: np.ndarray,
        weights: np.ndarray,
        response: Response,
        interval: tuple[float, float],
        shifts: list[float],
        floor: float,
    ):
        size = max(200, 4 * len(shifts))
        grid = np.geomspace(*interval, size)
        self._rates = np.concatenate([[0.0], grid])
        self._measure = _spread(rates, weights, grid, floor)
        self._targets = response(self._rates) * self._measure
        self._floor = floor
        self._shifts = shifts

    @cached_property
    def _basis(self) -> np.ndarray:
        basis = (self._measure / np.linalg.norm(self._measure))[None]
        for shift in self._shifts:
            basis = self._extended(basis, shift, 1)
        return basis

    def errors(self) -> np.ndarray:
        """Estimated errors (T,) of the present space."""
        return self._misfit(self._basis)

    def best_shift(self, repeats: int) -> float:
        """The shift 1/gamma whose ``repeats`` solves lower the errors at all output times the most."""
        low, high = self._rates[1], self._rates[-1]
        count = int(min(_MOST_CANDIDATES, _CANDIDATES_PER_DECADE * np.log10(high / low) + 1))
        if len(self._shifts) > 100:
            count = min(count, 16)
        candidates = np.geomspace(low, high, count)
        scores = [self._score(self._misfit(self._extended(self._basis, shift, repeats))) for shift in candidates]
        return float(candidates[int(np.argmin(scores))])

    def _score(self, errors: np.ndarray) -> float:
        """Squares of the orders of magnitude that the errors are above the floor, over all times."""
        return float(np.sum(np.log(np.maximum(errors / self._floor, 1.0)) ** 2))

    def _misfit(self, basis: np.ndarray) -> np.ndarray:
        misfit = self._targets - (self._targets @ basis.T) @ basis
        return np.sqrt(np.sum(misfit**2, axis=1))

    def _extended(self, basis: np.ndarray, shift: float, repeats: int) -> np.ndarray:
        known = len(basis)
        grown = np.empty((known + repeats, basis.shape[1]))
        grown[:known] = basis
        for k in range(known, known + repeats):
            vector = grown[k - 1] * (shift / (shift + self._rates))
            for _ in range(2):
                vector = vector - (grown[:k] @ vector) @ grown[:k]
            norm = np.linalg.norm(vector)
            if norm < 1e-14:  # the grid holds no further direction
                return grown[:k]
            grown[k] = vector / norm
        return grown


def _spread(rates: np.ndarray, weights: np.ndarray, grid: np.ndarray, floor: float) -> np.ndarray:
    """Square roots (g + 1,) of a measure on 0 and ``grid``: every Ritz value gives to the grid points nearest to it."""
    logs = np.log(rates.clip(min=0.1 * grid[0], max=10 * grid[-1]))
    nearest = np.searchsorted(0.5 * (logs[1:] + logs[:-1]), np.log(grid))
    shares = np.bincount(nearest, minlength=len(rates)).clip(min=1)
    measure = (weights**2 / shares)[nearest]
    return np.sqrt(np.concatenate([measure[:1], measure]) + floor**2 / len(grid))
