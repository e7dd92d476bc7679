"""Where the numbers of a training are: on the processors or on a GPU."""

import re

import torch

from freqbias import torchrun
from freqbias.errors import InputError


def device_for(name: str) -> torch.device:
    """The device that ``name`` means: "cpu", "cuda", or "cuda:k" for the GPU number k.

    Of the processes that torchrun starts on a host each takes a GPU of its own. Raises InputError if it is not there.
    """
    kind, _, number = name.partition(":")
    if not re.fullmatch(r"cpu|cuda(:\d+)?", name, re.ASCII):
        raise InputError(f'--device {name}: must be "cpu", "cuda" or, for the GPU number 1, "cuda:1"')
    if kind == "cpu":
        return torch.device("cpu")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if count == 0:
        raise InputError(f'--device {name}: PyTorch {torch.__version__} finds no CUDA device here, only "cpu" is left')
    if torchrun.started() and number:
        raise InputError(f'--device {name}: torchrun\'s processes take GPUs in turn, say "cuda"')
    index = int(number) if number else torchrun.local_rank()
    if index >= count:
        raise InputError(f"--device {name}: GPU number {index} was asked for, there are {count} (from 0 on)")
    torch.cuda.set_device(index)
    return torch.device("cuda", index)


def free_device_memory(name: str) -> float:
    """Bytes that are free on the GPU that ``name`` means. Raises InputError if it is not there."""
    return float(torch.cuda.mem_get_info(device_for(name))[0])


def described(device: torch.device) -> str:
    """The device in words."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
