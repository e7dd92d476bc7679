"""The three pairs of levels that are compared, and what each difference isolates (THEORY section 2)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from freqbias.spectra import LEVELS, ErrorSpectra

#: What a dictionary of a comparison holds for a level or a pair: None for what is missing.
Found = dict[str, Any]

#: Names of the levels in texts and figures, in the order of the theory.
LEVEL_NAMES = {"pde": "PDE", "kernel": "kernel flow", "network": "network"}
#: The same where the kernel is that of the network itself at its start, not of the infinite width.
EMPIRICAL_NAMES = LEVEL_NAMES | {"kernel": "empirical kernel flow"}


@dataclass(frozen=True)
class Pair:
    """``level`` measured against ``reference``; ``isolates`` names the effects that make the difference."""

    level: str
    reference: str
    name: str
    isolates: str

    @property
    def key(self) -> str:
        return f"{self.level}_vs_{self.reference}"


def level_pairs(empirical: bool = False, batches: bool = False) -> tuple[Pair, ...]:
    """The pairs, network against PDE first. ``empirical``: the kernel flow is the network linearised at its start.

    ``batches``: the network sees a few samples in a step, where the theory knows the mean over all choices.
    """
    names = EMPIRICAL_NAMES if empirical else LEVEL_NAMES
    noise = " and mini-batches" if batches else ""
    # A step is part of the flow's own response; what it does to a kernel that changes is not.
    training = "change of the kernel during training" if empirical else "finite width and finite step"
    window = "samples and window, mesh, time evolution"
    isolates = {
        ("network", "pde"): "everything together",
        ("network", "kernel"): f"{training}{noise}",
        ("kernel", "pde"): f"finite width, {window}" if empirical else window,
    }
    return tuple(Pair(*levels, f"{names[levels[0]]} vs {names[levels[1]]}", text) for levels, text in isolates.items())


#: The three pairs, each of a level and the level of the theory that it is held against.
PAIRS = level_pairs()


def by_level(found: dict[str, Any]) -> Found:
    """``found`` with an entry for every level, None for one that is not there."""
    return {level: found.get(level) for level in LEVELS}


def by_pair(spectra: dict[str, ErrorSpectra], measure: Callable[[ErrorSpectra, ErrorSpectra], Any]) -> Found:
    """``measure(level, reference)`` for each pair of which both levels are there, else None."""
    return {
        pair.key: measure(spectra[pair.level], spectra[pair.reference])
        if pair.level in spectra and pair.reference in spectra
        else None
        for pair in PAIRS
    }
