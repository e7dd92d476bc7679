"""Error spectra over frequency and time: what the PDE, the kernel flow and the network all produce, and their files.

A spectrum file is NetCDF-4 with the dimensions ``time``, ``node``, ``axis``, ``part`` and, if it holds several runs,
``seed``; ``docs/architecture.md`` lists its variables and attributes.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from freqbias.errors import InputError
from freqbias.files import atomic_file
from freqbias.input_files import require_memory
from freqbias.mesh_record import mesh_variables, recorded_mesh
from freqbias.meshes import FrequencyMesh
from freqbias.netcdf import numbers, opened
from freqbias.problem import Problem
from freqbias.problem_size import ProblemSize

if TYPE_CHECKING:
    import xarray as xr

SCHEMA = "freqbias-spectra-1"
LEVELS = ("pde", "kernel", "network")


@dataclass(frozen=True)
class ErrorSpectra:
    """The error spectrum of one level of the theory at the nodes of the problem's mesh.

    ``times`` (T,) in learning time, the first one 0; ``values`` (T, n) complex, THEORY section 1, at
    ``problem.mesh.nodes`` (n, d) in radians per unit of x; ``loss`` (T,) is ½ sum_i w_i e(x_i)^2 where the level
    knows the error at the samples, else None. ``info`` holds small facts on the computation: numbers, texts.

    Several runs that differ by their seed: ``ensemble`` (S, T, n) and ``ensemble_loss`` (S, T) are those of every run,
    in the order of ``seeds``, and ``values`` and ``loss`` their means; make them with ``of_ensemble``. One run has
    no ensemble and no seeds.
    """

    level: str
    problem: Problem
    times: np.ndarray
    values: np.ndarray
    loss: np.ndarray | None = None
    info: dict[str, Any] = field(default_factory=dict)
    seeds: tuple[int, ...] = ()
    ensemble: np.ndarray | None = None
    ensemble_loss: np.ndarray | None = None

    def __post_init__(self) -> None:
        shape = (len(self.times), len(self.mesh.nodes))
        if self.level not in LEVELS:
            raise ValueError(f"level {self.level!r} must be one of {', '.join(LEVELS)}")
        if self.values.shape != shape:
            raise ValueError(f"values have the shape {self.values.shape}, must have {shape} (times, nodes)")
        if (self.ensemble is None) != (not self.seeds) or len(set(self.seeds)) != len(self.seeds):
            raise ValueError(f"seeds = {self.seeds}: an ensemble needs different ones, and they need an ensemble")
        for name, array, wanted in (
            ("ensemble", self.ensemble, (len(self.seeds), *shape)),
            ("ensemble_loss", self.ensemble_loss, (len(self.seeds), shape[0])),
        ):
            if array is not None and array.shape != wanted:
                raise ValueError(f"{name} has the shape {array.shape}, must have {wanted} (seeds, times, ...)")

    @classmethod
    def of_ensemble(
        cls,
        level: str,
        problem: Problem,
        times: np.ndarray,
        ensemble: np.ndarray,
        losses: np.ndarray | None,
        seeds: Sequence[int],
        info: dict[str, Any],
    ) -> "ErrorSpectra":
        """The spectra of one run for each of ``seeds`` (S,): ``ensemble`` (S, T, n), ``losses`` (S, T) or None."""
        loss = None if losses is None else losses.mean(axis=0)
        if len(seeds) == 1:
            return cls(level, problem, times, ensemble[0], loss, info)
        return cls(level, problem, times, ensemble.mean(axis=0), loss, info, tuple(seeds), ensemble, losses)

    @property
    def runs(self) -> np.ndarray:
        """The spectra of every run (S, T, n); S = 1 without an ensemble."""
        return self.values[None] if self.ensemble is None else self.ensemble

    @property
    def run_losses(self) -> np.ndarray | None:
        """The loss of every run (S, T) where it is known."""
        return self.loss[None] if self.ensemble_loss is None and self.loss is not None else self.ensemble_loss

    @property
    def source(self) -> str:
        """What messages call the place that they come from."""
        return self.problem.source

    @property
    def mesh(self) -> FrequencyMesh:
        return self.problem.mesh

    @property
    def frequencies(self) -> np.ndarray:
        """The nodes (n, d), radians per unit of x."""
        return self.mesh.nodes

    def norms(self) -> np.ndarray:
        """L2 norm over the mesh at every time (T,), with several runs that of their mean.

        >>> from freqbias import nn
        >>> spectra = nn.kernel_flow(Problem.from_file("examples/three_tones.toml"))
        >>> remaining = spectra.norms() / spectra.norms()[0]
        >>> float(remaining[0]), bool(remaining[-1] < 1e-3)
        (1.0, True)
        """
        return self.mesh.norm(self.values)

    def to_xarray(self) -> "xr.Dataset":
        """The spectra as they stand in a spectrum file.

        >>> from freqbias import nn
        >>> dataset = nn.kernel_flow(Problem.from_file("examples/three_tones.toml")).to_xarray()
        >>> dict(dataset.sizes)
        {'time': 26, 'node': 1201, 'part': 2, 'sample': 512, 'axis': 1}
        """
        import xarray as xr  # with pandas behind it as slow to import as all the rest: only where files are made

        problem = self.problem
        values, loss = (self.values, self.loss) if self.ensemble is None else (self.ensemble, self.ensemble_loss)
        runs = ("seed",) if self.seeds else ()
        variables = {
            "error_spectrum": (
                (*runs, "time", "node", "part"),
                np.stack([values.real, values.imag], axis=-1),
                {
                    "long_name": "Fourier transform of error times data density",
                    "units": "units of the target",
                },
            ),
            "sample_point": (
                ("sample", "axis"),
                problem.points,
                {"long_name": "sample points x", "units": "unit of x"},
            ),
            "sample_weight": (
                ("sample",),
                problem.weights,
                {"long_name": "weights of the samples in the loss, their sum is 1", "units": "1"},
            ),
            "initial_error": (("sample",), problem.initial_error, {"units": "units of the target"}),
        }
        if loss is not None:
            variables["loss"] = (
                (*runs, "time"),
                loss,
                {"long_name": "half the weighted mean squared error at the samples"},
            )
        if problem.imported_mesh is not None:
            variables |= mesh_variables(problem.imported_mesh)
        coordinates: dict[str, tuple] = {
            "time": (
                ("time",),
                self.times,
                {"long_name": "learning time (learning rate times steps)", "units": "1"},
            ),
            "frequency": (("node", "axis"), self.frequencies, {"units": "radians per unit of x"}),
            "axis": (("axis",), list("xyz")[: problem.dimension]),
            "part": (("part",), ["real", "imag"]),
        }
        if self.seeds:
            coordinates["seed"] = (("seed",), list(self.seeds), {"long_name": "seed of the run"})
        attributes = {
            "schema": SCHEMA,
            "level": self.level,
            "convention": "v(xi) = integral of e(x) rho(x) exp(-i xi.x) dx, xi in radians per unit of x",
            "problem": problem.to_toml(),
            "problem_digest": problem.digest,
            **{f"info_{key}": value for key, value in self.info.items()},
        }
        return xr.Dataset(variables, coordinates, attributes)

    def write(self, path: str | os.PathLike) -> None:
        """Write a spectrum file, atomically. Raises InputError if the place is none, StorageError if it is full."""
        with atomic_file(path) as file:
            self.to_xarray().to_netcdf(file, engine="h5netcdf")

    @classmethod
    def read(cls, path: str | os.PathLike) -> "ErrorSpectra":
        """Read a spectrum file. Raises InputError naming the file if it is missing, broken or of another kind."""
        with stored_spectra(path) as stored:
            require_memory(stored.parts.nbytes, f"{path}: error_spectrum")
            shape = (max(1, len(stored.seeds)), len(stored.times), len(stored.mesh.nodes))
            values = np.empty(shape, dtype=complex)
            for number in range(len(stored.times)):
                values[:, number] = stored.runs_at(number)
            one = (stored.level, stored.problem, stored.times)
            if not stored.seeds:
                return cls(*one, values[0], stored.loss, stored.info)
            return cls.of_ensemble(*one, values, stored.loss, stored.seeds, stored.info)


@dataclass(frozen=True)
class StoredSpectra:
    """An open spectrum file of which one time after the other is read; see ``ErrorSpectra`` for its attributes.

    ``parts`` (time, node, part) are the real and imaginary parts, not in memory; ``source`` is the file's name.
    With several runs ``seeds`` are theirs, and ``parts`` and ``loss`` have a first axis for them.
    """

    source: str
    level: str
    problem: Problem
    times: np.ndarray
    loss: np.ndarray | None
    info: dict[str, Any]
    seeds: tuple[int, ...]
    parts: "xr.DataArray" = field(repr=False)

    @property
    def mesh(self) -> FrequencyMesh:
        return self.problem.mesh

    def at(self, number: int) -> np.ndarray:
        """The spectrum (n,) at output time ``number``, the mean over all runs.

        Raises InputError if it cannot be read or is not finite.
        """
        return self.runs_at(number).mean(axis=0)

    def runs_at(self, number: int) -> np.ndarray:
        """The spectrum of every run (S, n) at output time ``number``; raises InputError as ``at`` does."""
        parts = numbers(self.parts.isel(time=number), self.source)
        return np.atleast_2d(parts[..., 0] + 1j * parts[..., 1])

    def snapshots(self) -> Iterator[np.ndarray]:
        """The spectra (n,) at all output times, read one after the other."""
        return map(self.at, range(len(self.times)))

    def nearest(self, time: float | None) -> int:
        """Number of the output time nearest to ``time``, by default of the last. Raises InputError outside of all."""
        if time is None:
            return len(self.times) - 1
        first, last = self.times[[0, -1]]
        if not first <= time <= last * (1 + 1e-9):
            raise InputError(f"{self.source}: time {time:g} must lie between {first:g} and {last:g}")
        return int(np.argmin(np.abs(self.times - time)))


@contextmanager
def stored_spectra(path: str | os.PathLike) -> Iterator[StoredSpectra]:
    """Open a spectrum file. Raises InputError naming the file if it is missing, broken or of another kind."""
    with opened(path) as dataset:
        yield _checked(dataset, str(path))


def _checked(dataset: "xr.Dataset", source: str) -> StoredSpectra:
    """What a file holds for all times; raises InputError naming ``source`` if something is missing or wrong."""
    schema, level, text = (dataset.attrs.get(key) for key in ("schema", "level", "problem"))
    if not isinstance(schema, str) or schema != SCHEMA:
        raise InputError(f"{source}: schema = {schema!r}: must be {SCHEMA!r} (is it a spectrum file of freqbias?)")
    if not isinstance(level, str) or level not in LEVELS:
        raise InputError(f"{source}: level {level!r} must be one of {', '.join(LEVELS)}")
    if not isinstance(text, str):
        raise InputError(f"{source}: problem = {text!r}: must be the text of a problem file")
    several = "error_spectrum" in dataset and "seed" in dataset["error_spectrum"].dims
    runs = ("seed",) if several else ()

    def read(name: str, *dimensions: str) -> np.ndarray:
        return numbers(dataset[name], source, dimensions)

    try:
        parts = dataset["error_spectrum"]
        if sorted(map(str, parts.dims)) != sorted((*runs, "time", "node", "part")):
            raise InputError(f"{source}: error_spectrum has the dimensions {parts.dims}, must have time, node, part")
        parts = parts.transpose(*runs, "time", "node", "part")
        points, weights = read("sample_point", "sample", "axis"), read("sample_weight", "sample")
        initial_error = read("initial_error", "sample")
        frequencies, times = read("frequency", "node", "axis"), read("time", "time")
        loss = read("loss", *runs, "time") if "loss" in dataset else None
        seeds = tuple(dataset["seed"].values.tolist()) if several else ()
        labels = dataset["part"].values.tolist()
        mesh = recorded_mesh(dataset, source)
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"{source}: not a complete spectrum file: {error}") from error
    if parts.dtype.kind != "f":
        raise InputError(f"{source}: error_spectrum holds {parts.dtype}, must hold real numbers")
    if len(set(seeds)) < len(seeds):
        raise InputError(f"{source}: seed names a run twice")
    if labels != ["real", "imag"]:
        raise InputError(f"{source}: not a complete spectrum file: part must be real, imag")
    if len(times) < 2 or times[0] != 0 or np.any(np.diff(times) <= 0):
        raise InputError(f"{source}: time must start at 0 and increase")
    if weights.min(initial=0.0) < 0 or abs(weights.sum() - 1) > 1e-6:
        raise InputError(f"{source}: sample_weight must hold positive numbers whose sum is 1")
    problem = Problem.from_record(text, points, weights, initial_error, source, mesh)
    if points.shape[1] != problem.dimension:
        raise InputError(f"{source}: sample_point has {points.shape[1]} axes, its problem {problem.dimension}")
    given = None if mesh is not None else ProblemSize(problem).given_nodes
    nodes = problem.mesh.nodes if given is None or given.value == len(frequencies) else np.empty((0, 0))
    if frequencies.shape != nodes.shape or np.abs(frequencies - nodes).max() > 1e-9 * np.abs(nodes).max():
        raise InputError(f"{source}: frequency does not hold the nodes of the mesh of its problem")
    info = {k.removeprefix("info_"): v for k, v in dataset.attrs.items() if k.startswith("info_")}
    return StoredSpectra(source, level, problem, times, loss, info, seeds, parts)


def of_first_process(spectra: ErrorSpectra | None) -> ErrorSpectra:
    """The spectra that a computation of several processes returns to the first, which one alone is; others get None."""
    if spectra is None:
        raise RuntimeError("only the first process of a computation has its spectra")
    return spectra
