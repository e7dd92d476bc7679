"""Factors that are easily forgotten or applied twice, recognised by their size."""

from dataclasses import dataclass

import numpy as np

from freqbias.problem import Problem

#: A factor has a name if it is as near as this to it, relatively, and three times as far from 1.
_NEAR = 0.02


@dataclass(frozen=True)
class NamedFactor:
    """``value`` is the factor, ``name`` says what it is; its inverse is ``1/name``, or what ``inverse`` says."""

    value: float
    name: str
    reason: str
    inverse: str = ""

    def matches(self, factor: float) -> str:
        """Name and reason if ``factor`` is this one or its inverse, else ""."""
        for value, name in ((self.value, self.name), (1 / self.value, self.inverse or f"1/{self.name}")):
            if abs(factor / value - 1) <= _NEAR:
                return f"{name}: {self.reason}"
        return ""


def in_words(factor: float, known: list[NamedFactor]) -> str:
    """ " (2π: …, or …)" for a factor that is one of ``known`` or its inverse, "" for others."""
    if factor > 0 and abs(np.log(factor)) < 3 * _NEAR:
        return ""
    names = dict.fromkeys(filter(None, (one.matches(factor) for one in known)))
    return f" ({', or '.join(names)})" if names else ""


def rate_factors(problem: Problem) -> list[NamedFactor]:
    """By which all rates, or the time, may be wrong."""
    training, network = problem.settings.training, problem.settings.network
    return [
        *_powers_of_two_pi(problem.dimension),
        NamedFactor(2.0, "2", "a loss with or without its ½", "½"),
        NamedFactor(problem.density, "ρ₀", "the density of the data"),
        NamedFactor(len(problem.points), "N", "a sum over the samples in place of their mean"),
        *_if_given(training.learning_rate, "η", "times in steps in place of learning rate × steps"),
        *_if_given(1 - training.momentum, "1 − μ", "momentum on one side only", "1/(1 − μ)"),
        *_if_given(getattr(network, "width", None), "m", "another power of the width in front of the network"),
    ]


def amplitude_factors(problem: Problem) -> list[NamedFactor]:
    """By which spectra may be wrong."""
    return [
        NamedFactor(-1.0, "−1", "the error is network − target", "−1"),
        *_powers_of_two_pi(problem.dimension),
        NamedFactor((2 * np.pi) ** (0.5 * problem.dimension), "(2π)^(d/2)", "a unitary Fourier transform"),
        NamedFactor(2.0, "2", "one side of the spectrum in place of both", "½"),
        NamedFactor(problem.density, "ρ₀", "the density of the data"),
        NamedFactor(len(problem.points), "N", "a sum over the samples in place of their mean"),
        NamedFactor(len(problem.points) ** 0.5, "√N", "a unitary discrete Fourier transform"),
    ]


def frequency_factors() -> list[NamedFactor]:
    """By which frequencies may be wrong."""
    return [
        NamedFactor(2 * np.pi, "2π", "cycles in place of radians per unit of x", "1/(2π)"),
        NamedFactor(np.pi, "π", "frequencies in parts of the Nyquist frequency"),
        NamedFactor(2.0, "2", "an index counted on half of the spectrum", "½"),
    ]


def _powers_of_two_pi(dimension: int) -> list[NamedFactor]:
    names = [("2π", "1/(2π)"), ("(2π)²", ""), ("(2π)³", "")][:dimension]
    reason = "a constant of the Fourier transform"
    return [NamedFactor((2 * np.pi) ** (k + 1), name, reason, inverse) for k, (name, inverse) in enumerate(names)]


def _if_given(value: float | None, name: str, reason: str, inverse: str = "") -> list[NamedFactor]:
    return [NamedFactor(value, name, reason, inverse)] if value and value != 1 else []
