"""Time of one training gradient: non-uniform FFTs against the plain formula and against finufft alone.

Run as ``python benchmarks/nufft_step.py [--threads N]``; it prints a Markdown table within about a minute. The rows
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
from freqbias.nn.fourier_features import FourierFeatureNetwork
from freqbias.nn.steps import Objective
from freqbias.nn.training import torch_threads

TOLERANCE = 1e-10
#: Dimension, neurons, points, rounds of the transforms, rounds of the plain formula.
CASES = ((1, 10**3, 2048, 40, 5), (1, 10**4, 2048, 30, 3), (1, 10**5, 2048, 15, 1), (2, 10**4, 4096, 20, 1))
HALF_WIDTH = 20.0
HEADINGS = (
    "d",
    "m",
    "N",
    "gradient, NUFFT [ms]",
    "gradient, dense [ms]",
    "finufft alone [ms]",
    "dense / NUFFT",
    "NUFFT / finufft alone",
)


def bare_transforms(neurons: Neurons, points: np.ndarray, threads: int) -> Callable[[], None]:
    """The d + 2 type-3 transforms of one gradient with reused plans: new points, one forward, d + 1 backward."""
    dimension = points.shape[1]
    options = {"eps": TOLERANCE, "nthreads": threads}
    forward = finufft.Plan(3, dimension, n_trans=1, isign=1, **options)
    backward = finufft.Plan(3, dimension, n_trans=dimension + 1, isign=1, **options)
    sources, targets = np.ascontiguousarray(neurons.frequencies.T), np.ascontiguousarray(points.T)
    strengths = neurons.scale * (neurons.cosine - 1j * neurons.sine)
    residuals = np.random.default_rng(1).standard_normal((dimension + 1, len(points))).astype(complex)
    values = np.empty(len(points), dtype=complex)
    sums = np.empty((dimension + 1, len(strengths)), dtype=complex)

    def run() -> None:
        for plan, a, b, data, out in (
            (forward, sources, targets, strengths, values),
            (backward, targets, sources, residuals, sums),
        ):
            plan.setpts(**dict(zip("xyz", a, strict=False)), **dict(zip("stu", b, strict=False)))
            plan.execute(data, out)

    return run


def gradient(evaluator: Evaluator, neurons: Neurons, targets: np.ndarray) -> Callable[[], None]:
    """One gradient of the loss; the frequencies move in between, as they do in training."""
    objective = Objective(FourierFeatureNetwork.from_neurons(neurons), evaluator, targets)

    def run() -> None:
        with torch.no_grad():
            objective.network.frequencies.mul_(1 + 1e-9)
        objective.gradient()

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
        bare_transforms(neurons, points, threads),
    ]
    nufft, dense, bare = least_times(work, [rounds, dense_rounds, rounds])
    figures = (f"{nufft:.2f}", f"{dense:.0f}", f"{bare:.2f}", f"{dense / nufft:.0f}", f"{nufft / bare:.2f}")
    return [str(dimension), str(width), str(count), *figures]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="default: all cores")
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
        "\n*finufft alone*: the d + 2 type-3 transforms of a gradient in two reused plans, with `setpts` since the "
        "frequencies move. The evaluator needs less than that: its backward pass is the adjoint of the forward plan."
    )


if __name__ == "__main__":
    main()
