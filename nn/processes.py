"""The processes that train one network together, each with a share of its neurons.

Every process holds all samples: what they exchange is the sum of their predictions, once a step. The rest of a step
follows from that sum and is done by each for its own neurons.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import torch
from torch import distributed

from freqbias import torchrun
from freqbias.errors import FreqbiasError, LostProcessError
from freqbias.nn.devices import device_for


@dataclass(frozen=True)
class Processes:
    """``rank`` of ``size`` processes; all call the methods in the same order. Alone, they exchange nothing.

    Raises LostProcessError where another process has ended.
    """

    rank: int = 0
    size: int = 1
    #: Whether there is a process group of torch.distributed.
    connected: bool = False

    def sum(self, share: Callable[[], torch.Tensor], like: torch.Tensor) -> torch.Tensor:
        """The sum over all processes of what ``share`` returns, of the shape of ``like``, on each of them.

        If ``share`` raises a FreqbiasError on one of them, all raise it: none waits for another that has given up.
        """
        if not self.connected:
            return share()
        failure = None
        # One exchange for both: the predictions, and how many have failed.
        message = like.new_zeros(like.numel() + 1)
        try:
            message[:-1] = share().flatten()
        except FreqbiasError as error:
            failure = error
            message[-1] = 1
        with _others_needed():
            distributed.all_reduce(message)
        if message[-1] > 0:
            self._raise_first(failure)
        return message[:-1].view_as(like)

    def together[T](self, work: Callable[[], T]) -> T:
        """What ``work`` returns; if it raises a FreqbiasError on one of the processes, all raise it."""
        if not self.connected:
            return work()
        failure: FreqbiasError | None = None
        try:
            result = work()
        except FreqbiasError as error:
            failure = error
        self._raise_first(failure)
        return result

    def from_first[T](self, work: Callable[[], T]) -> T:
        """What ``work`` returns on process 0, which alone does it, on each of them; so also a FreqbiasError."""
        found: list[Any] = [self.together(lambda: work() if self.rank == 0 else None)]
        if self.size > 1:
            with _others_needed():
                distributed.broadcast_object_list(found)
        return found[0]

    def agreed(self, number: float) -> float:
        """``number`` of process 0, on each of them: what decides must not differ in the last bits."""
        if not self.connected:
            return number
        message = torch.tensor(number, dtype=torch.float64)
        with _others_needed():
            distributed.broadcast(message, 0)
        return message.item()

    def share(self, count: int) -> slice:
        """Which of ``count`` neurons this process trains."""
        return slice(count * self.rank // self.size, count * (self.rank + 1) // self.size)

    def gather(self, share: torch.Tensor) -> torch.Tensor:
        """On process 0 the shares (S, m_k, ...) of all put together (S, m, ...), elsewhere ``share`` itself."""
        if self.size == 1:
            return share
        counts = [0] * self.size
        own = share.detach().cpu().contiguous()
        with _others_needed():
            distributed.all_gather_object(counts, own.shape[1])
            if self.rank > 0:
                distributed.send(own, 0)
                return share
            parts = [own, *(own.new_empty((own.shape[0], count, *own.shape[2:])) for count in counts[1:])]
            for source, part in enumerate(parts[1:], start=1):
                distributed.recv(part, source)
        return torch.cat(parts, dim=1).to(share.device)

    def _raise_first(self, failure: FreqbiasError | None) -> None:
        failures: list[FreqbiasError | None] = [None] * self.size
        with _others_needed():
            distributed.all_gather_object(failures, failure)
        for error in failures:
            if error is not None:
                raise error


ALONE = Processes()


@contextmanager
def joined_processes(device: str = "cpu") -> Iterator[Processes]:
    """Meet the processes that torchrun started with this one, for computations on ``device``; else ``ALONE``.

    Sums are formed by gloo on CPUs and by NCCL on GPUs. Raises InputError if the device is not there.
    """
    if not torchrun.started():
        yield ALONE
        return
    on_gpu = device_for(device).type == "cuda"
    # It has the group of all processes as a default of its functions. Imported later, as optimizers do, it would keep
    # the group and its threads beyond the end, and a thread that frees a tensor while Python ends aborts the process.
    import_module("torch.distributed.nn.functional")
    distributed.init_process_group("cpu:gloo,cuda:nccl" if on_gpu else "gloo")
    try:
        yield Processes(distributed.get_rank(), distributed.get_world_size(), connected=True)
    finally:
        distributed.destroy_process_group()


@contextmanager
def _others_needed() -> Iterator[None]:
    """An exchange that fails does so because another process has ended."""
    try:
        yield
    except RuntimeError as error:
        raise LostProcessError(
            "another process of the training has ended; its own message, if it left one, says why"
        ) from error
