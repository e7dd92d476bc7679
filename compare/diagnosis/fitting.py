"""One factor fitted to a difference of spectra."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

#: Relative accuracy of a factor, and at first sight.
_ACCURACY, _ROUGHLY = 1e-4, 2e-2
#: A factor that leaves more than this at first sight is not looked at closer.
_HOPELESS = 0.9
#: Factors as near as this to 1 are no mistake: a coarse mesh imitates an amplitude std that is 1.3 % too small.
_LEAST_CHANGE = 0.02
#: How far around the place of first sight the factor is looked for, as a logarithm, and how often further on.
_AROUND, _WINDOWS = 0.3, 4


@dataclass(frozen=True)
class FittedFactor:
    """``unexplained`` is the part of the squared difference that ``factor`` leaves."""

    factor: float
    unexplained: float


def fitted_factor(
    unexplained: Callable[[float], float], at_first_sight: Callable[[float], float], tried: np.ndarray
) -> FittedFactor | None:
    """The factor that leaves the least ``unexplained``, or None if none is good for anything or it is nearly 1.

    ``at_first_sight`` is nearly the same at a lower cost. Its minimum is looked for between the neighbours of the best
    of the increasing factors ``tried``, and the factor then around it, both by Brent's method in the logarithm.
    """
    best = int(np.argmin([at_first_sight(factor) for factor in tried]))
    low, high = np.log(tried)[[max(best - 1, 0), min(best + 1, len(tried) - 1)]]
    near = _minimum(at_first_sight, low, high, _ROUGHLY)
    if near.unexplained > _HOPELESS:
        return None
    fit = near
    for _ in range(_WINDOWS):
        centre = np.log(fit.factor)
        fit = _minimum(unexplained, centre - _AROUND, centre + _AROUND, _ACCURACY)
        if abs(np.log(fit.factor) - centre) < 0.99 * _AROUND:
            break
    return fit if abs(fit.factor - 1) > _LEAST_CHANGE else None


def _minimum(unexplained: Callable[[float], float], low: float, high: float, accuracy: float) -> FittedFactor:
    """That between the logarithms ``low`` and ``high`` of factors."""
    found = minimize_scalar(
        lambda place: unexplained(np.exp(place)), bounds=(low, high), method="bounded", options={"xatol": accuracy}
    )
    return FittedFactor(float(np.exp(found.x)), float(found.fun))
