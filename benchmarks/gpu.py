"""Time of a training step on a GPU by compiled loops, and how far it is from what the device can do.

Run as ``python benchmarks/gpu.py``; it prints Markdown tables, or one line where there is no CUDA device. A step is one
gradient of a one-dimensional network by the plain formula, that is two loops over all pairs of neuron and sample with
a sine and a cosine in each. Arithmetic limit: the time of two loops that do nothing but add up sines and cosines.
Bandwidth limit: the time in which the device copies what a step must read and write at least.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from tables import markdown

from freqbias.errors import InputError
from freqbias.nn.evaluators import FusedEvaluator, GpuNufftEvaluator
from freqbias.nn.networks import FourierFeatureNetwork
from freqbias.nn.objective import Objective

CASES = ((10**4, 2048), (10**5, 2048), (10**5, 10**4), (10**6, 10**4))
REPETITIONS = 10
COPIED_BYTES = 2**29


def seconds(work: Callable[[], object], device: torch.device) -> float:
    """Least time of ``work``, after one run that compiles it."""

    def finish() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    work()
    finish()
    times = []
    for _ in range(REPETITIONS):
        began = time.perf_counter()
        work()
        finish()
        times.append(time.perf_counter() - began)
    return min(times)


def copy_bandwidth(device: torch.device) -> float:
    """Bytes per second read and written by a copy."""
    source = torch.ones(COPIED_BYTES, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * COPIED_BYTES / seconds(lambda: target.copy_(source), device)


def sines_alone(points: torch.Tensor, frequencies: torch.Tensor) -> torch.Tensor:
    """sum_j cos(w_j x_n) + sin(w_j x_n) (N,)."""
    phase = points[:, None] * frequencies
    return (phase.cos() + phase.sin()).sum(dim=1)


def network_and_points(
    width: int, count: int, dtype: torch.dtype, device: torch.device
) -> tuple[FourierFeatureNetwork, np.ndarray]:
    generator = np.random.default_rng(0)
    frequencies = torch.tensor(generator.uniform(-20.0, 20.0, (1, width, 1)))
    cosine, sine = torch.tensor(generator.standard_normal((2, 1, width)))
    network = FourierFeatureNetwork(frequencies, cosine, sine, torch.full((1, width), width**-0.5).double())
    return network.to(device, dtype), generator.uniform(-np.pi, np.pi, (count, 1))


def measure(width: int, count: int, dtype: torch.dtype, device: torch.device, bandwidth: float) -> tuple[str, ...]:
    """One row of the table."""
    network, points = network_and_points(width, count, dtype, device)
    targets, weights = np.sin(5 * points[:, 0]), np.full(count, 1 / count)
    step = seconds(Objective(network, FusedEvaluator(points, device, dtype), targets, weights).gradient, device)
    bare = torch.compile(sines_alone, fullgraph=True, dynamic=False)
    samples, frequencies = torch.tensor(points[:, 0], dtype=dtype, device=device), network.frequencies[0, :, 0].detach()
    limit = 2 * seconds(lambda: bare(samples, frequencies), device)
    # Both loops read w, scale, a, b of every neuron and x of every sample; one writes f, the other reads dL/df and
    # writes three gradients.
    moved = (2 * 4 * width + 3 * width + 2 * count + 2 * count) * dtype.itemsize
    return (
        *(str(dtype).removeprefix("torch."), str(width), str(count), f"{1e3 * step:.3f}"),
        *(f"{2e-9 * width * count / step:.1f}", f"{limit / step:.2f}"),
        *(f"{1e-9 * moved / step:.1f}", f"{moved / bandwidth / step:.3f}"),
    )


def transforms(device: torch.device) -> list[tuple[str, ...]]:
    """Steps by cufinufft in milliseconds; raises InputError without it."""
    rows = []
    for width, count in CASES:
        network, points = network_and_points(width, count, torch.float64, device)
        evaluator = GpuNufftEvaluator(points, 1e-10, device)
        objective = Objective(network, evaluator, np.sin(5 * points[:, 0]), np.full(count, 1 / count))

        def step(objective=objective) -> None:
            with torch.no_grad():
                objective.network.frequencies.mul_(1 + 1e-9)  # as training moves them
            objective.gradient()

        rows.append((str(width), str(count), f"{1e3 * seconds(step, device):.3f}"))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda", help="default: cuda")
    device = torch.device(parser.parse_args().device)
    print("# GPU\n")
    if device.type == "cuda" and not torch.cuda.is_available():
        print("Not measured: there was no CUDA device.")
        return
    bandwidth = copy_bandwidth(device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "the CPU"
    print(f"{name}, torch {torch.__version__}; a copy moves {1e-9 * bandwidth:.0f} GB/s.\n")
    head = (
        "precision",
        "m",
        "N",
        "step [ms]",
        "10⁹ pairs/s",
        "arithmetic limit / step",
        "GB/s",
        "bandwidth limit / step",
    )
    # What the CPU is for here is a look at the benchmark itself.
    cases = CASES if device.type == "cuda" else CASES[:1]
    precisions = (torch.float64, torch.float32)
    print(markdown(head, [measure(*case, dtype, device, bandwidth) for dtype in precisions for case in cases]))
    if device.type == "cuda":
        try:
            print("\nBy cufinufft, float64, tolerance 1e-10:\n")
            print(markdown(("m", "N", "step [ms]"), transforms(device)))
        except InputError as error:
            print(f"Not measured: {error}.")


if __name__ == "__main__":
    main()
