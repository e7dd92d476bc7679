"""Mistakes that leave the initial spectrum alone: wrong time, wrong diffusion, wrong law.

The PDE is u' = rho_0 [div(D grad u) - c u] with c = (2 pi)^d p_s and D = r sigma^2 c (THEORY section 2).
"""

from collections.abc import Callable

import numpy as np
from scipy.interpolate import CubicSpline

from freqbias.compare.diagnosis.changed_theory import ChangedTheory
from freqbias.compare.diagnosis.evidence import Evidence, Explanation
from freqbias.compare.diagnosis.fitting import FittedFactor, fitted_factor
from freqbias.compare.factor_names import in_words, rate_factors
from freqbias.compare.numbers import short, vector
from freqbias.network_settings import FourierFeaturesSettings

#: Factors that are tried first.
_RATES = np.geomspace(1e-4, 1e4, 25)
_SPREADS = np.geomspace(1 / 8, 8, 13)
#: Diffusion below this part of the right one counts as none.
_NO_DIFFUSION = 0.02


def time_scale(evidence: Evidence) -> Explanation | None:
    """network(t) = theory(s t)."""
    cheap = evidence.changed_theory
    exact = _at_other_rates(evidence, cheap)
    rough = exact if cheap is None else _at_other_rates(evidence, cheap.roughly)
    fit = fitted_factor(
        lambda scale: evidence.unexplained(exact(scale)), lambda scale: evidence.unexplained(rough(scale)), _RATES
    )
    if fit is None:
        return None
    name = in_words(fit.factor, rate_factors(evidence.problem))
    return Explanation(
        key="time_scale",
        parameter=fit.factor,
        unexplained=fit.unexplained,
        claim=f"the network behaves like the {evidence.name} with time running {short(fit.factor)} times as fast{name}",
        advice="check training.learning_rate, constant factors in the rates or the loss, and whether times are "
        "learning rate × steps",
    )


def amplitude_std(evidence: Evidence) -> Explanation | None:
    """The network's D is q^2 times the theory's."""
    cheap, network = _moving_theory(evidence), evidence.problem.settings.network
    if cheap is None or not isinstance(network, FourierFeaturesSettings):
        return None
    fit = _fitted_change(evidence, cheap, lambda q: {"diffusion": q**2})
    if fit is None or fit.factor**2 < _NO_DIFFUSION:
        return None
    sigma, ratio = network.amplitude_std, network.frequency_rate_ratio
    return Explanation(
        key="amplitude_std",
        parameter=fit.factor,
        unexplained=fit.unexplained,
        claim=f"the network's frequencies move as with network.amplitude_std = {short(fit.factor * sigma)} in place of "
        f"{short(sigma)} (diffusion {short(fit.factor**2)} times that of the {evidence.name})",
        advice="check σ on both sides, and the ratio of the learning rates, network.frequency_rate_ratio, which "
        f"would have to be {short(fit.factor**2 * ratio)} in place of {short(ratio)}",
    )


def law_scale(evidence: Evidence) -> Explanation | None:
    """The network's law is q times as wide as the theory's: p(xi / q) / q^d."""
    cheap = evidence.changed_theory
    if cheap is None:
        return None
    fit = _fitted_change(evidence, cheap, lambda q: {"stretch": q})
    if fit is None:
        return None
    scale = getattr(getattr(evidence.problem.settings.network, "law", None), "scale", None)
    values = ""
    if scale is not None:
        scale = np.array(scale)
        values = f" (network.law.scale = {vector(fit.factor * scale)} in place of {vector(scale)})"
    return Explanation(
        key="law_scale",
        parameter=fit.factor,
        unexplained=fit.unexplained,
        claim=f"the network behaves as if the law of its frequencies were {short(fit.factor)} times as wide{values}",
        advice="check the scale of the law, and whether it is a standard deviation, a half-width, in radians or cycles",
    )


def frequency_motion(evidence: Evidence) -> Explanation | None:
    """The network's frequencies do not move."""
    cheap = _moving_theory(evidence)
    if cheap is None:
        return None
    return Explanation(
        key="frequency_motion",
        parameter=0.0,
        unexplained=evidence.unexplained(evidence.theory + cheap(diffusion=0.0) - cheap()),
        claim=f"the network behaves as if its frequencies did not move (diffusion 0 times that of the {evidence.name})",
        advice="check that the frequencies are trained, at the rate that network.frequency_rate_ratio says",
    )


def theory_motion(evidence: Evidence) -> Explanation | None:
    """The theory's frequencies do not move."""
    cheap = _moving_theory(evidence)
    if cheap is None:
        return None
    return Explanation(
        key="theory_motion",
        parameter=0.0,
        unexplained=evidence.unexplained(evidence.theory + cheap() - cheap(diffusion=0.0)),
        claim=f"the {evidence.name} behaves as if frequencies did not move (0 times the diffusion of the problem), "
        "while those of the network do",
        advice=f"check that the diffusion term, r σ² c, is in the {evidence.name}",
    )


def _moving_theory(evidence: Evidence) -> ChangedTheory | None:
    """The theory with other symbols; None if there is none, or if frequencies do not move in it."""
    family = evidence.problem.family
    return evidence.changed_theory if family is not None and family.diffusion(evidence.frequencies).any() else None


def _fitted_change(
    evidence: Evidence, cheap: ChangedTheory, change: Callable[[float], dict[str, float]]
) -> FittedFactor | None:
    """The factor for which the theory with this ``change`` of its symbols is nearest to the network."""
    exact_rest, rough_rest = evidence.theory - cheap(), evidence.theory - cheap.roughly()
    return fitted_factor(
        lambda factor: evidence.unexplained(exact_rest + cheap(**change(factor))),
        lambda factor: evidence.unexplained(rough_rest + cheap.roughly(**change(factor))),
        _SPREADS,
    )


def _at_other_rates(evidence: Evidence, cheap: Callable[..., np.ndarray] | None) -> Callable[[float], np.ndarray]:
    """The theory (T, n) with all rates times a factor.

    Between output times it is interpolated in log t, where there is a ``cheap`` theory only its distance to that.
    Without one it is NaN beyond the last output time.
    """
    times = evidence.times
    places = np.log1p(times / times[1])
    rest = CubicSpline(places, evidence.theory - (0 if cheap is None else cheap()))

    def predict(scale: float) -> np.ndarray:
        wanted = np.log1p(scale * times / times[1])
        values = rest(np.minimum(wanted, places[-1]))
        if cheap is not None:
            return values + cheap(scale)
        values[wanted > places[-1] * (1 + 1e-12)] = np.nan
        return values

    return predict
