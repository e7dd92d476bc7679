"""Systems (M + gamma A) x = b for few gamma and many b."""

from collections.abc import Callable, Iterable, Mapping
from itertools import count
from typing import Any

import numpy as np
from mpi4py import MPI
from petsc4py import PETSc

from freqbias.cost import factor_bytes
from freqbias.errors import ConvergenceError, InputErrorOnEveryRank
from freqbias.fem.error_operator import ErrorOperator

#: Solves with one factorization before the next pole, in 1D, 2D, 3D: a factorization costs about as much as 3, 8, 30
#: of them, and more solves a pole make a larger space for the same error.
_SOLVES_PER_FACTORIZATION = (4, 10, 10)
#: Without a factorization there is no reason to stay at a pole, but for the order of the rational functions.
_SOLVES_PER_ITERATIVE_POLE = 4
#: In three dimensions the fill makes factorizations dearer than iterations from this size on (docs/performance.md).
_LARGEST_3D_FACTORIZATION = 5_000
#: An incomplete factorization that needs more iterations gives way to algebraic multigrid.
_MOST_ITERATIONS = 150
_instances = count()


class ShiftedSystems:
    """Solves with one matrix M + gamma A at a time; a new gamma reuses all that depends on the pattern alone.

    ``method`` is "cholesky" (MUMPS), "cg" or "auto": Cholesky where its factor is small, in one and two dimensions and
    below 5000 unknowns, and fits into ``memory`` (bytes on this rank), else conjugate gradients. These are
    preconditioned by an incomplete Cholesky factorization on each rank: the mass matrix rules where the law has
    decayed, and there it is almost exact; systems that want more than 150 iterations get algebraic multigrid (GAMG).
    ``tolerance`` is the relative residual of iterations. ``petsc`` are PETSc options without prefix, which overrule all
    this; they are set under the unique ``prefix`` and taken back. Raises InputError if PETSc uses one of them nowhere,
    ConvergenceError if a factorization or a solve fails.
    """

    def __init__(
        self,
        operator: ErrorOperator,
        method: str = "auto",
        tolerance: float = 1e-10,
        memory: float = np.inf,
        petsc: Mapping[str, str | int | float | bool] | None = None,
    ):
        self.operator = operator
        self.prefix = f"freqbias_shifted_{next(_instances)}_"
        self.factorizations = 0
        self.solves = 0
        self.iterations = 0
        self.gamma: float | None = None
        self._tolerance = tolerance
        self._petsc = dict(petsc or {})
        if method == "auto":
            method = default_method(operator, memory)
        self._matrix = operator.M.duplicate(copy=True)
        self._matrix.setOption(PETSc.Mat.Option.SPD, True)
        self._multigrid: PETSc.KSP | None = None
        self._ksp = self._configured(self._cholesky if method == "cholesky" else self._conjugate_gradients, self._petsc)
        self.direct = self._ksp.getType() == PETSc.KSP.Type.PREONLY
        dimension = operator.space.mesh.dimension
        self.solves_per_pole = _SOLVES_PER_FACTORIZATION[dimension - 1] if self.direct else _SOLVES_PER_ITERATIVE_POLE

    @property
    def method(self) -> str:
        """What solves, in PETSc's words."""
        pc = self._ksp.getPC()
        package = f" ({pc.getFactorSolverType()})" if self.direct else ""
        return f"{self._ksp.getType()} {pc.getType()}{package}"

    def _configured(self, configure: Callable[[PETSc.KSP], None], petsc: Mapping[str, Any]) -> PETSc.KSP:
        ksp = PETSc.KSP().create(self.operator.space.comm)
        ksp.setOptionsPrefix(self.prefix)
        ksp.setOperators(self._matrix)
        configure(ksp)
        database = PETSc.Options(self.prefix)
        for key, value in petsc.items():
            database[key] = value
        try:
            ksp.setFromOptions()
        except PETSc.Error as error:
            self._forget(petsc)
            raise InputErrorOnEveryRank(f"solver.petsc = {dict(petsc)}: PETSc refuses these options") from error
        return ksp

    def _forget(self, options: Iterable[str]) -> None:
        database = PETSc.Options(self.prefix)
        for key in options:
            database.delValue(key)

    def _cholesky(self, ksp: PETSc.KSP) -> None:
        ksp.setType(PETSc.KSP.Type.PREONLY)
        pc = ksp.getPC()
        pc.setType(PETSc.PC.Type.CHOLESKY)
        pc.setFactorSolverType(PETSc.Mat.SolverType.MUMPS)
        if self.operator.space.mesh.dimension < 3 and not self._petsc:
            # Minimum fill: the analysis costs a fifth of nested dissection's, at the same fill up to two dimensions.
            pc.setFactorSetUpSolverType()
            pc.getFactorMatrix().setMumpsIcntl(7, 2)

    def _conjugate_gradients(self, ksp: PETSc.KSP) -> None:
        ksp.setType(PETSc.KSP.Type.CG)
        # The preconditioned residual is about M^{-1} r, whose norm is the error in L2 where the mass matrix rules.
        ksp.setTolerances(rtol=self._tolerance, max_it=10_000)
        pc = ksp.getPC()
        if self.operator.space.comm.size == 1:
            pc.setType(PETSc.PC.Type.ICC)
        else:
            pc.setType(PETSc.PC.Type.BJACOBI)
            database = PETSc.Options(self.prefix)
            database["sub_pc_type"] = "icc"

    def _algebraic_multigrid(self, ksp: PETSc.KSP) -> None:
        ksp.setType(PETSc.KSP.Type.CG)
        ksp.setTolerances(rtol=self._tolerance, max_it=10_000)
        ksp.getPC().setType(PETSc.PC.Type.GAMG)

    def shift(self, gamma: float) -> None:
        """Take M + gamma A from now on."""
        if gamma == self.gamma:
            return
        self.operator.M.copy(self._matrix, PETSc.Mat.Structure.SAME_NONZERO_PATTERN)
        self._matrix.axpy(gamma, self.operator.A, PETSc.Mat.Structure.SAME_NONZERO_PATTERN)
        self.gamma = gamma
        if self._multigrid is not None:  # the next system gets its own chance without it
            self._multigrid.destroy()
            self._multigrid = None
        self._ksp.setOperators(self._matrix)
        try:
            self._ksp.setUp()
            self._ksp.setUpOnBlocks()
        except PETSc.Error as error:
            raise self._failure("the factorization failed") from error
        if self.factorizations == 0:
            self._check_options_used()
        self.factorizations += 1

    def _check_options_used(self) -> None:
        database = PETSc.Options()  # with a prefix of its own ``used`` finds nothing
        unused = [key for key in self._petsc if not database.used(self.prefix + key)]
        self._forget([*self._petsc, "sub_pc_type"])
        if unused:
            raise InputErrorOnEveryRank(
                f"solver.petsc.{unused[0]} = {self._petsc[unused[0]]!r}: no such option of the solver in use "
                f"({self.method})"
            )

    def solve(self, right: np.ndarray, accurate: bool = False) -> np.ndarray:
        """Solutions (n_local, k) for local right-hand sides (n_local, k).

        ``accurate``: iterations go on to rounding instead of to the tolerance.
        """
        if self.direct:
            solution = self._solve_at_once(right)
        else:
            if "ksp_rtol" not in self._petsc:
                ksp = self._multigrid or self._ksp
                ksp.setTolerances(rtol=1e-13 if accurate else self._tolerance)
            solution = np.column_stack([self._iterate(column) for column in right.T])
        finite = bool(np.isfinite(solution).all())
        if not self.operator.space.comm.allreduce(finite, MPI.LAND):
            raise self._failure("the solution is not finite")
        self.solves += right.shape[1]
        return solution

    def _solve_at_once(self, right: np.ndarray) -> np.ndarray:
        right = np.asfortranarray(right)
        solution = np.zeros_like(right, order="F")
        wrapped = [self._dense(right), self._dense(solution)]
        try:
            self._ksp.matSolve(*wrapped)
        except PETSc.Error as error:
            raise self._failure("the solve failed") from error
        finally:
            for matrix in wrapped:
                matrix.destroy()
        if self._ksp.getConvergedReason() < 0:
            raise self._failure(f"PETSc reason {self._ksp.getConvergedReason()}")
        return solution

    def _iterate(self, right: np.ndarray) -> np.ndarray:
        b, x = self._matrix.createVecs()
        b.array[:] = right
        try:
            if self._multigrid is None:
                if not self._petsc:  # options of the user leave nothing to fall back to
                    self._ksp.setTolerances(max_it=_MOST_ITERATIONS)
                if self._converges(self._ksp, b, x):
                    return x.array.copy()
                if self._petsc:
                    raise self._unconverged(self._ksp)
                self._multigrid = self._configured(self._algebraic_multigrid, {})
                self._multigrid.setTolerances(rtol=self._ksp.getTolerances()[0])
            if not self._converges(self._multigrid, b, x):
                raise self._unconverged(self._multigrid)
            return x.array.copy()
        except PETSc.Error as error:
            raise self._failure("the solve failed") from error
        finally:
            b.destroy()
            x.destroy()

    def _converges(self, ksp: PETSc.KSP, b: PETSc.Vec, x: PETSc.Vec) -> bool:
        x.set(0)
        ksp.solve(b, x)
        self.iterations += ksp.getIterationNumber()
        return ksp.getConvergedReason() > 0

    def _unconverged(self, ksp: PETSc.KSP) -> ConvergenceError:
        return self._failure(f"PETSc reason {ksp.getConvergedReason()} after {ksp.getIterationNumber()} iterations")

    def memory(self) -> float:
        """Bytes on this rank of matrix and factor, as far as they are known."""
        pc = self._ksp.getPC()
        used = self._matrix.getInfo(PETSc.Mat.InfoType.LOCAL)["memory"]
        if self.direct and pc.getFactorSolverType() == PETSc.Mat.SolverType.MUMPS and self.factorizations:
            return used + 1e6 * pc.getFactorMatrix().getMumpsInfo(22)
        return used if self.direct else 2 * used

    def destroy(self) -> None:
        """Free the factorization."""
        self._forget([*self._petsc, "sub_pc_type"])
        for ksp in (self._ksp, self._multigrid):
            if ksp is not None:
                ksp.destroy()
        self._matrix.destroy()

    def _dense(self, array: np.ndarray) -> PETSc.Mat:
        n_local, columns = array.shape
        comm = self.operator.space.comm
        matrix = PETSc.Mat().createDense(((n_local, None), (None, columns)), array=array, comm=comm)
        matrix.assemble()
        return matrix

    def _failure(self, what: str) -> ConvergenceError:
        return ConvergenceError(
            f"M + {self.gamma:g} A ({self.operator.space.size} unknowns, {self.method}): {what}; "
            "a mesh with fewer cells needs less memory and fewer iterations, solver.petsc takes options of PETSc "
            "(mat_mumps_icntl_14 = 50 gives MUMPS more memory)"
        )


def default_method(operator: ErrorOperator, memory: float = np.inf) -> str:
    """Cholesky where its factor is small and fits into ``memory`` bytes on every rank, else conjugate gradients."""
    space = operator.space
    if space.mesh.dimension == 3 and space.size > _LARGEST_3D_FACTORIZATION:
        return "cg"
    return "cholesky" if factor_bytes(space.size, space.mesh.dimension) / space.comm.size <= memory else "cg"
