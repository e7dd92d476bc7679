"""Cost of one training gradient against neurons and samples, and the memory of a million neurons.

Run as ``python benchmarks/training_cost.py``; it prints Markdown tables within about two minutes. Least times of a few
gradients on one thread, the frequencies moving in between.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import torch
from tables import markdown

from freqbias.nn.evaluators import NufftEvaluator
from freqbias.nn.networks import FourierFeatureNetwork
from freqbias.nn.objective import Objective
from freqbias.nn.threads import torch_threads

#: Half-width of the frequencies in each dimension, for about as much work as the box of 2 pi needs.
HALF_WIDTH = {1: 20.0, 2: 20.0, 3: 10.0}
NEURONS, SAMPLES = (10**3, 10**4, 10**5, 10**6), (10**2, 10**3, 10**4, 10**5)
#: What stays fixed while the other grows.
SOME_SAMPLES, SOME_NEURONS = 2000, 10**4
SECONDS = 1.5


def gradient_time(dimension: int, width: int, count: int) -> float:
    """Least milliseconds of a gradient."""
    generator = np.random.default_rng(0)
    points = generator.uniform(-np.pi, np.pi, (count, dimension))
    half_width = HALF_WIDTH[dimension]
    frequencies = torch.from_numpy(generator.uniform(-half_width, half_width, (1, width, dimension)))
    cosine, sine = torch.from_numpy(generator.standard_normal((2, 1, width)))
    network = FourierFeatureNetwork(frequencies, cosine, sine, torch.full((1, width), width**-0.5).double())
    evaluator = NufftEvaluator(points)
    objective = Objective(network, evaluator, np.sin(5 * points[:, 0]), np.full(count, 1 / count))
    objective.gradient()
    times, began = [], time.perf_counter()
    while len(times) < 2 or time.perf_counter() - began < SECONDS:
        network.frequencies.data.mul_(1 + 1e-9)
        started = time.perf_counter()
        objective.gradient()
        times.append(1e3 * (time.perf_counter() - started))
    return min(times)


def slopes(sizes: tuple[int, ...], times: list[float]) -> tuple[str, str]:
    """Powers of the size with which the time grows: over all sizes, and over the last decade."""
    overall = np.polyfit(np.log(sizes), np.log(times), 1)[0]
    last = np.log(times[-1] / times[-2]) / np.log(sizes[-1] / sizes[-2])
    return f"{overall:.2f}", f"{last:.2f}"


def growth(title: str, sizes: tuple[int, ...], cases) -> str:
    """A row for each dimension: the times at ``sizes`` and how they grow."""
    rows = []
    for dimension in (1, 2, 3):
        times = [gradient_time(dimension, *cases(size)) for size in sizes]
        rows.append((str(dimension), *(f"{t:.2f}" for t in times), *slopes(sizes, times)))
    head = ("d", *(f"{title} = {size:g} [ms]" for size in sizes), "power, all", "power, last decade")
    return markdown(head, rows)


def large(dimension: int) -> dict[str, float]:
    """A million neurons at ten thousand points: time and the memory of the whole process, in one of its own."""
    script = f"import training_cost; training_cost.print_large({dimension})"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=Path(__file__).parent, stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout)


def print_large(dimension: int) -> None:
    """What ``large`` runs."""
    import resource

    with torch_threads(1):
        before = psutil.Process().memory_info().rss
        milliseconds = gradient_time(dimension, 10**6, 10**4)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"ms": milliseconds, "peak": peak / 2**30, "own": (peak - before) / 2**30}))


def main() -> None:
    print("# Cost of one training gradient\n")
    with torch_threads(1):
        print(f"**Neurons**, N = {SOME_SAMPLES} samples.\n")
        print(growth("m", NEURONS, lambda width: (width, SOME_SAMPLES)), flush=True)
        print(f"\n**Samples**, m = {SOME_NEURONS:g} neurons.\n")
        print(growth("N", SAMPLES, lambda count: (SOME_NEURONS, count)), flush=True)
    print("\n**A million neurons at ten thousand samples.**\n")
    rows = []
    for dimension in (1, 2, 3):
        found = large(dimension)
        rows.append((str(dimension), f"{found['ms']:.0f}", f"{found['peak']:.2f}", f"{found['own']:.2f}"))
    print(markdown(("d", "gradient [ms]", "peak memory [GiB]", "of that, above Python and PyTorch [GiB]"), rows))
    print(
        "\nBelow about 10^4 neurons or samples the grid of the transform, which depends on neither, and the calls "
        "themselves take most of the time: hence the powers below 1."
    )


if __name__ == "__main__":
    main()
