"""A controlled change of the error budget: the base class of all terms.

The terms telescope: each is a difference between two computations, and the next one starts from the second, so that
exact terms would add up to network minus PDE exactly.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from freqbias.compare.budget.laboratory import Laboratory

#: Everything is uncertain by this part of the initial error.
NOISE_FLOOR = 1e-10


@dataclass(frozen=True)
class Measurement:
    """``values`` (T, n): the term's part of network minus PDE; ``change`` in words; ``noise`` relative to the start.

    ``caveat``: why the number is not the last word, if it is not.
    """

    values: np.ndarray
    change: str
    noise: float
    caveat: str | None = None


class Change(ABC):
    """One controlled change. ``key`` to ``meaning`` as in ``BudgetTerm``."""

    key: str
    name: str
    meaning: str
    #: What is changed, in words, before it is measured.
    plan: str

    def in_words(self, laboratory: "Laboratory") -> tuple[str, str]:
        """Name and meaning for this run."""
        return self.name, self.meaning

    def refusal(self, laboratory: "Laboratory") -> str | None:
        """Why the change cannot be made for this run, whatever time there is; None if it can."""
        return None

    @abstractmethod
    def seconds(self, laboratory: "Laboratory") -> float:
        """About how long it will take."""

    @abstractmethod
    def measure(self, laboratory: "Laboratory") -> Measurement:
        """Make the change. Raises FreqbiasError as the computations do, OutOfTimeError when the time is over."""


def noise_of(*uncertain: float) -> float:
    """The uncertainty of a term from those of the spectra behind it."""
    return max(NOISE_FLOOR, sum(uncertain))
