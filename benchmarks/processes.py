"""Time of a training step by one process and by two that torchrun starts, each with half of the neurons.

Run as ``python benchmarks/processes.py``; it prints a Markdown table within a minute. Every process computes with one
thread. A step is one gradient of a one-dimensional network by non-uniform FFTs, with the sum of the predictions over
the processes. Both are timed in turns in one run, in which the second process sleeps while the first works alone, and
the least time counts. What the sum takes is timed by itself, without neurons and so without a wait for others.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tables import markdown

CASES = [(width, count) for width in (10**5, 10**6) for count in (2048, 10**4)]
#: Seconds of turns for each case, and least number of turns.
BUDGET, LEAST_TURNS = 6.0, 4
TOLERANCE = 1e-10


def steps(out: Path) -> None:
    """Time all cases in this process and the one beside it; the first one writes them to ``out``."""
    import torch

    from freqbias import Problem
    from freqbias.nn.processes import ALONE, joined_processes
    from freqbias.nn.training import Training

    torch.set_num_threads(1)
    found = []
    with joined_processes() as processes:
        for case in CASES:
            problem = Problem.create(_problem(*case))
            shared = Training(problem, processes=processes).objective
            work = [lambda o=shared: _step(o), lambda o=shared: processes.sum(lambda: o.weights, o.weights)]
            if processes.rank == 0:
                alone = Training(problem, processes=ALONE).objective
                work.append(lambda o=alone: _step(o))
            found.append(_least_times(work, processes.agreed))
        if processes.rank == 0:
            out.write_text(json.dumps(found))


def _step(objective) -> None:
    import torch

    with torch.no_grad():
        objective.network.frequencies.mul_(1 + 1e-9)  # as training moves them
    objective.gradient()


def _least_times(work: list[Callable[[], object]], agreed: Callable[[float], float]) -> list[float]:
    """Least time of each in milliseconds, in turns; all processes take as many."""
    for run in work:
        run()
    times = [[] for _ in work]
    ended = time.perf_counter() + BUDGET
    while agreed(float(len(times[0]) < LEAST_TURNS or time.perf_counter() < ended)):
        for run, taken in zip(work, times, strict=True):
            began = time.perf_counter()
            run()
            taken.append(1e3 * (time.perf_counter() - began))
    return [min(taken) for taken in times]


def _problem(width: int, count: int) -> dict:
    return {
        "network": {"width": width, "law": {"family": "uniform", "scale": 20.0}},
        "target": {"expression": "exp(-2*x**2)*sin(5*x)"},
        "data": {"lower": [-3.14], "upper": [3.14], "points": [count]},
        "training": {
            "optimizer": "gradient-descent",
            "learning_rate": 1.0,
            "evaluator": "nufft",
            "nufft_tolerance": TOLERANCE,
            "times": {"first": 1.0, "last": 2.0, "count": 2},
        },
        "mesh": {"cutoff": 25.0, "cells": [50]},
    }


def main() -> None:
    print("# Processes\n")
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "times.json"
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        subprocess.run([sys.executable, *torchrun, __file__, str(out)], check=True, env=environment)
        found = json.loads(out.read_text())
    rows = []
    for (width, count), (shared, exchange, alone) in zip(CASES, found, strict=True):
        sizes, times = (str(width), str(count)), (f"{alone:.1f}", f"{shared:.1f}", f"{exchange:.2f}")
        rows.append((*sizes, *times, f"{alone / shared:.2f}", f"{alone / shared / 2:.2f}"))
    head = ("m", "N", "1 process [ms]", "2 processes [ms]", "sum alone [ms]", "1 / 2 processes", "efficiency")
    print(markdown(head, rows))
    print(f"\nOne dimension, float64, tolerance {TOLERANCE:g}, one thread a process.")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        steps(Path(sys.argv[1]))
    else:
        main()
