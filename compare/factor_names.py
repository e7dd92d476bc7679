"""Factors that people forget or apply twice, recognised by their size."""

from dataclasses import dataclass

import numpy as np

from freqbias.compare.numbers import short
from freqbias.problem import Problem

#: A factor has a name within this relative distance, and only if it is further from 1 than that many times as much.
_NEAR, _TELLING = 0.02, 3


@dataclass(frozen=True)
class FactorName:
    """``value`` is the factor, ``text`` says what it is."""

    value: float
    text: str


def named(factor: float, names: list[FactorName]) -> str:
    """What ``factor`` is, in words: "2π = 6.28, as …"; "" if it has no name. Several names are joined by "or"."""
    if abs(np.log(abs(factor))) < _TELLING * _NEAR and factor > 0:
        return ""
    found = [name.text for name in names if abs(factor / name.value - 1) <= _NEAR]
    return f" ({' or '.join(dict.fromkeys(found))})" if found else ""


def _both_ways(value: float, symbol: str, inverse: str, text: str) -> list[FactorName]:
    return [FactorName(value, f"{symbol}{text}"), FactorName(1 / value, f"{inverse}{text}")]


def rate_factors(problem: Problem) -> list[FactorName]:
    """Factors by which all rates, or the time, may be wrong."""
    training, network = problem.settings.training, problem.settings.network
    names = _fourier_factors(problem.dimension)
    names += _both_ways(2.0, "2", "½", ", as of a loss with or without its ½")
    names += _both_ways(problem.density, "ρ₀", "1/ρ₀", ", the density of the data")
    names += _both_ways(len(problem.points), "N", "1/N", ", as of a sum over the samples in place of their mean")
    names += (
        _both_ways(1 - training.momentum, "1 − μ", "1/(1 − μ)", ", as of momentum on one side only")
        if 0 < training.momentum < 1
        else []
    )
    if training.learning_rate is not None:
        names += _both_ways(training.learning_rate, "η", "1/η", ", as of times in steps, not in learning rate × steps")
    if network.family == "fourier-features":
        names += _both_ways(network.width, "m", "1/m", ", as of another power of the width in front of the network")
    return names


def amplitude_factors(problem: Problem) -> list[FactorName]:
    """Factors by which spectra may be wrong."""
    names = [FactorName(-1.0, "the sign: error = network − target")]
    names += _fourier_factors(problem.dimension)
    names += _both_ways(2.0, "2", "½", "")
    names += _both_ways(problem.density, "ρ₀", "1/ρ₀", ", the density of the data")
    names += _both_ways(len(problem.points), "N", "1/N", ", as of a sum over the samples in place of their mean")
    names += _both_ways(len(problem.points) ** 0.5, "√N", "1/√N", ", as of a unitary discrete Fourier transform")
    return names


def frequency_factors() -> list[FactorName]:
    """Factors by which frequencies may be wrong."""
    text = ": one side counts cycles, the other radians per unit of x"
    return [
        *_both_ways(2 * np.pi, "2π", "1/(2π)", text),
        *_both_ways(2.0, "2", "½", ""),
        *_both_ways(np.pi, "π", "1/π", ""),
    ]


def _fourier_factors(dimension: int) -> list[FactorName]:
    power = {1: "2π", 2: "(2π)²", 3: "(2π)³"}[dimension]
    names = _both_ways((2 * np.pi) ** dimension, power, f"1/{power}", ", of the Fourier transform")
    root = {1: "√(2π)", 2: "2π", 3: "(2π)^(3/2)"}[dimension]
    return names + _both_ways((2 * np.pi) ** (dimension / 2), root, f"1/{root}", ", of a unitary Fourier transform")
