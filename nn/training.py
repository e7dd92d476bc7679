"""Training of a network, recording the error spectrum."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np
import torch

from freqbias.errors import DivergenceError, Interrupted, NumericalError
from freqbias.nn.checkpoint import Checkpoint, TrainingState
from freqbias.nn.devices import described, device_for
from freqbias.nn.evaluators import evaluator_for
from freqbias.nn.interruption import Interruption
from freqbias.nn.networks import network_for
from freqbias.nn.objective import Objective
from freqbias.nn.optimizers import STEPPERS
from freqbias.nn.processes import ALONE, Processes
from freqbias.nn.run_log import RunLog
from freqbias.nn.stability import DivergenceGuard
from freqbias.nn.threads import fastest_thread_count, torch_threads
from freqbias.problem import Problem
from freqbias.progress import Progress, silent
from freqbias.spectra import ErrorSpectra
from freqbias.transforms import error_spectrum


def train(
    problem: Problem,
    progress: Progress = silent,
    device: str = "cpu",
    processes: Processes = ALONE,
    checkpoint: Path | None = None,
    checkpoint_seconds: float = 60.0,
    resume: bool = False,
    log: Path | None = None,
    interruption: Interruption | None = None,
    threads: int | None = None,
) -> ErrorSpectra | None:
    """Train the network of ``problem`` and return its error spectra at ``problem.times`` (level "network").

    All layers, loss 1/2 sum_i w_i (f(x_i) - g(x_i))^2 with the weights of the samples; all seeds at once. Frequencies
    move with the learning rate times ``frequency_rate_ratio`` (frozen if that is 0). Two runs with the same problem
    and the same number of threads agree bit by bit on a CPU; on GPUs, and on other numbers of processes, they agree
    to rounding.

    ``device`` as in ``freqbias.nn.devices.device_for``. Of several ``processes`` (``joined_processes``) all call this
    with the same problem; process 0 returns the spectra, the others None.

    ``checkpoint``: file in which the state is kept, at most every ``checkpoint_seconds``, and at the end (the caller
    removes it when the result is safe); with ``resume`` training goes on from there, with as many threads as before,
    and ends as if it had never stopped. ``log``: file of JSON lines, see ``freqbias.nn.run_log``. ``threads``: how
    many, whatever ``training.threads`` says, as of a training that is to be repeated.

    Raises DivergenceError if the loss is not finite or has grown too much (``freqbias.nn.stability``), NumericalError
    if the transforms cannot be done or do not reproduce the initial error, InputError for a checkpoint that is damaged
    or of another problem, StorageError if a disk is full, and Interrupted when ``interruption`` asks for it.

    >>> problem = Problem.from_file("examples/three_tones.toml")
    >>> spectra = train(problem.changed({"network.width": 500, "training.times.last": 10.0}))
    >>> round(float(spectra.norms()[-1] / spectra.norms()[0]), 4)
    0.762
    """
    started = time.perf_counter()
    place = device_for(device)
    first = processes.rank == 0
    keeper = None if checkpoint is None else Checkpoint(checkpoint, problem, checkpoint_seconds)
    state = None
    if keeper is not None and resume:
        state = processes.from_first(keeper.load)
    if state is not None:
        threads = state.threads
    else:
        threads = threads or problem.settings.training.threads or _measured_threads(problem, place, processes)
    with torch_threads(threads):
        training = Training(problem, threads, place, processes)
        training.objective.interruption = interruption or Interruption()
        if state is not None:
            training.restore(state)
        resumed = None if state is None else state.steps
        with nullcontext() if log is None or not first else RunLog(log, problem, threads, resumed) as run_log:
            training.run(progress, keeper, run_log)
        objective, stepper, errors = training.objective, training.stepper, np.array(training.errors)
    if processes.rank > 0:
        return None
    seeds, times, samples = len(errors[0]), len(errors), errors.shape[-1]
    # On one thread: the threads of a transform may add in the order in which they happen to finish.
    values = error_spectrum(
        problem.points, errors.reshape(-1, samples), problem.weights, problem.mesh.nodes, threads=1
    ).reshape(times, seeds, -1)
    with training.kept_when_interrupted(keeper):
        training.objective.interruption.check()
    return ErrorSpectra.of_ensemble(
        "network",
        problem,
        problem.times,
        values.swapaxes(0, 1),
        losses=training.losses(errors).T,
        seeds=problem.settings.training.all_seeds,
        info={
            "wall_time_seconds": time.perf_counter() - started + (0.0 if state is None else state.seconds),
            "steps": stepper.steps,
            "gradient_evaluations": objective.evaluations,
            **stepper.facts(),
            "evaluator": objective.evaluator.name,
            "sampling_rule": problem.initial_networks[0].rule,
            "threads": threads,
            "processes": processes.size,
            "device": described(place),
            "torch_version": str(torch.__version__),
        },
    )


class Training:
    """The state of a training: network, optimizer, and the errors at the output times passed so far."""

    def __init__(
        self,
        problem: Problem,
        threads: int = 1,
        device: torch.device | str = "cpu",
        processes: Processes = ALONE,
    ):
        self.problem = problem
        self.processes = processes
        self.threads = threads
        settings = problem.settings
        network = network_for(problem, device, processes)
        evaluator = evaluator_for(problem, threads, device)
        targets = problem.target_values
        if getattr(settings.network, "centred", False):
            targets = targets + evaluator.values(network).double().cpu().numpy()
        self.objective = Objective(network, evaluator, targets, problem.weights, processes)
        stepper = STEPPERS[settings.training.optimizer]
        self.stepper = stepper(self.objective, settings.training, float(problem.times[-1]))
        #: Learning time.
        self.now = 0.0
        #: f - g at the samples (S, N) at each output time passed.
        self.errors = [self._error()]
        # When training would have begun if it had never stopped.
        self._began = time.perf_counter()
        _check_start(problem, self.errors[0])

    def run(self, progress: Progress = silent, checkpoint: Checkpoint | None = None, log: RunLog | None = None) -> None:
        """Train to the last output time; ``checkpoint`` keeps the state then, when it is due, and at an interruption.

        Raises DivergenceError if the loss grows too much, and Interrupted if the objective's interruption asks for it.
        """
        guard = DivergenceGuard(self.problem, self.losses(self.errors[0]))
        if log is not None and not self.stepper.steps:
            self._log(log, 0, 0.0, self.losses(self.errors[0]), output_time=True)
        with self.kept_when_interrupted(checkpoint):
            while len(self.errors) < len(self.problem.times):
                self._step(guard, log)
                progress(self.now / self.problem.times[-1])
                if checkpoint is not None and self.processes.agreed(checkpoint.due()):
                    self._save(checkpoint)
        if checkpoint is not None:
            self._save(checkpoint)

    def _step(self, guard: DivergenceGuard, log: RunLog | None) -> None:
        """One step; errors and a line of the log where it reaches an output time. Interrupted, it changes nothing."""
        stepper, end, evaluations = self.stepper, self.problem.times[len(self.errors)], self.objective.evaluations
        with _impossible_is_divergence(guard, stepper.steps, self.now):
            try:
                now, loss = stepper.step(self.now, end)
            except Interrupted:
                self.objective.evaluations = evaluations
                raise
            losses = loss.double().cpu().numpy()
            guard.check(losses, stepper.steps, self.now)
            if log is not None and log.due():
                self._log(log, stepper.steps - 1, self.now, losses, output_time=False)
            self.now = now
            if now >= end:
                error = self._error()
                guard.check(self.losses(error), stepper.steps, now)
                self.errors.append(error)
                if log is not None:
                    self._log(log, stepper.steps, now, self.losses(error), output_time=True)

    @contextmanager
    def kept_when_interrupted(self, checkpoint: Checkpoint | None) -> Iterator[None]:
        """If Interrupted is raised inside, ``checkpoint`` gets the state, and the exception says so."""
        try:
            yield
        except Interrupted as error:
            if checkpoint is None:
                raise
            self._save(checkpoint)
            raise Interrupted(
                f"{error} after {self.stepper.steps} steps (learning time {self.now:.4g}), kept in {checkpoint.path}: "
                "go on with --resume",
                error.status,
            ) from None

    def state(self) -> TrainingState:
        """The state between two steps, on process 0 that of all; it may share memory with the parameters."""
        gather = self.processes.gather
        return TrainingState(
            learning_time=float(self.now),
            evaluations=self.objective.evaluations,
            seconds=time.perf_counter() - self._began,
            threads=self.threads,
            parameters=[gather(parameter.detach()).cpu().numpy() for parameter in self.objective.network.trained],
            stepper=self.stepper.state(),
            errors=np.array(self.errors),
        )

    def restore(self, state: TrainingState) -> None:
        """Go on from ``state``, on any number of processes."""
        for parameter, array in zip(self.objective.network.trained, state.parameters, strict=True):
            parameter.data.copy_(torch.from_numpy(array[:, self.processes.share(array.shape[1])]))
        self.stepper.restore(state.stepper)
        self.objective.evaluations = state.evaluations
        self.now, self.errors = state.learning_time, list(state.errors)
        self._began -= state.seconds

    def _save(self, checkpoint: Checkpoint) -> None:
        state = self.state()
        self.processes.from_first(lambda: checkpoint.save(state))

    def _log(self, log: RunLog, step: int, now: float, losses: np.ndarray, output_time: bool) -> None:
        seconds = time.perf_counter() - self._began
        log.write(step, now, losses, output_time, self.objective.evaluations, self.stepper.factor, seconds)

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


def _measured_threads(problem: Problem, device: torch.device, processes: Processes) -> int:
    """The fastest number of threads for the gradients of this problem, measured while the other processes do so."""
    if device.type != "cpu":
        return 1
    network = network_for(problem, device, processes)

    def gradient(count: int) -> Callable[[], None]:
        objective = Objective(network, evaluator_for(problem, count, device), problem.target_values, problem.weights)

        def run() -> None:
            with torch_threads(count):
                objective.gradient()

        return run

    return int(processes.agreed(fastest_thread_count(gradient)))
