"""Evaluation by non-uniform FFTs: cost m + N up to logarithms instead of m N (THEORY section 5)."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import finufft
import numpy as np
import torch

from freqbias.errors import NumericalError
from freqbias.nn.evaluators.cost import grid_size, upsampling
from freqbias.nn.evaluators.evaluator import Evaluator, Linearization
from freqbias.nn.networks.fourier_features import FourierFeatureNetwork

#: Points of the largest inner grid of a transform (16 bytes each).
LARGEST_GRID = 2**27
#: Fewer neurons than this are not worth a thread of their own.
_NEURONS_PER_THREAD = 16384


class NufftEvaluator(Evaluator[FourierFeatureNetwork]):
    """f = Re sum_j C_j exp(i w_j.x) with C_j = scale_j (a_j - i b_j), and its adjoint, by finufft's type 3.

    The neurons of every seed are dealt out to the threads, each part with a plan of its own that one thread
    executes, and the parts are summed in order: finufft's own threads add in the order in which they happen to
    finish, so that two runs would differ in the last bits. The pullback is the adjoint of the same plan, which needs
    no new ``setpts``; with frozen frequencies neither do the next values.
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

    def values(self, network: FourierFeatureNetwork) -> torch.Tensor:
        """As ``Evaluator.values``; raises NumericalError if the frequencies are not finite or too far apart."""
        neurons = _arrays(network)
        seeds = len(neurons.scale)
        outputs = np.zeros((seeds, len(self.points)))
        parts = self._parts_for(neurons.frequencies)
        for part, values in zip(parts, self._each(lambda part: part.transform(neurons), parts), strict=True):
            outputs[part.seed] += values
        return torch.from_numpy(outputs)

    def linearize(self, network: FourierFeatureNetwork, rows: torch.Tensor | None = None) -> Linearization:
        """As ``Evaluator.linearize``, for all points; raises NumericalError as ``values`` does."""
        if rows is not None:
            raise ValueError("the plans are made for all points: mini-batches need the dense evaluator")
        return Linearization(self.values(network), partial(self._gradients, network), partial(self._changes, network))

    def _changes(self, network: FourierFeatureNetwork, directions: list[torch.Tensor]) -> torch.Tensor:
        neurons = _arrays(network)
        *moved, by_cosine, by_sine = (direction.numpy() for direction in directions)
        # d/dw_k of (a - i b) exp(i w.x) is (b + i a) x_k exp(i w.x).
        strengths = [by_cosine - 1j * by_sine]
        if moved:
            strengths += [(neurons.sine + 1j * neurons.cosine) * moved[0][:, :, k] for k in range(moved[0].shape[2])]
        factors = [np.ones(len(self.points)), *self._columns]
        changes = np.zeros((len(neurons.scale), len(self.points)))
        parts = self._parts_for(neurons.frequencies)

        def push(part: _Part) -> np.ndarray:
            return sum(f * part.transform(neurons, row) for f, row in zip(factors, strengths, strict=False))

        for part, values in zip(parts, self._each(push, parts), strict=True):
            changes[part.seed] += values
        return torch.from_numpy(changes)

    def _gradients(self, network: FourierFeatureNetwork, upstream: torch.Tensor) -> list[torch.Tensor]:
        neurons, moved = _arrays(network), network.frequencies.requires_grad
        strengths = upstream.numpy()
        rows = np.empty((len(strengths), 1 + moved * len(self._columns), strengths.shape[1]), dtype=complex)
        rows[:, 0] = strengths
        if moved:
            np.multiply(strengths[:, None], self._columns, out=rows[:, 1:])
        by_cosine, by_sine = np.empty_like(neurons.cosine), np.empty_like(neurons.sine)
        by_frequency = np.empty_like(neurons.frequencies) if moved else None

        def pull(part: _Part) -> None:
            part.gradients(neurons, rows[part.seed], by_frequency, by_cosine, by_sine)

        self._each(pull, self._parts_for(neurons.frequencies))
        return [torch.from_numpy(array) for array in (by_frequency, by_cosine, by_sine) if array is not None]

    def _each(self, work: Callable[["_Part"], Any], parts: list["_Part"]) -> list[Any]:
        """The results of ``work`` on every part, in order."""
        if self._pool is None or len(parts) == 1:
            return [work(part) for part in parts]
        return list(self._pool.map(work, parts))

    def _parts_for(self, frequencies: np.ndarray) -> list["_Part"]:
        """The parts, made anew if the shape (S, m, d) of the frequencies is another one."""
        seeds, width, _ = frequencies.shape
        if not self._parts or (self._parts[-1].seed, self._parts[-1].neurons.stop) != (seeds - 1, width):
            count = max(1, min(self._threads // seeds, width // _NEURONS_PER_THREAD))
            ratio = upsampling(self.points, frequencies[0], self._tolerance)
            ends = [width * k // count for k in range(count + 1)]
            self._parts = [
                _Part(self._columns, seed, slice(*pair), self._tolerance, ratio)
                for seed in range(seeds)
                for pair in pairwise(ends)
            ]
        return self._parts


def check_grid(point_extents: np.ndarray, frequency_extents: np.ndarray, tolerance: float) -> None:
    """Raises NumericalError if a transform does not fit into memory; the extents (d,) are those of ``grid_size``."""
    grid = grid_size(point_extents, frequency_extents, tolerance)
    if not grid <= LARGEST_GRID:
        raise NumericalError(
            f"the non-uniform FFT would need a grid of {grid:.3g} points, more than {LARGEST_GRID:.3g}, for "
            f"frequencies that are {frequency_extents.max():.4g} radians per unit of x apart: "
            'try training.evaluator = "dense"'
        )


class _Neurons(NamedTuple):
    """Views of the parameters of a network: (S, m, d) and (S, m)."""

    frequencies: np.ndarray
    cosine: np.ndarray
    sine: np.ndarray
    scale: np.ndarray


def _arrays(network: FourierFeatureNetwork) -> _Neurons:
    return _Neurons(*(t.detach().numpy() for t in (network.frequencies, network.cosine, network.sine, network.scale)))


class _Part:
    """A range of the neurons of one seed with its plan and its buffers."""

    def __init__(self, columns: np.ndarray, seed: int, neurons: slice, tolerance: float, ratio: float):
        dimension, points = columns.shape
        width = neurons.stop - neurons.start
        self.seed, self.neurons = seed, neurons
        self._extents = np.ptp(columns, axis=1)
        self._tolerance = tolerance
        self._frequencies = np.full((dimension, width), np.nan)
        self._strengths = np.empty(width, dtype=complex)
        self._values = np.empty(points, dtype=complex)
        self._sums = np.empty(width, dtype=complex)
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

    def transform(self, neurons: _Neurons, strengths: np.ndarray | None = None) -> np.ndarray:
        """The part's share of Re sum_j scale_j z_j exp(i w_j.x) (N,), a buffer that the next call overwrites.

        ``strengths`` z (S, m) of all seeds; by default those of f, a - i b.
        """
        frequencies, cosine, sine, scale = self._own(neurons)
        self._set(frequencies)
        if strengths is None:
            np.multiply(scale, cosine, out=self._strengths.real)
            np.multiply(scale, sine, out=self._strengths.imag)
            np.negative(self._strengths.imag, out=self._strengths.imag)
        else:
            np.multiply(scale, strengths[self.seed, self.neurons], out=self._strengths)
        return self._to_points(self._strengths, self._values).real

    def gradients(
        self,
        neurons: _Neurons,
        rows: np.ndarray,
        by_frequency: np.ndarray | None,
        by_cosine: np.ndarray,
        by_sine: np.ndarray,
    ) -> None:
        """Write the part's gradients (THEORY section 5) for ``rows``: dL/df (N,) and its products with each x_k.

        ``by_frequency`` and these products are left out if the frequencies are not trained.
        """
        frequencies, cosine, sine, scale = self._own(neurons)
        self._set(frequencies)
        sums = self._to_neurons(rows[0], self._sums)
        np.multiply(scale, sums.real, out=by_cosine[self.seed, self.neurons])
        # The plan sums with exp(-i w.x).
        np.multiply(-scale, sums.imag, out=by_sine[self.seed, self.neurons])
        if by_frequency is None:
            return
        for axis, row in enumerate(rows[1:]):
            sums = self._to_neurons(row, self._sums)
            by_frequency[self.seed, self.neurons, axis] = scale * (sine * sums.real + cosine * sums.imag)

    def _own(self, neurons: _Neurons) -> Iterator[np.ndarray]:
        return (array[self.seed, self.neurons] for array in neurons)

    def _set(self, frequencies: np.ndarray) -> None:
        """Point the plan at ``frequencies`` unless it is there already (a backward pass, frozen frequencies)."""
        if np.array_equal(self._frequencies, frequencies.T):
            return
        check_grid(self._extents, np.ptp(frequencies, axis=0), self._tolerance)
        self._frequencies[:] = frequencies.T
        self._plan.setpts(**self._coordinates)
