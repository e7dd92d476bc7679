"""How many threads train fastest."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

#: A gradient that takes less than this many seconds is not worth a second thread.
_WORTH = 3e-3
#: More threads must be faster by this factor: they are not free for others, and slow where others run too.
_GAIN = 1.25
_REPETITIONS = 5


def fastest_thread_count(gradient: Callable[[int], Callable[[], object]], most: int | None = None) -> int:
    """The number of threads, 1, 2, 4, … up to ``most``, with which one gradient takes least, by measurement.

    ``gradient(count)`` prepares ``count`` threads and returns what to time. ``most`` is by default the number that
    PyTorch would use: all cores, or OMP_NUM_THREADS.
    """
    most = most or torch.get_num_threads()
    best, least = 1, _least_time(gradient(1))
    count = 2
    while count <= most and least > _WORTH:
        needed = _least_time(gradient(count))
        if needed * _GAIN > least:
            break
        best, least = count, needed
        count = most if count < most < 2 * count else 2 * count
    return best


def _least_time(work: Callable[[], object]) -> float:
    times = []
    for _ in range(_REPETITIONS):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
        if times[-1] < _WORTH and len(times) > 1:
            break
    return min(times)


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """PyTorch computes with ``count`` threads inside the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
