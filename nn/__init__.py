"""The network side: training with PyTorch, and the kernel flow on the same samples."""

from freqbias.nn.infinite_width import MOST_SAMPLES
from freqbias.nn.infinite_width import kernel_flow as infinite_width_flow
from freqbias.problem import Problem
from freqbias.progress import Progress, silent
from freqbias.spectra import ErrorSpectra

__all__ = ["MOST_SAMPLES", "kernel_flow", "train"]


def kernel_flow(problem: Problem, progress: Progress = silent) -> ErrorSpectra:
    """The kernel flow of infinite width, or of the network's own kernel where infinite width is not known.

    See ``freqbias.nn.infinite_width.kernel_flow`` and ``freqbias.nn.empirical_kernel.empirical_kernel_flow``.
    """
    if problem.family is not None:
        return infinite_width_flow(problem, progress)
    from freqbias.nn.empirical_kernel import empirical_kernel_flow  # PyTorch, as below

    return empirical_kernel_flow(problem, progress)


def train(problem: Problem, progress: Progress = silent) -> ErrorSpectra:
    """Train the network of ``problem``; see ``freqbias.nn.training.train``."""
    from freqbias.nn.training import train as run  # PyTorch takes seconds to import: only when it is used

    return run(problem, progress)
