"""Problems for the tests of training, and distances of what they give."""

import numpy as np

from freqbias.problem import Problem

#: Largest eigenvalue of the kernel of ``three_tones()``.
LARGEST_RATE = 0.24558


def three_tones(network=None, times=None, **training):
    """THEORY section 6, by default with large steps of gradient descent, whose response is exact."""
    return Problem.create(
        {
            "network": {"width": 4000, "law": {"family": "uniform", "scale": 20.0}} | (network or {}),
            "target": {"expression": "exp(-x**2/0.5)*(sin(2*x)+sin(5*x)+sin(11*x))"},
            "data": {"lower": [-np.pi], "upper": [np.pi], "points": [512]},
            "training": {
                "optimizer": "gradient-descent",
                "learning_rate": 2.0,
                "times": {"first": 2.0, "last": 200.0, "count": 12} | (times or {}),
                "threads": 1,
            }
            | training,
            "mesh": {"cutoff": 30.0, "cells": 300},
        }
    )


def small(network=None, **training):
    """Seconds do not matter here: a few neurons and steps."""
    return Problem.create(
        {
            "network": {"width": 40, "law": {"family": "uniform", "scale": 6.0}} | (network or {}),
            "target": {"expression": "sin(2*x) + cos(4*x)"},
            "data": {"lower": [-1.0], "upper": [2.0], "points": [30]},
            "training": {
                "optimizer": "gradient-descent",
                "learning_rate": 0.5,
                "times": {"first": 0.5, "last": 5.0, "count": 4},
                "threads": 1,
            }
            | training,
            "mesh": {"cutoff": 10.0, "cells": 40},
        }
    )


def difference(network, kernel):
    """Largest distance over time of two spectra, relative to the initial norm."""
    return network.mesh.norm(network.values - kernel.values).max() / kernel.norms()[0]


def slope(widths, errors):
    return np.polyfit(np.log(widths), np.log(errors), 1)[0]
