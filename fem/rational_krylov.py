"""Rational Krylov spaces of the pencil (A, M) with adaptive shifts (THEORY section 4).

All output times come from one small space: V = span of products of (M + gamma_k A)^{-1} M on u(0). A response f(A, t)
of THEORY section 3 is evaluated on the projection. Shifts are chosen one after the other where the residual of the
present space is largest: Druskin, Lieberman, Zaslavsky, SIAM J. Sci. Comput. 32 (2010) 2485, "On adaptive choice of
shifts in rational Krylov subspace reduction of evolutionary problems".
"""

from collections.abc import Callable

import numpy as np

from freqbias.errors import NumericalError
from freqbias.fem.error_operator import ErrorOperator
from freqbias.fem.shifted_systems import ShiftedSystems

#: Right-hand sides solved together: MUMPS solves several for little more than the price of one.
_BLOCK = 16

#: Factors (T, k) of modes with given rates (k,) at the output times.
Response = Callable[[np.ndarray], np.ndarray]


class RationalKrylovSpace:
    """An M-orthonormal basis of the space grown from one real vector, and the operator projected on it."""

    def __init__(self, operator: ErrorOperator, start: np.ndarray):
        self._operator = operator
        mass_start = operator.apply(operator.M, start)
        self.start_norm = float(np.sqrt(operator.inner(start, mass_start)))
        self.invariant = self.start_norm == 0
        self._columns = np.empty((len(start), 16), order="F")
        self.dimension = 0
        #: M times the last vector of the basis, from which the next solve continues.
        self.mass_last = mass_start
        self.projected = np.zeros((0, 0))
        self._modes: tuple[np.ndarray, np.ndarray] | None = None
        self._inverse = np.zeros((0, 0))
        if not self.invariant:
            self._append(start / self.start_norm, mass_start / self.start_norm)

    @property
    def basis(self) -> np.ndarray:
        """The local part (n_local, k) of the basis."""
        return self._columns[:, : self.dimension]

    def extend(self, vector: np.ndarray) -> None:
        """Add the direction of ``vector``; if it lies in the space already, the space is invariant and stays."""
        operator = self._operator
        mass_vector = operator.apply(operator.M, vector)
        before = np.sqrt(operator.inner(vector, mass_vector))
        for _ in range(2):  # twice is enough for orthogonality to rounding
            vector = vector - self.basis @ operator.inner(self.basis, mass_vector)
            mass_vector = operator.apply(operator.M, vector)
        after = np.sqrt(operator.inner(vector, mass_vector))
        if not np.isfinite(after):
            raise NumericalError("the rational Krylov space left the finite numbers: check the law and the mesh")
        if after <= 1e-13 * before:
            self.invariant = True
            return
        self._append(vector / after, mass_vector / after)

    def _append(self, vector: np.ndarray, mass_vector: np.ndarray) -> None:
        if self.dimension == self._columns.shape[1]:
            self._columns = np.concatenate([self._columns, np.empty_like(self._columns)], axis=1)
            self._columns = np.asfortranarray(self._columns)
        self._columns[:, self.dimension] = vector
        self.mass_last = mass_vector
        self.dimension += 1
        operator = self._operator
        column = operator.inner(self.basis, operator.apply(operator.A, vector))
        grown = np.zeros((self.dimension, self.dimension))
        grown[:-1, :-1] = self.projected
        grown[:, -1] = grown[-1, :] = column
        self.projected = grown
        self._modes = None

    def _eigen(self) -> tuple[np.ndarray, np.ndarray]:
        """Eigenvalues and eigenvectors of V* A V."""
        if self._modes is None:
            self._modes = np.linalg.eigh(self.projected)
        return self._modes

    def rates_and_weights(self) -> tuple[np.ndarray, np.ndarray]:
        """Ritz values (k,) of V* A V, approximate decay rates, and the part (k,) of the start that each one carries."""
        rates, vectors = self._eigen()
        return rates.clip(min=0), np.abs(vectors[0])

    def coefficients(self, response: Response) -> np.ndarray:
        """Coefficients (T, k) of the response in the basis, from V* A V: rounding grows with rate times time."""
        return self._evaluate(*self._eigen(), response)

    def project_inverse(self, systems: ShiftedSystems) -> None:
        """Project (M + gamma A)^{-1}, for the gamma that ``systems`` holds.

        From it small rates keep their relative accuracy, which those of V* A V lose to the largest rate. Only the
        vectors that are new since the last call are solved for: gamma must be the same in every call.
        """
        known = len(self._inverse)
        inverse = np.zeros((self.dimension, self.dimension))
        inverse[:known, :known] = self._inverse
        for start in range(known, self.dimension, _BLOCK):
            rows = slice(start, min(start + _BLOCK, self.dimension))
            right = np.column_stack([self._operator.apply(self._operator.M, v) for v in self.basis[:, rows].T])
            solution = systems.solve(right)
            mass_solution = np.column_stack([self._operator.apply(self._operator.M, z) for z in solution.T])
            columns = self._operator.inner(self.basis, mass_solution)
            inverse[:, rows] = columns
            inverse[rows, :] = columns.T
            inverse[rows, rows] = 0.5 * (columns[rows] + columns[rows].T)
        self._inverse = inverse
        self._gamma = systems.gamma

    def accurate_coefficients(self, response: Response, dimension: int | None = None) -> np.ndarray:
        """Coefficients (T, k) of the response from the projected inverse, on the first ``dimension`` vectors."""
        k = dimension or len(self._inverse)
        values, vectors = np.linalg.eigh(self._inverse[:k, :k])
        rates = (1 / values.clip(min=1e-300) - 1) / self._gamma
        return self._evaluate(rates, vectors, response)

    def _evaluate(self, rates: np.ndarray, vectors: np.ndarray, response: Response) -> np.ndarray:
        return self.start_norm * (response(rates.clip(min=0)) * vectors[0]) @ vectors.T


def next_shift(rates: np.ndarray, shifts: list[float], interval: tuple[float, float]) -> float:
    """The s in ``interval`` where the space with Ritz values ``rates`` and the former ``shifts`` is poorest.

    It maximizes prod_j |s - shift_j| / prod_j (s + rate_j), the reciprocal of the residual's rational function
    mirrored to where the shifts are (Druskin, Lieberman, Zaslavsky 2010). The pole is gamma = 1/s.
    """
    candidates = np.geomspace(*interval, 401)
    if not shifts:
        return float(candidates[len(candidates) // 2])
    distance = np.abs(candidates[:, None] - np.array(shifts))
    with np.errstate(divide="ignore"):
        score = np.log(distance).sum(axis=1) - np.log(candidates[:, None] + rates).sum(axis=1)
    return float(candidates[np.argmax(score)])
