"""Linear optimizers as functions of the operator (THEORY section 3).

In the infinite-width limit a linear optimizer multiplies the mode of decay rate lambda by a response that is known
in closed form. The PDE and the kernel flow both apply these responses, the one to finite elements, the other to
samples. A new optimizer is one new class here, named in ``optimizer_for``, and its update in ``nn/steps.py``.
"""

from abc import ABC, abstractmethod

import numpy as np

from freqbias.errors import InputError
from freqbias.training_settings import TrainingSettings

#: Beyond, floating point cannot count steps.
_MOST_STEPS = 1e15


class LinearOptimizer(ABC):
    """Response of a mode to training, as a function of its decay rate and of the learning time."""

    #: Numbers S that an optimizer keeps for a mode: the error, and, with momentum, its velocity.
    states: int = 1

    @abstractmethod
    def transition(self, rates: np.ndarray, times: np.ndarray) -> np.ndarray:
        """Factors (S, S, T, n): [i, j] takes state j at time 0 to state i at learning times ``times`` (T,).

        For modes with decay rates ``rates`` (n,). State 0 is the error; the others are 0 when training starts.
        """

    def response(self, rates: np.ndarray, times: np.ndarray) -> np.ndarray:
        """Factors (T, n) on modes with decay rates ``rates`` (n,) at learning times ``times`` (T,)."""
        return self.transition(rates, times)[0, 0]

    def reachable(self, time: float) -> float:
        """The last learning time up to ``time`` at which there is a state."""
        return time

    def largest_stable_rate(self) -> float:
        """Modes that decay faster than this grow instead, in units of 1/learning time."""
        return np.inf

    def acceleration(self) -> float:
        """How many times faster than under gradient flow slow modes decay."""
        return 1.0


class GradientFlow(LinearOptimizer):
    """theta' = -grad L: exp(-lambda t)."""

    def transition(self, rates: np.ndarray, times: np.ndarray) -> np.ndarray:
        return np.exp(-np.outer(times, rates))[None, None]


class DiscreteOptimizer(LinearOptimizer):
    """An optimizer that takes steps of size ``learning_rate``; learning time = learning rate * steps."""

    def __init__(self, learning_rate: float):
        self.learning_rate = learning_rate

    def steps(self, times: np.ndarray) -> np.ndarray:
        """Number of steps taken at each of ``times``: whole numbers."""
        return steps_to(times, self.learning_rate)

    def reachable(self, time: float) -> float:
        return float(np.floor(time / self.learning_rate + 1e-9)) * self.learning_rate


class GradientDescent(DiscreteOptimizer):
    """theta <- theta - eta grad L: (1 - eta lambda)^k, exact at any learning rate."""

    def transition(self, rates: np.ndarray, times: np.ndarray) -> np.ndarray:
        return ((1 - self.learning_rate * rates) ** self.steps(times)[:, None])[None, None]

    def largest_stable_rate(self) -> float:
        return 2 / self.learning_rate


class Momentum(DiscreteOptimizer):
    """Heavy ball as PyTorch writes it: s <- mu s + g, theta <- theta - eta s."""

    def __init__(self, learning_rate: float, momentum: float):
        super().__init__(learning_rate)
        self.momentum = momentum

    def _step_matrix(self, rates: np.ndarray) -> np.ndarray:
        """One step on (y, s), (n, 2, 2)."""
        eta, mu, one = self.learning_rate, self.momentum, np.ones_like(rates)
        return np.array([[1 - eta * rates, -eta * mu * one], [rates, mu * one]]).transpose(2, 0, 1)

    states = 2

    def transition(self, rates: np.ndarray, times: np.ndarray) -> np.ndarray:
        """The k-th powers of the step matrix on (y, s)."""
        step = self._step_matrix(np.asarray(rates, dtype=float))
        powers = np.stack([np.linalg.matrix_power(step, k) for k in self.steps(times)])
        return np.moveaxis(powers, (2, 3), (0, 1))

    def largest_stable_rate(self) -> float:
        return 2 * (1 + self.momentum) / self.learning_rate

    def acceleration(self) -> float:
        return 1 / (1 - self.momentum)


class Nesterov(Momentum):
    """Nesterov as PyTorch writes it: s <- mu s + g, theta <- theta - eta (g + mu s)."""

    def _step_matrix(self, rates: np.ndarray) -> np.ndarray:
        eta, mu, one = self.learning_rate, self.momentum, np.ones_like(rates)
        return np.array([[1 - eta * (1 + mu) * rates, -eta * mu**2 * one], [rates, mu * one]]).transpose(2, 0, 1)

    def largest_stable_rate(self) -> float:
        mu = self.momentum
        return 2 * (1 + mu) / (1 + 2 * mu) / self.learning_rate


def optimizer_for(training: TrainingSettings) -> LinearOptimizer | None:
    """The linear optimizer that a problem names, or None if it has no closed response (Adam, schedules).

    With mini-batches the response is that of the mean over all choices of batches.
    """
    if not training.schedule.constant:
        return None
    match training.optimizer:
        case "gradient-flow":
            return GradientFlow()
        case "gradient-descent":
            return GradientDescent(training.step_size)
        case "momentum":
            return Momentum(training.step_size, training.momentum)
        case "nesterov":
            return Nesterov(training.step_size, training.momentum)
    return None


def steps_to(times: np.ndarray | float, learning_rate: float) -> np.ndarray:
    """Number of steps (T,) after which the learning time is nearest to each of ``times`` (T,)."""
    return np.rint(np.asarray(times) / learning_rate).astype(np.int64)


def output_times(training: TrainingSettings) -> np.ndarray:
    """0 and the log-spaced output times; a discrete optimizer gets the nearest multiples of its learning rate."""
    times = training.times
    wanted = np.concatenate([[0.0], np.geomspace(times.first, times.last, times.count)])
    if training.optimizer == "gradient-flow":
        return wanted
    step = training.step_size
    if times.last / step > _MOST_STEPS:
        raise InputError(f"training.learning_rate = {step}: takes more than {_MOST_STEPS:g} steps")
    visited = np.unique(steps_to(wanted, step)) * step
    if len(visited) < 2:
        raise InputError(f"training.times.last = {times.last} must be at least training.learning_rate = {step}")
    return visited
