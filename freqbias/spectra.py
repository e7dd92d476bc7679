"""Error spectra over frequency and time: what the PDE, the kernel flow and the network all produce.

A spectrum file is NetCDF-4 with the dimensions ``time``, ``node``, ``axis``, ``part``; ``docs/architecture.md``
lists its variables and attributes.
"""

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from freqbias.errors import InputError
from freqbias.files import atomic_path
from freqbias.meshes import BoxMesh
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
    def mesh(self) -> BoxMesh:
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
        import xarray as xr

        try:
            with xr.open_dataset(path, engine="h5netcdf") as stored:
                dataset = stored.load()
        except FileNotFoundError as error:
            raise InputError(f"{path}: there is no such file") from error
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{path}: cannot be read as NetCDF-4: {error}") from error
        return cls.from_xarray(dataset, source=str(path))

    @classmethod
    def from_xarray(cls, dataset: "xr.Dataset", source: str = "spectra") -> "ErrorSpectra":
        """The inverse of ``to_xarray``; raises InputError naming ``source`` if something is missing or wrong."""
        schema = dataset.attrs.get("schema")
        if schema != SCHEMA:
            raise InputError(f"{source}: schema = {schema!r}: must be {SCHEMA!r} (is it a spectrum file of freqbias?)")
        try:
            problem = Problem.from_record(
                dataset.attrs["problem"],
                dataset["sample_point"].values,
                dataset["initial_error"].values,
                source,
            )
            parts = dataset["error_spectrum"].transpose("time", "node", "part").sel(part=["real", "imag"]).values
            frequencies = dataset["frequency"].transpose("node", "axis").values
            times, level = dataset["time"].values, dataset.attrs["level"]
        except (KeyError, ValueError) as error:
            raise InputError(f"{source}: not a complete spectrum file: {error}") from error
        values = parts[..., 0] + 1j * parts[..., 1]
        for name, array in (("time", times), ("error_spectrum", values), ("frequency", frequencies)):
            if not np.isfinite(array).all():
                raise InputError(f"{source}: {name} holds values that are not finite")
        nodes = problem.mesh.nodes
        if frequencies.shape != nodes.shape or np.abs(frequencies - nodes).max() > 1e-9 * np.abs(nodes).max():
            raise InputError(f"{source}: frequency does not hold the nodes of the mesh of its problem")
        loss = dataset["loss"].values if "loss" in dataset else None
        info = {k.removeprefix("info_"): v for k, v in dataset.attrs.items() if k.startswith("info_")}
        try:
            return cls(level, problem, times, values, loss, info)
        except ValueError as error:
            raise InputError(f"{source}: {error}") from error
