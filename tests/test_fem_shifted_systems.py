"""Solvers of M + gamma A: all the same solution, chosen by size and memory, options of the user's own."""

import numpy as np
import pytest
from mpi4py import MPI
from petsc4py import PETSc

from freqbias import fem
from freqbias.cost import factor_bytes
from freqbias.errors import ConvergenceError, InputError
from freqbias.fem import shifted_systems
from freqbias.fem.shifted_systems import ShiftedSystems, default_method
from freqbias.meshes import box_mesh

pytestmark = pytest.mark.mpi
COMM = MPI.COMM_WORLD


def bell(xi):
    return np.exp(-0.5 * (xi**2).sum(axis=1))


def operator_in(dimension, cells, degree=1, cutoff=5.0):
    return fem.ErrorOperator(box_mesh([cutoff] * dimension, [cells] * dimension, degree), bell, bell, 1.0, COMM)


def norm(vector):
    return np.sqrt(COMM.allreduce(float(vector @ vector)))


@pytest.mark.parametrize(("dimension", "cells", "degree"), [(1, 50, 2), (2, 16, 2), (3, 8, 1), (3, 4, 2)])
def test_iterations_and_factorizations_agree(dimension, cells, degree):
    """gamma over eight decades: from the mass matrix alone to where A rules."""
    operator = operator_in(dimension, cells, degree)
    right = np.column_stack(
        [operator.apply(operator.M, u) for u in (bell(operator.space.nodes), np.cos(operator.space.nodes[:, 0]))]
    )
    direct = ShiftedSystems(operator, "cholesky")
    iterative = ShiftedSystems(operator, "cg", tolerance=1e-11)
    multigrid = ShiftedSystems(operator, "cg", tolerance=1e-11, petsc={"pc_type": "gamg"})
    assert direct.direct
    assert not iterative.direct
    assert multigrid.method == "cg gamg"
    for gamma in (1e-4, 1.0, 1e4):
        solutions = []
        for systems in (direct, iterative, multigrid):
            systems.shift(gamma)
            solutions.append(systems.solve(right))
        for other in solutions[1:]:
            assert norm((other - solutions[0]).ravel()) < 1e-8 * norm(solutions[0].ravel())
        for solution, b in zip(solutions[0].T, right.T, strict=True):
            residual = operator.apply(operator.M, solution) + gamma * operator.apply(operator.A, solution) - b
            assert norm(residual) < 1e-9 * max(norm(b), norm(gamma * operator.apply(operator.A, solution)))
    for systems in (direct, iterative, multigrid):
        systems.destroy()


def test_slow_iterations_give_way_to_multigrid(monkeypatch):
    monkeypatch.setattr(shifted_systems, "_MOST_ITERATIONS", 3)
    operator = operator_in(2, 24)
    right = operator.apply(operator.M, bell(operator.space.nodes))[:, None]
    systems, reference = ShiftedSystems(operator, "cg", tolerance=1e-10), ShiftedSystems(operator, "cholesky")
    for gamma in (50.0, 1e3):
        systems.shift(gamma)
        reference.shift(gamma)
        exact = reference.solve(right)
        assert norm((systems.solve(right) - exact)[:, 0]) < 1e-7 * norm(exact[:, 0])
    assert systems.iterations > 6


def test_method_follows_size_and_memory():
    small, large = operator_in(3, 6), operator_in(3, 18)
    assert default_method(small) == "cholesky"
    assert default_method(large) == "cg"
    plane = operator_in(2, 32)
    assert default_method(plane) == "cholesky"
    assert default_method(plane, 0.5 * factor_bytes(plane.space.size, 2) / COMM.size) == "cg"


@pytest.mark.parametrize(("dimension", "cells", "degree"), [(2, 100, 2), (3, 20, 1)])
def test_estimate_of_the_factor(dimension, cells, degree):
    """Within a factor 2 of what MUMPS says."""
    operator = fem.ErrorOperator(
        box_mesh([5.0] * dimension, [cells] * dimension, degree), bell, bell, 1.0, MPI.COMM_SELF
    )
    systems = ShiftedSystems(operator, "cholesky")
    systems.shift(1.0)
    used = 1e6 * systems._ksp.getPC().getFactorMatrix().getMumpsInfog(22)
    assert 0.5 < factor_bytes(operator.space.size, dimension) / used < 2


def test_options_are_the_users_and_leave_no_trace():
    operator = operator_in(2, 8)
    before = dict(PETSc.Options().getAll())
    systems = ShiftedSystems(operator, petsc={"ksp_type": "minres", "pc_type": "jacobi", "ksp_rtol": 1e-12})
    systems.shift(0.1)
    assert systems.method == "minres jacobi"
    assert dict(PETSc.Options().getAll()) == before
    systems.destroy()


def test_misspelt_option_is_named():
    operator = operator_in(2, 8)
    systems = ShiftedSystems(operator, petsc={"ksp_typ": "cg"})
    with pytest.raises(InputError, match=r"solver\.petsc\.ksp_typ = 'cg': no such option"):
        systems.shift(0.1)
    with pytest.raises(InputError, match=r"solver\.petsc = \{'pc_type': 'nonsense'\}"):
        ShiftedSystems(operator, petsc={"pc_type": "nonsense"}).shift(0.1)


def test_iterations_that_stop_short_raise():
    operator = operator_in(2, 24)
    systems = ShiftedSystems(operator, "cg", petsc={"pc_type": "none", "ksp_type": "cg", "ksp_max_it": 3})
    systems.shift(1e6)
    with pytest.raises(ConvergenceError, match=r"unknowns, cg none\): PETSc reason -\d+ after \d+ iterations"):
        systems.solve(operator.apply(operator.M, bell(operator.space.nodes))[:, None])


def test_coefficient_that_is_not_finite_raises():
    operator = operator_in(2, 8)
    operator.A.scale(np.nan)
    for method in ("cholesky", "cg"):
        systems = ShiftedSystems(operator, method)
        with pytest.raises(ConvergenceError):
            systems.shift(1.0)
            systems.solve(np.ones((operator.space.n_local, 1)))
