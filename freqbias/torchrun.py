"""What torchrun tells the processes that it starts: they train one network together (``freqbias.nn.processes``)."""

import os


def started() -> bool:
    """Whether torchrun started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def rank() -> int:
    """The number of this process in its job; 0 if torchrun did not start it."""
    return int(os.environ["RANK"]) if started() else 0


def size() -> int:
    """How many processes the job has; 1 if torchrun did not start it."""
    return int(os.environ["WORLD_SIZE"]) if started() else 1


def local_rank() -> int:
    """The number of this process on its host; 0 if torchrun did not start it."""
    return int(os.environ["LOCAL_RANK"]) if started() else 0
