"""Training of a network, recording the error spectrum."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from freqbias.errors import DivergenceError, NumericalError
from freqbias.nn.evaluators import evaluator_for
from freqbias.nn.networks import network_for
from freqbias.nn.objective import Objective
from freqbias.nn.optimizers import STEPPERS
from freqbias.nn.stability import DivergenceGuard
from freqbias.nn.threads import fastest_thread_count, torch_threads
from freqbias.problem import Problem
from freqbias.progress import Progress, silent
from freqbias.spectra import ErrorSpectra
from freqbias.transforms import error_spectrum


def train(problem: Problem, progress: Progress = silent, device: str = "cpu") -> ErrorSpectra:
    """Train the network of ``problem`` and return its error spectra at ``problem.times`` (level "network").

    All layers, loss 1/2 sum_i w_i (f(x_i) - g(x_i))^2 with the weights of the samples; all seeds at once. Frequencies
    move with the learning rate times ``frequency_rate_ratio`` (frozen if that is 0). Two runs with the same problem
    and the same number of threads agree bit by bit.

    Raises DivergenceError if the loss is not finite or has grown too much (``freqbias.nn.stability``), and
    NumericalError if the transforms cannot be done or do not reproduce the initial error.
    """
    started = time.perf_counter()
    threads = problem.settings.training.threads or _measured_threads(problem, device)
    with torch_threads(threads):
        training = Training(problem, threads, device)
        training.run(progress)
        objective, stepper, errors = training.objective, training.stepper, np.array(training.errors)
    seeds, times, samples = len(errors[0]), len(errors), errors.shape[-1]
    values = error_spectrum(
        problem.points, errors.reshape(-1, samples), problem.weights, problem.mesh.nodes, threads=threads
    ).reshape(times, seeds, -1)
    return ErrorSpectra.of_ensemble(
        "network",
        problem,
        problem.times,
        values.swapaxes(0, 1),
        losses=training.losses(errors).T,
        seeds=problem.settings.training.all_seeds,
        info={
            "wall_time_seconds": time.perf_counter() - started,
            "steps": stepper.steps,
            "gradient_evaluations": objective.evaluations,
            **stepper.facts(),
            "evaluator": objective.evaluator.name,
            "sampling_rule": problem.initial_networks[0].rule,
            "threads": threads,
            "device": device,
            "torch_version": str(torch.__version__),
        },
    )


class Training:
    """The state of a training: network, optimizer, and the errors at the output times passed so far."""

    def __init__(self, problem: Problem, threads: int = 1, device: str = "cpu"):
        self.problem = problem
        settings = problem.settings
        network = network_for(problem, device)
        evaluator = evaluator_for(problem, threads, device)
        targets = problem.target_values
        if getattr(settings.network, "centred", False):
            targets = targets + evaluator.values(network).double().cpu().numpy()
        self.objective = Objective(network, evaluator, targets, problem.weights)
        stepper = STEPPERS[settings.training.optimizer]
        self.stepper = stepper(self.objective, settings.training, float(problem.times[-1]))
        #: Learning time.
        self.now = 0.0
        #: f - g at the samples (S, N) at each output time passed.
        self.errors = [self._error()]
        _check_start(problem, self.errors[0])

    def run(self, progress: Progress = silent) -> None:
        """Train to the last output time. Raises DivergenceError if the loss grows too much."""
        problem, stepper = self.problem, self.stepper
        guard = DivergenceGuard(problem, self.losses(self.errors[0]))
        while len(self.errors) < len(problem.times):
            end = problem.times[len(self.errors)]
            with _impossible_is_divergence(guard, stepper.steps, self.now):
                before, (self.now, loss) = self.now, stepper.step(self.now, end)
                guard.check(loss.double().cpu().numpy(), stepper.steps, before)
                if self.now >= end:
                    error = self._error()
                    guard.check(self.losses(error), stepper.steps, self.now)
                    self.errors.append(error)
            progress(self.now / problem.times[-1])

    def losses(self, errors: np.ndarray) -> np.ndarray:
        """1/2 sum_i w_i e(x_i)^2 of errors (..., N); infinite where it overflows."""
        with np.errstate(over="ignore"):
            return 0.5 * (errors**2 @ self.problem.weights)

    def _error(self) -> np.ndarray:
        return self.objective.residual().double().cpu().numpy()


@contextmanager
def _impossible_is_divergence(guard: DivergenceGuard, steps: int, now: float) -> Iterator[None]:
    """Once training has begun, frequencies that no transform can take are a sign of divergence."""
    try:
        yield
    except DivergenceError:
        raise
    except NumericalError as error:
        raise guard.divergence(steps, now) from error


def _check_start(problem: Problem, errors: np.ndarray) -> None:
    """The PDE starts from ``problem.initial_error``: training must start from the same function."""
    # What an evaluator may be wrong by grows with the sum of the neurons' magnitudes.
    network = problem.initial_networks[0]
    magnitude = np.abs(problem.target_values).max() + getattr(network, "magnitude", np.abs(errors).max())
    precision = 1e-5 if problem.settings.training.precision == "float32" else 1e-13
    allowed = 100 * max(problem.settings.training.nufft_tolerance, precision) * magnitude
    difference = np.abs(errors.mean(axis=0) - problem.initial_error).max()
    if not difference <= allowed:
        raise NumericalError(
            f"{problem.source}: the network starts with an error that differs by {difference:.2g} from the problem's "
            f"initial error (allowed: {allowed:.2g}): was the problem read from a spectrum file with other samples?"
        )


def _measured_threads(problem: Problem, device: str) -> int:
    """The fastest number of threads for the gradients of this problem."""
    network = network_for(problem, device)

    def gradient(count: int):
        objective = Objective(network, evaluator_for(problem, count, device), problem.target_values, problem.weights)

        def run() -> None:
            with torch_threads(count):
                objective.gradient()

        return run

    return fastest_thread_count(gradient)
