"""Full-batch training of both layers, recording the error spectrum."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import numpy as np
import torch

from freqbias.errors import DivergenceError, NumericalError
from freqbias.nn.evaluators import evaluator_for
from freqbias.nn.fourier_features import FourierFeatureNetwork
from freqbias.nn.stability import DivergenceGuard
from freqbias.nn.steps import STEPPERS, Objective, Stepper
from freqbias.problem import Problem
from freqbias.progress import Progress, silent
from freqbias.spectra import ErrorSpectra
from freqbias.transforms import error_spectrum


def train(problem: Problem, progress: Progress = silent) -> ErrorSpectra:
    """Train the network of ``problem`` and return its error spectra at ``problem.times`` (level "network").

    Full batch, both layers, loss 1/(2N) sum_i (f(x_i) - g(x_i))^2; amplitudes with the learning rate eta, frequencies
    with eta times ``frequency_rate_ratio`` (frozen if that is 0). Gradient flow takes Runge-Kutta steps of at most
    eta that end at the output times, the other optimizers steps of eta. Two runs with the same problem and the same
    number of threads agree bit by bit.

    Raises DivergenceError if the loss is not finite or has grown too much (``freqbias.nn.stability``), and
    NumericalError if the transforms cannot be done or do not reproduce the initial error.
    """
    started = time.perf_counter()
    training, ratio = problem.settings.training, problem.settings.network.frequency_rate_ratio
    with torch_threads(training.threads):
        network = FourierFeatureNetwork.from_neurons(problem.neurons)
        network.frequencies.requires_grad_(ratio > 0)
        evaluator = evaluator_for(problem)
        objective = Objective(network, evaluator, problem.target_values)
        stepper = STEPPERS[training.optimizer](objective, training, ratio)
        errors, steps = _trajectory(problem, stepper, progress)
        threads = torch.get_num_threads()
    values = error_spectrum(problem.points, errors, problem.mesh.nodes, threads=threads)
    return ErrorSpectra(
        "network",
        problem,
        problem.times,
        values,
        loss=_loss(errors),
        info={
            "wall_time_seconds": time.perf_counter() - started,
            "steps": steps,
            "gradient_evaluations": objective.evaluations,
            "evaluator": evaluator.name,
            "sampling_rule": problem.neurons.rule,
            "threads": threads,
            "torch_version": str(torch.__version__),
        },
    )


def _trajectory(problem: Problem, stepper: Stepper, progress: Progress) -> tuple[np.ndarray, int]:
    """The error at the samples (T, N) at every output time, and the number of steps taken."""
    objective, learning_rate = stepper.objective, problem.settings.training.learning_rate
    errors = [objective.residual()]
    _check_start(problem, errors[0])
    guard = DivergenceGuard(problem, stepper.stability_limit, _loss(errors[0]))
    steps = 0
    for start, end in pairwise(problem.times):
        # For a discrete optimizer the interval is a whole number of learning rates, up to rounding.
        count = max(1, int(np.ceil((end - start) / learning_rate - 1e-6)))
        size = (end - start) / count
        for step in range(count):
            now = start + step * size
            with _impossible_is_divergence(guard, steps, now):
                guard.check(stepper.step(size), steps, now)
            steps += 1
            progress((now + size) / problem.times[-1])
        with _impossible_is_divergence(guard, steps, end):
            errors.append(objective.residual())
            guard.check(_loss(errors[-1]), steps, end)
    return np.array(errors), steps


def _loss(errors: np.ndarray) -> np.ndarray:
    """(1/2N) sum_i e(x_i)^2 of errors (..., N); infinite where it overflows."""
    with np.errstate(over="ignore"):
        return 0.5 * np.mean(errors**2, axis=-1)


@contextmanager
def _impossible_is_divergence(guard: DivergenceGuard, steps: int, now: float) -> Iterator[None]:
    """Once training has begun, frequencies that no transform can take are a sign of divergence."""
    try:
        yield
    except DivergenceError:
        raise
    except NumericalError as error:
        raise guard.divergence(steps, now) from error


def _check_start(problem: Problem, error: np.ndarray) -> None:
    """The PDE starts from ``problem.initial_error``: training must start from the same function."""
    neurons = problem.neurons
    magnitude = (neurons.scale * np.hypot(neurons.cosine, neurons.sine)).sum() + np.abs(problem.target_values).max()
    allowed = 100 * problem.settings.training.nufft_tolerance * magnitude
    difference = np.abs(error - problem.initial_error).max()
    if not difference <= allowed:
        raise NumericalError(
            f"{problem.source}: the network starts with an error that differs by {difference:.2g} from the problem's "
            f"initial error (allowed: {allowed:.2g}): was the problem read from a spectrum file with other samples?"
        )


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """PyTorch computes with ``count`` threads inside the block; 0 leaves its number, all cores by default."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
