"""How large a problem is, from its settings: nothing is allocated to know it."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import pi, prod
from typing import TYPE_CHECKING, Any

import numpy as np

from freqbias.meshes import default_cells
from freqbias.network_settings import FourierFeaturesSettings

if TYPE_CHECKING:
    from freqbias.problem import Problem

#: No number of a problem file counts as more than this: more do not fit into a float.
_LARGEST = 1e30


@dataclass(frozen=True)
class Quantity:
    """A size that a key of the problem file is responsible for.

    ``ordinary`` is its value in an ordinary problem: of all keys behind a size, the one furthest above it is to blame.
    """

    key: str
    given: Any
    value: float
    ordinary: float

    def __str__(self) -> str:
        return self.key if self.given is None else f"{self.key} = {self.given}"


class ProblemSize:
    """The sizes of ``problem``: samples, runs, parameters, output times, nodes, steps.

    Samples and a mesh that are there are counted, whatever the settings say; samples from a file are read for that.
    ``nodes`` of a mesh that follows from the data needs the samples.
    """

    def __init__(self, problem: "Problem"):
        self._problem = problem
        self._settings = problem.settings
        self.dimension = problem.dimension

    @cached_property
    def samples(self) -> Quantity:
        data = self._settings.data
        if data.points is None:
            return self._quantity("target.file", None, len(self._problem.points), 512)
        if "points" in vars(self._problem):
            return self._quantity("data.points", data.points, len(self._problem.points), 512)
        axes = self.dimension if data.sampling == "grid" and len(data.points) == 1 else 1
        return self._quantity("data.points", data.points, prod(map(_real, data.points)) ** axes, 512)

    @cached_property
    def seeds(self) -> Quantity:
        seeds = self._settings.training.all_seeds
        given = self._settings.training.seeds
        return self._quantity("training.seeds", given if isinstance(given, int) else None, len(seeds), 1)

    @cached_property
    def times(self) -> Quantity:
        count = self._settings.training.times.count
        return self._quantity("training.times.count", count, count + 1, 26)

    @cached_property
    def steps(self) -> Quantity | None:
        """Steps to the last output time; None for gradient flow, which chooses its own."""
        training = self._settings.training
        if training.optimizer == "gradient-flow" or training.learning_rate is None:
            return None
        count = training.times.last / training.learning_rate
        return self._quantity("training.learning_rate", training.learning_rate, count, 1e4)

    @cached_property
    def width(self) -> Quantity:
        """Neurons of the first layer, or of the widest hidden one."""
        network = self._settings.network
        key, given = ("width", getattr(network, "width", 0)), getattr(network, "hidden", [])
        if given and max(given) > key[1]:
            return self._quantity("network.hidden", given, max(given), 200)
        return self._quantity("network.width", key[1], key[1], 4000)

    @cached_property
    def widths(self) -> list[float]:
        """Widths of all layers of a deep network from the input on; empty for two layers."""
        network = self._settings.network
        if not hasattr(network, "hidden"):
            return []
        first = 2 * _real(network.width) if hasattr(network, "width") else self.dimension
        return [first, *map(_real, network.hidden), 1.0]

    @cached_property
    def parameters(self) -> float:
        """Of one run."""
        width = _real(getattr(self._settings.network, "width", 0))
        if not self.widths:
            return (self.dimension + 2) * width
        return self.dimension * width + sum((low + 1) * high for low, high in pairwise(self.widths))

    @cached_property
    def given_nodes(self) -> Quantity | None:
        """Nodes of the frequency mesh as far as the settings alone say it, else None."""
        mesh = self._settings.mesh
        if mesh.lines is not None:
            return self._nodes("mesh.lines", None, [len(lines) - 1 for lines in mesh.lines])
        cells = mesh.cells
        if cells is None and mesh.cutoff is not None and mesh.error is None:
            return self._default_nodes("mesh.cutoff", mesh.cutoff, np.array(mesh.cutoff))
        return None if cells is None else self._nodes("mesh.cells", cells, cells)

    @cached_property
    def nodes(self) -> Quantity:
        """Nodes of the frequency mesh."""
        if "mesh" in vars(self._problem):
            key, given = ("mesh.cells", self._settings.mesh.cells) if self._settings.mesh.cells else ("mesh", None)
            return self._quantity(key, given, len(self._problem.mesh.nodes), 1201)
        if self.given_nodes is not None:
            return self.given_nodes
        mesh = self._settings.mesh
        if mesh.file is not None:
            return self._quantity("mesh.file", mesh.file, len(self._problem.mesh.nodes), 1201)
        if mesh.error is not None:
            return self._quantity("mesh.error", mesh.error, len(self._problem.mesh.nodes), 1201)
        return self._default_nodes("mesh.cutoff, which is that of the initial error", None, self._problem.cutoff)

    @cached_property
    def grid(self) -> Quantity | None:
        """Points of the grids of a transform between samples and neurons of two layers; None for deep networks.

        Barnett, Magland and af Klinteberg, SIAM J. Sci. Comput. 41 (2019), C479, section 3.3: along each axis
        4 S X / pi points, S and X half the extents, and twice as many for the transform inside.
        """
        network, box = self._settings.network, self._problem.upper - self._problem.lower
        if not isinstance(network, FourierFeaturesSettings):
            return None
        # The outermost of so many neurons; a quadrature rule may be a tensor grid, which reaches less far.
        count = self.width.value ** (1 / self.dimension if network.sampling == "quadrature" else 1)
        law = network.law
        with np.errstate(all="ignore"):
            reach = law.extent(max(1e-15, 1 / count))
            grid = float(np.prod(2 * (2 * reach * box / pi + 12)))
        scale = getattr(law, "scale", None)
        key = "network.law" if scale is None else "network.law.scale"
        return self._quantity(key, scale, grid if np.isfinite(grid) else _LARGEST, 1e4)

    def _default_nodes(self, key: str, given: Any, cutoff: np.ndarray) -> Quantity:
        half_widths = self._problem.half_widths
        cells = default_cells(np.minimum(cutoff, _LARGEST / half_widths), half_widths, self._settings.mesh.degree)
        return self._nodes(key, given, cells)

    def _nodes(self, key: str, given: Any, cells: list) -> Quantity:
        degree = self._settings.mesh.degree
        return self._quantity(key, given, prod(_real(count) * degree + 1 for count in cells), 1201)

    @staticmethod
    def _quantity(key: str, given: Any, value: float, ordinary: float) -> Quantity:
        return Quantity(key, given, _real(value), ordinary)


def _real(value: float) -> float:
    return float(min(value, _LARGEST))
