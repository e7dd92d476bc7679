"""The PDE level of a problem: from the network's initial error to its spectra at all output times."""

import time
from pathlib import Path

import numpy as np
from mpi4py import MPI

from freqbias.errors import NumericalError
from freqbias.fem import memory as memory_plan
from freqbias.fem.checkpoint import Checkpoint, Kept
from freqbias.fem.error_operator import ErrorOperator
from freqbias.fem.evolution import Evolution, evolve
from freqbias.fem.shifted_systems import ShiftedSystems
from freqbias.fem.symmetry import Folding, fold
from freqbias.problem import Problem
from freqbias.progress import Progress, part_of, silent
from freqbias.spectra import ErrorSpectra


def solve(
    problem: Problem,
    comm: MPI.Comm = MPI.COMM_WORLD,
    progress: Progress = silent,
    memory: float | None = None,
    checkpoint: Path | None = None,
    checkpoint_seconds: float = 60.0,
    resume: bool = False,
    symmetric: bool = True,
) -> ErrorSpectra | None:
    """Solve the PDE of ``problem`` on all ranks of ``comm``: the spectra on rank 0, None elsewhere.

    ``memory``: bytes that matrices, factor, basis and results of all ranks together may take (default: 0.7 of what is
    free); a basis that does not fit is cut by starting anew from a later time. ``checkpoint``: folder in which the
    state is kept, at most every ``checkpoint_seconds``, until the solve has ended (the caller removes it when the
    result is safe); with ``resume`` the solve goes on from there. ``symmetric``: solve on a part of the box where law
    and mesh are even. Raises InputError if no PDE predicts the problem, ConvergenceError, DivergenceError
    or NumericalError if the result cannot be trusted.

    >>> problem = Problem.from_file("examples/three_tones.toml").changed({"training.times.last": 10.0})
    >>> spectra = solve(problem)
    >>> round(float(spectra.norms()[-1] / spectra.norms()[0]), 4)  # what is left of the error at t = 10
    0.762
    """
    began, before = time.perf_counter(), memory_plan.resident()
    family, optimizer = problem.known_family, problem.linear_optimizer
    folding = fold(problem.mesh, family) if symmetric else Folding((), problem.mesh, problem.mesh)
    operator = ErrorOperator(folding.mesh, family.damping, family.diffusion, problem.density, comm)
    starts = folding.parts(problem.initial_spectrum, operator.space.nodes)
    largest_rate = np.inf
    if np.isfinite(optimizer.largest_stable_rate()):
        largest_rate = operator.rate_on_box(problem.half_widths)
    settings = problem.settings.solver
    norm = np.sqrt(sum(operator.inner(u, operator.apply(operator.M, u)) for start in starts for u in start.T))
    tolerance = settings.tolerance / np.sqrt(len(starts))  # errors of orthogonal parts add in squares
    plan = memory_plan.plan(operator, folding, len(problem.times), optimizer.states, memory, before, settings.method)
    store = None
    if checkpoint is not None:
        key = f"{problem.digest} {settings.tolerance:g} {folding.axes}"
        store = _PartStore(Checkpoint(checkpoint, key, operator.space, checkpoint_seconds), resume)
    evolutions: list[Evolution] = []
    for number, (odd, start) in enumerate(zip(folding.parities, starts, strict=True)):
        if store is not None and store.is_finished(number):
            evolutions.append(store.finished(number))
            continue
        part = operator.vanishing([axis for axis, flag in zip(folding.axes, odd, strict=True) if flag])
        systems = ShiftedSystems(part, settings.method, min(1e-8, 1e-2 * tolerance), plan.factor_bytes, settings.petsc)
        evolution = evolve(
            part,
            start,
            problem.times,
            optimizer,
            tolerance,
            largest_rate,
            norm=float(norm),
            most_vectors=plan.vectors,
            systems=systems,
            store=store,
            progress=part_of(progress, number, len(starts)),
        )
        systems.destroy()  # only now: after a failure of this rank the others would not join in
        evolutions.append(evolution)
        if store is not None:
            store.finish(number, evolution)
    estimates = np.sqrt(sum(evolution.error_estimates**2 for evolution in evolutions))
    return _spectra(problem, folding, operator, evolutions, estimates, began)


