"""Time stepping by PETSc TS: an independent reference for the evolution, used by tests and benchmarks."""

import numpy as np
from mpi4py import MPI
from petsc4py import PETSc

from freqbias.errors import ConvergenceError
from freqbias.fem.error_operator import ErrorOperator

#: The most accurate scheme per cost on this equation: diagonally implicit, stiffly accurate, order 8 (16 stages).
SCHEME = "es8516sal"


def step(
    operator: ErrorOperator, initial: np.ndarray, times: np.ndarray, tolerance: float = 1e-8, scheme: str = SCHEME
) -> np.ndarray:
    """u at increasing ``times`` (T,) from one real local vector ``initial`` (n_local,): (T, n_local).

    ``scheme`` is the name of a TSDIRK scheme or ``bdf5``, ``arkimex5``. ``tolerance`` is relative, per step.
    Raises ConvergenceError if PETSc gives up.
    """
    M, A = operator.M, operator.A
    jacobian = M.duplicate(copy=True)
    work = M.createVecLeft()
    ts = PETSc.TS().create(operator.space.comm)

    def residual(ts: PETSc.TS, t: float, u: PETSc.Vec, u_dot: PETSc.Vec, result: PETSc.Vec) -> None:
        M.mult(u_dot, result)
        A.mult(u, work)
        result.axpy(1.0, work)

    present_shift: float | None = None

    def derivative(
        ts: PETSc.TS, t: float, u: PETSc.Vec, u_dot: PETSc.Vec, shift: float, J: PETSc.Mat, P: PETSc.Mat
    ) -> None:
        nonlocal present_shift
        if shift == present_shift:  # an untouched matrix keeps its factorization: one for all stages of a step
            return
        present_shift = shift
        M.copy(P, PETSc.Mat.Structure.SAME_NONZERO_PATTERN)
        P.scale(shift)
        P.axpy(1.0, A, PETSc.Mat.Structure.SAME_NONZERO_PATTERN)

    prefix = f"freqbias_step_{id(ts)}_"
    options: dict[str, str | bool] = {"snes_type": "ksponly"}
    if scheme.startswith("bdf"):
        options |= {"ts_type": "bdf", "ts_bdf_order": scheme[3:]}
    elif scheme.startswith("arkimex"):
        options |= {"ts_type": "arkimex", "ts_arkimex_type": scheme[7:], "ts_arkimex_fully_implicit": True}
    else:
        options |= {"ts_type": "dirk", "ts_dirk_type": scheme}
    database = PETSc.Options(prefix)
    for key, value in options.items():
        database[key] = value
    try:
        ts.setOptionsPrefix(prefix)
        ts.setIFunction(residual, M.createVecLeft())
        ts.setIJacobian(derivative, jacobian, jacobian)
        ts.setProblemType(PETSc.TS.ProblemType.LINEAR)
        ts.setEquationType(PETSc.TS.EquationType.IMPLICIT)
        ksp = ts.getSNES().getKSP()
        ksp.setType(PETSc.KSP.Type.PREONLY)
        ksp.getPC().setType(PETSc.PC.Type.CHOLESKY)
        ksp.getPC().setFactorSolverType(PETSc.Mat.SolverType.MUMPS)
        scale = max(np.abs(initial).max(initial=0.0), 1e-300)
        ts.setTolerances(rtol=tolerance, atol=tolerance * operator.space.comm.allreduce(scale, MPI.MAX))
        ts.setMaxSteps(10**7)
        ts.setExactFinalTime(PETSc.TS.ExactFinalTime.MATCHSTEP)
        ts.setEvaluationTimes(np.union1d([0.0], times))
        ts.setFromOptions()
        u = M.createVecRight()
        u.array[:] = initial
        ts.setTime(0.0)
        ts.setMaxTime(float(times[-1]))
        ts.setTimeStep(times[times > 0].min() / 10)
        ts.solve(u)
        if ts.getConvergedReason() < 0:
            raise ConvergenceError(f"PETSc TS {scheme} stopped at t = {ts.getTime():g}: try a larger tolerance")
        reached, solutions = ts.getEvaluationSolutions()
        return np.array([solutions[int(np.argmin(np.abs(reached - time)))].array for time in times])
    finally:
        for key in options:
            database.delValue(key)
        ts.destroy()
