"""What the numbers of a comparison say, in words."""

from dataclasses import dataclass

import numpy as np

from freqbias.compare.metrics import Comparison
from freqbias.compare.numbers import short, spread

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
    """Do theory and network agree, how well, and after how much learning?

    >>> from freqbias import Problem, compare, fem, nn
    >>> problem = Problem.from_file("examples/three_tones.toml")
    >>> verdict(compare.compare_spectra(fem.solve(problem), None, nn.kernel_flow(problem))).grade
    'agree'
    """
    key = comparison.headline
    if key is None:
        return Verdict("unknown", _nothing_to_compare(comparison))
    pair = next(pair for pair in comparison.pairs if pair.key == key)
    worst = comparison.max_relative_error[key]
    remaining = comparison.remaining[pair.level]
    band = comparison.max_relative_error_band[key]
    runs = len(comparison.spectra[pair.level].runs)
    seeds = f", for the mean over {runs} seeds," if runs > 1 else ""
    if band is not None:
        seeds = f", in the mean over {comparison.seed_count} seeds,"
    numbers = (
        f"over {len(comparison.times)} output times{seeds} their spectra differ by at most "
        f"{short(worst, 2)}{spread(band)} of the initial error (at t = {short(comparison.worst_time[key])}), "
        f"while the error itself falls to {short(float(remaining[-1]), 2)} of it."
    )
    subjects = {
        "network_vs_pde": "theory and network",
        "network_vs_kernel": f"{comparison.names['kernel']} and network",
        "kernel_vs_pde": f"PDE and {comparison.names['kernel']}",
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
        f"Only the {comparison.names[level]} was computed, so there is nothing to compare; its error falls to "
        f"{short(comparison.remaining[level][-1], 2)} of its initial norm by t = {short(comparison.times[-1])}."
    )


def reading(comparison: Comparison) -> str:
    """Which of the steps network → kernel flow → PDE carries most of the difference between network and PDE.

    With several seeds also whether that difference is common to all runs.
    """
    return " ".join(filter(None, (_steps(comparison), _seeds(comparison))))


def _steps(comparison: Comparison) -> str:
    total, finite, window = (comparison.relative_error[pair.key] for pair in comparison.pairs)
    kernel = comparison.names["kernel"]
    if total is None:
        return _missing(comparison)
    if finite is None or window is None:
        return f"The {kernel} was not computed, so the difference between network and PDE cannot be split."
    if total.max() < _ROUNDING:
        return "Network and PDE differ by rounding only."
    k = int(np.argmax(total))
    where = f"Where network and PDE differ most (t = {short(comparison.times[k])}, {short(total[k], 2)})"
    split = (
        f"{where}, the network is {short(finite[k], 2)} away from the {kernel} "
        f"and the {kernel} {short(window[k], 2)} away from the PDE"
    )
    _, above, below = comparison.pairs
    if window[k] >= _DOMINATES * finite[k]:
        return f"{split}: {below.name} ({below.isolates}) explains most of it."
    if finite[k] >= _DOMINATES * window[k]:
        return f"{split}: {above.name} ({above.isolates}) explains most of it."
    if min(finite[k], window[k]) > total[k]:
        return f"{split}: the two steps partly cancel."
    return f"{split}: both steps contribute."


def _missing(comparison: Comparison) -> str:
    """What can be said without the pair of network and PDE."""
    problem, names = comparison.problem, comparison.names
    if problem.nonlinear is not None:
        return f"There is no theory to hold the network against: {problem.nonlinear}."
    if problem.unpredicted is None:
        missing = [names[level] for level in ("pde", "network") if level not in comparison.spectra]
        return f"Without {' and '.join(missing)}, the difference between network and PDE is not known."
    text = f"There is no PDE: {problem.unpredicted}."
    if comparison.empirical and comparison.relative_error["network_vs_kernel"] is not None:
        text += f" The {names['kernel']} is the network linearised at its start; "
        text += f"what separates the two: {comparison.pairs[1].isolates}."
    return text


def _seeds(comparison: Comparison) -> str:
    """Does the difference of the pair that decides average out over the seeds?"""
    pair = next((pair for pair in comparison.pairs if pair.key == comparison.headline), None)
    if pair is None:
        return ""
    of_mean = comparison.relative_error_of_mean[pair.key]
    if of_mean is None:
        if not comparison.spectra[pair.level].seeds:
            return ""
        return (
            f"Every seed starts from an error of its own and the {comparison.names[pair.reference]} from their mean, "
            f"so the mean over {len(comparison.spectra[pair.level].seeds)} seeds is compared."
        )
    k = int(np.argmax(comparison.relative_error[pair.key]))
    single, mean = comparison.relative_error[pair.key][k], of_mean[k]
    text = (
        f"At t = {short(comparison.times[k])} a single {comparison.names[pair.level]} is {short(single, 2)} away from "
        f"the {comparison.names[pair.reference]}, the mean over {comparison.seed_count} seeds {short(mean, 2)}"
    )
    # With b common to all and s varying, a single run is (b² + s²)^½ away and the mean of S runs (b² + s²/S)^½.
    count = comparison.seed_count
    common = (count * mean**2 - single**2) / (count - 1)
    if 2 * common < single**2:
        return f"{text}: most of the difference varies from seed to seed."
    return f"{text}: most of the difference is common to all seeds."
