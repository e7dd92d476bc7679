"""``metrics.json``: the numbers of a comparison for machines. ``UNITS`` documents its keys."""

import json
import math
import os
from typing import Any

import numpy as np

from freqbias.compare.ensemble import band_in_words
from freqbias.compare.metrics import Comparison
from freqbias.compare.reading import reading, verdict
from freqbias.files import write_text

SCHEMA = "freqbias-metrics-1"

#: Meaning and unit of the keys; stands in the file itself.
UNITS = {
    "times": "learning time (learning rate times steps)",
    "frequencies": "radians per unit of x",
    "relative_error": "1; L2 norm over frequency of the difference / norm of the second of the pair at time 0; "
    "of several seeds each by itself, then their mean, as in all keys below",
    "max_relative_error": "1; maximum of relative_error over times",
    "worst_time": "learning time at which the maximum is reached",
    "relative_error_of_mean": "1; relative_error of the spectra averaged over the seeds; null without several seeds",
    "…_band": "in the unit of the key without _band; the two ends of the band over the seeds, see band",
    "band": "what a band is; null without several seeds",
    "seeds": "seed of every run of the levels that have several",
    "remaining": "1; L2 norm over frequency of the error spectrum / its value at time 0",
    "loss": "(unit of the target)^2; 1/2 (2 pi)^-d / density * norm^2 of the error spectrum (Parseval)",
    "measured_loss": "(unit of the target)^2; half the weighted mean squared error at the samples",
    "decay_curves": "1; |v(xi, t)| / |v(xi, 0)| at each frequency, one list over times for each",
    "emergence_times": "learning time at which |v(xi, t)| first falls below threshold * |v(xi, 0)|; null if never",
}


def metrics(comparison: Comparison) -> dict[str, Any]:
    """The content of ``metrics.json``: plain lists, numbers and texts; None for what is missing or not finite."""
    decay, profiles, problem = comparison.decay, comparison.profiles, comparison.problem
    content = {
        "schema": SCHEMA,
        "name": problem.settings.name,
        "problem_digest": problem.digest,
        "grade": verdict(comparison).grade,
        "verdict": verdict(comparison).sentence,
        "reading": reading(comparison),
        "seeds": {level: one.seeds for level, one in comparison.spectra.items() if one.seeds},
        "band": band_in_words(comparison.seed_count) if comparison.seed_count > 1 else None,
        "times": comparison.times,
        "relative_error": comparison.relative_error,
        "relative_error_band": comparison.relative_error_band,
        "relative_error_of_mean": comparison.relative_error_of_mean,
        "max_relative_error": comparison.max_relative_error,
        "max_relative_error_band": comparison.max_relative_error_band,
        "worst_time": comparison.worst_time,
        "remaining": comparison.remaining,
        "remaining_band": comparison.remaining_band,
        "loss": comparison.loss,
        "loss_band": comparison.loss_band,
        "measured_loss": comparison.measured_loss,
        "measured_loss_band": comparison.measured_loss_band,
        "decay_curves": {
            "frequencies": decay.frequencies,
            "asked_for": decay.asked,
            **{level: None if ratio is None else ratio.T for level, ratio in decay.ratio.items()},
            **{f"{level}_band": None if band is None else band.mT for level, band in decay.band.items()},
            "emergence_times": decay.emergence_time,
            "emergence_times_band": decay.emergence_time_band,
        },
        "emergence_times": {
            "threshold": problem.settings.report.threshold,
            "frequencies": profiles.frequencies,
            "averaged_over": profiles.kind,
            **profiles.emergence_time,
            **{f"{level}_band": band for level, band in profiles.emergence_time_band.items()},
        },
        "levels": {
            level: {
                "problem_digest": one.problem.digest,
                **one.problem.settings.network.model_dump(include={"family", "width", "hidden"}),
                **one.info,
            }
            for level, one in comparison.spectra.items()
        },
        "units": UNITS,
    }
    return _plain(content)


def write_metrics(comparison: Comparison, path: str | os.PathLike) -> None:
    """Write ``metrics.json``: strict JSON, atomically. Raises InputError if the place cannot be written."""
    write_text(path, json.dumps(metrics(comparison), indent=1, allow_nan=False, ensure_ascii=False) + "\n")


def _plain(value: Any) -> Any:
    """``value`` in the types of JSON, which has no NaN."""
    match value:
        case dict():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case np.ndarray() | np.generic():
            return _plain(value.tolist())
        case float():
            return value if math.isfinite(value) else None
        case None | bool() | int() | str():
            return value
    return str(value)
