"""The PDE level of a problem: from the network's initial error to its spectra at all output times."""

import time

import numpy as np
from mpi4py import MPI

from freqbias.errors import NumericalError
from freqbias.fem.error_operator import ErrorOperator
from freqbias.fem.evolution import evolve
from freqbias.problem import Problem
from freqbias.progress import Progress, silent
from freqbias.spectra import ErrorSpectra
from freqbias.transforms import error_spectrum


def solve(problem: Problem, comm: MPI.Comm = MPI.COMM_WORLD, progress: Progress = silent) -> ErrorSpectra:
    """Solve the PDE of ``problem`` on all ranks of ``comm``; every rank gets the whole result.

    Raises InputError if the problem's optimizer is not linear, ConvergenceError, DivergenceError or NumericalError
    if the result cannot be trusted.
    """
    began = time.perf_counter()
    optimizer = problem.optimizer
    if optimizer is None:
        name = problem.settings.training.optimizer
        raise problem.fail(f'training.optimizer = "{name}" is not linear: no PDE predicts it, only train does')
    family = problem.family
    operator = ErrorOperator(problem.mesh, family.damping, family.diffusion, problem.density, comm)
    space = operator.space
    spectrum = error_spectrum(problem.points, problem.initial_error, space.nodes)
    largest_rate = np.inf
    if np.isfinite(optimizer.largest_stable_rate()):
        largest_rate = operator.rate_on_box(problem.half_widths)
    initial = np.column_stack([spectrum.real, spectrum.imag])
    tolerance = problem.settings.solver.tolerance
    evolution = evolve(operator, initial, problem.times, optimizer, tolerance, largest_rate, progress)
    local = np.moveaxis(evolution.values, 0, -1)
    values = space.collect(local[:, 0, :] + 1j * local[:, 1, :]).T
    if not np.isfinite(values).all():
        raise NumericalError("the spectra are not finite: check the law and the mesh")
    info = {
        "wall_time_seconds": time.perf_counter() - began,
        "ranks": comm.size,
        "unknowns": space.size,
        "evolution_error_estimate": float(evolution.error_estimates.max()),
        "krylov_dimension": evolution.dimension,
        "factorizations": evolution.factorizations,
        "solves": evolution.solves,
    }
    return ErrorSpectra("pde", problem, problem.times, np.ascontiguousarray(values), info=info)
