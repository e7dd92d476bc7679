"""A comparison as xarray and pandas objects, for plots and tables of one's own."""

from typing import TYPE_CHECKING

import numpy as np

from freqbias.compare.definitions import QUANTITIES

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from freqbias.compare.metrics import Comparison

_ATTRIBUTES = {one.key: {"units": one.unit, "long_name": one.definition} for one in QUANTITIES}


def to_dataset(comparison: "Comparison") -> "xr.Dataset":
    """All quantities over pair or level, time and frequency, with units and definitions as attributes.

    ``error_spectrum`` (level, time, node) is complex, with several seeds the mean; ``frequency`` (node, axis) holds its
    nodes, ``followed_frequency`` those of decay curves, ``profile_frequency`` those of radial averages. What a level
    or a pair does not have is NaN.
    """
    import xarray as xr  # slow to import

    pairs, levels = list(comparison.relative_error), list(comparison.remaining)
    shape = len(comparison.times)

    def stacked(found: dict, of: list[str], attribute: str | None = None) -> np.ndarray:
        rows = [found[key] if attribute is None or found[key] is None else getattr(found[key], attribute) for key in of]
        empty = next((np.full(row.shape, np.nan) for row in rows if row is not None), np.full(shape, np.nan))
        return np.array([empty if row is None else row for row in rows])

    over_pairs = {
        "relative_error": stacked(comparison.relative_error, pairs),
        "magnitude_error": stacked(comparison.phase, pairs, "magnitude"),
        "phase_error": stacked(comparison.phase, pairs, "phase"),
        "phase_shift": stacked(comparison.phase, pairs, "shift"),
    }
    over_levels = {
        "remaining": stacked(comparison.remaining, levels),
        "loss": stacked(comparison.loss, levels),
        "measured_loss": stacked(comparison.measured_loss, levels),
        "bias_index": stacked(comparison.bias, levels, "index"),
        "frequency_drift": stacked(comparison.bias, levels, "drift"),
        "low": stacked(comparison.split, levels, "low"),
        "high": stacked(comparison.split, levels, "high"),
    }
    decay, profiles = comparison.decay, comparison.profiles
    spectra = {level: comparison.spectra[level].values if level in comparison.spectra else None for level in levels}
    followed, profile = ("level", "time", "followed"), ("level", "time", "profile")
    variables = {
        **{name: (("pair", "time"), values, _ATTRIBUTES[name]) for name, values in over_pairs.items()},
        **{name: (("level", "time"), values, _attributes(name)) for name, values in over_levels.items()},
        "decay_curve": (followed, stacked(decay.ratio, levels), _ATTRIBUTES["decay_curves"]),
        "decay_rate": (followed, stacked(decay.rate, levels), _ATTRIBUTES["decay_curves.rates"]),
        "magnitude": (profile, stacked(profiles.magnitude, levels), _ATTRIBUTES["radial_average"]),
        "emergence_time": (
            ("level", "profile"),
            stacked(profiles.emergence_time, levels),
            _ATTRIBUTES["emergence_times"],
        ),
        "error_spectrum": (("level", "time", "node"), stacked(spectra, levels), {"units": "unit of the target"}),
    }
    radians = {"units": "radians per unit of x"}
    coordinates = {
        "pair": pairs,
        "level": levels,
        "time": (("time",), comparison.times, _ATTRIBUTES["times"]),
        "frequency": (("node", "axis"), next(iter(comparison.spectra.values())).frequencies, radians),
        "followed_frequency": (("followed", "axis"), decay.frequencies, radians),
        "profile_frequency": (("profile",), profiles.frequencies, radians),
        "axis": list("xyz")[: comparison.problem.dimension],
    }
    attributes = {"name": comparison.problem.settings.name, "problem_digest": comparison.problem.digest}
    return xr.Dataset(variables, coordinates, attributes)


def to_frame(comparison: "Comparison") -> "pd.DataFrame":
    """One row for each pair that could be compared and each time, tidy: pair, time, and the pair's errors."""
    import pandas as pd  # slow to import

    rows = []
    for pair, error in comparison.relative_error.items():
        phase = comparison.phase[pair]
        if error is None or phase is None:
            continue
        columns = {
            "pair": pair,
            "time": comparison.times,
            "relative_error": error,
            "magnitude_error": phase.magnitude,
            "phase_error": phase.phase,
            "phase_shift": phase.shift,
        }
        rows.append(pd.DataFrame(columns))
    if not rows:
        names = ["pair", "time", "relative_error", "magnitude_error", "phase_error", "phase_shift"]
        return pd.DataFrame(columns=names)
    return pd.concat(rows, ignore_index=True)


def _attributes(name: str) -> dict[str, str]:
    return _ATTRIBUTES["split.low, split.high" if name in ("low", "high") else name]
