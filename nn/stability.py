"""The fastest mode of training, which limits the learning rate, and what happens beyond the limit."""

from functools import cached_property
from math import inf

import numpy as np

from freqbias.errors import DivergenceError
from freqbias.nn.evaluators import evaluator_for
from freqbias.nn.networks import network_for
from freqbias.nn.objective import Objective
from freqbias.nn.tangent_kernel import TangentKernel
from freqbias.nn.tangent_kernel import largest_rate as largest_eigenvalue
from freqbias.nn.threads import torch_threads
from freqbias.problem import Problem

#: Training has diverged when the loss is this many times the initial one …
LARGEST_GROWTH = 1e6
#: … or this many times, if the learning rate is not stable either. A wide network need not run off to infinity then:
#: its frequencies are shaken until the kernel is another one, and the loss stays at some hundred times the first.
SUSPICIOUS_GROWTH = 2.0


def largest_rate(problem: Problem) -> float:
    """About the largest decay rate of the networks of ``problem`` at their start, in units of 1/learning time."""
    with torch_threads(1):
        network = network_for(problem)
        objective = Objective(network, evaluator_for(problem), problem.target_values, problem.weights)
        return largest_eigenvalue(TangentKernel(objective), objective)


class DivergenceGuard:
    """Stops training that has diverged, with a sentence that says which learning rate would not."""

    def __init__(self, problem: Problem, initial_losses: np.ndarray):
        """``initial_losses`` (S,), one for each seed."""
        self._problem = problem
        self._initial_losses = initial_losses

    def check(self, losses: np.ndarray, steps: int, now: float) -> None:
        """Raises DivergenceError if one of ``losses`` (S,), after ``steps`` steps at ``now``, has grown too much."""
        growth = float(np.max(losses / self._initial_losses))
        if growth <= SUSPICIOUS_GROWTH:
            return
        if not (growth <= LARGEST_GROWTH and self._stable):
            raise self.divergence(steps, now)

    @property
    def _stable(self) -> bool:
        training = self._problem.settings.training
        # The loss of a batch of samples may well be larger than the first.
        if training.optimizer == "gradient-flow" or training.batch is not None:
            return True
        return training.step_size <= self.largest_stable_learning_rate

    @cached_property
    def largest_stable_learning_rate(self) -> float:
        """About; infinite if the optimizer is not linear or adapts its steps."""
        problem = self._problem
        if problem.optimizer is None or not np.isfinite(problem.optimizer.largest_stable_rate()):
            return inf
        return problem.settings.training.step_size * problem.optimizer.largest_stable_rate() / largest_rate(problem)

    def divergence(self, steps: int, now: float) -> DivergenceError:
        """The error after ``steps`` steps at learning time ``now``."""
        training, stable = self._problem.settings.training, self.largest_stable_learning_rate
        if training.optimizer == "gradient-flow":
            given, advice = f"training.tolerance = {training.tolerance:g}", "try a smaller one"
        else:
            given = f"training.learning_rate = {training.step_size:.6g}"
            advice = f"{training.optimizer} has no known bound, try {training.step_size / 10:.4g}"
            if stable < inf:
                advice = f"the largest stable learning rate is about {stable:.4g}"
        return DivergenceError(
            f"{self._problem.source}: training diverged with {given} "
            f"after {steps} steps of {training.optimizer} (learning time {now:.4g}): {advice}"
        )
