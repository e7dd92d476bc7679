"""What the numbers of a comparison say, in words."""

from dataclasses import dataclass

import numpy as np

from freqbias.compare.metrics import Comparison
from freqbias.compare.numbers import short
from freqbias.compare.pairs import LEVEL_NAMES, PAIRS

#: Largest relative error up to which two levels are said to agree, and to agree roughly.
AGREE, AGREE_ROUGHLY = 1e-2, 1e-1
#: A difference must be this many times smaller than what was learned to count as agreement at all.
_TELLING = 10
#: One of two causes explains most of a difference if it is this many times larger than the other.
_DOMINATES = 2
#: Relative differences below this are rounding.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Verdict:
    """``grade``: agree, roughly, disagree, unknown; ``sentence`` gives it with the numbers."""

    grade: str
    sentence: str


def verdict(comparison: Comparison) -> Verdict:
    """Do theory and network agree, how well, and after how much learning?"""
    key = comparison.headline
    if key is None:
        return Verdict("unknown", _nothing_to_compare(comparison))
    pair = next(pair for pair in PAIRS if pair.key == key)
    worst = comparison.max_relative_error[key]
    remaining = comparison.remaining[pair.level]
    numbers = (
        f"over {len(comparison.times)} output times their spectra differ by at most {short(worst, 2)} of the initial "
        f"error (at t = {short(comparison.worst_time[key])}), while the error itself falls to "
        f"{short(float(remaining[-1]), 2)} of it."
    )
    subjects = {
        "network_vs_pde": "theory and network",
        "network_vs_kernel": "kernel flow and network",
        "kernel_vs_pde": "PDE and kernel flow",
    }[key]
    start = subjects[0].upper() + subjects[1:]
    if worst > AGREE_ROUGHLY:
        return Verdict("disagree", f"{start} disagree: {numbers}")
    if worst * _TELLING > 1 - remaining.min():
        return Verdict("unknown", f"Too little was learned to tell whether {subjects} agree: {numbers}")
    if worst > AGREE:
        return Verdict("roughly", f"{start} agree roughly: {numbers}")
    return Verdict("agree", f"{start} agree: {numbers}")


def _nothing_to_compare(comparison: Comparison) -> str:
    level = next(iter(comparison.spectra))
    return (
        f"Only the {LEVEL_NAMES[level]} was computed, so there is nothing to compare; its error falls to "
        f"{short(comparison.remaining[level][-1], 2)} of its initial norm by t = {short(comparison.times[-1])}."
    )


def reading(comparison: Comparison) -> str:
    """Which of the steps network → kernel flow → PDE carries most of the difference between network and PDE."""
    total, finite, window = (comparison.relative_error[pair.key] for pair in PAIRS)
    if total is None:
        return _missing(comparison)
    if finite is None or window is None:
        return "The kernel flow was not computed, so the difference between network and PDE cannot be split."
    if total.max() < _ROUNDING:
        return "Network and PDE differ by rounding only."
    k = int(np.argmax(total))
    where = f"Where network and PDE differ most (t = {short(comparison.times[k])}, {short(total[k], 2)})"
    split = (
        f"{where}, the network is {short(finite[k], 2)} away from the kernel flow "
        f"and the kernel flow {short(window[k], 2)} away from the PDE"
    )
    if window[k] >= _DOMINATES * finite[k]:
        return f"{split}: kernel flow vs PDE ({PAIRS[2].isolates}) explains most of it."
    if finite[k] >= _DOMINATES * window[k]:
        return f"{split}: network vs kernel flow ({PAIRS[1].isolates}) explains most of it."
    if min(finite[k], window[k]) > total[k]:
        return f"{split}: the two steps partly cancel."
    return f"{split}: both steps contribute."


def _missing(comparison: Comparison) -> str:
    missing = [LEVEL_NAMES[level] for level in ("pde", "network") if level not in comparison.spectra]
    optimizer = comparison.problem.settings.training.optimizer
    if optimizer == "adam" and "network" in comparison.spectra:
        return "Adam is not a linear optimizer: there is no PDE and no kernel flow to hold the network against."
    return f"Without {' and '.join(missing)}, the difference between network and PDE is not known."
