"""Spectra in closed form for the tests of ``freqbias.compare``: no PDE is solved and no network trained here."""

from functools import cache

import numpy as np

from freqbias.compare import Comparison, compare_spectra
from freqbias.compare.report import report_html
from freqbias.problem import Problem
from freqbias.spectra import ErrorSpectra

RUN = {
    "seeds": [0],
    "ranks": 2,
    "wall_seconds": {"pde": 1.25, "network": 12.0},
    "versions": {"freqbias": "0.1.0", "torch": "2.9.1"},
}

TONES = (2.0, 5.0, 11.0)
_SPREAD = 0.5


def settings(**changes) -> dict:
    """Three tones as a problem file; ``changes`` are ``table__key=value`` or ``key=value``."""
    data = {
        "name": "three tones",
        "network": {"width": 4000, "law": {"family": "uniform", "scale": 20.0}},
        "target": {"expression": "exp(-x**2/0.5)*(sin(2*x)+sin(5*x)+sin(11*x))"},
        "data": {"lower": [-np.pi], "upper": [np.pi], "points": [512]},
        "training": {
            "optimizer": "gradient-flow",
            "learning_rate": 0.5,
            "times": {"first": 1.0, "last": 300.0, "count": 25},
        },
        "mesh": {"cutoff": [30.0], "cells": [600], "degree": 2},
    }
    for path, value in changes.items():
        *tables, key = path.split("__")
        table = data
        for name in tables:
            table = table.setdefault(name, {})
        if value is None:
            table.pop(key)
        else:
            table[key] = value
    return data


def spectra(level: str, values: np.ndarray, problem: Problem, **more) -> ErrorSpectra:
    return ErrorSpectra(level, problem, problem.times, values, **more)


@cache
def three_tones() -> Problem:
    return Problem.create(settings())


@cache
def plane_problem() -> Problem:
    """A small 2D problem."""
    return Problem.create(
        settings(
            name="two waves",
            network__law={"family": "normal", "scale": 4.0},
            target__expression="exp(-2*x**2-2*y**2)*(cos(3*x+y)+cos(6*x-4*y))",
            data={"lower": [-np.pi] * 2, "upper": [np.pi] * 2, "points": [48]},
            mesh={"cutoff": [12.0], "cells": [24], "degree": 2},
            training__times={"first": 0.3, "last": 300.0, "count": 20},
        )
    )


def three_tones_pde(problem: Problem, rate: float = 1.0) -> np.ndarray:
    """The solution of the PDE for the uniform law (THEORY section 7), with time running ``rate`` times as fast.

    e(x, t) = -g(x) exp(-rho_0 kappa (1 + r sigma^2 x^2) t), whose transform is a sum of Gaussians.
    """
    xi = problem.mesh.nodes[:, 0]
    decay = rate * problem.density * np.pi / problem.settings.network.law.scale[0] * problem.times[:, None]
    width = 1 / (2 * _SPREAD**2) + problem.family.mobility * decay
    total = np.zeros((len(decay), len(xi)), dtype=complex)
    for k in TONES:
        for sign in (1, -1):
            total += sign / 2j * np.exp(-((xi - sign * k) ** 2) / (4 * width))
    return -problem.density * np.sqrt(np.pi / width) * np.exp(-decay) * total


def frozen(problem: Problem, initial: np.ndarray) -> np.ndarray:
    """u(xi, t) = u(xi, 0) exp(-rho_0 c(xi) t): frequencies that do not move."""
    rate = problem.density * problem.family.damping(problem.mesh.nodes)
    return initial * np.exp(-np.outer(problem.times, rate))


def ripple(problem: Problem, size: float, waves: float) -> np.ndarray:
    """A smooth perturbation (T, n), 0 at the start and largest during training."""
    phase = np.log1p(problem.times) / np.log1p(problem.times[-1])
    radius = np.linalg.norm(problem.mesh.nodes, axis=1)
    return size * np.outer(np.sin(0.8 * np.pi * phase), np.exp(1j * waves * radius) * np.exp(-((radius / 12) ** 2)))


def three_levels(problem: Problem, exact: np.ndarray, size: float) -> Comparison:
    """PDE ``exact``, the other levels beside it at distances of about ``size`` and 3 ``size``."""
    scale = size * np.abs(exact).max()
    return compare_spectra(
        spectra("pde", exact, problem, info={"solves": 44}),
        spectra("network", exact + ripple(problem, 3 * scale, 1.0), problem, loss=np.linspace(1, 0.1, len(exact))),
        spectra("kernel", exact + ripple(problem, scale, 1.0), problem),
    )


SEEDS = (3, 1, 8)


def ensemble(level: str, runs: np.ndarray, problem: Problem, seeds: tuple[int, ...] = SEEDS, **more) -> ErrorSpectra:
    """The spectra ``runs`` (S, T, n) of one run for each seed."""
    losses = np.outer(1 + np.arange(len(seeds)), np.linspace(1, 0.1, len(problem.times)))
    return ErrorSpectra.of_ensemble(level, problem, problem.times, runs, losses, seeds, more)


@cache
def line_comparison() -> Comparison:
    """Three levels of three tones, the network with three seeds: 1e-4 away from the PDE, more or less."""
    problem = three_tones()
    exact = three_tones_pde(problem)
    scale = 1e-4 * np.abs(exact).max()
    runs = [exact + ripple(problem, part * scale, 1.0) for part in (1.5, 3.0, 4.5)]
    return compare_spectra(
        spectra("pde", exact, problem, info={"solves": 44}),
        ensemble("network", np.array(runs), problem),
        spectra("kernel", exact + ripple(problem, scale, 1.0), problem),
    )


def deep_settings(**changes) -> dict:
    """Three tones for a deep network that starts at 0, trained by mini-batches."""
    network = {"family": "multilayer-perceptron", "hidden": [64, 64], "activation": "tanh", "centred": True}
    return settings(network=network, training__optimizer="gradient-descent", training__batch=64, **changes)


@cache
def deep_comparison() -> Comparison:
    """A network of two seeds against its empirical kernel, whose runs differ more than network and kernel do."""
    problem = Problem.create(deep_settings())
    decays = [three_tones_pde(three_tones(), rate) for rate in (0.7, 1.4)]
    runs = np.array([decay[: len(problem.times)] for decay in decays])
    return compare_spectra(
        None,
        ensemble("network", 1.02 * runs, problem, (5, 4)),
        ensemble("kernel", runs[::-1], problem, (4, 5), kernel="empirical"),
    )


@cache
def plane_comparison() -> Comparison:
    problem = plane_problem()
    initial = problem.initial_spectrum(problem.mesh.nodes)
    return three_levels(problem, frozen(problem, initial), 1e-2)


@cache
def line_page() -> str:
    """Drawing takes seconds: the tests of the document and of the browser share one page in 1D and one in 2D."""
    return report_html(line_comparison(), RUN)


@cache
def deep_page() -> str:
    return report_html(deep_comparison(), RUN)


@cache
def plane_page() -> str:
    return report_html(plane_comparison(), RUN)
