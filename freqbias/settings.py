"""The keys of a problem file, their types, defaults and allowed values.

``freqbias.problem.Problem`` gives them their meaning; this module only says what may be written.
"""

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from freqbias.network_settings import AnyNetwork
from freqbias.training_settings import TrainingSettings
from freqbias.validation import (
    SMALLEST,
    CountPerAxis,
    DataFile,
    PositiveFloat,
    PositiveInt,
    PositivePerAxis,
    Real,
    RealPerAxis,
    Settings,
    as_list,
    per_axis,
)

#: The least width of a box relative to where it lies: below, points in it cannot be told apart.
_LEAST_WIDTH = 1e-9


class TargetSettings(Settings):
    """What the network must learn: exactly one of ``expression``, ``file`` and (in Python only) ``function``."""

    expression: str | None = Field(default=None, description="formula in x, y, z, such as exp(-x**2)*sin(3*x)")
    file: DataFile | None = Field(
        default=None, description=".csv, .npy, .npz or a picture, relative to the folder of the problem file"
    )
    function: str | None = Field(default=None, description="name of a Python callable; set by Problem.create")
    variable: str | None = Field(default=None, description="name of the array inside an .npz file")
    index: list[int] = Field(default=[], description="indices that fix the leading axes of an array")
    standardize: bool = Field(default=False, description="subtract the mean, divide by the standard deviation")
    taper: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.0,
        description="part of each half-width over which the target falls smoothly to 0 at the edge",
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [key for key in ("expression", "file", "function") if getattr(self, key) is not None]
        if len(given) != 1:
            raise ValueError(f"needs exactly one of expression and file, got {' and '.join(given) or 'neither'}")
        if self.file is None and (self.variable is not None or self.index):
            raise ValueError("variable and index belong to a target from a file")
        return self


class DataSettings(Settings):
    """The box of x and the sample points in it."""

    lower: Annotated[list[Real], Field(min_length=1, max_length=3)] = Field(
        description="lower ends of the box; their number is the dimension, 1 to 3"
    )
    upper: Annotated[list[Real], Field(min_length=1, max_length=3)] = Field(description="upper ends of the box")
    points: Annotated[list[PositiveInt], BeforeValidator(as_list)] | None = Field(
        default=None, description="per axis for a grid, in all for random points; from the file when left out"
    )
    sampling: Literal["grid", "random", "file"] = Field(
        default="grid", description="cell midpoints; drawn uniformly; the points of target.file"
    )
    weights: Literal["uniform", "quadrature", "file"] = Field(
        default="uniform",
        description="of the samples in the loss: all equal; so that they integrate like the uniform density; given",
    )
    weights_file: DataFile | None = Field(
        default=None, description="one positive number per sample; when left out, the last column of target.file"
    )

    @model_validator(mode="after")
    def _weights(self) -> Self:
        if self.weights != "file" and self.weights_file is not None:
            raise ValueError(f'weights_file belongs to weights = "file", not to weights = "{self.weights}"')
        if self.weights == "file" and self.weights_file is None and self.sampling != "file":
            raise ValueError('weights_file is missing: weights = "file" needs one (or a target.file with weights)')
        return self

    @model_validator(mode="after")
    def _box(self) -> Self:
        if len(self.lower) != len(self.upper):
            raise ValueError(f"lower has {len(self.lower)} values and upper {len(self.upper)}, must be as many")
        for axis, (low, high) in enumerate(zip(self.lower, self.upper, strict=True)):
            if not low < high:
                raise ValueError(f"lower[{axis}] = {low} must be less than upper[{axis}] = {high}")
            if high - low < max(SMALLEST, _LEAST_WIDTH * max(abs(low), abs(high))):
                raise ValueError(f"lower[{axis}] = {low} and upper[{axis}] = {high} are the same but for rounding")
        if self.sampling == "grid" and self.points is not None and len(self.points) not in (1, len(self.lower)):
            raise ValueError(f"points has {len(self.points)} values, must have 1 or {len(self.lower)}")
        if self.sampling == "random" and (self.points is None or len(self.points) != 1):
            raise ValueError('points must be one number with sampling = "random"')
        if self.sampling == "file" and self.points is not None:
            raise ValueError('points must be left out with sampling = "file"')
        return self


