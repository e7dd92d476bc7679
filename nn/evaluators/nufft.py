"""Evaluation by non-uniform FFTs: cost m + N up to logarithms instead of m N (THEORY section 5)."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import finufft
import numpy as np
import torch

from freqbias.errors import NumericalError
from freqbias.nn.evaluators.cost import grid_size, upsampling
from freqbias.nn.evaluators.evaluator import Evaluator

#: Points of the largest inner grid of a transform (16 bytes each).
LARGEST_GRID = 2**27
#: Fewer neurons than this are not worth a thread of their own.
_NEURONS_PER_THREAD = 16384


class NufftEvaluator(Evaluator):
    """f = Re sum_j C_j exp(i w_j.x) with C_j = scale_j (a_j - i b_j), and its adjoint, by finufft's type 3.

    The neurons are dealt out to the threads, each with a plan of its own that one thread executes, and the parts
    are summed in order: finufft's own threads add in the order in which they happen to finish, so that two runs
    would differ in the last bits. The backward pass is the adjoint of the same plan, which needs no new
    ``setpts``; with frozen frequencies neither does the next forward pass.
    """

    name = "nufft"

    def __init__(self, points: np.ndarray, tolerance: float = 1e-10, threads: int = 1):
        """``tolerance``: error relative to the largest sum of magnitudes; ``threads``: at least 1."""
        super().__init__(points)
        self._tolerance = tolerance
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None
        self._threads = threads
        self._columns = np.ascontiguousarray(self.points.T)
        self._parts: list[_Part] = []

    def outputs(
        self, frequencies: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor, scale: torch.Tensor
    ) -> torch.Tensor:
        """As ``Evaluator.outputs``; raises NumericalError if the frequencies are not finite or too far apart."""
        return _Transform.apply(frequencies, cosine, sine, scale, self)

    def values(self, frequencies: np.ndarray, cosine: np.ndarray, sine: np.ndarray, scale: np.ndarray) -> np.ndarray:
        """f at the points (N,)."""

        def evaluate(part: _Part) -> np.ndarray:
            own = part.neurons
            return part.values(frequencies[own], cosine[own], sine[own], scale[own])

        return sum(part.real for part in self._each(evaluate, frequencies))

    def adjoint(self, frequencies: np.ndarray, strengths: np.ndarray, moments: bool) -> np.ndarray:
        """sum_n r_n exp(-i w_j.x_n) of real ``strengths`` r (N,): (1, m) complex.

        With ``moments`` also those of r_n x_n, one for each axis: (d + 1, m). If there is one thread, the result is
        a view of a buffer that the next call overwrites.
        """
        rows = np.empty((1 + moments * len(self._columns), len(strengths)), dtype=complex)
        rows[0] = strengths
        if moments:
            np.multiply(strengths, self._columns, out=rows[1:])
        sums = self._each(lambda part: part.adjoint(frequencies[part.neurons], rows), frequencies)
        return sums[0] if len(sums) == 1 else np.concatenate(sums, axis=1)

    def _each(self, work: Callable[["_Part"], np.ndarray], frequencies: np.ndarray) -> list[np.ndarray]:
        """The results of ``work`` on every part, in order."""
        if not self._parts or self._parts[-1].neurons.stop != len(frequencies):
            self._parts = self._divide(frequencies)
        if len(self._parts) == 1:
            return [work(self._parts[0])]
        return list(self._pool.map(work, self._parts))

    def _divide(self, frequencies: np.ndarray) -> list["_Part"]:
        width = len(frequencies)
        count = max(1, min(self._threads, width // _NEURONS_PER_THREAD))
        ratio = upsampling(self.points, frequencies, self._tolerance)
        ends = [width * k // count for k in range(count + 1)]
        parts = [slice(*pair) for pair in pairwise(ends)]
        return [_Part(self._columns, neurons, self._tolerance, ratio) for neurons in parts]


class _Part:
    """A range of the neurons with its plan and its buffers."""

    def __init__(self, columns: np.ndarray, neurons: slice, tolerance: float, ratio: float):
        dimension, points = columns.shape
        width = neurons.stop - neurons.start
        self.neurons = neurons
        self._extents = np.ptp(columns, axis=1)
        self._tolerance = tolerance
        self._frequencies = np.full((dimension, width), np.nan)
        self._strengths = np.empty(width, dtype=complex)
        self._values = np.empty(points, dtype=complex)
        self._adjoints = np.empty((dimension + 1, width), dtype=complex)
        # setpts evaluates the kernel's transform at every target but only sorts the sources: the larger set
        # is the source, and what is then the wrong way round is the adjoint.
        from_neurons = width >= points
        sign = 1 if from_neurons else -1
        self._plan = finufft.Plan(3, dimension, 1, tolerance, sign, nthreads=1, upsampfac=ratio)
        to_points, to_neurons = self._plan.execute, self._plan.execute_adjoint
        if not from_neurons:
            to_points, to_neurons = to_neurons, to_points
        self._to_points, self._to_neurons = to_points, to_neurons
        sources, targets = (self._frequencies, columns) if from_neurons else (columns, self._frequencies)
        self._coordinates = dict(zip("xyz", sources, strict=False)) | dict(zip("stu", targets, strict=False))

    def values(self, frequencies: np.ndarray, cosine: np.ndarray, sine: np.ndarray, scale: np.ndarray) -> np.ndarray:
        self._set(frequencies)
        np.multiply(scale, cosine, out=self._strengths.real)
        np.multiply(scale, sine, out=self._strengths.imag)
        np.negative(self._strengths.imag, out=self._strengths.imag)
        return self._to_points(self._strengths, self._values)

    def adjoint(self, frequencies: np.ndarray, strengths: np.ndarray) -> np.ndarray:
        self._set(frequencies)
        for row, result in zip(strengths, self._adjoints, strict=False):
            self._to_neurons(row, result)
        return self._adjoints[: len(strengths)]

    def _set(self, frequencies: np.ndarray) -> None:
        """Point the plan at ``frequencies`` unless it is there already (a backward pass, frozen frequencies)."""
        if np.array_equal(self._frequencies, frequencies.T):
            return
        grid = grid_size(self._extents, np.ptp(frequencies, axis=0), self._tolerance)
        if not grid <= LARGEST_GRID:
            raise NumericalError(
                f"the non-uniform FFT would need a grid of {grid:.3g} points, more than {LARGEST_GRID:.3g}, for "
                f"frequencies up to {np.abs(frequencies).max():.4g} radians per unit of x: "
                'try training.evaluator = "dense"'
            )
        self._frequencies[:] = frequencies.T
        self._plan.setpts(**self._coordinates)


class _Transform(torch.autograd.Function):
    """The network's values at the points, with the gradients of THEORY section 5 for any upstream gradient."""

    @staticmethod
    def forward(ctx, frequencies, cosine, sine, scale, evaluator: NufftEvaluator) -> torch.Tensor:
        ctx.save_for_backward(frequencies, cosine, sine, scale)
        ctx.evaluator = evaluator
        return torch.from_numpy(evaluator.values(frequencies.numpy(), cosine.numpy(), sine.numpy(), scale.numpy()))

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, upstream):
        frequencies, cosine, sine, scale = (tensor.numpy() for tensor in ctx.saved_tensors)
        moved = ctx.needs_input_grad[0]
        sums = ctx.evaluator.adjoint(frequencies, upstream.numpy(), moved)
        by_cosine, by_sine = scale * sums[0].real, -scale * sums[0].imag
        by_frequency = (scale * (sine * sums[1:].real + cosine * sums[1:].imag)).T if moved else None
        gradients = [by_frequency, by_cosine, by_sine]
        return *(None if g is None else torch.from_numpy(np.ascontiguousarray(g)) for g in gradients), None, None
