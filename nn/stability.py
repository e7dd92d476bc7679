"""The fastest mode of training, which limits the learning rate, and what happens beyond the limit."""

from functools import cached_property
from math import inf

import numpy as np

from freqbias.errors import DivergenceError
from freqbias.problem import Problem
from freqbias.transforms import fourier_transform

#: Training has diverged when the loss is this many times the initial one …
LARGEST_GROWTH = 1e6
#: … or this many times, if the learning rate is not stable either. A wide network need not run off to infinity then:
#: its frequencies are shaken until the kernel is another one, and the loss stays at some hundred times the first.
SUSPICIOUS_GROWTH = 2.0

_ITERATIONS = 300
_RELATIVE_CHANGE = 1e-4


def largest_rate(problem: Problem) -> float:
    """About the largest eigenvalue of K_N / N, in units of 1/learning time, by the power method.

    K is the kernel of THEORY section 2 with the law replaced by the problem's own neurons:
    K(x, y) = (1 + r sigma^2 x.y) sum_j scale_j^2 cos(w_j.(x - y)), applied by non-uniform FFTs. The estimate is
    from below; where the largest eigenvalues are close to each other it is still close to them.
    """
    network, neurons, points = problem.settings.network, problem.neurons, problem.points
    mobility = network.frequency_rate_ratio * network.amplitude_std**2
    # 1 + r sigma^2 x.y = sum over k of factors[k](x) factors[k](y)
    factors = np.concatenate([np.ones((1, len(points))), np.sqrt(mobility) * points.T])
    power = neurons.scale**2

    options = {"tolerance": 1e-9, "threads": problem.settings.training.threads}
    vector = np.random.default_rng(0).standard_normal(len(points))
    rate = 0.0
    for _ in range(_ITERATIONS):
        vector /= np.linalg.norm(vector)
        spectra = fourier_transform(points, factors * vector, neurons.frequencies, sign=-1, **options)
        images = fourier_transform(neurons.frequencies, power * spectra, points, sign=1, **options).real
        image = (factors * images).sum(axis=0) / len(points)
        previous, rate = rate, float(vector @ image)
        if abs(rate - previous) <= _RELATIVE_CHANGE * rate:
            break
        vector = image
    return rate


class DivergenceGuard:
    """Stops training that has diverged, with a sentence that says which learning rate would not."""

    def __init__(self, problem: Problem, stability_limit: float, initial_loss: float):
        """``stability_limit``: of the time stepping, step times decay rate; the optimizer's own limit is known."""
        self._problem = problem
        self._stability_limit = stability_limit
        self._initial_loss = initial_loss

    def check(self, loss: float, steps: int, now: float) -> None:
        """Raises DivergenceError if ``loss``, after ``steps`` steps at learning time ``now``, has grown too much."""
        growth = loss / self._initial_loss
        if growth <= SUSPICIOUS_GROWTH:
            return
        stable = self._problem.settings.training.learning_rate <= self.largest_stable_learning_rate
        if not (growth <= LARGEST_GROWTH and stable):
            raise self.divergence(steps, now)

    @cached_property
    def largest_stable_learning_rate(self) -> float:
        """About; infinite if the optimizer is not linear."""
        problem = self._problem
        limit = self._stability_limit
        if problem.optimizer is not None:
            limit = min(limit, problem.settings.training.learning_rate * problem.optimizer.largest_stable_rate())
        return limit / largest_rate(problem) if limit < inf else inf

    def divergence(self, steps: int, now: float) -> DivergenceError:
        """The error after ``steps`` steps at learning time ``now``."""
        training, stable = self._problem.settings.training, self.largest_stable_learning_rate
        if stable < inf:
            advice = f"the largest stable learning rate is about {stable:.4g}"
        else:
            advice = f"{training.optimizer} has no known bound, try {training.learning_rate / 10:.4g}"
        return DivergenceError(
            f"{self._problem.source}: training diverged with training.learning_rate = {training.learning_rate:.6g} "
            f"after {steps} steps of {training.optimizer} (learning time {now:.4g}): {advice}"
        )
