"""The network side: training with PyTorch, and the kernel flow on the same samples."""

from freqbias.nn.infinite_width import MOST_SAMPLES
from freqbias.nn.kernel_choice import kernel_flow, kernel_flow_refusal
from freqbias.problem import Problem
from freqbias.progress import Progress, silent
from freqbias.spectra import ErrorSpectra

__all__ = ["MOST_SAMPLES", "kernel_flow", "kernel_flow_refusal", "train"]


def train(problem: Problem, progress: Progress = silent) -> ErrorSpectra:
    """Train the network of ``problem``; see ``freqbias.nn.training.train``."""
    from freqbias.nn.training import train as run  # PyTorch takes seconds to import: only when it is used

    return run(problem, progress)
