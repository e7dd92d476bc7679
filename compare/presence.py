"""Which levels a comparison holds, and why it lacks the others."""

from freqbias.compare.metrics import Comparison
from freqbias.spectra import LEVELS


def present(comparison: Comparison) -> list[str]:
    """The levels that are there, in words: with their number of seeds."""
    return [
        f"{comparison.names[level]} ({len(one.seeds)} seeds)" if one.seeds else comparison.names[level]
        for level, one in comparison.spectra.items()
    ]


def absences(comparison: Comparison) -> dict[str, str]:
    """Level that is not there → the reason: the problem has no such level, or the level was not computed."""
    problem = comparison.problem
    reasons = {"pde": problem.unpredicted, "kernel": problem.nonlinear, "network": None}
    return {level: reasons[level] or "was not computed" for level in LEVELS if level not in comparison.spectra}


def why_missing(comparison: Comparison, key: str) -> str:
    """Which level is not there, so that the pair ``key`` has no numbers."""
    pair = next(pair for pair in comparison.pairs if pair.key == key)
    names = [comparison.names[level] for level in (pair.level, pair.reference) if level not in comparison.spectra]
    return f"not compared: no {' and no '.join(names)}"
