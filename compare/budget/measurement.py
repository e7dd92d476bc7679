"""Measuring the error budget of a run: makes the controlled changes one after the other, within a time limit."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from freqbias.compare.budget.change import Change
from freqbias.compare.budget.laboratory import Laboratory, Level, OutOfMemoryError, OutOfTimeError
from freqbias.compare.budget.network import Batches, Step, Width, has_batches
from freqbias.compare.budget.terms import Effect, ErrorBudget, error_budget, read_budget
from freqbias.compare.budget.theory import Evolution, Mesh, Sampling, Window
from freqbias.compare.ensemble import starts_at_random
from freqbias.compare.status import Status
from freqbias.errors import FreqbiasError, Interrupted, StorageError
from freqbias.problem import Problem
from freqbias.progress import Progress, silent
from freqbias.spectra import LEVELS, ErrorSpectra, of_first_process

if TYPE_CHECKING:
    from freqbias.compare.metrics import Comparison

#: Folder of the spectra of an unfinished budget, and the file of the budget, in the folder of a run.
FOLDER, FILE = "budget", "budget.nc"
#: A new term is one class, named here in the order of reports. Batches are left out of runs without them.
CHANGES: tuple[type[Change], ...] = (Width, Step, Batches, Sampling, Window, Mesh, Evolution)
#: What takes less than this part of the time is measured before anything else.
_CHEAP = 0.05


def budget_refusal(comparison: "Comparison") -> str | None:
    """Why the difference of a comparison cannot be split; None if it can."""
    missing = [comparison.names[level] for level in LEVELS if level not in comparison.spectra]
    problem = comparison.problem
    if problem.unpredicted is not None:
        return f"there is no PDE: {problem.unpredicted}"
    if missing:
        return f"there is no {' and no '.join(missing)}"
    if comparison.empirical:
        return "the kernel is that of the network at its start"
    if any(one.notes for one in comparison.alignment.values()):
        return "the levels are not those of one run: they had to be brought to common frequencies and times"
    return None


def measure_budget(
    comparison: "Comparison",
    seconds: float = 120.0,
    folder: Path | None = None,
    progress: Progress = silent,
    solve: Level | None = None,
    train: Level | None = None,
    kernel_flow: Level | None = None,
) -> ErrorBudget | None:
    """The error budget of a comparison with all three levels; None where ``budget_refusal`` says why there is none.

    Changes whose estimated time exceeds what is left of ``seconds`` are skipped. With ``folder`` the spectra of every
    change are kept there as files until all changes are made, so that an interrupted budget goes on where it was,
    and a later one with more time does not start anew. Of several seeds the first one alone is split. ``solve``,
    ``train``, ``kernel_flow`` compute a level; by default those of ``freqbias.fem``, on this process alone, and
    ``freqbias.nn``. Raises StorageError if a disk is full; other failures make a failed term.
    """
    if budget_refusal(comparison) is not None:
        return None
    computations = {"pde": solve or _solve, "kernel": kernel_flow or _kernel_flow, "network": train or _train}
    laboratory = Laboratory(comparison, seconds, folder, progress, computations)
    kinds = [kind for kind in CHANGES if kind is not Batches or has_batches(laboratory)]
    refusal = _refusal_of_all(comparison.problem)
    effects = {
        kind: _skipped(kind(), laboratory, refusal) if refusal is not None else _effect(kind(), laboratory)
        for kind in _order(kinds, laboratory, seconds)
    }
    progress(1.0)
    if not laboratory.unfinished:
        laboratory.remove_files()
    ordered = [effects[kind] for kind in kinds]
    return error_budget(laboratory.mesh, comparison.times, laboratory.difference, laboratory.initial, ordered)


def stored_budget(path: Path, comparison: "Comparison") -> ErrorBudget | None:
    """The budget in ``path`` if it is one of this comparison, else None.

    Raises InputError if there is a file that cannot be read.
    """
    if not path.exists() or budget_refusal(comparison) is not None:
        return None
    found = read_budget(path)
    pde, network = (comparison.spectra[level].runs[0] for level in ("pde", "network"))
    mesh, times = comparison.spectra["pde"].mesh, comparison.times
    total = mesh.norm(network - pde) / mesh.norm(pde[0])
    same = len(found.times) == len(times) and np.allclose(found.times, times, rtol=1e-9, atol=0)
    return found if same and np.allclose(found.total, total, rtol=1e-6, atol=1e-14) else None


def _order(kinds: list[type[Change]], laboratory: Laboratory, limit: float) -> list[type[Change]]:
    """The order in which changes are made: cheap ones, then those from which most is to be expected.

    That is the width if the network is further from the kernel flow than that is from the PDE. Steps come last.
    """
    pde, kernel, network = (laboratory.level(level).values for level in LEVELS)
    wide_first = laboratory.size(network - kernel) > laboratory.size(kernel - pde)

    def place(kind: type[Change]) -> tuple[bool, int, float]:
        needed = kind().seconds(laboratory)
        expensive = needed > _CHEAP * limit
        width = 0 if wide_first and expensive else 2
        return expensive, {Width: width, Batches: width, Step: 3}.get(kind, 1), needed

    return sorted(kinds, key=place)


def _refusal_of_all(problem: Problem) -> str | None:
    """Why no change can be measured; None if some can."""
    if starts_at_random(problem) and len(problem.settings.training.all_seeds) > 1:
        return "every seed starts from an error of its own; a run of one seed can be split"
    return None


def _effect(change: Change, laboratory: "Laboratory") -> Effect:
    refusal = change.refusal(laboratory)
    if refusal is not None:
        return _skipped(change, laboratory, refusal)
    try:
        needed = change.seconds(laboratory)
        if not laboratory.affords(needed):
            return _skipped(change, laboratory, laboratory.too_long(needed))
        measured = change.measure(laboratory)
    except OutOfTimeError:
        return _skipped(change, laboratory, laboratory.too_long(max(needed, laboratory.spent)))
    except OutOfMemoryError as error:
        return _skipped(change, laboratory, str(error))
    except (Interrupted, StorageError):
        raise
    except FreqbiasError as error:
        return _without_number(change, laboratory, Status.FAILED, str(error))
    texts = (change.key, *change.in_words(laboratory), measured.change)
    return Effect(*texts, Status.MEASURED, measured.caveat, measured.values, measured.noise)


def _skipped(change: Change, laboratory: Laboratory, reason: str) -> Effect:
    return _without_number(change, laboratory, Status.SKIPPED, reason)


def _without_number(change: Change, laboratory: Laboratory, status: Status, reason: str) -> Effect:
    return Effect(change.key, *change.in_words(laboratory), change.plan, status, reason)


def _solve(problem: Problem, progress: Progress) -> ErrorSpectra:
    from mpi4py import MPI

    from freqbias.fem import solve

    return of_first_process(solve(problem, MPI.COMM_SELF, progress))


def _train(problem: Problem, progress: Progress) -> ErrorSpectra:
    from freqbias.nn import train

    return of_first_process(train(problem, progress))


def _kernel_flow(problem: Problem, progress: Progress) -> ErrorSpectra:
    from freqbias.nn import kernel_flow

    return kernel_flow(problem, progress)
