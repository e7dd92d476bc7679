"""The operator of the error: M u' = -A u, the weak form of u' = rho_0 (div(D grad u) - c u) (THEORY section 2)."""

import copy
from collections.abc import Callable, Sequence
from typing import Self

import basix.ufl
import numpy as np
import ufl
from dolfinx import fem
from dolfinx.fem import petsc
from mpi4py import MPI
from petsc4py import PETSc

from freqbias.errors import NumericalError
from freqbias.fem.form_compiler import compile_form
from freqbias.fem.space import Space
from freqbias.meshes import FrequencyMesh

#: A symbol maps frequencies (n, d) to values (n,).
Symbol = Callable[[np.ndarray], np.ndarray]


class ErrorOperator:
    """Mass matrix M and operator A, symmetric positive semi-definite, of a family's two symbols.

    ``damping`` c and ``diffusion`` D are evaluated at Gauss points inside of the cells, so they may jump between
    cells; the boundary is natural (no flux). Where both vanish u stays as it is. ``density`` is rho_0.
    Raises NumericalError if a symbol is negative or not finite somewhere, InputError if forms cannot be compiled here.
    """

    def __init__(self, mesh: FrequencyMesh, damping: Symbol, diffusion: Symbol, density: float, comm: MPI.Comm):
        self.density = density
        self.space = Space(mesh, comm)
        self._assemble(damping, diffusion)

    def _assemble(self, damping: Symbol, diffusion: Symbol) -> None:
        V, msh, degree = self.space.V, self.space.msh, self.space.mesh.degree
        quadrature_degree = 2 * degree + 2
        points = basix.ufl.quadrature_element(msh.basix_cell(), degree=quadrature_degree)
        Q = fem.functionspace(msh, points)
        c, D = self._symbol(Q, damping, "damping c"), self._symbol(Q, diffusion, "diffusion D")
        u, v = ufl.TrialFunction(V), ufl.TestFunction(V)
        dx = ufl.Measure("dx", domain=msh, metadata={"quadrature_degree": quadrature_degree})
        rho = fem.Constant(msh, PETSc.ScalarType(self.density))
        self.A = self._matrix(rho * (D * ufl.dot(ufl.grad(u), ufl.grad(v)) + c * u * v) * dx)
        self.M = self._matrix(u * v * dx)
        self._source, self._result = self.M.createVecs()
        self.largest_damping = self._maximum(c)
        self.largest_diffusion = self._maximum(D)

    def _matrix(self, form: ufl.Form) -> PETSc.Mat:
        matrix = petsc.assemble_matrix(compile_form(form, self.space.comm))
        matrix.assemble()
        matrix.setOption(PETSc.Mat.Option.SYMMETRIC, True)
        return matrix

    def _symbol(self, Q: fem.FunctionSpace, symbol: Symbol, name: str) -> fem.Function:
        function = fem.Function(Q)
        dimension = self.space.mesh.dimension
        function.interpolate(lambda x: symbol(np.ascontiguousarray(x[:dimension].T)))
        bad = not np.all(np.isfinite(function.x.array) & (function.x.array >= 0))
        if self.space.comm.allreduce(bad, MPI.LOR):
            raise NumericalError(f"the {name} is negative or not finite somewhere on the mesh: check the law's density")
        return function

    def _maximum(self, function: fem.Function) -> float:
        local = function.x.array.max() if len(function.x.array) else 0.0
        return float(self.space.comm.allreduce(local, MPI.MAX))

    def vanishing(self, axes: Sequence[int]) -> Self:
        """The same operator on functions that are 0 where the frequency of one of ``axes`` is 0.

        The unknowns there stay, with M = 1 and A = 0 on their diagonal: vectors that are 0 there remain so.
        """
        if not axes:
            return self
        restricted = copy.copy(self)
        at_zero = np.flatnonzero(np.any(self.space.nodes[:, list(axes)] == 0, axis=1))
        rows = (at_zero + self.M.getOwnershipRange()[0]).astype(PETSc.IntType)
        restricted.M, restricted.A = self.M.copy(), self.A.copy()
        restricted.M.zeroRowsColumns(rows, diag=1.0)
        restricted.A.zeroRowsColumns(rows, diag=0.0)
        for matrix in (restricted.M, restricted.A):
            matrix.setOption(PETSc.Mat.Option.SYMMETRIC, True)
        return restricted

    def memory(self) -> float:
        """Bytes of M and A on this rank."""
        return sum(matrix.getInfo(PETSc.Mat.InfoType.LOCAL)["memory"] for matrix in (self.M, self.A))

    def rate_on_box(self, half_widths: np.ndarray) -> float:
        """Upper bound of the decay rates of errors that vanish for |x_i| > half_widths_i (d,).

        For such an error |grad u| <= |X| |u| in L2, so that u.Au <= rho_0 (max c + |X|^2 max D) u.Mu.
        """
        reach = float(np.sum(np.square(half_widths)))
        return self.density * (self.largest_damping + reach * self.largest_diffusion)

    def apply(self, matrix: PETSc.Mat, local: np.ndarray) -> np.ndarray:
        """``matrix`` (M or A) times a local array (n_local,)."""
        self._source.array[:] = local
        matrix.mult(self._source, self._result)
        return self._result.array.copy()

    def inner(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Sum over all ranks of left.T @ right for local arrays (n_local,) or (n_local, k)."""
        product = np.asarray(left.T @ right)
        return product if self.space.comm.size == 1 else self.space.comm.allreduce(product)
