"""Levels with planted errors: in closed form for the sums of a budget, and small real runs."""

from dataclasses import dataclass, field

import numpy as np

from freqbias.compare import Comparison, compare_spectra
from freqbias.errors import NumericalError
from freqbias.problem import Problem
from freqbias.spectra import ErrorSpectra

#: Relative sizes of what is planted.
SIZES = {"width": 1e-3, "step": 2e-5, "sampling": 3e-5, "window": 4e-5, "mesh": 5e-5, "evolution": 6e-5}


def settings(network=None, mesh=None, solver=None, data=None, target=None, times=None, **training) -> dict:
    """A small problem in 1D whose error vanishes at the edges of the box."""
    return {
        "network": {"width": 4000, "law": {"family": "normal", "scale": 5.0}} | (network or {}),
        "target": {"expression": target or "exp(-2*x**2)*(sin(2*x)+cos(5*x))"},
        "data": {"lower": [-np.pi], "upper": [np.pi], "points": [96]} | (data or {}),
        "training": {"times": {"first": 1.0, "last": 100.0, "count": 6} | (times or {}), "threads": 1} | training,
        "mesh": {"cutoff": 25.0, "cells": [100], "degree": 2} | (mesh or {}),
        "solver": solver or {},
    }


@dataclass
class Planted:
    """Computations of all levels in which every approximation makes an error of known size and shape.

    Shapes have peaks at frequencies of their own. The error of the width is one of 1/m, the others vanish with the
    change that measures them. ``unknown`` is an error of every network, whatever is changed.
    """

    problem: Problem
    sizes: dict[str, float] = field(default_factory=lambda: dict(SIZES))
    unknown: float = 0.0
    calls: list[str] = field(default_factory=list)
    failing: str | None = None
    seconds: float = 0.0

    def solve(self, problem, progress=None):
        base = self.problem.mesh
        kept = problem.mesh.nodes.shape == base.nodes.shape
        same_tolerance = problem.settings.solver.tolerance == self.problem.settings.solver.tolerance
        values = self._exact(problem)
        values = values + self._error("mesh", problem, kept) + self._error("evolution", problem, same_tolerance)
        return self._spectra("pde", problem, values)

    def kernel_flow(self, problem, progress=None):
        return self._spectra("kernel", problem, self._kernel(problem))

    def train(self, problem, progress=None):
        width = problem.settings.network.width / self.problem.settings.network.width
        values = self._kernel(problem) + self._error("width", problem, True) / width
        same = problem.settings.training.tolerance == self.problem.settings.training.tolerance
        values = values + self._error("step", problem, same) + self._error("unknown", problem, True)
        return self._spectra("network", problem, values)

    def comparison(self) -> Comparison:
        levels = [compute(self.problem) for compute in (self.solve, self.train, self.kernel_flow)]
        self.calls.clear()
        return compare_spectra(*levels)

    def exact(self, key: str) -> np.ndarray:
        """The planted term (T,), relative to the initial error."""
        mesh = self.problem.mesh
        start = mesh.norm(self.solve(self.problem).values[0])
        return mesh.norm(self._error(key, self.problem, True)) / start

    @property
    def computations(self):
        return {"solve": self.solve, "train": self.train, "kernel_flow": self.kernel_flow}

    def _kernel(self, problem):
        sampled = len(problem.points) / np.prod(problem.upper - problem.lower)
        base = len(self.problem.points) / np.prod(self.problem.upper - self.problem.lower)
        # Samples are as dense on a larger box.
        values = self._exact(problem) + self._error("sampling", problem, np.isclose(sampled, base))
        return values + self._error("window", problem, np.allclose(problem.upper, self.problem.upper))

    def _exact(self, problem):
        # On a larger box rho_0 is smaller and everything takes longer.
        xi, clock = problem.mesh.nodes[:, 0], problem.density * problem.times
        return problem.density * np.exp(-clock)[:, None] * np.exp(-(xi**2) / 20)

    def _error(self, key, problem, present):
        size = (self.sizes | {"unknown": self.unknown})[key] if present else 0.0
        centre = -20 + 6 * [*SIZES, "unknown"].index(key)
        xi, clock = problem.mesh.nodes[:, 0], problem.density * problem.times
        shape = np.exp(-2 * (xi - centre) ** 2 + 1j * xi)
        return size * problem.density * np.outer(clock * np.exp(-clock), shape)

    def _spectra(self, level, problem, values):
        self.calls.append(level)
        if level == self.failing and len(self.calls) > 1:
            raise NumericalError("planted failure")
        return ErrorSpectra(level, problem, problem.times, values, info={"wall_time_seconds": self.seconds})
