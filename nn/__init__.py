"""The network side: training with PyTorch, and the kernel flow on the same samples."""

from typing import Any

from freqbias.nn.kernel_choice import kernel_flow, kernel_flow_refusal
from freqbias.problem import Problem
from freqbias.progress import Progress, silent
from freqbias.spectra import ErrorSpectra

__all__ = ["kernel_flow", "kernel_flow_refusal", "train"]


def train(problem: Problem, progress: Progress = silent, **options: Any) -> ErrorSpectra | None:
    """Train the network of ``problem``; options, exceptions and result as in ``freqbias.nn.training.train``."""
    from freqbias.nn.training import train as run  # PyTorch takes seconds to import: only when it is used

    return run(problem, progress, **options)
