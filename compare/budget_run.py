"""Measuring the error budget of a run: makes the controlled changes one after the other, within a time limit."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from freqbias.compare.budget import Effect, ErrorBudget, error_budget
from freqbias.compare.budget_changes import ORDER, Change, changes_of, refusal_of_all
from freqbias.compare.budget_variants import variant
from freqbias.compare.numbers import short
from freqbias.compare.status import Status
from freqbias.errors import FreqbiasError, InputError, Interrupted, StorageError
from freqbias.files import atomic_file
from freqbias.problem import Problem
from freqbias.progress import Progress, silent
from freqbias.spectra import LEVELS, ErrorSpectra

if TYPE_CHECKING:
    from freqbias.compare.metrics import Comparison

#: Computes one level of a problem.
Level = Callable[[Problem, Progress], ErrorSpectra]

#: Folder of the spectra of unfinished budgets, and the file of the budget, in the folder of a run.
FOLDER, FILE = "budget", "budget.nc"

_SCHEMA = "freqbias-budget-variant-1"


@dataclass(frozen=True)
class Result:
    """Spectra ``values`` (T, n) at the nodes of the run's mesh, their ``noise`` relative to the initial error.

    ``seconds`` is what they cost, ``largest_rate`` the fastest decay if the computation says so.
    """

    values: np.ndarray
    noise: float
    seconds: float
    largest_rate: float = np.inf


class OutOfTimeError(FreqbiasError):
    """The time that a budget may take is over."""


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
    changes = {change.key: change for change in changes_of(laboratory)}
    refusal = refusal_of_all(comparison.problem)
    effects = {
        key: _skipped(change, refusal) if refusal is not None else _effect(change, laboratory)
        for key, change in sorted(changes.items(), key=lambda item: ORDER.index(item[0]))
    }
    progress(1.0)
    if folder is not None and not laboratory.unfinished:
        laboratory.remove_files()
    ordered = [effects[key] for key in changes]
    return error_budget(laboratory.mesh, comparison.times, laboratory.difference, laboratory.initial, ordered)


def _effect(change: Change, laboratory: "Laboratory") -> Effect:
    refusal = change.refusal(laboratory)
    if refusal is not None:
        return _skipped(change, refusal)
    try:
        needed = change.seconds(laboratory)
        if not laboratory.affords(needed):
            return _skipped(change, laboratory.too_long(needed))
        measured = change.measure(laboratory)
    except OutOfTimeError:
        return _skipped(change, laboratory.too_long(max(needed, laboratory.spent)))
    except (Interrupted, StorageError):
        raise
    except FreqbiasError as error:
        return _without_number(change, Status.FAILED, str(error))
    texts = (change.key, change.name, change.meaning, measured.change)
    return Effect(*texts, Status.MEASURED, measured.caveat, measured.values, measured.noise)


def _skipped(change: Change, reason: str) -> Effect:
    return _without_number(change, Status.SKIPPED, reason)


def _without_number(change: Change, status: Status, reason: str) -> Effect:
    return Effect(change.key, change.name, change.meaning, change.plan, status, reason)


class Laboratory:
    """The levels of a run, and what is computed beside them; nothing is computed twice."""

    def __init__(
        self,
        comparison: "Comparison",
        limit: float,
        folder: Path | None,
        progress: Progress,
        computations: dict[str, Level],
    ):
        self._limit, self._folder, self._progress, self._computations = limit, folder, progress, computations
        self._began = time.perf_counter()
        #: Whether a change was skipped for lack of time.
        self.unfinished = False
        self.mesh = comparison.spectra["pde"].mesh
        self._problems = {level: _of_first_seed(one.problem) for level, one in comparison.spectra.items()}
        self._results = {level: _result(one, one.runs[0]) for level, one in comparison.spectra.items()}
        #: Network minus PDE (T, n), and the norm of the initial error.
        self.difference = self._results["network"].values - self._results["pde"].values
        self.initial = float(self.mesh.norm(self._results["pde"].values[0]))

    def problem(self, level: str) -> Problem:
        """The problem of a level of the run; of several seeds the first one alone."""
        return self._problems[level]

    def level(self, name: str) -> Result:
        """The spectra of a level of the run."""
        return self._results[name]

    def result(self, name: str, level: str, problem: Problem) -> Result:
        """Compute ``level`` of a variant ``problem``, once; ``name`` is that of its file.

        Raises FreqbiasError as the computation does, OutOfTimeError when the time is over.
        """
        if name in self._results:
            return self._results[name]
        key = _key(level, problem)
        path = None if self._folder is None else self._folder / f"{name}.nc"
        result = None if path is None else _read(path, key)
        if result is None:
            began = time.perf_counter()
            spectra = self._computations[level](problem, self._in_time)
            values = spectra.values
            if problem.mesh is not self.mesh and not _same_nodes(problem.mesh, self.mesh):
                values = problem.mesh.evaluate(values, self.mesh.nodes)
            result = _result(spectra, values, time.perf_counter() - began)
            if path is not None:
                _write(path, key, result)
        self._results[name] = result
        return result

    def seconds(self, name: str, like: str, factor: float) -> float:
        """About how long the result ``name`` takes: nothing if it is there, else ``factor`` times ``like``."""
        if name in self._results or (self._folder is not None and (self._folder / f"{name}.nc").exists()):
            return 0.0
        return factor * self._results[like].seconds

    @property
    def spent(self) -> float:
        return time.perf_counter() - self._began

    def affords(self, seconds: float) -> bool:
        """Whether there is time for so many seconds."""
        return self.spent + seconds <= self._limit

    def too_long(self, needed: float) -> str:
        """Why a change is skipped that takes about ``needed`` seconds."""
        self.unfinished = True
        return f"would take about {in_words(needed)}: --budget {_enough(1.5 * (self.spent + needed))} measures it"

    def not_settled(self, left: float) -> str:
        """The caveat of a term of which a part of size ``left`` is still to come for lack of time."""
        self.unfinished = True
        return f"not settled: about {short(left, 2)} is still to come, which a larger --budget measures"

    def size(self, values: np.ndarray) -> float:
        """The largest norm over time of spectra (T, n), relative to the initial error."""
        return float(self.mesh.norm(values).max() / self.initial)

    def inner(self, one: np.ndarray, other: np.ndarray) -> float:
        """The inner product of two spectra (T, n) over frequency and output times."""
        return float(np.sum(one.conj() * self.mesh.mass_product(other)).real)

    def remove_files(self) -> None:
        """Remove the files of spectra: nothing is left that could need them."""
        for path in self._folder.glob("*.nc"):
            path.unlink()
        if self._folder.is_dir() and not any(self._folder.iterdir()):
            self._folder.rmdir()

    def _in_time(self, done: float) -> None:
        self._progress(min(0.99, self.spent / self._limit))
        if self.spent > self._limit:
            raise OutOfTimeError("the time of the budget is over")


def in_words(seconds: float) -> str:
    """A duration as people say it: 12 s, 8 min, 3 h."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{round(seconds / 3600)} h"


