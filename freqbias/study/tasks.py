"""The levels that the points of a study need, each of them once, computed by processes beside each other."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from freqbias.errors import FreqbiasError, Interrupted, StorageError
from freqbias.files import remove_leftovers
from freqbias.problem import Problem
from freqbias.progress import Progress, silent
from freqbias.spectra import of_first_process
from freqbias.study.level_keys import level_key

#: One thread for each process: they share the cores. Libraries read these when they are loaded.
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_DIED = "its process ended without a word: it was killed, or the memory was full; try fewer processes with --jobs"
#: What a signal does to a study, for people.
_SIGNALS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}


@dataclass(frozen=True)
class LevelTask:
    """The computation of one level, to be written to ``path``."""

    level: str
    problem: Problem
    path: Path


def level_task(problem: Problem, level: str, folder: Path) -> LevelTask:
    """The task that computes ``level``; its file is named after all that it depends on."""
    return LevelTask(level, problem, folder / f"{level}-{level_key(problem, level)}.nc")


def compute_level(task: LevelTask) -> None:
    """Compute the level and write its spectrum file. Raises what the level raises, a FreqbiasError."""
    if task.level == "pde":
        from mpi4py import MPI

        from freqbias import fem

        spectra = fem.solve(task.problem, MPI.COMM_SELF)
    else:
        from freqbias import nn

        spectra = nn.kernel_flow(task.problem) if task.level == "kernel" else nn.train(task.problem)
    of_first_process(spectra).write(task.path)


Compute = Callable[[LevelTask], None]


def run_tasks(
    tasks: Iterable[LevelTask], jobs: int, progress: Progress = silent, compute: Compute = compute_level
) -> dict[Path, str]:
    """Carry out the tasks whose files are not there yet, in ``jobs`` processes; 0: in this one, one after the other.

    Returns file → message of the tasks that failed: with a FreqbiasError, out of memory, or because their process
    died. The others go on. Raises Interrupted on Ctrl-C and SIGTERM, and StorageError where a disk is full: what is
    finished then is kept.
    """
    wanted = {task.path: task for task in tasks}
    open_tasks = [task for path, task in wanted.items() if not path.exists()]
    failures: dict[Path, str] = {}
    done = len(wanted) - len(open_tasks)
    with (
        _interrupted_by_signals(lambda: f"{done} of {len(wanted)} levels are computed"),
        closing(_outcomes(open_tasks, jobs, compute)) as outcomes,
    ):
        for task, message in outcomes:
            done += 1
            progress(done / len(wanted))
            if message is not None:
                failures[task.path] = message
    for folder in {path.parent for path in wanted}:
        remove_leftovers(folder)  # processes of a study that was killed may have outlived it for a moment
    return failures


def _outcomes(tasks: list[LevelTask], jobs: int, compute: Compute) -> Generator[tuple[LevelTask, str | None]]:
    """Every task with the message of its failure, None if it succeeded."""
    if jobs == 0:
        for task in tasks:
            yield task, _message(compute, task)
        return
    waiting = list(tasks)
    while waiting:
        suspects: list[LevelTask] = []
        yield from _in_pool(waiting, suspects, jobs, compute)
        # One of them has ended its process, and with it the pool: each alone shows which.
        for suspect in suspects:
            if suspect.path.exists():
                yield suspect, None
                continue
            culprits: list[LevelTask] = []
            yield from _in_pool([suspect], culprits, 1, compute)
            yield from ((culprit, _DIED) for culprit in culprits)


def _in_pool(
    waiting: list[LevelTask], suspects: list[LevelTask], jobs: int, compute: Compute
) -> Iterator[tuple[LevelTask, str | None]]:
    """Work through ``waiting`` until it is empty or a process dies; then ``suspects`` get what was under way."""
    running: dict[Future, LevelTask] = {}
    try:
        with _pool(min(jobs, len(waiting))) as pool:
            while waiting or running:
                while waiting and len(running) < jobs:
                    running[pool.submit(_message, compute, waiting[0])] = waiting[0]
                    waiting.pop(0)
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    message = future.result()
                    yield running.pop(future), message
    except BrokenProcessPool:
        suspects += running.values()
    finally:
        for task in running.values():
            remove_leftovers(task.path)  # their processes have ended


def _message(compute: Compute, task: LevelTask) -> str | None:
    remove_leftovers(task.path)
    try:
        compute(task)
    except (Interrupted, StorageError):  # the others would find no room either
        raise
    except FreqbiasError as error:
        # The name of the point stands beside the message.
        return str(error).removeprefix(f"{task.problem.source}: ")
    except MemoryError:
        return "out of memory: try fewer processes with --jobs"
    return None


@contextmanager
def _pool(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Fresh processes, since neither MPI nor PyTorch survive a fork; at an exception they end at once."""
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    others = set(multiprocessing.active_children())
    os.environ.update(_ONE_THREAD)
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), _prepare_process)
    done = False
    try:
        yield pool
        done = True
    finally:
        if not done:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in set(multiprocessing.active_children()) - others:
                process.terminate()
        pool.shutdown()
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _prepare_process() -> None:
    """A process of the pool leaves Ctrl-C to the one that started it, and ends with it, however that ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is None:  # nobody started it
        return

    def end_with_parent() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()


@contextmanager
def _interrupted_by_signals(state: Callable[[], str]) -> Iterator[None]:
    """Inside the block Ctrl-C and SIGTERM raise Interrupted, which says how far things are."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, frame: object) -> None:
        for one in _SIGNALS:
            signal.signal(one, signal.SIG_IGN)  # ending the processes takes a moment
        text = f"{_SIGNALS[signal.Signals(number)]}: {state()}; the same command goes on from there"
        raise Interrupted(text, 128 + number)

    before = {number: signal.signal(number, handle) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
