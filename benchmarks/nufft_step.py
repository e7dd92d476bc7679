"""Time of one training gradient: non-uniform FFTs against the plain formula and against finufft alone.

Run as ``python benchmarks/nufft_step.py [--threads N]``; it prints a Markdown table within about a minute. The columns
are timed in turns in one run and the least time counts, so that the ratios hold on a busy machine too.
"""

import argparse
import platform
import time
from collections.abc import Callable

import finufft
import numpy as np
import torch

from freqbias.initialization import Neurons
from freqbias.nn.evaluators import DenseEvaluator, Evaluator, NufftEvaluator
from freqbias.nn.networks import FourierFeatureNetwork
from freqbias.nn.objective import Objective
from freqbias.nn.threads import torch_threads

TOLERANCE = 1e-10
#: Dimension, neurons, points, rounds of the transforms, rounds of the plain formula.
CASES = ((1, 10**3, 2048, 40, 5), (1, 10**4, 2048, 30, 3), (1, 10**5, 2048, 15, 1), (2, 10**4, 4096, 20, 1))
HALF_WIDTH = 20.0
HEADINGS = (
    "d",
    "m",
    "N",
    "gradient, NUFFT [ms]",
    "gradient, dense by hand [ms]",
    "gradient, dense autograd [ms]",
    "type 3 alone [ms]",
    "same calls alone [ms]",
    "autograd / NUFFT",
    "NUFFT / type 3",
    "NUFFT / same calls",
)