def _spectra(
    problem: Problem,
    folding: Folding,
    operator: ErrorOperator,
    evolutions: list[Evolution],
    estimates: np.ndarray,
    began: float,
) -> ErrorSpectra | None:
    space, count = operator.space, len(problem.times)
    parts = []
    for evolution in evolutions:
        columns = evolution.values.shape[2]
        whole = space.gather(np.moveaxis(evolution.values, 0, 1).reshape(space.n_local, -1))
        if whole is not None:
            parts.append(np.moveaxis(whole.reshape(-1, count, columns), 0, 1))
    info = {
        "ranks": space.comm.size,
        "nodes": len(folding.whole.nodes),
        "parts": len(evolutions),
        "unknowns": space.size,
        "folded_axes": len(folding.axes),
        "evolution_error_estimate": float(estimates.max()),
        "evolution_error_estimates": estimates.tolist(),
        "krylov_dimension": max(evolution.dimension for evolution in evolutions),
        "restarts": sum(evolution.windows - 1 for evolution in evolutions),
        "factorizations": sum(evolution.factorizations for evolution in evolutions),
        "solves": sum(evolution.solves for evolution in evolutions),
        "iterations": sum(evolution.iterations for evolution in evolutions),
        "linear_solver": max(evolutions, key=lambda evolution: evolution.solves).method,
    }
    if space.comm.rank > 0:
        return None
    values = folding.unfold(parts)
    if not np.isfinite(values).all():
        raise NumericalError("the spectra are not finite: check the law and the mesh")
    info = {"wall_time_seconds": time.perf_counter() - began, **info}
    return ErrorSpectra("pde", problem, problem.times, values, info=info)


class _PartStore:
    """The state of the part that is being solved, and the results of those before it, in one checkpoint."""

    def __init__(self, checkpoint: Checkpoint, resume: bool):
        self._checkpoint = checkpoint
        self._finished: list[Evolution] = []
        kept = checkpoint.load() if resume else None
        self._running: Kept | None = None
        if kept is None:
            return
        for number, facts in enumerate(kept.facts["finished"]):
            values = kept.fields.pop(f"part-{number}")
            columns = facts.pop("columns")
            local = np.moveaxis(values.reshape(len(values), -1, columns), 1, 0)
            estimates = np.array(facts.pop("error_estimates"))
            self._finished.append(Evolution(np.ascontiguousarray(local), estimates, **facts))
        if kept.facts["running"] is not None:
            prefix = f"run-{len(self._finished)}-"
            fields = {name.removeprefix(prefix): values for name, values in kept.fields.items()}
            self._running = Kept(kept.facts["running"], fields, kept.arrays)

    def is_finished(self, number: int) -> bool:
        """Whether part ``number`` needs no solve any more."""
        return number < len(self._finished)

    def finished(self, number: int) -> Evolution:
        """The result of a finished part."""
        return self._finished[number]

    def finish(self, number: int, evolution: Evolution) -> None:
        """Keep the result of part ``number``."""
        self._finished.append(evolution)
        self._running = None
        if self._checkpoint.due():
            self._checkpoint.save(self._with_finished(None))

    def due(self) -> bool:
        return self._checkpoint.due()

    def load(self) -> Kept | None:
        running, self._running = self._running, None
        return running

    def save(self, kept: Kept) -> None:
        self._checkpoint.save(self._with_finished(kept))

    def _with_finished(self, running: Kept | None) -> Kept:
        facts, fields = [], {}
        for number, evolution in enumerate(self._finished):
            values = np.moveaxis(evolution.values, 0, 1)
            fields[f"part-{number}"] = values.reshape(len(values), -1)
            plain = {name: fact for name, fact in vars(evolution).items() if name != "values"}
            plain |= {"error_estimates": evolution.error_estimates.tolist(), "columns": evolution.values.shape[2]}
            facts.append(plain)
        arrays = {}
        if running is not None:
            prefix = f"run-{len(self._finished)}-"
            fields |= {prefix + name: values for name, values in running.fields.items()}
            arrays = running.arrays
        return Kept({"finished": facts, "running": running and running.facts}, fields, arrays)
