"""Mistakes planted for the tests of the diagnosis."""

from dataclasses import replace

import numpy as np
from compare_cases import settings, spectra, three_tones
from hypothesis import settings as hypothesis_settings

from freqbias.compare import Comparison, compare_spectra
from freqbias.compare.diagnosis.diagnosis import Finding, diagnose
from freqbias.nn import kernel_flow
from freqbias.problem import Problem

FEW = hypothesis_settings(max_examples=4, deadline=None, derandomize=True)
WIDE = {"family": "uniform", "scale": 20.0}
NARROW = {"family": "normal", "scale": 5.0}
#: A network that is trained in a blink.
QUICK = {
    "network__width": 2000,
    "data__points": [128],
    "training__optimizer": "gradient-descent",
    "training__learning_rate": 0.5,
    "training__times": {"first": 2.0, "last": 150.0, "count": 12},
    "training__threads": 1,
    "mesh": {"cutoff": [30.0], "cells": [200], "degree": 2},
}


def compared(theory: np.ndarray, network: np.ndarray, problem: Problem | None = None) -> Comparison:
    problem = problem or three_tones()
    return compare_spectra(spectra("pde", theory, problem), spectra("network", network, problem))


def planted(theory: np.ndarray, network: np.ndarray, problem: Problem | None = None) -> Finding:
    """The first finding."""
    findings = diagnose(compared(theory, network, problem))
    assert findings
    assert findings[0].explained == max(finding.explained for finding in findings)
    return findings[0]


def relabelled(wrong: dict, base: dict | None = None, run=kernel_flow, level: str = "pde") -> list[Finding]:
    """What is found if a network computed with ``wrong`` settings is said to belong to ``base``."""
    problem = Problem.create(settings(**(base or {})))
    # The lines of its own mesh would follow the jumps of its law.
    other = run(Problem.create(settings(**((base or {}) | wrong))).with_mesh(problem.mesh))
    network = replace(other, level="network", problem=problem, times=problem.times)
    theory = replace(kernel_flow(problem), level=level)
    return diagnose(compare_spectra(**{"pde": None, "network": network, level: theory}))


def plane(**changes) -> dict:
    """A small problem in the plane whose kernel flow takes a tenth of a second."""
    return {
        "target__expression": "exp(-2*x**2-2*y**2)*(cos(3*x+y)+cos(6*x-4*y))",
        "data": {"lower": [-np.pi] * 2, "upper": [np.pi] * 2, "points": [24]},
        "mesh": {"cutoff": [12.0], "cells": [24], "degree": 2},
        "training__times": {"first": 1.0, "last": 300.0, "count": 12},
    } | changes
