"""Which kernel the kernel flow of a problem has, and why it may have none."""

from freqbias.nn.infinite_width import kernel_flow as infinite_width_flow
from freqbias.problem import Problem
from freqbias.progress import Progress, silent
from freqbias.spectra import ErrorSpectra

#: Most samples of an empirical kernel: its time grows with their square times the number of parameters.
MOST_EMPIRICAL_SAMPLES = 4000


def kernel_flow(problem: Problem, progress: Progress = silent) -> ErrorSpectra:
    """The kernel flow of infinite width, or of the network's own kernel where infinite width is not known.

    See ``freqbias.nn.infinite_width.kernel_flow`` and ``freqbias.nn.empirical_kernel.empirical_kernel_flow``; both
    start from the error of ``problem`` and end at its last output time (level "kernel"). Raises InputError if
    ``kernel_flow_refusal`` says why, and DivergenceError if the largest decay rate is not stable.
    """
    refusal = kernel_flow_refusal(problem)
    if refusal is not None:
        raise problem.fail(refusal)
    if problem.family is not None:
        return infinite_width_flow(problem, progress)
    from freqbias.nn.empirical_kernel import empirical_kernel_flow  # PyTorch takes seconds to import

    return empirical_kernel_flow(problem, progress)


def kernel_flow_refusal(problem: Problem) -> str | None:
    """Why ``problem`` has no kernel flow, starting with the key; None if it has one."""
    if problem.family is None and len(problem.points) > MOST_EMPIRICAL_SAMPLES:
        return (
            f"data.points: the empirical kernel of a deep network allows at most {MOST_EMPIRICAL_SAMPLES} samples, "
            f"there are {len(problem.points)}"
        )
    return problem.nonlinear