def _enough(seconds: float) -> str:
    """A round time for the command line that is at least ``seconds``."""
    minutes = seconds / 60
    for wanted in (1, 2, 5, 10, 20, 30, 60):
        if minutes <= wanted:
            return f"{wanted}min"
    return f"{int(np.ceil(minutes / 60))}h"


def _of_first_seed(problem: Problem) -> Problem:
    training = problem.settings.training
    if training.seeds is None:
        return problem
    return variant(problem, {"training.seeds": training.all_seeds[:1]})


def _result(spectra: ErrorSpectra, values: np.ndarray, seconds: float | None = None) -> Result:
    info, training = spectra.info, spectra.problem.settings.training
    noise = sum(float(info.get(key, 0.0)) for key in ("evolution_error_estimate", "flow_error_estimate"))
    if info.get("evaluator") == "nufft":
        noise += training.nufft_tolerance
    wall = float(info.get("wall_time_seconds", 0.0)) if seconds is None else seconds
    return Result(values, noise, wall, float(info.get("largest_rate", np.inf)))


def _same_nodes(one, other) -> bool:
    return one.nodes.shape == other.nodes.shape and np.array_equal(one.nodes, other.nodes)


def _key(level: str, problem: Problem) -> str:
    """What the spectra of ``problem`` depend on."""
    digest = hashlib.sha256(f"{level} {problem.digest}".encode())
    for array in (problem.times, problem.mesh.nodes):
        digest.update(np.ascontiguousarray(array, dtype="<f8").tobytes())
    return digest.hexdigest()


def _write(path: Path, key: str, result: Result) -> None:
    import xarray as xr

    parts = np.stack([result.values.real, result.values.imag], axis=-1)
    facts = {"noise": result.noise, "seconds": result.seconds, "largest_rate": result.largest_rate}
    with atomic_file(path) as file:
        xr.Dataset(
            {"error_spectrum": (("time", "node", "part"), parts)}, attrs={"schema": _SCHEMA, "key": key, **facts}
        ).to_netcdf(file, engine="h5netcdf")


def _read(path: Path, key: str) -> Result | None:
    """What an earlier budget has left in ``path``; None if it is nothing, or of something else."""
    import xarray as xr

    if not path.exists():
        return None
    try:
        with xr.open_dataset(path, engine="h5netcdf") as stored:
            if stored.attrs.get("schema") != _SCHEMA or stored.attrs.get("key") != key:
                return None
            parts = stored["error_spectrum"].values
            facts = {name: float(stored.attrs[name]) for name in ("noise", "seconds", "largest_rate")}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: cannot be read: {error}; remove it") from error
    return Result(parts[..., 0] + 1j * parts[..., 1], **facts)


def _solve(problem: Problem, progress: Progress) -> ErrorSpectra:
    from mpi4py import MPI

    from freqbias.fem import solve

    return solve(problem, MPI.COMM_SELF, progress)


def _train(problem: Problem, progress: Progress) -> ErrorSpectra:
    from freqbias.nn import train

    return train(problem, progress)


def _kernel_flow(problem: Problem, progress: Progress) -> ErrorSpectra:
    from freqbias.nn import kernel_flow

    return kernel_flow(problem, progress)
