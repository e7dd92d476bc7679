"""Which convention another tool has: why its initial spectrum is not the one of the problem."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from freqbias.compare.alignment.comparable import INITIAL_DIFFERENCE
from freqbias.compare.factor_names import amplitude_factors, in_words
from freqbias.compare.origin import best_shift
from freqbias.errors import InputError
from freqbias.plain_spectra import PlainSpectra
from freqbias.problem import Problem

#: How near a fitted factor must be to a known one.
_SAME_FACTOR = 0.03
#: Fitted shifts of the origin shorter than this part of the box are none.
_SMALL_SHIFT = 0.01

_CYCLES = (
    "frequencies are in cycles per unit of x: they must be in radians (multiply them by 2 pi)",
    "frequencies are 2 pi times as large as radians per unit of x (divide them by 2 pi)",
)
_CONJUGATE = "values are complex conjugates: the exponent must be -i xi.x (conjugate them)"
_SIGN = "values have the opposite sign: the error is network minus target, f - g (multiply them by -1)"


@dataclass(frozen=True)
class _Hypothesis:
    """The values are ``factor`` exp(-i xi.shift) times what the problem says, in another convention."""

    changes: tuple[str, ...]
    factor: complex
    residual: float
    shift: np.ndarray | None


def initial_difference(plain: PlainSpectra, problem: Problem) -> float:
    """Norm of ``plain`` at time 0 minus the initial spectrum of ``problem``, relative to the norm of the latter.

    Raises InputError naming the convention if it is above 10 % and a known one explains it, else saying that the
    targets are different.
    """
    weights, values = plain.mesh.node_volumes, plain.runs[0, 0]
    expected = problem.initial_spectrum(plain.mesh.nodes)
    norm = _norm(expected, weights)
    difference = _norm(values - expected, weights) / norm if norm > 0 else np.inf
    if difference <= INITIAL_DIFFERENCE:
        return difference
    best = _simplest(plain, problem)
    if best:
        raise InputError(f"{plain.source}: {' or: '.join('; '.join(_sentences(one, problem)) for one in best)}")
    raise InputError(
        f"{plain.source}: different targets: its initial spectrum differs by {100 * difference:.3g} % from that of "
        f"{problem.source}, {100 * INITIAL_DIFFERENCE:g} % is allowed, and no known convention explains it"
    )


def _norm(values: np.ndarray, weights: np.ndarray) -> float:
    return float(np.sqrt(np.sum(weights * np.abs(values) ** 2)))


def _simplest(plain: PlainSpectra, problem: Problem) -> list[_Hypothesis]:
    """The explanations with the fewest changes; several if the data cannot tell them apart.

    Only what nothing else explains is a shift of the origin.
    """
    for shifted in (False, True):
        found = [one for one in _hypotheses(plain, problem, shifted) if one.residual <= INITIAL_DIFFERENCE]
        if found:
            break
    else:
        return []
    counts = [len(_sentences(one, problem)) for one in found]
    simplest = [one for one, count in zip(found, counts, strict=True) if count == min(counts)]
    # Those that are much worse than the best one are chance.
    limit = max(1e-6, 3 * min(one.residual for one in simplest))
    return [one for one in simplest if one.residual <= limit]


def _hypotheses(plain: PlainSpectra, problem: Problem, shifted: bool) -> Iterator[_Hypothesis]:
    weights, values, nodes = plain.mesh.node_volumes, plain.runs[0, 0], plain.mesh.nodes
    scales = ((1.0, ()), (2 * np.pi, _CYCLES[:1]), (1 / (2 * np.pi), _CYCLES[1:]))
    for scale, cycles in scales:
        expected = problem.initial_spectrum(scale * nodes)
        size = (problem.upper - problem.lower) * scale
        if _norm(expected, weights) == 0:
            continue
        for changes, one in ((cycles, expected), ((*cycles, _CONJUGATE), expected.conj())):
            shift = _shift(values, one, weights, nodes, size) if shifted else None
            if shift is not None and np.all(np.abs(shift) <= _SMALL_SHIFT * size):
                continue
            moved = one if shift is None else one * np.exp(-1j * nodes @ shift)
            yield _Hypothesis(changes, *_fit(values, moved, weights), None if shift is None else shift / scale)


def _fit(values: np.ndarray, expected: np.ndarray, weights: np.ndarray) -> tuple[complex, float]:
    """The factor that brings ``expected`` nearest to ``values``, and what is left relative to ``values``.

    A factor that is nearly real is taken as real: the constant phase of a convention is 0 or pi.
    """
    factor = complex(np.sum(weights * expected.conj() * values) / np.sum(weights * np.abs(expected) ** 2))
    if abs(factor.imag) <= _SAME_FACTOR * abs(factor):
        factor = complex(factor.real)
    if abs(abs(factor) - 1) <= _SAME_FACTOR and factor.imag == 0:
        factor = complex(np.sign(factor.real))
    return factor, _norm(values - factor * expected, weights) / _norm(values, weights)


def _shift(
    values: np.ndarray, expected: np.ndarray, weights: np.ndarray, nodes: np.ndarray, size: np.ndarray
) -> np.ndarray:
    """The a (d,) for which ``values`` are most like ``expected`` times exp(-i xi.a), or times its negative."""
    strengths = weights * expected.conj() * values
    shifts = [best_shift(sign * strengths, nodes, size) for sign in (1, -1)]
    return max(shifts, key=lambda shift: abs(np.sum(strengths * np.exp(1j * nodes @ shift)).real))


def _sentences(one: _Hypothesis, problem: Problem) -> list[str]:
    sentences = list(one.changes)
    factor = one.factor
    if one.shift is not None:
        shift = ", ".join(f"{value:.4g}" for value in one.shift)
        sentences.append(
            f"values have the phase exp(-i xi.a) with a = {shift}: the origin of x is another "
            "(multiply them by exp(i xi.a))"
        )
    if factor.imag:
        text = f"{abs(factor):.3g} exp({np.angle(factor):.3g}i)"
        sentences.append(f"values have a constant factor of {text}, divide them by it")
        return sentences
    if factor.real < 0:
        sentences.append(_SIGN)
    size = abs(factor)
    if abs(size - 1) > _SAME_FACTOR:
        name = in_words(size, amplitude_factors(problem))
        sentences.append(f"values have a constant factor of {size:.3g}{name}, divide them by it")
    return sentences
