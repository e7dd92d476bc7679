"""What mistake a difference between network and theory looks like."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from freqbias.compare.metrics import Comparison


@dataclass(frozen=True)
class Finding:
    """A simple change of the theory that would explain the difference.

    ``key`` names the kind (time_scale, amplitude_std, ...), ``sentence`` tells a person, ``parameter`` is the fitted
    number (1 or 0 where nothing is wrong), ``explained`` the part of the squared difference that it removes.
    """

    key: str
    sentence: str
    parameter: float
    explained: float


def diagnose(comparison: "Comparison") -> list[Finding]:
    """The changes that explain most of the difference between network and theory, the best one first."""
    return []
