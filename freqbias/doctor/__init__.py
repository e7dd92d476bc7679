"""Whether this machine has what freqbias needs, and how to mend what it has not."""

from freqbias.doctor.checks import CHECKS, Check, Finding, examine

__all__ = ["CHECKS", "Check", "Finding", "examine"]
