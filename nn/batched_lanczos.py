"""Krylov spaces of several tangent kernels at once, on the device of the networks, by the Lanczos method."""

from collections.abc import Callable

import torch


class LanczosSpace:
    """span{v, B v, B^2 v, …} for S independent vectors v at once, with orthonormal bases.

    ``vectors`` (k, S, N); B restricted to them is tridiagonal with ``diagonal`` (k, S) and ``offdiagonal`` (k, S),
    of which the last entry couples to a vector that is not there yet. Orthogonalized twice against all of them.
    (Golub and Van Loan, Matrix Computations, section 10.1.)
    """

    def __init__(
        self, operator: Callable[[torch.Tensor], torch.Tensor], start: torch.Tensor, weights: torch.Tensor, most: int
    ):
        """``operator`` maps (S, N) to (S, N), self-adjoint and positive semi-definite in the inner product
        sum_i ``weights``_i u_i v_i; ``most``: of vectors."""
        self._operator = operator
        self._weights = weights
        #: Norms of the start (S,).
        self.length = (start.square() @ weights).sqrt()
        seeds, samples = start.shape
        self._vectors = start.new_empty((most + 1, seeds, samples))
        self._vectors[0] = start / self.length.clamp_min(torch.finfo(start.dtype).tiny)[:, None]
        self._diagonal = start.new_zeros((most, seeds))
        self._offdiagonal = start.new_zeros((most, seeds))
        self.size = 0

    @property
    def full(self) -> bool:
        return self.size == len(self._diagonal)

    def extend(self) -> None:
        """Add one vector."""
        k = self.size
        basis = self._vectors[: k + 1].transpose(0, 1)
        image = self._operator(self._vectors[k])
        scale = (image.square() @ self._weights).sqrt()
        for again in (False, True):
            parts = (basis @ (image * self._weights)[:, :, None]).squeeze(2)
            if not again:
                self._diagonal[k] = parts[:, k]
            image = image - (parts[:, None] @ basis).squeeze(1)
        rest = (image.square() @ self._weights).sqrt()
        # Nothing but rounding is left: the space is invariant, and the vectors to come are 0.
        rest = torch.where(rest > 64 * torch.finfo(rest.dtype).eps * scale, rest, 0.0)
        self._offdiagonal[k] = rest
        self._vectors[k + 1] = torch.where(rest > 0, 1 / rest, 0.0)[:, None] * image
        self.size += 1

    def ritz(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Eigenvalues (S, k) and eigenvectors (S, k, k) of the restriction of B."""
        k = self.size
        matrix = torch.diag_embed(self._diagonal[:k].T.double())
        if k > 1:
            beside = self._offdiagonal[: k - 1].T.double()
            matrix += torch.diag_embed(beside, 1) + torch.diag_embed(beside, -1)
        values, vectors = torch.linalg.eigh(matrix.cpu())
        return values.clamp_min(0.0), vectors

    @property
    def coupling(self) -> torch.Tensor:
        """Norm (S,) of what B takes the last vector to outside of the space."""
        return self._offdiagonal[self.size - 1].double().cpu()

    def combine(self, coefficients: torch.Tensor) -> torch.Tensor:
        """sum_k coefficients_k v_k (S, N) for ``coefficients`` (S, k)."""
        basis = self._vectors[: self.size].transpose(0, 1)
        return (coefficients.to(basis)[:, None] @ basis).squeeze(1)
