"""Systems (M + gamma A) x = b for few gamma and many b."""

from itertools import count

import numpy as np
from mpi4py import MPI
from petsc4py import PETSc

from freqbias.errors import ConvergenceError
from freqbias.fem.error_operator import ErrorOperator

_instances = count()


class ShiftedSystems:
    """Solves with one matrix M + gamma A at a time, by a Cholesky factorization (MUMPS) whose analysis is reused.

    PETSc options with the prefix in ``prefix`` change the solver. Raises ConvergenceError if a factorization or a
    solve fails.
    """

    def __init__(self, operator: ErrorOperator):
        self.operator = operator
        self.prefix = f"freqbias_shifted_{next(_instances)}_"
        self.factorizations = 0
        self.solves = 0
        self.gamma = None
        self._matrix = operator.M.copy()
        self._matrix.setOption(PETSc.Mat.Option.SPD, True)
        self._ksp = PETSc.KSP().create(operator.space.comm)
        self._ksp.setOptionsPrefix(self.prefix)
        self._ksp.setOperators(self._matrix)
        self._ksp.setType(PETSc.KSP.Type.PREONLY)
        pc = self._ksp.getPC()
        pc.setType(PETSc.PC.Type.CHOLESKY)
        pc.setFactorSolverType(PETSc.Mat.SolverType.MUMPS)
        self._ksp.setFromOptions()
        if operator.space.mesh.dimension < 3 and pc.getFactorSolverType() == PETSc.Mat.SolverType.MUMPS:
            # Minimum fill: the analysis costs a fifth of nested dissection's, at the same fill up to two dimensions.
            pc.setFactorSetUpSolverType()
            pc.getFactorMatrix().setMumpsIcntl(7, 2)

    def shift(self, gamma: float) -> None:
        """Take M + gamma A from now on."""
        if gamma == self.gamma:
            return
        self.operator.M.copy(self._matrix, PETSc.Mat.Structure.SAME_NONZERO_PATTERN)
        self._matrix.axpy(gamma, self.operator.A, PETSc.Mat.Structure.SAME_NONZERO_PATTERN)
        self._ksp.setOperators(self._matrix)
        self.gamma = gamma
        try:
            self._ksp.setUp()
        except PETSc.Error as error:
            raise self._failure("the factorization failed") from error
        self.factorizations += 1

    def solve(self, right: np.ndarray) -> np.ndarray:
        """Solutions (n_local, k) for local right-hand sides (n_local, k)."""
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
        reason = self._ksp.getConvergedReason()
        finite = bool(np.isfinite(solution).all())
        if reason < 0 or not self.operator.space.comm.allreduce(finite, MPI.LAND):
            raise self._failure(f"PETSc reason {reason} after {self._ksp.getIterationNumber()} iterations")
        self.solves += right.shape[1]
        return solution

    def destroy(self) -> None:
        """Free the factorization."""
        self._ksp.destroy()
        self._matrix.destroy()

    def _dense(self, array: np.ndarray) -> PETSc.Mat:
        n_local, columns = array.shape
        comm = self.operator.space.comm
        matrix = PETSc.Mat().createDense(((n_local, None), (None, columns)), array=array, comm=comm)
        matrix.assemble()
        return matrix

    def _failure(self, what: str) -> ConvergenceError:
        return ConvergenceError(
            f"M + {self.gamma:g} A ({self.operator.space.size} unknowns, PETSc prefix {self.prefix}): {what}; "
            "a mesh with fewer cells needs less memory, -mat_mumps_icntl_14 with this prefix gives MUMPS more"
        )
