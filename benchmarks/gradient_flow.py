"""Gradient flow to late times: the exponential integrator against steps of gradient descent.

Run as ``python benchmarks/gradient_flow.py``; it prints a Markdown table within about two minutes.
"""

import time

import numpy as np
from tables import markdown

from freqbias.nn.threads import torch_threads
from freqbias.nn.training import Training
from freqbias.problem import Problem

WIDTH, SAMPLES = 1000, 256
#: lambda_max t at the end.
FAR = 1e4
#: Largest eigenvalue of the kernel of "three tones".
RATE = 0.24558


def problem(**training) -> Problem:
    """Three tones, output times that gradient descent visits too."""
    return Problem.create(
        {
            "network": {"width": WIDTH, "law": {"family": "uniform", "scale": 20.0}},
            "target": {"expression": "exp(-x**2/0.5)*(sin(2*x)+sin(5*x)+sin(11*x))"},
            "data": {"lower": [-np.pi], "upper": [np.pi], "points": [SAMPLES]},
            "training": {"times": {"first": 4 / RATE, "last": FAR / RATE, "count": 20}, "threads": 1} | training,
            "mesh": {"cutoff": 30.0, "cells": 300},
        }
    )


def run(times: np.ndarray | None = None, **training) -> tuple[np.ndarray, Training, float]:
    """Errors (T, N) at the output times, the training and its seconds."""
    given = problem(**training)
    if times is not None:
        given.times = times
    started = time.perf_counter()
    trained = Training(given)
    trained.run()
    return np.array(trained.errors)[:, 0], trained, time.perf_counter() - started


def main() -> None:
    print("# Gradient flow to late times\n")
    print(
        f"Three tones, m = {WIDTH}, N = {SAMPLES}, one thread, to a learning time of {FAR:g} / lambda_max. Error: of "
        "the predictions at 20 output times, the largest relative to the initial error, against gradient flow with "
        "tolerance 1e-8.\n"
    )
    with torch_threads(1):
        slow = {"optimizer": "gradient-descent", "learning_rate": 1 / RATE}
        times = problem(**slow).times
        exact, *_ = run(times, tolerance=1e-8)
        scale = np.linalg.norm(exact[0])
        rows = []
        for tolerance in (1e-2, 1e-3, 1e-4, 1e-5, 1e-6):
            errors, trained, seconds = run(times, tolerance=tolerance)
            facts = trained.stepper.facts()
            rows.append(
                (
                    f"exponential integrator, tolerance {tolerance:g}",
                    f"{np.linalg.norm(errors - exact, axis=1).max() / scale:.1e}",
                    f"{facts['flow_error_estimate']:.1e}",
                    str(trained.stepper.steps),
                    str(trained.objective.evaluations),
                    str(facts["kernel_products"]),
                    f"{seconds:.1f}",
                )
            )
        for part in (1, 4):
            slow["learning_rate"] = 1 / RATE / part
            errors, trained, seconds = run(times, **slow)
            steps = str(trained.stepper.steps)
            error = f"{np.linalg.norm(errors - exact, axis=1).max() / scale:.1e}"
            rows.append(
                (f"gradient descent, eta = {1 / part:g} / lambda_max", error, "", steps, steps, "0", f"{seconds:.1f}")
            )
    print(markdown(("method", "error", "its estimate", "steps", "gradients", "kernel products", "seconds"), rows))
    print(
        "\nA kernel product, J J^T times a vector, takes 2 d + 2 transforms, a gradient d + 2. "
        "Gradient descent follows the flow to first order only: its error falls as the learning rate."
    )


if __name__ == "__main__":
    main()
