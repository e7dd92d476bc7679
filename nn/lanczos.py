"""Lanczos bases: Krylov spaces of a symmetric operator."""

from collections.abc import Callable

import numpy as np
from scipy.linalg import eigh_tridiagonal

#: A symmetric matrix as a function: (N,) -> (N,).
SymmetricOperator = Callable[[np.ndarray], np.ndarray]

#: Vectors after which the largest rate is taken as it is, and the residual, relative to it, before.
_MOST_VECTORS_FOR_LARGEST = 120
_LARGEST_RESIDUAL = 1e-6


class LanczosBasis:
    """Orthonormal q_0, …, q_m with B Q = Q T + beta_m q_m e_m^T, T tridiagonal (m, m), q_0 = start / |start|.

    Every new vector is orthogonalized against all former ones, again where the first time left less than 0.7 of it
    (Daniel, Gragg, Kaufman and Stewart, Math. Comp. 30, 1976; Parlett, The Symmetric Eigenvalue Problem, chapter 13).
    """

    def __init__(self, operator: SymmetricOperator, start: np.ndarray, most_vectors: int):
        """``start`` (N,), not 0. At most ``most_vectors`` are held; memory is taken as the basis grows."""
        self._operator = operator
        self.start_norm = float(np.linalg.norm(start))
        self._vectors = np.empty((most_vectors + 1, len(start)))
        self._vectors[0] = start / self.start_norm
        self._diagonal: list[float] = []
        self._beside: list[float] = []
        self._decomposed: tuple[np.ndarray, np.ndarray] | None = None

    @property
    def dimension(self) -> int:
        """m, the size of T."""
        return len(self._diagonal)

    @property
    def full(self) -> bool:
        """Whether there is no room for another vector."""
        return self.dimension == len(self._vectors) - 1

    @property
    def invariant(self) -> bool:
        """Whether B maps the space to itself, up to rounding: then all that follows from it is exact."""
        return self.dimension > 0 and bool(self._beside[-1] <= 30 * np.finfo(float).eps * self._size)

    @property
    def _size(self) -> float:
        return max(np.abs(self._diagonal).max(), np.max(self._beside))

    def extend(self) -> None:
        """One more vector: one product with B."""
        m = self.dimension
        known, last = self._vectors[: m + 1], self._vectors[m]
        image = self._operator(last)
        self._diagonal.append(float(last @ image))
        image = image - self._diagonal[-1] * last
        if m:
            image -= self._beside[-1] * self._vectors[m - 1]
        before = np.linalg.norm(image)
        for _ in range(2):
            image -= (known @ image) @ known
            after = np.linalg.norm(image)
            if after > 0.7 * before:
                break
            before = after
        self._beside.append(float(after))
        if not self.invariant:
            self._vectors[m + 1] = image / after

    def ritz(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        """Ritz values (m,), not negative, the first and the last row (m,) of the eigenvectors of T, and beta_m."""
        values, modes = self._decomposition()
        return values, modes[0], modes[-1], 0.0 if self.invariant else self._beside[-1]

    def combine(self, response: np.ndarray) -> np.ndarray:
        """f(B) start (T, N) for factors ``response`` (T, m) on the Ritz values."""
        _, modes = self._decomposition()
        return self.start_norm * (response * modes[0]) @ modes.T @ self._vectors[: self.dimension]

    def _decomposition(self) -> tuple[np.ndarray, np.ndarray]:
        """Ritz values and eigenvectors of T; those of the present dimension are kept."""
        if self._decomposed is None or len(self._decomposed[0]) != self.dimension:
            values, modes = eigh_tridiagonal(self._diagonal, self._beside[:-1])
            # B is positive semi-definite but for rounding.
            self._decomposed = np.maximum(values, 0.0), modes
        return self._decomposed


def largest_eigenvalue(operator: SymmetricOperator, size: int, most_vectors: int = _MOST_VECTORS_FOR_LARGEST) -> float:
    """The largest eigenvalue of a symmetric ``operator`` on vectors of length ``size``; the estimate is from below.

    At most ``most_vectors`` are held. Started from a fixed random vector: another start may have no part in its mode.
    """
    start = np.random.default_rng(0).standard_normal(size)
    basis = LanczosBasis(operator, start, min(size, most_vectors, _MOST_VECTORS_FOR_LARGEST))
    while not basis.full:
        basis.extend()
        values, _, last, beside = basis.ritz()
        if beside * abs(last[-1]) <= _LARGEST_RESIDUAL * values[-1]:
            break
    return float(values[-1])
