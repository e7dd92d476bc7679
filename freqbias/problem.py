"""A problem: network, target, data, training and mesh, with everything that follows from them."""

import copy
import hashlib
import json
import os
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
from pydantic import ValidationError

from freqbias import optimizers
from freqbias.changes import apply_change
from freqbias.errors import InputError
from freqbias.families import FAMILIES, Family
from freqbias.initialization import InitialNetwork, initialize
from freqbias.input_files import parse_toml, read_toml
from freqbias.meshes import BoxMesh, FrequencyMesh, UnstructuredMesh
from freqbias.problem_data import ProblemData
from freqbias.problem_mesh import choose_mesh, mesh_cutoff
from freqbias.settings import ProblemSettings
from freqbias.settings_errors import describe
from freqbias.transforms import error_spectrum


class Problem(ProblemData):
    """One setting to predict and to train; read-only. Frequencies in radians per unit of x.

    Make one with ``Problem.from_file`` or ``Problem.create``; everything derived is computed once, on first use,
    and raises InputError naming the key when the problem does not allow it.
    """

    @classmethod
    def from_file(cls, path: str | os.PathLike) -> "Problem":
        """Read a TOML problem file. Raises InputError with one line naming file, key, value and what is allowed.

        >>> problem = Problem.from_file("examples/three_tones.toml")
        >>> problem.dimension, problem.settings.network.width, problem.mesh.nodes.shape
        (1, 4000, (1201, 1))
        """
        return cls.create(read_toml(path), directory=Path(path).parent, source=str(path))

    @classmethod
    def from_toml(
        cls, text: str, directory: str | os.PathLike = ".", source: str = "problem", check_files: bool = True
    ) -> "Problem":
        """A problem from TOML text; files in it are relative to ``directory``."""
        return cls.create(parse_toml(text, source), directory=directory, source=source, check_files=check_files)

    @classmethod
    def create(
        cls,
        data: dict[str, Any],
        target: Callable[[np.ndarray], np.ndarray] | None = None,
        directory: str | os.PathLike = ".",
        source: str = "problem",
        check_files: bool = True,
    ) -> "Problem":
        """A problem from the content of a problem file as a dictionary.

        ``target``: a callable that maps points (n, d) to values (n,); the dictionary's ``target`` table may then
        hold only ``taper`` and ``standardize``. Raises InputError as ``from_file`` does.

        >>> problem = Problem.create(
        ...     {
        ...         "network": {"width": 400, "law": {"family": "normal", "scale": 4.0}},
        ...         "data": {"lower": [-3.0], "upper": [3.0], "points": [64]},
        ...         "training": {"times": {"first": 1.0, "last": 10.0, "count": 3}},
        ...     },
        ...     target=lambda points: np.exp(-(points[:, 0] ** 2)) * np.sin(3 * points[:, 0]),
        ... )
        >>> problem.times.round(3)
        array([ 0.   ,  1.   ,  3.162, 10.   ])
        """
        if target is not None:
            name = getattr(target, "__qualname__", type(target).__qualname__)
            data = {**data, "target": {**data.get("target", {}), "function": name}}
        try:
            settings = ProblemSettings.model_validate(
                data, context={"directory": directory, "check_files": check_files}
            )
        except ValidationError as error:
            raise InputError(f"{source}: {describe(error, data)}") from error
        if check_files and settings.target.function is not None and target is None:
            raise InputError(f"{source}: target.function: only Problem.create in Python can set it")
        return cls(settings, target, source)

    def changed(self, changes: dict[str, Any]) -> "Problem":
        """This problem with other values under dotted keys, such as ``{"network.width": 8000}``.

        Samples, times and mesh follow from the settings again. Raises InputError as ``from_file`` does.

        >>> problem = Problem.from_file("examples/three_tones.toml")
        >>> problem.changed({"network.law.scale": 5.0}).settings.network.law.scale
        [5.0]
        """
        data = self.resolved.model_dump()
        for key, value in changes.items():
            apply_change(data, key, value, self.source)
        try:
            settings = ProblemSettings.model_validate(data, context={"check_files": False})
        except ValidationError as error:
            raise InputError(f"{self.source}: {describe(error, data)}") from error
        return Problem(settings, self._function, self.source)

    def check(self) -> None:
        """Raise InputError for what is wrong with samples, network, training or mesh, before any work is done."""
        _ = self.times, self.weights, self.initial_error, self.mesh
        batch = self.settings.training.batch
        if batch is not None and batch > len(self.points):
            raise self.fail(f"training.batch = {batch} must not exceed the {len(self.points)} samples")

    # The network

    @cached_property
    def initial_networks(self) -> list[InitialNetwork]:
        """The network before training, for every seed."""
        network = self.settings.network
        try:
            return [initialize(network, seed, self.upper - self.lower) for seed in self.settings.training.all_seeds]
        except ValueError as error:
            raise self.fail(f"network.law: {error}") from error

    @cached_property
    def initial_errors(self) -> np.ndarray:
        """e(x_i) = f(x_i) - g(x_i) before training, for every seed (S, N)."""
        return np.array([network.evaluate(self.points) for network in self.initial_networks]) - self.target_values

    @cached_property
    def initial_error(self) -> np.ndarray:
        """e(x_i) before training (N,), the mean over all seeds: what all levels start from.

        The theory is linear in the error: its solution from the mean is the mean of the solutions.
        """
        return self.initial_errors.mean(axis=0)

    def initial_spectrum(self, frequencies: np.ndarray) -> np.ndarray:
        """The error spectrum before training at ``frequencies`` (n, d), radians per unit of x: (n,) complex.

        >>> problem = Problem.from_file("examples/three_tones.toml")
        >>> abs(problem.initial_spectrum(np.array([[3.0], [9.0]]))).round(4)
        array([0.1441, 0.0742])
        """
        return error_spectrum(self.points, self.initial_error, self.weights, frequencies)

    def set_samples(
        self,
        points: np.ndarray,
        weights: np.ndarray,
        initial_error: np.ndarray,
        imported_mesh: UnstructuredMesh | None = None,
    ) -> None:
        """Take the samples from elsewhere (a spectrum file) instead of computing them from target and network.

        So also the mesh if it came from a file.
        """
        self.points, self.weights, self.initial_error = points, weights, initial_error
        if imported_mesh is not None:
            self.mesh = imported_mesh

    def with_mesh(self, mesh: FrequencyMesh) -> "Problem":
        """The problem with its spectra brought to another mesh, to be compared.

        Settings and digest stay those of its own mesh: such spectra are not for spectrum files.
        """
        _ = self.resolved, self.digest
        other = copy.copy(self)
        other.mesh = mesh
        return other

    # Training

    @cached_property
    def family(self) -> Family | None:
        """The family's symbols in the infinite-width limit, or None if no PDE predicts it."""
        network = self.settings.network
        return FAMILIES[network.family](network) if network.family in FAMILIES else None

    @cached_property
    def optimizer(self) -> optimizers.LinearOptimizer | None:
        """The response of the error to training, or None if it is not known in closed form."""
        return optimizers.optimizer_for(self.settings.training)

    @property
    def known_family(self) -> Family:
        """The family's symbols. Raises InputError, naming the key, if no PDE predicts it."""
        if self.family is None:
            raise self.fail(self._familiar_only)
        return self.family

    @property
    def linear_optimizer(self) -> optimizers.LinearOptimizer:
        """The response of the error to training. Raises InputError, naming the key, if it is not known."""
        if self.optimizer is None:
            raise self.fail(self._linear_only)
        return self.optimizer

    @property
    def unpredicted(self) -> str | None:
        """Why no PDE predicts this problem, starting with the key; None if one does."""
        return self._familiar_only if self.family is None else self.nonlinear

    @property
    def nonlinear(self) -> str | None:
        """Why neither PDE nor kernel flow predicts this training, starting with the key; None if they do."""
        return self._linear_only if self.optimizer is None else None

    @property
    def _familiar_only(self) -> str:
        return f'network.family = "{self.settings.network.family}" has no PDE, only two-layer networks have'

    @property
    def _linear_only(self) -> str:
        training = self.settings.training
        if not training.schedule.constant:
            return "training.schedule changes the learning rate, which PDE and kernel flow do not follow"
        return f'training.optimizer = "{training.optimizer}" is not linear in the error: no PDE and no kernel flow'

    @cached_property
    def times(self) -> np.ndarray:
        """Output times (T,) in learning time, the first one 0."""
        try:
            return optimizers.output_times(self.settings.training)
        except InputError as error:
            raise self.fail(str(error)) from error

    # Frequencies

    @cached_property
    def nyquist(self) -> np.ndarray:
        """The largest frequencies (d,) that the samples can tell from lower ones (on average, if scattered)."""
        count = self.grid_shape or (len(self.points) ** (1 / self.dimension),) * self.dimension
        return np.pi * np.array(count) / (self.upper - self.lower)

    @cached_property
    def cutoff(self) -> np.ndarray:
        """Half-widths (d,) of a mesh that is neither given by lines nor by a file: given, or of the initial error."""
        return mesh_cutoff(self)

    @cached_property
    def mesh(self) -> FrequencyMesh:
        """The frequency mesh, with defaults from the law, the band of the initial error and the box."""
        return self._mesh_and_warnings[0]

    @property
    def imported_mesh(self) -> UnstructuredMesh | None:
        """The mesh if it comes from a file, else None."""
        return self.mesh if isinstance(self.mesh, UnstructuredMesh) else None

    @property
    def mesh_warnings(self) -> list[str]:
        """What is doubtful about the mesh, one sentence each."""
        return self._mesh_and_warnings[1]

    @cached_property
    def _mesh_and_warnings(self) -> tuple[FrequencyMesh, list[str]]:
        return choose_mesh(self)

    # Records

    @cached_property
    def resolved(self) -> ProblemSettings:
        """The settings with every default that depends on the data filled in."""
        mesh, data = self.settings.mesh, self.settings.data
        if mesh.file is None and mesh.lines is None and isinstance(self.mesh, BoxMesh):
            if mesh.error is not None:
                found = {"lines": [axis.tolist() for axis in self.mesh.axes], "cutoff": None, "error": None}
            else:
                found = {"cutoff": self.mesh.bounds[1].tolist(), "cells": list(self.mesh.cells)}
            mesh = mesh.model_copy(update=found)
        if self.grid_shape is not None:
            data = data.model_copy(update={"points": [int(n) for n in self.grid_shape]})
        return self.settings.model_copy(update={"mesh": mesh, "data": data})

    def to_toml(self) -> str:
        """The resolved problem as a complete problem file."""
        return tomli_w.dumps(self.resolved.model_dump(mode="json", exclude_none=True))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all that the spectra depend on: settings without names and paths, samples, mesh from a file."""
        left_out: dict[str, Any] = {"name": True, "report": True, "target": {"file"}, "mesh": {"file"}}
        settings = self.resolved.model_dump(mode="json", exclude=left_out)
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
        arrays = [self.points, self.weights, self.initial_error]
        if self.imported_mesh is not None:
            arrays += [self.imported_mesh.vertices, self.imported_mesh.cells]
        for array in arrays:
            digest.update(np.ascontiguousarray(array, dtype="<f8").tobytes())
        return digest.hexdigest()

    @classmethod
    def from_record(
        cls,
        toml: str,
        points: np.ndarray,
        weights: np.ndarray,
        initial_error: np.ndarray,
        source: str,
        imported_mesh: UnstructuredMesh | None = None,
    ) -> "Problem":
        """The problem that a spectrum file records; its data files need not be at hand."""
        problem = cls.from_toml(toml, source=source, check_files=False)
        problem.set_samples(points, weights, initial_error, imported_mesh)
        return problem
