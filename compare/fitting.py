"""One factor fitted to a difference of spectra."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

#: Relative accuracy of a factor.
_ACCURACY = 1e-4
#: A factor that leaves more than this at first sight is not looked at closer.
_HOPELESS = 0.9
#: How far, as a logarithm, the factor may lie from where it seems to be at first sight.
_AROUND = 0.25


@dataclass(frozen=True)
class FittedFactor:
    """``unexplained`` is the part of the squared difference that ``factor`` leaves."""

    factor: float
    unexplained: float


def fitted_factor(
    unexplained: Callable[[float], float], at_first_sight: Callable[[float], float], tried: np.ndarray
) -> FittedFactor | None:
    """The factor that leaves the least ``unexplained``, or None if none is good for anything.

    ``at_first_sight`` is nearly the same at a lower cost. Its minimum is looked for between the neighbours of the best
    of the increasing factors ``tried``, and the factor then around it, both by Brent's method in the logarithm.
    """
    best = int(np.argmin([at_first_sight(factor) for factor in tried]))
    near = _minimum(at_first_sight, *np.log(tried)[[max(best - 1, 0), min(best + 1, len(tried) - 1)]])
    if near.unexplained > _HOPELESS:
        return None
    centre = np.log(near.factor)
    return _minimum(unexplained, centre - _AROUND, centre + _AROUND)


def _minimum(unexplained: Callable[[float], float], low: float, high: float) -> FittedFactor:
    """That between the logarithms ``low`` and ``high`` of factors."""
    found = minimize_scalar(
        lambda place: unexplained(np.exp(place)), bounds=(low, high), method="bounded", options={"xatol": _ACCURACY}
    )
    return FittedFactor(float(np.exp(found.x)), float(found.fun))
