"""Stand-ins for the computation of a level, for tests of what is computed when: they must be importable by name."""

import os
import signal
import time
from pathlib import Path

import numpy as np

from freqbias.compare.ensemble import starts_at_random
from freqbias.errors import DivergenceError
from freqbias.spectra import ErrorSpectra
from freqbias.study.tasks import LevelTask

#: How much each level is slower than the PDE: their differences are known in closed form.
SLOWER = {"pde": 1.0, "kernel": 0.99, "network": 0.99}


def log_of(task: LevelTask) -> Path:
    return task.path.parent.parent / "computed.log"


def computed(out: Path) -> list[str]:
    """The names of the files that were computed, in order."""
    log = out / "computed.log"
    return log.read_text().split() if log.exists() else []


def decaying(task: LevelTask) -> None:
    """v(t) = v(0) exp(-c t), with a note of what was computed."""
    problem = task.problem
    with log_of(task).open("a") if task.path.parent.exists() else _made(task) as log:
        log.write(f"{task.path.name}\n")
    initial = problem.initial_spectrum(problem.mesh.nodes)
    rate = SLOWER[task.level] * 0.1
    if task.level == "network":
        rate -= 1 / problem.settings.network.width
    values = np.exp(-rate * problem.times)[:, None] * initial
    info = {"wall_time_seconds": 0.25}
    seeds = problem.settings.training.all_seeds if task.level == "network" else [0]
    assert not starts_at_random(problem)
    runs = np.array([values * (1 + 0.001 * k * (problem.times > 0))[:, None] for k in range(len(seeds))])
    ErrorSpectra.of_ensemble(task.level, problem, problem.times, runs, None, seeds, info).write(task.path)


def _made(task: LevelTask):
    task.path.parent.mkdir(parents=True, exist_ok=True)
    return log_of(task).open("a")


def failing_when_wide(task: LevelTask) -> None:
    """The network of width 800 diverges."""
    if task.level == "network" and task.problem.settings.network.width == 800:
        raise DivergenceError(f"{task.problem.source}: the loss has grown; try a smaller learning rate")
    decaying(task)


def dying_when_wide(task: LevelTask) -> None:
    """The process that computes the network of width 800 is killed."""
    if task.level == "network" and task.problem.settings.network.width == 800:
        os.kill(os.getpid(), signal.SIGKILL)
    decaying(task)


def interrupted_after_three(task: LevelTask) -> None:
    """Ctrl-C at the fourth level."""
    if len(computed(task.path.parent.parent)) == 3:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(1)
    decaying(task)


def slow(task: LevelTask) -> None:
    """Half a second for a level."""
    time.sleep(0.5)
    decaying(task)
