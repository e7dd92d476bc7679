"""Mistakes in how a spectrum is written down: they show at time 0 already and stay the same at all times."""

import numpy as np

from freqbias.compare.diagnosis.evidence import Evidence, Explanation
from freqbias.compare.diagnosis.fitting import fitted_factor
from freqbias.compare.factor_names import amplitude_factors, frequency_factors, in_words
from freqbias.compare.numbers import short, vector
from freqbias.compare.origin import best_shift, named_shift

#: Factors of the frequencies that are tried first: a peak at ten times its width must not be missed between two.
_FREQUENCY_FACTORS = np.geomspace(0.1, 10, 185)
#: So many frequencies, those at which the network holds most, are looked at then.
_SOME_NODES = 1000
#: Real factors and phases are told apart at this part of a right angle.
_ALONG_AN_AXIS = 0.05


def factor(evidence: Evidence) -> Explanation | None:
    """network = A theory with a real A."""
    best = _complex_factor(evidence)
    value = float(best.real)
    if abs(best.imag) > _ALONG_AN_AXIS * abs(best.real):
        return None
    name = in_words(value, amplitude_factors(evidence.problem))
    return Explanation(
        key="factor",
        parameter=value,
        unexplained=evidence.unexplained(value * evidence.theory),
        claim=f"the network's spectrum is {short(value)} times that of the {evidence.name} at all frequencies and "
        f"times{name}",
        advice="check that both are the Fourier transform of error × data density",
    )


def phase(evidence: Evidence) -> Explanation | None:
    """network = exp(i phi) theory."""
    angle = float(np.angle(_complex_factor(evidence)))
    if abs(np.sin(angle)) < _ALONG_AN_AXIS:
        return None
    return Explanation(
        key="phase",
        parameter=angle,
        unexplained=evidence.unexplained(np.exp(1j * angle) * evidence.theory),
        claim=f"the network's spectrum is turned by the phase {short(angle)} ({short(np.degrees(angle))}°) against "
        f"that of the {evidence.name}, the same at all frequencies",
        advice="check factors i and which of sine and cosine are the real part",
    )


def conjugate(evidence: Evidence) -> Explanation | None:
    """network = conj(theory)."""
    return Explanation(
        key="conjugate",
        parameter=-1.0,
        unexplained=evidence.unexplained(evidence.theory.conj()),
        claim=f"the network's spectrum is the complex conjugate of that of the {evidence.name} (a factor −1 of x or ξ)",
        advice="check the sign in exp(−i ξ·x): numpy's fft has this sign, its ifft the other",
    )


def frequency_scale(evidence: Evidence) -> Explanation | None:
    """network(xi) = theory(xi / s) where xi / s lies in the mesh."""
    mesh = evidence.mesh

    def stretched(values: np.ndarray, frequencies: np.ndarray, scale: float) -> np.ndarray:
        places = frequencies / scale
        inside = mesh.contains(places)
        found = np.full((len(values), len(places)), np.nan, dtype=complex)
        found[:, inside] = mesh.evaluate(values, places[inside])
        return found

    largest = np.argsort(evidence.weights[0] * np.abs(evidence.network[0]) ** 2)[-_SOME_NODES:]
    at_first, first = np.ix_([0], largest), evidence.whole_theory[:1]
    fit = fitted_factor(
        lambda scale: evidence.unexplained(stretched(evidence.whole_theory, evidence.frequencies, scale)),
        lambda scale: evidence.unexplained(stretched(first, evidence.frequencies[largest], scale), at_first),
        _FREQUENCY_FACTORS,
    )
    if fit is None:
        return None
    name = in_words(fit.factor, frequency_factors())
    return Explanation(
        key="frequency_scale",
        parameter=fit.factor,
        unexplained=fit.unexplained,
        claim=f"the network's spectrum at the frequency ξ is that of the {evidence.name} at ξ / {short(fit.factor)}"
        f"{name}",
        advice="check the units: frequencies are in radians per unit of x, 2π times the number of cycles",
    )


def origin(evidence: Evidence) -> Explanation | None:
    """network = theory exp(-i xi.a): the network's x is measured from another point."""
    strengths = np.sum(evidence.weights * evidence.network * evidence.theory.conj(), axis=0)
    shift = best_shift(strengths, evidence.frequencies, evidence.problem.upper - evidence.problem.lower)
    if not shift.any():
        return None
    turned = evidence.theory * np.exp(-1j * evidence.frequencies @ shift)
    name = named_shift(shift, evidence.problem)
    return Explanation(
        key="origin",
        parameter=float(shift[0] if len(shift) == 1 else np.linalg.norm(shift)),
        unexplained=evidence.unexplained(turned),
        claim=f"the network's error is that of the {evidence.name} moved by {vector(shift)} in x, the phase "
        f"exp(−i ξ·a){name}",
        advice="check where x = 0 is for both Fourier transforms, and where in their cells the samples lie",
    )


def _complex_factor(evidence: Evidence) -> complex:
    """The complex A for which A theory is nearest to the network."""
    return evidence.product(evidence.network, evidence.theory) / evidence.product(evidence.theory, evidence.theory)
