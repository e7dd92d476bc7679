"""The processes that train one network together, each with a share of its neurons."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Processes:
    """``rank`` of ``size`` processes; alone, all operations do nothing."""

    rank: int = 0
    size: int = 1

    def sum(self, tensor: torch.Tensor) -> torch.Tensor:
        """The sum over all processes, on each of them, written into ``tensor``."""
        if self.size > 1:
            torch.distributed.all_reduce(tensor)
        return tensor


ALONE = Processes()
