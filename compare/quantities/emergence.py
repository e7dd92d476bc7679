"""When is a frequency learned? The first time at which its error falls below a part of its initial value."""

import numpy as np

from freqbias.compare.ensemble import mean_and_band
from freqbias.problem import Problem

#: Frequencies that start below this part of the largest magnitude carry no signal: they get no emergence time.
SIGNIFICANT = 1e-3


def emergence_times(times: np.ndarray, magnitudes: np.ndarray, threshold: float) -> np.ndarray:
    """First times (k,) at which ``magnitudes`` (T, k) fall below ``threshold`` times their value at times[0] = 0.

    NaN where that never happens, or where the initial magnitude is below SIGNIFICANT times the largest one.
    Between outputs the logarithm of the magnitude is taken as linear in t, which is exact for a frequency that
    decays exponentially, however far apart the outputs are.

    >>> times = np.array([0.0, 1.0, 10.0])
    >>> emergence_times(times, np.exp(-0.5 * times)[:, None], threshold=0.1).round(4)  # log(10) / 0.5
    array([4.6052])
    """
    initial = magnitudes[0]
    ratio = magnitudes / np.where(initial > 0, initial, 1)
    below = ratio < threshold
    learned = below.any(axis=0) & (initial > SIGNIFICANT * initial.max())
    result = np.full(magnitudes.shape[1], np.nan)
    columns = np.flatnonzero(learned)
    after = below[:, columns].argmax(axis=0)
    # A magnitude of exactly 0 has no logarithm.
    high, low = (np.log(np.maximum(ratio[rows, columns], 1e-300)) for rows in (after - 1, after))
    part = (high - np.log(threshold)) / (high - low)
    result[columns] = times[after - 1] + part * (times[after] - times[after - 1])
    return result


def emergence_time_band(times: np.ndarray, magnitudes: np.ndarray, threshold: float) -> np.ndarray | None:
    """The band (2, k) of the emergence times of every run, whose ``magnitudes`` are (S, T, k); None for one run.

    NaN where the run at this end of the band never learns the frequency.
    """
    learned = np.array([emergence_times(times, run, threshold) for run in magnitudes])
    _, band = mean_and_band(np.where(np.isnan(learned), np.inf, learned))
    return None if band is None else np.where(np.isinf(band), np.nan, band)


def frozen_emergence_times(problem: Problem, frequencies: np.ndarray, threshold: float) -> np.ndarray:
    """ln(1 / threshold) / (rho_0 c(xi)) at ``frequencies`` (k, d): learning by damping alone, under gradient flow.

    The solution of the PDE for frequencies that do not move (THEORY section 7). NaN where nothing is learned.
    Raises InputError if the family of the network has no damping.

    >>> problem = Problem.from_file("examples/three_tones.toml").changed({"network.law.family": "normal"})
    >>> frozen_emergence_times(problem, np.array([[3.0], [13.0]]), threshold=0.5).round(1)
    array([35.1, 42.9])
    """
    rate = problem.density * problem.known_family.damping(frequencies)
    return np.divide(-np.log(threshold), rate, out=np.full(len(rate), np.nan), where=rate > 0)
