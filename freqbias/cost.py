"""What the levels of a problem will take of memory, time and disk, estimated from its settings before anything is made.

Memory is at least two thirds of what is taken and at most about three times that, time right within a factor of about
4 on an idle core of a machine of today; the gradient flow of a deep network, whose steps nobody knows before, may take
much longer. A guard against the impossible, not a forecast.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from math import log2
from pathlib import Path
from typing import TYPE_CHECKING

from freqbias import torchrun
from freqbias.problem_size import ProblemSize, Quantity
from freqbias.resources import free_disk, free_memory, in_words, seconds_in_words

if TYPE_CHECKING:
    from freqbias.problem import Problem

#: Nothing that takes longer is meant.
LONGEST = 60 * 86_400.0
#: Part of the free memory and of the free disk that may be estimated to be taken.
_SHARE = 0.9

#: Bytes of a process that has read a problem; that libraries take in it (files in memory that all processes share do
#: not count), and on a GPU; and seconds until a level has begun, with PyTorch and without.
_PROCESS, _SOLVER, _TRANSFORMS, _TORCH, _CUDA = 7e7, 7e7, 5e7, 4e8, 5e8
_TORCH_START, _START = 4.0, 0.5
#: The levels, and what comes before them, in words.
_NAMES = {
    "data": "the problem",
    "pde": "the PDE",
    "kernel": "the kernel flow",
    "network": "training",
    "gpu": "training on the GPU",
}

#: Parts of a training that are in the memory of the host wherever it is done.
_ON_HOST = {"parameters", "errors", "spectra"}
#: Samples up to which a kernel flow takes the eigenvectors of a matrix, and largest empirical kernel.
_MATRIX_SAMPLES, _EMPIRICAL_SAMPLES = 2000, 4000
#: Vectors of a Krylov basis as short as it can be made, and of one of a gradient flow, which a GPU sets aside at once;
#: products of a kernel flow without a matrix; gradients of a gradient flow for every output time.
_FEWEST_VECTORS, _MOST_VECTORS, _PRODUCTS, _GRADIENTS = 20, 200, 60, 60
#: Of a core in a second: floating point operations of factorizations of sparse and of products of dense matrices,
#: entries of eigenvectors times their number, pairs of samples and derivatives of them, bytes of memory traffic.
_SPARSE_FLOPS, _FLOPS, _EIGENVECTORS, _DERIVATIVES, _BYTES = 5e9, 3e10, 1e10, 1e10, 5e9
#: Seconds that a non-uniform transform takes for a point of either side in 1, 2, 3 dimensions, and of its grid; where
#: the grid does not fit into the cache, points take longer by a factor.
_POINT, _GRID_POINT, _CACHED_GRID, _UNCACHED = (4e-8, 1e-7, 1.5e-7), 1e-8, 1e5, 4.0
#: Neurons times samples from which on transforms are faster than the plain formula, and how large its matrices get.
_DENSE_PAIRS, _DENSE_BYTES = 3e5, 1.2e9


@dataclass(frozen=True)
class Part:
    """Something that takes ``size`` bytes or seconds, in words, and the quantities behind it."""

    words: str
    size: float
    quantities: tuple[Quantity, ...]

    @property
    def culprit(self) -> Quantity:
        """The quantity that is furthest above the ordinary, of those that multiply at all."""
        several = [quantity for quantity in self.quantities if quantity.value > 1] or self.quantities
        return max(several, key=lambda quantity: quantity.value / quantity.ordinary)


@dataclass(frozen=True)
class LevelCost:
    """``memory`` at the peak (bytes), ``seconds`` on one core, ``output`` on disk (bytes) of a level.

    ``libraries``: bytes that what the level computes with takes besides.
    """

    level: str
    memory: tuple[Part, ...]
    seconds: Part
    output: Part
    libraries: float = 0.0

    @property
    def bytes(self) -> float:
        """Of memory, in all."""
        return self.libraries + sum(part.size for part in self.memory)


class Cost:
    """The costs of ``problem``: of its samples, and of each level.

    What the settings do not say is taken from ``problem``: the shape of a mesh that follows from the data needs the
    samples, so ask for theirs first.
    """

    def __init__(self, problem: "Problem"):
        self.problem = problem
        self.size = ProblemSize(problem)

    def samples(self) -> LevelCost:
        """Samples, the network before training on them, the mesh if the settings alone give it."""
        size = self.size
        samples, seeds, width = size.samples, size.seeds, size.width
        d, n, s = size.dimension, samples.value, seeds.value
        parts = [
            Part("samples", 8 * n * (3 * d + 10 + 2 * s), (samples, seeds)),
            Part("parameters of the network", (8 * s + 16) * (size.parameters + width.value), (width, seeds)),
        ]
        if size.widths:
            parts.append(Part("hidden layers", 24 * min(n, 2**14) * max(size.widths), (width,)))
        if size.grid is not None:
            parts.append(Part("transform", 20 * size.grid.value, (size.grid,)))
        if size.given_nodes is not None:
            parts.append(Part("mesh", 24 * d * size.given_nodes.value, (size.given_nodes,)))
        time = Part("samples", 1e-7 * n * d + 1e-7 * s * (n + width.value), (samples, seeds, width))
        return LevelCost("data", tuple(parts), time, Part("output", 0.0, (samples,)))

    def pde(self) -> LevelCost:
        """As ``freqbias.fem.memory.plan`` divides the memory, with a basis as short as can be."""
        size = self.size
        d, degree = size.dimension, self.problem.settings.mesh.degree
        nodes, times = size.nodes, size.times
        n, t = nodes.value, times.value
        unknowns = n / 2**d if self._folded else n
        columns, states = (1 if self._folded else 2), getattr(self.problem.optimizer, "states", 1)
        factor = factor_bytes(unknowns, d) if d < 3 else 0.0
        entries = (degree + 2) ** d * unknowns
        memory = (
            Part("matrices", (4 if self._folded else 3) * 16 * entries + factor, (nodes,)),
            Part("basis", 8 * unknowns * (2.3 * _FEWEST_VECTORS * columns * states + 40), (nodes,)),
            Part("spectra", 64 * n * t, (nodes, times)),
            Part("mesh", 24 * d * n, (nodes,)),
        )
        poles = 6 * (2**d if self._folded else 1)
        factorizations = 0.2 * factor * unknowns**0.5 / _SPARSE_FLOPS if d > 1 else 0.0
        seconds = (
            poles * (factorizations + 10 * (24 * entries + factor + 800 * unknowns) / _BYTES) + 48 * n * t / _BYTES
        )
        return self._level("pde", memory, Part("solve", _START + seconds, (nodes, times)), 1, _SOLVER)

    def kernel(self) -> LevelCost:
        """The flow of infinite width, or that of a network's own kernel."""
        size = self.size
        samples, times, nodes, seeds = size.samples, size.times, size.nodes, size.seeds
        n, t, d = samples.value, times.value, size.dimension
        runs = seeds.value if self.problem.family is None else 1
        memory = [
            Part("errors", 40 * n * t, (samples, times)),
            Part("spectra", (48 + 48 * (runs > 1)) * runs * nodes.value * t, (nodes, times, seeds)),
        ]
        if self.problem.family is None:
            gradients = min(2.0**30, 32 * n * size.parameters)
            memory += [
                Part("matrix", 40 * n**2, (samples,)),
                Part("derivatives", gradients + 32 * size.parameters, (size.width,)),
            ]
            seconds = runs * (n**2 * size.parameters / _DERIVATIVES + n**3 / _EIGENVECTORS)
        elif n <= _MATRIX_SAMPLES:
            pair = 40 if self.problem.settings.data.sampling == "grid" else 150
            memory.append(Part("matrix", 32 * n**2 + pair * min(n**2, 2.0**20), (samples,)))
            seconds = n**3 / _EIGENVECTORS
        else:
            memory.append(Part("vectors", 8 * n * _FEWEST_VECTORS + 32 * (d + 1) * 2**d * n, (samples,)))
            seconds = _PRODUCTS * (1e-7 * (d + 1) * 2**d * n + 1600 * n / _BYTES)
        start, libraries = (_TORCH_START, _TORCH) if self.problem.family is None else (_START, _TRANSFORMS)
        return self._level("kernel", tuple(memory), Part("flow", start + seconds, (samples,)), runs, libraries)

    def network(self) -> LevelCost:
        """Training: parameters and what moves them, an evaluator, recorded errors, their spectra."""
        size, training = self.size, self.problem.settings.training
        samples, seeds, width, times, nodes = size.samples, size.seeds, size.width, size.times, size.nodes
        n, s, t = samples.value, seeds.value, times.value
        parameters = s * size.parameters
        real = 4 if training.precision == "float32" else 8
        memory = [
            Part("parameters", (10 * real + 24) * parameters, (width, seeds)),
            Part("errors", 40 * s * t * n, (samples, times, seeds)),
            Part("spectra", (48 + 48 * (s > 1)) * s * t * nodes.value, (nodes, times, seeds)),
        ]
        if size.steps is None:
            memory.append(Part("Krylov spaces", 8 * 3 * _FEWEST_VECTORS * s * n, (samples, seeds)))
        batch = min(n, float(training.batch or n))
        if size.grid is None:
            layers = sum(size.widths)
            # Before and after the activation, and what differentiating twice takes.
            memory.append(Part("layers", 6 * real * s * batch * layers, (samples, width, seeds)))
            gradient = 6 * batch * parameters / _FLOPS + 24 * s * batch * layers / _BYTES
        elif self._dense:
            pairs = s * batch * width.value
            memory.append(Part("waves", min(2 * real * pairs, _DENSE_BYTES), (samples, width, seeds)))
            gradient = 1e-4 + 1.1e-9 * real * pairs
        else:
            memory.append(
                Part("transform", s * (24 * size.grid.value + 150 * (n + width.value)), (size.grid, width, seeds))
            )
            grid = size.grid.value
            point = _POINT[size.dimension - 1] * (_UNCACHED if grid > _CACHED_GRID else 1)
            gradient = 1e-4 + s * (size.dimension + 2) * (point * (n + width.value) + _GRID_POINT * grid)
        # A flow takes a handful of Krylov spaces to get from one output time to the next, more if the network is deep.
        count = size.steps or replace(times, value=_GRADIENTS * t)
        seconds = Part("training", _TORCH_START + count.value * gradient, (count, width, samples, seeds))
        return self._level("network", tuple(memory), seconds, s, _TORCH)

    def gpu(self, processes: int = 1) -> LevelCost:
        """Training as far as it is in the memory of one GPU: that of one of ``processes``, which share the neurons.

        The plain formula holds no matrix there; errors at output times and spectra are kept on the host.
        """
        size, training = self.size, self.problem.settings.training
        samples, seeds, width = size.samples, size.seeds, size.width
        n, s = samples.value, seeds.value
        real = 4 if training.precision == "float32" else 8
        memory = [
            Part("parameters", 10 * real * s * size.parameters / processes, (width, seeds)),
            Part("samples", real * n * (size.dimension + 10 * s), (samples, seeds)),
        ]
        if size.steps is None:
            vectors = min(_MOST_VECTORS, n) + 1
            memory.append(Part("Krylov spaces", 3 * real * vectors * s * n, (samples, seeds)))
        if size.grid is None:
            batch, layers = min(n, float(training.batch or n)), sum(size.widths) / processes
            memory.append(Part("layers", 6 * real * s * batch * layers, (samples, width, seeds)))
        elif training.evaluator == "nufft":
            points = n + width.value / processes
            memory.append(Part("transform", 32 * size.grid.value + 150 * s * points, (size.grid, width, seeds)))
        return LevelCost("gpu", tuple(memory), Part("", 0.0, (width,)), Part("", 0.0, (width,)), _CUDA)

    @property
    def _dense(self) -> bool:
        """Whether the plain formula is likely to evaluate a network of two layers."""
        training = self.problem.settings.training
        if training.evaluator != "auto":
            return training.evaluator == "dense"
        if training.batch is not None or training.precision != "float64":
            return True
        return self.size.samples.value * self.size.width.value < _DENSE_PAIRS

    @cached_property
    def _folded(self) -> bool:
        """Whether law and mesh are likely to be even in every coordinate."""
        law, cells = getattr(self.problem.settings.network, "law", None), self.problem.settings.mesh.cells
        centred = not any(getattr(law, "location", [1.0]))
        return centred and self.problem.settings.mesh.file is None and not any(count % 2 for count in cells or [])

    def _level(self, name: str, memory: tuple[Part, ...], seconds: Part, runs: float, libraries: float) -> LevelCost:
        size = self.size
        values = 16 * runs * size.times.value * size.nodes.value
        table = 8 * (size.dimension + 2) * size.samples.value + 8 * size.dimension * size.nodes.value
        output = Part("spectrum file", values + table, (size.nodes, size.times, size.seeds, size.samples))
        return LevelCost(name, memory, seconds, output, libraries)


