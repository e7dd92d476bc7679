"""How fast every frequency is learned at a time: the rate -d/dt log|v|, from neighbouring output times."""

import numpy as np


def rounding(initial: np.ndarray) -> float:
    """The magnitude below which values are rounding errors of a spectrum that starts as ``initial`` (n,)."""
    return 16 * np.finfo(float).eps * float(initial.max())


def decay_rate(before: np.ndarray, now: np.ndarray, interval: float, floor: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean of -d/dt log|v| over the ``interval`` between two magnitudes (n,), and where it is known (n,).

    The rate, in 1 / learning time, is log(before / now) / interval: exact for an exponential, negative where the
    magnitude grows. Where either magnitude is not above ``floor`` it says nothing: 0, and not known.

    >>> decay_rate(np.array([1.0]), np.exp([-2.0]), interval=4.0, floor=1e-15)
    (array([0.5]), array([ True]))
    """
    known = (before > floor) & (now > floor)
    rate = np.zeros(len(now))
    rate[known] = np.log(before[known] / now[known]) / interval
    return rate, known
