"""What a diagnosis has to explain: the spectra of network and theory, on as many times and frequencies as it needs."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from freqbias.compare.diagnosis.changed_theory import ChangedTheory
from freqbias.compare.ensemble import matched_runs
from freqbias.meshes import FrequencyMesh
from freqbias.problem import Problem

if TYPE_CHECKING:
    from freqbias.compare.metrics import Comparison

#: More output times and nodes say nothing new about one number.
_TIMES, _NODES = 24, 2500
#: The least part of the squared network of which a prediction must say something.
_LEAST_KNOWN = 0.1
#: Times at which less than this part of the error is left count as those at which it is this part.
_LITTLE_LEFT = 0.1


@dataclass(frozen=True)
class Evidence:
    """Spectra (T, n) of ``network`` and ``theory`` at ``times`` (T,) and ``frequencies`` (n, d), means over the runs.

    ``weights`` (T, n) turn squares into what counts: ``volumes`` (n,) of the nodes, over the part of the error that is
    left, so that late times count for more than the little error that they hold. ``chance`` is the part of the squared
    difference that another seed may change. ``whole_theory`` (T, all nodes of ``mesh``). ``name`` is the theory's.
    """

    problem: Problem
    mesh: FrequencyMesh
    name: str
    times: np.ndarray
    frequencies: np.ndarray
    volumes: np.ndarray
    weights: np.ndarray
    network: np.ndarray
    theory: np.ndarray
    whole_theory: np.ndarray
    chance: float

    @classmethod
    def of(cls, comparison: "Comparison", level: str) -> "Evidence":
        """That of a comparison that has a network and the theory ``level``."""
        theory = comparison.spectra[level]
        pairs = matched_runs(comparison.spectra["network"], theory)
        mesh, problem = theory.mesh, comparison.problem
        rows = np.unique(np.rint(np.linspace(0, len(theory.times) - 1, _TIMES)).astype(int))
        count = len(mesh.nodes)
        nodes = np.arange(count)
        if count > _NODES:
            nodes = np.sort(np.random.default_rng(0).choice(count, _NODES, replace=False))
        picked = np.ix_(rows, nodes)
        whole = np.mean([other[rows] for _, other in pairs], axis=0)
        volumes = mesh.node_volumes[nodes]
        left = np.sqrt((np.abs(whole[:, nodes]) ** 2 * volumes).sum(axis=1))
        weights = volumes / np.maximum(left / left[0], _LITTLE_LEFT)[:, None]
        differences = np.array([run[picked] - other[picked] for run, other in pairs])
        return cls(
            problem=problem,
            mesh=mesh,
            name=comparison.names[level],
            times=theory.times[rows],
            frequencies=mesh.nodes[nodes],
            volumes=volumes,
            weights=weights,
            network=whole[:, nodes] + differences.mean(axis=0),
            theory=whole[:, nodes],
            whole_theory=whole,
            chance=_chance(problem, differences, weights, comparison.max_relative_error[f"network_vs_{level}"]),
        )

    @cached_property
    def changed_theory(self) -> ChangedTheory | None:
        """The theory with other symbols; None if the family has none."""
        return None if self.problem.family is None else ChangedTheory(self.problem, self.times, self.frequencies)

    def unexplained(self, prediction: np.ndarray, where: Any = ...) -> float:
        """The part of the squared difference that is left if ``prediction`` takes the place of the theory.

        ``prediction`` stands for the values at the indices ``where``, by default all (T, n). Those that are NaN are
        left out; 1 if the rest holds hardly anything of the network. Where the network is smaller than the difference
        the part is relative to the network: to predict nothing does not explain that there is little.
        """
        known, weights, network = ~np.isnan(prediction), self.weights[where], self.network[where]

        def squared(values: np.ndarray) -> float:
            return float(np.sum(weights * np.abs(values) ** 2, where=known))

        whole = float(np.sum(weights * np.abs(network) ** 2))
        scale = min(squared(network - self.theory[where]), squared(network))
        if scale == 0 or squared(network) < _LEAST_KNOWN * whole:
            return 1.0
        return squared(network - prediction) / scale

    def product(self, one: np.ndarray, other: np.ndarray) -> complex:
        """The weighted sum of one conj(other), both (T, n)."""
        return complex(np.sum(self.weights * one * other.conj()))

    @property
    def initial_share(self) -> float:
        """The difference of the initial spectra, relative to the largest one at any time."""
        sizes = np.abs(self.network - self.theory) ** 2 @ self.volumes
        return float(np.sqrt(sizes[0] / sizes.max()))


@dataclass(frozen=True)
class Explanation:
    """A changed theory that comes nearer to the network.

    ``claim`` and ``advice`` are parts of a sentence; ``unexplained`` is the part of the squared difference that is
    left.
    """

    key: str
    parameter: float
    unexplained: float
    claim: str
    advice: str


def _chance(problem: Problem, differences: np.ndarray, weights: np.ndarray, relative_error: float) -> float:
    """The part of the squared difference that another seed may change.

    Of several runs, whose ``differences`` are (S, T, n), the squared standard error of their mean. One run of a random
    two-layer network of width m is about m^(-1/2) away from the theory.
    """
    if len(differences) > 1:
        scatter = float(np.sum(weights * differences.var(axis=0, ddof=1))) / len(differences)
        squared = float(np.sum(weights * np.abs(differences.mean(axis=0)) ** 2))
        return scatter / squared if squared > 0 else np.inf
    network = problem.settings.network
    if network.family == "fourier-features" and network.sampling == "random":
        return 1 / (network.width * relative_error**2)
    return 0.0