def factor_bytes(size: float, dimension: int) -> float:
    """About what a Cholesky factor takes: constants measured with MUMPS, degrees 1 to 3 (benchmarks/scaling.py)."""
    if dimension == 1:
        return 200.0 * size
    if dimension == 2:
        return 50.0 * size * log2(max(size, 2))
    return 130.0 * size ** (4 / 3)


def level_costs(problem: "Problem", levels: Sequence[str]) -> Iterator[LevelCost]:
    """The cost of the samples, then of those of ``levels`` ("pde", "kernel", "network") that ``problem`` has."""
    cost = Cost(problem)
    yield cost.samples()
    for level in levels:
        if level == "pde" and problem.unpredicted is None:
            yield cost.pde()
        elif level == "kernel" and problem.nonlinear is None:
            if problem.family is not None or cost.size.samples.value <= _EMPIRICAL_SAMPLES:
                yield cost.kernel()
        elif level == "network":
            yield cost.network()


def memory_refusal(cost: LevelCost, memory: float) -> str | None:
    """Why ``memory`` bytes, those that are free, are too few; None if they suffice."""
    if cost.bytes <= _SHARE * memory:
        return None
    largest = max(cost.memory, key=lambda part: part.size)
    most = largest.words if largest.size > cost.libraries else "libraries"
    return (
        f"{largest.culprit}: {_NAMES[cost.level]} would take about {in_words(cost.bytes)} of memory, most of it for "
        f"{most}, but {in_words(memory)} are free, of which {100 * _SHARE:.0f} % may be taken"
    )


