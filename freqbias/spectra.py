"""Error spectra over frequency and time: what the PDE, the kernel flow and the network all produce, and their files.

A spectrum file is NetCDF-4 with the dimensions ``time``, ``node``, ``axis``, ``part``; ``docs/architecture.md``
lists its variables and attributes.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from freqbias.errors import InputError
from freqbias.files import atomic_path
from freqbias.mesh_record import mesh_variables, recorded_mesh
from freqbias.meshes import FrequencyMesh
from freqbias.problem import Problem

if TYPE_CHECKING:
    import xarray as xr

SCHEMA = "freqbias-spectra-1"
LEVELS = ("pde", "kernel", "network")


@dataclass(frozen=True)
class ErrorSpectra:
    """The error spectrum of one level of the theory at the nodes of the problem's mesh.

    ``times`` (T,) in learning time, the first one 0; ``values`` (T, n) complex, THEORY section 1, at
    ``problem.mesh.nodes`` (n, d) in radians per unit of x; ``loss`` (T,) is (1/2N) sum_i e(x_i)^2 where the level
    knows the error at the samples, else None. ``info`` holds small facts on the computation: numbers, texts.
    """

    level: str
    problem: Problem
    times: np.ndarray
    values: np.ndarray
    loss: np.ndarray | None = None
    info: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self):
        shape = (len(self.times), len(self.mesh.nodes))
        if self.level not in LEVELS:
            raise ValueError(f"level {self.level!r} must be one of {', '.join(LEVELS)}")
        if self.values.shape != shape:
            raise ValueError(f"values have the shape {self.values.shape}, must have {shape} (times, nodes)")

    @property
    def mesh(self) -> FrequencyMesh:
        return self.problem.mesh

    @property
    def frequencies(self) -> np.ndarray:
        """The nodes (n, d), radians per unit of x."""
        return self.mesh.nodes

    def norms(self) -> np.ndarray:
        """L2 norm over the mesh at every time (T,)."""
        return self.mesh.norm(self.values)

    def to_xarray(self) -> "xr.Dataset":
        """The spectra as they stand in a spectrum file."""
        import xarray as xr  # with pandas behind it as slow to import as all the rest: only where files are made

        problem = self.problem
        variables = {
            "error_spectrum": (
                ("time", "node", "part"),
                np.stack([self.values.real, self.values.imag], axis=-1),
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
            "initial_error": (("sample",), problem.initial_error, {"units": "units of the target"}),
        }
        if self.loss is not None:
            variables["loss"] = (
                ("time",),
                self.loss,
                {"long_name": "half the mean squared error at the samples"},
            )
        if problem.imported_mesh is not None:
            variables |= mesh_variables(problem.imported_mesh)
        coordinates = {
            "time": (
                ("time",),
                self.times,
                {"long_name": "learning time (learning rate times steps)", "units": "1"},
            ),
            "frequency": (("node", "axis"), self.frequencies, {"units": "radians per unit of x"}),
            "axis": (("axis",), list("xyz")[: problem.dimension]),
            "part": (("part",), ["real", "imag"]),
        }
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
        """Write a spectrum file, atomically. Raises InputError if the place cannot be written."""
        with atomic_path(path) as temporary:
            self.to_xarray().to_netcdf(temporary, engine="h5netcdf")

    @classmethod
    def read(cls, path: str | os.PathLike) -> "ErrorSpectra":
        """Read a spectrum file. Raises InputError naming the file if it is missing, broken or of another kind."""
        with stored_spectra(path) as stored:
            values = np.empty((len(stored.times), len(stored.mesh.nodes)), dtype=complex)
            for number, snapshot in enumerate(stored.snapshots()):
                values[number] = snapshot
            return cls(stored.level, stored.problem, stored.times, values, stored.loss, stored.info)


@dataclass(frozen=True)
class StoredSpectra:
    """An open spectrum file of which one time after the other is read; see ``ErrorSpectra`` for its attributes.

    ``parts`` (time, node, part) are the real and imaginary parts, not in memory; ``source`` is the file's name.
    """

    source: str
    level: str
    problem: Problem
    times: np.ndarray
    loss: np.ndarray | None
    info: dict[str, Any]
    parts: "xr.DataArray" = field(repr=False)

    @property
    def mesh(self) -> FrequencyMesh:
        return self.problem.mesh

    def at(self, number: int) -> np.ndarray:
        """The spectrum (n,) at output time ``number``. Raises InputError if it cannot be read or is not finite."""
        try:
            parts = self.parts.isel(time=number).values
        except OSError as error:
            raise InputError(f"{self.source}: cannot be read as NetCDF-4: {error}") from error
        _require_finite(self.source, "error_spectrum", parts)
        return parts[:, 0] + 1j * parts[:, 1]

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
    import xarray as xr

    try:
        dataset = xr.open_dataset(path, engine="h5netcdf")
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such file") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: cannot be read as NetCDF-4: {error}") from error
    with dataset:
        yield _checked(dataset, str(path))


def _checked(dataset: "xr.Dataset", source: str) -> StoredSpectra:
    """What a file holds for all times; raises InputError naming ``source`` if something is missing or wrong."""
    schema = dataset.attrs.get("schema")
    if schema != SCHEMA:
        raise InputError(f"{source}: schema = {schema!r}: must be {SCHEMA!r} (is it a spectrum file of freqbias?)")
    try:
        problem = Problem.from_record(
            dataset.attrs["problem"],
            dataset["sample_point"].values,
            dataset["initial_error"].values,
            source,
            recorded_mesh(dataset, source),
        )
        parts = dataset["error_spectrum"].transpose("time", "node", "part")
        frequencies = dataset["frequency"].transpose("node", "axis").values
        times, level = dataset["time"].values, dataset.attrs["level"]
        loss = dataset["loss"].values if "loss" in dataset else None
        if dataset["part"].values.tolist() != ["real", "imag"]:
            raise ValueError("part must be real, imag")
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"{source}: not a complete spectrum file: {error}") from error
    if level not in LEVELS:
        raise InputError(f"{source}: level {level!r} must be one of {', '.join(LEVELS)}")
    _require_finite(source, "time", times)
    _require_finite(source, "frequency", frequencies)
    nodes = problem.mesh.nodes
    if frequencies.shape != nodes.shape or np.abs(frequencies - nodes).max() > 1e-9 * np.abs(nodes).max():
        raise InputError(f"{source}: frequency does not hold the nodes of the mesh of its problem")
    info = {k.removeprefix("info_"): v for k, v in dataset.attrs.items() if k.startswith("info_")}
    return StoredSpectra(source, level, problem, times, loss, info, parts)


def _require_finite(source: str, name: str, array: np.ndarray) -> None:
    if not np.isfinite(array).all():
        raise InputError(f"{source}: {name} holds values that are not finite")