class MeshSettings(Settings):
    """The frequency mesh on [-cutoff, cutoff]^d; what is left out follows from law, target and box.

    Even with ``cells``, graded with ``error``. Or one between given grid lines, or one from a file.
    """

    cutoff: PositivePerAxis | None = Field(default=None, description="largest frequency of every axis")
    cells: CountPerAxis | None = Field(default=None, description="even mesh: cells of every axis")
    error: Annotated[float, Field(ge=1e-6, le=0.1)] | None = Field(
        default=None, description="graded mesh: error of interpolating the spectrum at all times, relative to its norm"
    )
    lines: list[list[Real]] | None = Field(default=None, description="grid lines of every axis, increasing")
    file: DataFile | None = Field(default=None, description="mesh file that meshio reads (gmsh, VTK, XDMF, ...)")
    degree: Annotated[int, Field(ge=1, le=8)] = Field(default=2, description="of the elements")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [key for key in ("cutoff", "cells", "error", "lines", "file") if getattr(self, key) is not None]
        if "cells" in given and "error" in given:
            raise ValueError("cells and error cannot be given together: a mesh is even with cells, graded with error")
        if len(given) > 1 and given not in (["cutoff", "cells"], ["cutoff", "error"]):
            raise ValueError(f"{' and '.join(given)} cannot be given together: lines or file describe the whole mesh")
        for axis, lines in enumerate(self.lines or []):
            if len(lines) < 2 or any(low >= high for low, high in pairwise(lines)):
                raise ValueError(f"lines[{axis}] must hold at least 2 frequencies that increase strictly")
        return self


class SolverSettings(Settings):
    """The evolution of the PDE."""

    tolerance: Annotated[float, Field(ge=1e-12, le=1e-2)] = Field(
        default=1e-9, description="error of the time evolution at every output, relative to the initial norm"
    )
    method: Literal["auto", "cholesky", "cg"] = Field(
        default="auto", description="shifted systems: a factorization, or conjugate gradients"
    )
    petsc: dict[str, str | int | float | bool] = Field(
        default={}, description="options of PETSc for the shifted systems, without prefix: ksp_type, pc_type, …"
    )


class ReportSettings(Settings):
    """What the report singles out."""

    frequencies: list[RealPerAxis] | None = Field(
        default=None,
        description="frequencies whose decay is drawn; the peaks of the initial error when left out",
    )
    threshold: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.5, description="a frequency counts as learned below this part of its initial error"
    )
    split: PositiveFloat | None = Field(
        default=None,
        description="|frequency| between low and high; when left out, half of the squared initial error lies below",
    )


class ProblemSettings(Settings):
    """A whole problem file."""

    name: str = Field(default="unnamed", description="title of the report")
    network: AnyNetwork
    target: TargetSettings
    data: DataSettings
    training: TrainingSettings
    mesh: MeshSettings = MeshSettings()
    solver: SolverSettings = SolverSettings()
    report: ReportSettings = ReportSettings()

    @model_validator(mode="after")
    def _per_axis(self) -> Self:
        dimension, network = len(self.data.lower), self.network
        if hasattr(network, "law"):
            try:
                law = network.law.in_dimension(dimension)
            except ValueError as error:
                raise ValueError(f"network.law.{error}") from error
            network = network.model_copy(update={"law": law})
        cutoff, cells = self.mesh.cutoff, self.mesh.cells
        mesh = self.mesh.model_copy(
            update={
                "cutoff": cutoff and per_axis(cutoff, dimension, "mesh.cutoff"),
                "cells": cells and per_axis(cells, dimension, "mesh.cells"),
            }
        )
        if mesh.lines is not None and len(mesh.lines) != dimension:
            raise ValueError(f"mesh.lines has the lines of {len(mesh.lines)} axes, must have those of {dimension}")
        for number, frequency in enumerate(self.report.frequencies or []):
            if len(frequency) != dimension:
                raise ValueError(f"report.frequencies[{number}] has {len(frequency)} values, must have {dimension}")
        self._check_evaluator()
        return self.model_copy(update={"network": network, "mesh": mesh})

    def _check_evaluator(self) -> None:
        training = self.training
        if training.evaluator != "nufft":
            return
        for key, value, allowed in (
            ("network.family", self.network.family, "fourier-features"),
            ("training.batch", training.batch, None),
            ("training.precision", training.precision, "float64"),
        ):
            if value != allowed:
                raise ValueError(f'training.evaluator = "nufft" does not allow {key} = {value!r}')
