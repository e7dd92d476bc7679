"""How a number follows what is varied: the slope in doubly logarithmic axes, with its uncertainty."""

from dataclasses import dataclass

import numpy as np

#: A slope needs as many values.
FEWEST = 3
#: Numbers that change by less than this factor from the smallest to the largest are flat.
_FLAT = 1.15
#: The interval of a slope holds it with this probability, if the scatter about the line is normal.
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Slope:
    """y = ``factor`` · x^``exponent`` fitted to ``count`` pairs; the exponent lies in exponent ± ``half_width``.

    ``half_width``: half of the 95 % interval of Student's t with count - 2 degrees of freedom. ``local`` are the
    slopes between neighbouring values: they show whether the line is bent.
    """

    exponent: float
    half_width: float
    factor: float
    count: int
    local: tuple[float, ...]


@dataclass(frozen=True)
class NoSlope:
    """Why there is none, in words."""

    reason: str


def fit_slope(x: np.ndarray, y: np.ndarray) -> Slope | NoSlope:
    """The slope of log ``y`` (n,) over log ``x`` (n,) by least squares; values of y that are NaN are left out.

    There is none for less than three values, for values that are not positive, for ones that are flat, and where the
    scatter is so large that the interval of the slope holds 0.

    >>> slope = fit_slope(np.array([100.0, 200.0, 400.0]), np.array([1.0, 0.5, 0.25]))
    >>> round(slope.exponent, 12), slope.count
    (-1.0, 3)
    """
    from scipy.stats import linregress, t

    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    known = np.isfinite(y)
    x, y = x[known], y[known]
    if len(x) < FEWEST:
        return NoSlope(f"{len(x)} values, at least {FEWEST} are needed")
    if np.any(x <= 0) or np.any(y <= 0):
        return NoSlope("not all values are positive")
    order = np.argsort(x)
    x, y = np.log(x[order]), np.log(y[order])
    if y.max() - y.min() < np.log(_FLAT):
        return NoSlope(f"flat, changes by {100 * np.expm1(y.max() - y.min()):.2g} %")
    fit = linregress(x, y)
    half_width = float(fit.stderr * t.ppf(0.5 + CONFIDENCE / 2, len(x) - 2))
    if half_width >= abs(fit.slope):
        text = f"{fit.slope:.2g} ± {half_width:.2g}".replace("-", "−")
        return NoSlope(f"scatters too much, {text} does not exclude 0")
    local = tuple((np.diff(y) / np.diff(x)).tolist())
    return Slope(float(fit.slope), half_width, float(np.exp(fit.intercept)), len(x), local)
