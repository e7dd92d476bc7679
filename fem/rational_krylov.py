"""Rational Krylov spaces of the pencil (A, M) (THEORY section 4).

All output times come from one small space: V = span of products of (M + gamma_k A)^{-1} M on u(0). A response f(A, t)
of THEORY section 3 is evaluated on the projection. Survey: Güttel, GAMM-Mitteilungen 36 (2013) 8, "Rational Krylov
approximation of matrix functions".
"""

from collections.abc import Callable

import numpy as np
from petsc4py import PETSc

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
        self._columns = np.empty((len(start), 0 if self.invariant else 16), order="F")
        self.dimension = 0
        #: M times the last vector of the basis, from which the next solve continues.
        self.mass_last = mass_start
        self.projected = np.zeros((0, 0))
        #: Largest difference seen between v_0.(A v_j) and v_j.(A v_0): the rounding of V* A V.
        self.asymmetry = 0.0
        self._modes: tuple[np.ndarray, np.ndarray] | None = None
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
        before = after = np.sqrt(operator.inner(vector, mass_vector))
        for _ in range(2):  # twice is enough for orthogonality to rounding
            former = after
            vector = vector - self.basis @ operator.inner(self.basis, mass_vector)
            mass_vector = operator.apply(operator.M, vector)
            after = np.sqrt(operator.inner(vector, mass_vector).clip(min=0))
            if after > 0.5 * former:  # little was cancelled: no need to repeat
                break
        if not np.isfinite(after):
            raise NumericalError("the rational Krylov space left the finite numbers: check the law and the mesh")
        if after <= 1e-13 * before:
            self.invariant = True
            return
        self._append(vector / after, mass_vector / after)

    def _append(self, vector: np.ndarray, mass_vector: np.ndarray) -> None:
        k = self.dimension
        if k == self._columns.shape[1]:
            grown = np.empty((len(vector), k + max(16, k // 4)), order="F")
            grown[:, :k] = self._columns
            self._columns = grown
        self._columns[:, k] = vector
        self.dimension = k + 1
        self.mass_last = mass_vector
        operator = self._operator
        image = operator.apply(operator.A, vector)
        if k == 0:
            self._image_first = image
        row = operator.inner(self.basis, image)
        self.asymmetry = max(self.asymmetry, abs(float(operator.inner(vector, self._image_first)) - row[0]))
        projected = np.empty((k + 1, k + 1))
        projected[:k, :k] = self.projected
        projected[k, :] = row
        projected[:, k] = row
        self.projected = projected
        self._modes = None

    def restore(self, basis: np.ndarray, projected: np.ndarray) -> None:
        """Continue from the ``basis`` (n_local, k) and projection (k, k) that an earlier run had built."""
        if basis.shape[1] <= 1:
            return
        self._columns = np.asfortranarray(basis)
        self.dimension = basis.shape[1]
        self.projected = projected
        self.mass_last = self._operator.apply(self._operator.M, basis[:, -1])
        self._modes = None

    def rates_and_weights(self) -> tuple[np.ndarray, np.ndarray]:
        """Ritz values (k,), ascending, and the parts (k,) of u(0) in the Ritz vectors, norm 1."""
        rates, vectors = self._eigen()
        return rates.clip(min=0), np.abs(vectors[0])

    def _eigen(self) -> tuple[np.ndarray, np.ndarray]:
        if self._modes is None:
            self._modes = np.linalg.eigh(self.projected)
        return self._modes

    def coefficients(self, response: Response) -> np.ndarray:
        """Coefficients (T, k) of the response in the basis."""
        rates, vectors = self._eigen()
        return self.start_norm * (response(rates.clip(min=0)) * vectors[0]) @ vectors.T

    def refine(self, systems: ShiftedSystems, fastest: float) -> None:
        """Project A anew on the Ritz vectors W with rates below ``fastest``, free of the rounding of A v.

        That rounding grows with the largest rate of the mesh, and late times feel it in the slow modes. With the
        gamma that ``systems`` holds, Z = (M + gamma A)^{-1} M W and D = W - Z, one has A Z = M D / gamma and so
        W*AW = (W*MD + D*MD) / gamma + D*AD, where the last term is of second order in gamma times the rates.
        """
        rates, vectors = self._eigen()
        slow = np.flatnonzero(rates < fastest)
        if not slow.size:
            return
        projected = np.zeros((len(slow), len(slow)))
        W = self.basis @ vectors[:, slow]
        D = np.empty_like(W)
        for start in range(0, len(slow), _BLOCK):
            block = slice(start, start + _BLOCK)
            D[:, block] = W[:, block] - systems.solve(self._times(self._operator.M, W[:, block]), accurate=True)
        for start in range(0, len(slow), _BLOCK):
            block = slice(start, start + _BLOCK)
            mass = self._times(self._operator.M, D[:, block])
            projected[:, block] = self._operator.inner(W + D, mass) / systems.gamma
            projected[:, block] += self._operator.inner(D, self._times(self._operator.A, D[:, block]))
        refined, rotation = np.linalg.eigh(0.5 * (projected + projected.T))
        rates, vectors = rates.copy(), vectors.copy()
        rates[slow], vectors[:, slow] = refined, vectors[:, slow] @ rotation
        self._modes = rates, vectors

    def _times(self, matrix: PETSc.Mat, columns: np.ndarray) -> np.ndarray:
        return np.column_stack([self._operator.apply(matrix, column) for column in columns.T])
