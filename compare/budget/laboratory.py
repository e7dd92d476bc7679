"""Where the changes of an error budget are computed: nothing twice, nothing too long or too large."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from freqbias.compare.budget.variants import variant
from freqbias.compare.numbers import short
from freqbias.cost import level_costs, memory_refusal
from freqbias.errors import FreqbiasError, InputError
from freqbias.files import atomic_file
from freqbias.meshes import FrequencyMesh
from freqbias.problem import Problem
from freqbias.progress import Progress
from freqbias.resources import free_memory
from freqbias.spectra import ErrorSpectra

if TYPE_CHECKING:
    from freqbias.compare.metrics import Comparison

#: Computes one level of a problem.
Level = Callable[[Problem, Progress], ErrorSpectra]

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


class OutOfMemoryError(FreqbiasError):
    """A computation is too large for the memory that is free."""


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

        Raises FreqbiasError as the computation does, OutOfTimeError when the time is over, OutOfMemoryError before it
        starts.
        """
        if name in self._results:
            return self._results[name]
        key = _key(level, problem)
        path = None if self._folder is None else self._folder / f"{name}.nc"
        result = None if path is None else _read(path, key)
        if result is None:
            for cost in level_costs(problem, [level]):
                if (refusal := memory_refusal(cost, free_memory())) is not None:
                    raise OutOfMemoryError(refusal)
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
        return f"would take about {in_words(needed)}: --budget {_enough(1.25 * (self.spent + needed))} measures it"

    def not_settled(self, left: float, refusal: FreqbiasError | None = None) -> str:
        """The caveat of a term of which a part of size ``left`` is still to come for lack of time, or of memory."""
        if isinstance(refusal, OutOfMemoryError):
            return f"not settled: about {short(left, 2)} is still to come ({refusal})"
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
        if self._folder is None:
            return
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


def _same_nodes(one: FrequencyMesh, other: FrequencyMesh) -> bool:
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
