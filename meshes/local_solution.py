"""The solution of the PDE with its coefficients taken for constant around every frequency: known without a solver.

Where c and D do not vary, u(xi, t) is the Fourier transform of e(x) exp(-rho_0 (c + D |x|^2) t) times rho_0 (THEORY
section 7). With c = c(xi) and D = D(xi) this is exact at t = 0, for D = 0, and inside of a uniform law. It shows what
meshes must hold: the bumps of the initial error, how they widen, the fronts that move out to where the law decays,
the jumps at the jumps of the law.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.polynomial import chebyshev

from freqbias.laws.product import grid_points
from freqbias.optimizers import GradientFlow, LinearOptimizer
from freqbias.transforms import fourier_transform

if TYPE_CHECKING:
    from freqbias.problem import Problem

#: Output times at which a solution is looked at: 0 and log-spaced ones.
_TIMES = 9
#: Of the transforms, far below the errors that meshes have; in space a third of the time of full accuracy.
_TOLERANCE = 1e-9
#: Amounts of diffusion between which is interpolated (to 1e-3), and the largest one, s |x|^2 at the edge of the box:
#: what would be left of the edge after more is nothing.
_LEVELS = 12
_LARGEST = 100.0


@dataclass(frozen=True)
class LocalSolution:
    """Samples ``points`` (N, d) with ``weights`` (N,) and initial ``errors`` (N,), the symbols c and D,
    ``density`` rho_0, and ``times`` (T,), the first one 0. ``moving``: whether the frequencies move, else D counts as
    0, which costs less.

    Under an optimizer other than gradient flow the diffusion is that of the gradient flow as fast as its slow modes.
    """

    points: np.ndarray
    weights: np.ndarray
    errors: np.ndarray
    damping: Callable[[np.ndarray], np.ndarray]
    diffusion: Callable[[np.ndarray], np.ndarray]
    density: float
    optimizer: LinearOptimizer
    times: np.ndarray
    moving: bool = True

    @classmethod
    def of(cls, problem: "Problem") -> Self:
        """That of ``problem`` at 0 and some of its output times; by gradient flow if its optimizer is not linear.

        Of a family without a PDE: the initial error, which stays.
        """
        picked = np.linspace(0, len(problem.times) - 1, min(_TIMES, len(problem.times)))
        family = problem.family
        return cls(
            problem.points,
            problem.weights,
            problem.initial_error,
            _nothing if family is None else family.damping,
            _nothing if family is None else family.diffusion,
            problem.density,
            problem.optimizer or GradientFlow(),
            problem.times[np.rint(picked).astype(int)],
            moving=family is not None,
        )

    def frozen(self) -> Self:
        """The same without motion of the frequencies."""
        return replace(self, moving=False)

    @cached_property
    def reach(self) -> np.ndarray:
        """The largest |x_i| (d,): the spectrum varies on the scale 1/|x_i| along axis i."""
        return np.abs(self.points).max(axis=0)

    def on_grid(self, axes: list[np.ndarray]) -> np.ndarray:
        """Values (T, n_1, ..., n_d) on the tensor grid with these axes."""
        return self.at(grid_points(axes)).reshape(-1, *map(len, axes))

    def at(self, frequencies: np.ndarray, smoothed: np.ndarray | None = None) -> np.ndarray:
        """Values (T, n) at ``frequencies`` (n, d).

        ``smoothed``: what ``smoothed_initial_spectra`` gave at them, which does not depend on the symbols.
        """
        # An unstable optimizer is refused by whoever runs it; here its response must only not overflow.
        rates = np.minimum(self.density * self.damping(frequencies), self.optimizer.largest_stable_rate())
        values = self.optimizer.response(rates, self.times).astype(complex)
        if not self.moving:
            return values * self._transform(self.errors, frequencies)
        if smoothed is None:
            smoothed = self.smoothed_initial_spectra(frequencies)
        amounts = self.density * self._farthest * self.diffusion(frequencies) * self.optimizer.acceleration()
        for number, time in enumerate(self.times):
            values[number] *= np.einsum("kn,nk->n", smoothed, _level_weights(amounts * time))
        return values

    def smoothed_initial_spectra(self, frequencies: np.ndarray) -> np.ndarray:
        """The initial spectrum after all amounts of diffusion between which is interpolated: (levels, n)."""
        squares = (self.points**2).sum(axis=1) / self._farthest
        return self._transform(self.errors * np.exp(-np.outer(_AMOUNTS, squares)), frequencies)

    def _transform(self, errors: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
        return fourier_transform(self.points, errors * self.weights, frequencies, tolerance=_TOLERANCE)

    @cached_property
    def _farthest(self) -> float:
        return float((self.points**2).sum(axis=1).max())


def _nothing(frequencies: np.ndarray) -> np.ndarray:
    return np.zeros(len(frequencies))


#: The Chebyshev points in log(1 + s), the first one s = 0.
_PLACES = 0.5 * (1 - np.cos(np.pi * np.arange(_LEVELS) / (_LEVELS - 1)))
_AMOUNTS = np.expm1(_PLACES * np.log1p(_LARGEST))
_INVERSE = np.linalg.inv(chebyshev.chebvander(2 * _PLACES - 1, _LEVELS - 1))


def _level_weights(amounts: np.ndarray) -> np.ndarray:
    """Weights (n, levels) that interpolate functions of the amount of diffusion, given at the levels."""
    places = np.log1p(np.minimum(amounts, _LARGEST)) / np.log1p(_LARGEST)
    return chebyshev.chebvander(2 * places - 1, _LEVELS - 1) @ _INVERSE
