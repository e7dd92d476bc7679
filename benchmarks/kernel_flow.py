"""Kernel flow at scale: Lanczos bases and products without a matrix, up to a million samples.

Run as ``python benchmarks/kernel_flow.py``; it prints Markdown tables within about four minutes.
"""

import argparse
import resource
import time
from multiprocessing import get_context

import numpy as np
from tables import markdown

from freqbias.nn import infinite_width, kernel_flow
from freqbias.problem import Problem

#: Dimension, samples along an axis of a grid or in all, sampling, law. In space a law of few frequencies: the modes of
#: its kernel's series grow as their third power.
UNIFORM, NORMAL = {"family": "uniform", "scale": 20.0}, {"family": "normal", "scale": 1.0}
CASES = [
    (1, 10_000, "random", UNIFORM),
    (1, 100_000, "random", UNIFORM),
    (1, 1_000_000, "random", UNIFORM),
    (1, 1_000_000, "grid", UNIFORM),
    (2, 100_000, "random", UNIFORM | {"scale": 5.0}),
    (2, 316, "grid", UNIFORM | {"scale": 5.0}),
    (3, 30_000, "random", NORMAL),
    (3, 46, "grid", NORMAL),
]
SMALL = (1000, 2000, 4000)
#: Largest rate times the last learning time.
FAR = 1e4
TARGETS = ("exp(-2*x**2)*sin(8*x)", "exp(-2*x**2-2*y**2)*cos(4*x+2*y)", "exp(-x**2-y**2-z**2)*cos(2*x+y+z)")


def problem(dimension: int, count: int, sampling: str, law: dict, rate: float) -> Problem:
    """Gradient flow from 1 / ``rate`` to FAR / ``rate``."""
    return Problem.create(
        {
            "network": {"width": 4, "law": law},
            "target": {"expression": TARGETS[dimension - 1]},
            "data": {
                "lower": [-np.pi] * dimension,
                "upper": [np.pi] * dimension,
                "points": [count],
                "sampling": sampling,
            },
            "training": {"threads": 1, "times": {"first": 1 / rate, "last": FAR / rate, "count": 12}},
            "mesh": {"cutoff": 10.0, "cells": 40, "degree": (2, 2, 1)[dimension - 1]},
        }
    )


def measure(case: tuple) -> tuple[str, ...]:
    """One row, in a process of its own for its peak memory."""
    dimension, _, sampling, law = case
    few = problem(dimension, 1000, "random", law, 1.0)
    given = problem(*case, rate=kernel_flow(few).info["largest_rate"])
    _ = given.mesh, given.initial_error
    started = time.perf_counter()
    info = kernel_flow(given).info
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return (
        str(dimension),
        f"{len(given.points)}",
        "grid" if sampling == "grid" else "scattered",
        f"{law['family']}, {law['scale']:g}",
        f"{seconds:.1f}",
        f"{peak:.2f}",
        str(info["kernel_products"]),
        str(info["vectors"]),
        f"{info['series_error']:.1e}",
        f"{info['evolution_error_estimate']:.1e}",
    )


def against_eigenvectors(count: int) -> tuple[str, ...]:
    """Both methods on the same scattered samples."""
    given = problem(1, count, "random", UNIFORM, 0.25)
    _ = given.mesh, given.initial_error
    spectra, seconds = [], []
    for most in (count, 0):
        infinite_width.MOST_EIGENVECTORS = most
        started = time.perf_counter()
        spectra.append(kernel_flow(given))
        seconds.append(time.perf_counter() - started)
    difference = np.abs(spectra[0].values - spectra[1].values).max() / np.abs(spectra[0].values).max()
    return (str(count), *(f"{s:.2f}" for s in seconds), f"{difference:.1e}")


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    print("# Kernel flow at scale\n")
    print(
        f"Gradient flow to a learning time of {FAR:g} / lambda_max on [-pi, pi]^d, one thread, solver.tolerance 1e-9. "
        "Estimate: the bound of the error at all times, relative to the initial norm.\n"
    )
    with get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        head = "d", "N", "samples", "law", "s", "peak GiB", "products", "vectors", "series error", "estimate"
        print(markdown(head, []), flush=True)
        for row in pool.imap(measure, CASES, chunksize=1):
            print(f"| {' | '.join(row)} |", flush=True)
        print("\nEigenvectors of the kernel matrix on the same samples (d = 1, scattered):\n")
        head = "N", "eigenvectors s", "Lanczos s", "largest relative difference"
        print(markdown(head, list(pool.imap(against_eigenvectors, SMALL, chunksize=1))))


if __name__ == "__main__":
    main()