def fitting_jobs(tasks: Sequence[tuple["Problem", str]], memory: float) -> int:
    """How many ``tasks``, each one level of a problem in a process of its own, fit into ``memory`` bytes at once."""
    sizes = [_PROCESS + sum(cost.bytes for cost in level_costs(problem, [level])) for problem, level in tasks]
    together = accumulate(sorted(sizes, reverse=True))
    return sum(size <= _SHARE * memory for size in together)


def check_fits(
    problem: "Problem",
    levels: Sequence[str],
    folder: Path | None = None,
    solve_memory: float | None = None,
    device: str = "cpu",
) -> None:
    """Raise InputError, naming the key, if ``levels`` cannot fit into the free memory, the disk or a lifetime.

    ``folder``: where the spectra will be written; ``solve_memory``: bytes that the PDE may take, by default what is
    free; ``device``: where the network is trained. Nothing is allocated before its size is known to fit.
    """
    costs = list(level_costs(problem, levels))
    free = free_memory()
    for one in costs:
        cost, memory = one, free
        if solve_memory is not None and cost.level == "pde":
            cost, memory = replace(one, libraries=0.0), solve_memory
        elif device != "cpu" and cost.level == "network":
            cost = replace(one, memory=tuple(part for part in one.memory if part.words in _ON_HOST))
        if (refusal := memory_refusal(cost, memory)) is not None:
            raise problem.fail(f"{refusal}; change it, or try with --force")
        if cost.seconds.size > LONGEST:
            raise problem.fail(
                f"{cost.seconds.culprit}: {_NAMES[cost.level]} would take about "
                f"{seconds_in_words(cost.seconds.size)}; change it, or try with --force"
            )
    if "network" in levels and device != "cpu":
        from freqbias.nn.devices import free_device_memory

        refusal = memory_refusal(Cost(problem).gpu(torchrun.size()), free_device_memory(device))
        if refusal is not None:
            raise problem.fail(f"{refusal}; change it, or try with --force")
    written = [cost.output for cost in costs]
    needed = sum(part.size for part in written)
    if folder is not None and needed > (disk := _SHARE * free_disk(folder)):
        largest = max(written, key=lambda part: part.size)
        raise problem.fail(
            f"{largest.culprit}: the spectrum files would take about {in_words(needed)}, but {in_words(disk / _SHARE)} "
            f"are free in {folder}; change it, or try with --force"
        )
