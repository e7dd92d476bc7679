"""Solutions of the theory with other symbols c and D, cheap enough to be tried by the dozen.

On few samples the kernel flow is solved by eigenvectors; it knows everything that the theory knows of the samples. With
more samples the local solution (``LocalSolution``) takes its place, whose error hardly depends on the symbols. Both
stand beside the theory only by their differences: theory + changed - unchanged.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.linalg import eigh

from freqbias.families import Family
from freqbias.meshes.local_solution import LocalSolution
from freqbias.nn.kernel_matrix import kernel_matrix
from freqbias.optimizers import GradientFlow
from freqbias.problem import Problem
from freqbias.transforms import error_spectrum

#: Up to so many samples, after thinning, eigenvectors take less than a tenth of a second.
_MOST_EIGENVECTORS = 640
#: What samples on a thinner grid may fold back onto the mesh, relative to the largest damping.
_FOLDED = 1e-3


@dataclass(frozen=True)
class ChangedFamily(Family):
    """``family`` with ``diffusion_factor`` times its D, and with its law stretched by ``stretch``.

    The law stretched by q has the density p(xi / q) / q^d.
    """

    family: Family
    diffusion_factor: float
    stretch: float

    def damping(self, frequencies: np.ndarray) -> np.ndarray:
        return self.family.damping(frequencies / self.stretch) / self.stretch ** frequencies.shape[1]

    def diffusion(self, frequencies: np.ndarray) -> np.ndarray:
        scale = self.diffusion_factor / self.stretch ** frequencies.shape[1]
        return scale * self.family.diffusion(frequencies / self.stretch)

    def stationary_kernels(self, differences: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        amplitudes, frequencies = self.family.stationary_kernels(self.stretch * differences)
        return amplitudes, self.diffusion_factor * frequencies


class ChangedTheory:
    """Spectra with other symbols at ``times`` (T,) and ``frequencies`` (n, d), radians per unit of x.

    They start from the samples of ``problem``, which must have a family.
    """

    def __init__(self, problem: Problem, times: np.ndarray, frequencies: np.ndarray):
        self._problem, self._frequencies = problem, frequencies
        self._optimizer = problem.optimizer or GradientFlow()
        self._local = replace(LocalSolution.of(problem), times=times)
        self._times = times

    def roughly(self, rate: float = 1.0, diffusion: float = 1.0, stretch: float = 1.0) -> np.ndarray:
        """The local solution (T, n): milliseconds, and near enough to say where to look.

        c and D are multiplied by ``rate``, D also by ``diffusion``; the scale of the law is multiplied by ``stretch``.
        """
        c, mobile = self._unchanged_symbols if stretch == 1 else self._symbols(stretch)
        local = replace(
            self._local,
            damping=lambda _: c,
            diffusion=lambda _: diffusion * mobile,
            density=rate * self._problem.density,
        )
        return local.at(self._frequencies, self._smoothed)

    def __call__(self, rate: float = 1.0, diffusion: float = 1.0, stretch: float = 1.0) -> np.ndarray:
        """The best solution there is (T, n); arguments as for ``roughly``."""
        samples = self._samples
        if len(samples.points) > _MOST_EIGENVECTORS:
            return self.roughly(rate, diffusion, stretch)
        rates, modes = self._unchanged_modes if diffusion == stretch == 1 else self._modes(diffusion, stretch)
        # Modes that would grow are refused by whoever runs them; here they must only not overflow.
        response = self._optimizer.response(
            np.clip(rate * rates, 0, self._optimizer.largest_stable_rate()), self._times
        )
        roots = np.sqrt(samples.weights)
        states = (response * (modes.T @ (roots * samples.errors))) @ modes.T
        return error_spectrum(samples.points, states / roots, samples.weights, self._frequencies)

    @cached_property
    def _unchanged_modes(self) -> tuple[np.ndarray, np.ndarray]:
        return self._modes(1.0, 1.0)

    def _modes(self, diffusion: float, stretch: float) -> tuple[np.ndarray, np.ndarray]:
        """Decay rates (N,) and modes (N, N) of the kernel flow on the samples."""
        samples = self._samples
        roots = np.sqrt(samples.weights)
        family = ChangedFamily(self._problem.known_family, diffusion, stretch)
        kernel = kernel_matrix(family, samples.points, samples.grid_shape)
        return eigh(roots[:, None] * kernel * roots, driver="evd", overwrite_a=True)

    @cached_property
    def _unchanged_symbols(self) -> tuple[np.ndarray, np.ndarray]:
        return self._symbols(1.0)

    def _symbols(self, stretch: float) -> tuple[np.ndarray, np.ndarray]:
        """c and D (n,) at the frequencies."""
        family = ChangedFamily(self._problem.known_family, 1.0, stretch)
        return family.damping(self._frequencies), family.diffusion(self._frequencies)

    @cached_property
    def _smoothed(self) -> np.ndarray:
        return self._local.smoothed_initial_spectra(self._frequencies)

    @cached_property
    def _samples(self) -> "Samples":
        return thinned_samples(self._problem)


@dataclass(frozen=True)
class Samples:
    """``points`` (N, d), ``weights`` (N,) and initial ``errors`` (N,); ``grid_shape`` if they are an even grid."""

    points: np.ndarray
    weights: np.ndarray
    errors: np.ndarray
    grid_shape: tuple[int, ...] | None


def thinned_samples(problem: Problem) -> Samples:
    """The samples, or those of a thinner grid on which the theory is nearly the same."""
    points, weights, errors, shape = problem.points, problem.weights, problem.initial_error, problem.grid_shape
    if shape is None or np.ptp(weights) > 1e-9 * weights.max():
        return Samples(points, weights, errors, shape)
    strides = [_largest_stride(problem, axis, count) for axis, count in enumerate(shape)]
    picked = np.arange(len(points)).reshape(shape)[tuple(slice((s - 1) // 2, None, s) for s in strides)]
    numbers = picked.ravel()
    return Samples(points[numbers], np.full(len(numbers), 1 / len(numbers)), errors[numbers], picked.shape)


def _largest_stride(problem: Problem, axis: int, count: int) -> int:
    """How many times wider the grid may be on ``axis``: divides ``count`` points, so that cells fill the box."""
    cutoff = np.abs(problem.mesh.bounds).max(axis=0)[axis]
    damping, nodes = problem.known_family.damping, problem.mesh.nodes
    nodes = nodes[:: max(1, len(nodes) // 2000)]
    largest = damping(nodes).max()
    for stride in range(count // 2, 1, -1):
        nyquist = problem.nyquist[axis] / stride
        if count % stride or nyquist < cutoff:
            continue
        shift = 2 * nyquist * np.eye(problem.dimension)[axis]
        if max(damping(nodes + sign * shift).max() for sign in (1, -1)) <= _FOLDED * largest:
            return stride
    return 1