def strengths_and_residuals(neurons: Neurons, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What is transformed: the neurons' strengths (m,) and d + 1 vectors of residuals (d + 1, N)."""
    residuals = np.random.default_rng(1).standard_normal((points.shape[1] + 1, len(points)))
    return neurons.scale * (neurons.cosine - 1j * neurons.sine), residuals.astype(complex)


def set_points(plan: finufft.Plan, sources: np.ndarray, targets: np.ndarray) -> None:
    plan.setpts(**dict(zip("xyz", sources, strict=False)), **dict(zip("stu", targets, strict=False)))


def type_3_alone(neurons: Neurons, points: np.ndarray, threads: int) -> Callable[[], None]:
    """The d + 2 type-3 transforms of a gradient with reused plans: new points, one forward, d + 1 backward."""
    dimension = points.shape[1]
    options = {"eps": TOLERANCE, "nthreads": threads}
    forward = finufft.Plan(3, dimension, n_trans=1, isign=1, **options)
    backward = finufft.Plan(3, dimension, n_trans=dimension + 1, isign=1, **options)
    sources, targets = np.ascontiguousarray(neurons.frequencies.T), np.ascontiguousarray(points.T)
    strengths, residuals = strengths_and_residuals(neurons, points)
    values, sums = np.empty(len(points), complex), np.empty((dimension + 1, len(strengths)), complex)

    def run() -> None:
        set_points(forward, sources, targets)
        forward.execute(strengths, values)
        set_points(backward, targets, sources)
        backward.execute(residuals, sums)

    return run


def same_calls_alone(neurons: Neurons, points: np.ndarray, threads: int) -> Callable[[], None]:
    """One plan from the larger to the smaller set, one transform and d + 1 adjoint ones: what the evaluator calls."""
    strengths, residuals = strengths_and_residuals(neurons, points)
    sides = [np.ascontiguousarray(neurons.frequencies.T), np.ascontiguousarray(points.T)]
    results = np.empty(len(points), complex), np.empty(len(strengths), complex)
    plan = finufft.Plan(3, points.shape[1], n_trans=1, isign=1, eps=TOLERANCE, nthreads=threads)
    to_points, to_neurons = plan.execute, plan.execute_adjoint
    if len(strengths) < len(points):
        sides.reverse()
        to_points, to_neurons = to_neurons, to_points

    def run() -> None:
        set_points(plan, *sides)
        to_points(strengths, results[0])
        for row in residuals:
            to_neurons(row, results[1])

    return run


def gradient(evaluator: Evaluator, neurons: Neurons, targets: np.ndarray) -> Callable[[], None]:
    """One gradient of the loss; the frequencies move in between, as they do in training."""
    arrays = (neurons.frequencies, neurons.cosine, neurons.sine, neurons.scale)
    network = FourierFeatureNetwork(*(torch.tensor(np.array([array])) for array in arrays))
    objective = Objective(network, evaluator, targets, np.full(len(targets), 1 / len(targets)))

    def run() -> None:
        with torch.no_grad():
            objective.network.frequencies.mul_(1 + 1e-9)
        objective.gradient()

    return run


def dense_autograd(neurons: Neurons, points: np.ndarray, targets: np.ndarray) -> Callable[[], None]:
    """The gradient as one writes it in PyTorch, by blocks of points whose phases fit into memory."""
    arrays = (neurons.frequencies, neurons.cosine, neurons.sine, neurons.scale)
    network = FourierFeatureNetwork(*(torch.tensor(np.array([array])) for array in arrays))
    size = max(1, 2**22 // len(neurons.scale))
    blocks = list(zip(torch.from_numpy(points).split(size), torch.from_numpy(targets).split(size), strict=True))

    def run() -> None:
        network.zero_grad()
        for block, values in blocks:
            (0.5 * (network(block) - values).square().sum() / len(points)).backward()

    return run


def least_times(work: list[Callable[[], None]], rounds: list[int]) -> list[float]:
    """Least time of each in milliseconds, timed in turns; what runs once only has no warm-up."""
    for run, count in zip(work, rounds, strict=True):
        if count > 1:
            run()
    times = [np.inf] * len(work)
    for turn in range(max(rounds)):
        for number, (run, count) in enumerate(zip(work, rounds, strict=True)):
            if turn < count:
                start = time.perf_counter()
                run()
                times[number] = min(times[number], 1e3 * (time.perf_counter() - start))
    return times


def measure(dimension: int, width: int, count: int, rounds: int, dense_rounds: int, threads: int) -> list[str]:
    """One row of the table."""
    generator = np.random.default_rng(0)
    points = generator.uniform(-np.pi, np.pi, (count, dimension))
    frequencies = generator.uniform(-HALF_WIDTH, HALF_WIDTH, (width, dimension))
    cosine, sine = generator.standard_normal((2, width))
    neurons = Neurons(frequencies, cosine, sine, np.full(width, width**-0.5), "random")
    targets = np.sin(5 * points[:, 0])
    work = [
        gradient(NufftEvaluator(points, TOLERANCE, threads), neurons, targets),
        gradient(DenseEvaluator(points), neurons, targets),
        dense_autograd(neurons, points, targets),
        type_3_alone(neurons, points, threads),
        same_calls_alone(neurons, points, threads),
    ]
    nufft, dense, autograd, type_3, same = least_times(work, [rounds, dense_rounds, dense_rounds, rounds, rounds])
    times = (f"{nufft:.2f}", f"{dense:.0f}", f"{autograd:.0f}", f"{type_3:.2f}", f"{same:.2f}")
    ratios = (f"{autograd / nufft:.0f}", f"{nufft / type_3:.2f}", f"{nufft / same:.2f}")
    return [str(dimension), str(width), str(count), *times, *ratios]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1, help="default: 1")
    threads = parser.parse_args().threads
    print("# One training gradient\n")
    print(
        f"Forward and backward pass of a network of m neurons at N points, double precision, frequencies uniform on "
        f"[-{HALF_WIDTH:g}, {HALF_WIDTH:g}]^d radians per unit of x, points on [-pi, pi]^d, tolerance {TOLERANCE:g}, "
        f"{threads} thread(s), torch {torch.__version__}, finufft {finufft.__version__}, {platform.machine()}.\n"
    )
    print("| " + " | ".join(HEADINGS) + " |")
    print("|" + "---:|" * len(HEADINGS))
    with torch_threads(threads):
        for case in CASES:
            print("| " + " | ".join(measure(*case, threads)) + " |", flush=True)
    print(
        "\n*Type 3 alone*: the d + 2 type-3 transforms of a gradient in two reused plans, with `setpts` since the "
        "frequencies move. *Same calls alone*: what the evaluator makes of them, one plan whose adjoint is the "
        "backward pass; the ratio to it is the price of Python. *Dense by hand*: the dense evaluator, whose gradient "
        "is written out."
    )


if __name__ == "__main__":
    main()
