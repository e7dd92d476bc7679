"""``metrics.json``: the numbers of a comparison for machines. ``freqbias.compare.definitions`` says what they mean."""

import json
import math
import os
from dataclasses import asdict
from typing import Any

import numpy as np

from freqbias.compare.budget.terms import budget_numbers
from freqbias.compare.definitions import units
from freqbias.compare.ensemble import band_in_words
from freqbias.compare.metrics import Comparison
from freqbias.compare.reading import reading, verdict
from freqbias.files import write_text

SCHEMA = "freqbias-metrics-2"
#: Significant digits of curves over frequency: they are for drawing.
_DIGITS = 6


def metrics(comparison: Comparison) -> dict[str, Any]:
    """The content of ``metrics.json``: plain lists, numbers and texts; None for what is missing or not finite."""
    problem = comparison.problem
    content = {
        "schema": SCHEMA,
        "name": problem.settings.name,
        "problem_digest": problem.digest,
        "grade": verdict(comparison).grade,
        "verdict": verdict(comparison).sentence,
        "reading": reading(comparison),
        "findings": [asdict(finding) for finding in comparison.findings],
        "seeds": {level: one.seeds for level, one in comparison.spectra.items() if one.seeds},
        "band": band_in_words(comparison.seed_count) if comparison.seed_count > 1 else None,
        "threshold": problem.settings.report.threshold,
        "times": comparison.times,
        **_errors(comparison),
        **_levels(comparison),
        **_frequencies(comparison),
        "alignment": {level: asdict(one) for level, one in comparison.alignment.items()},
        "error_budget": None if comparison.budget is None else budget_numbers(comparison.budget),
        "levels": {
            level: {
                "problem_digest": one.problem.digest,
                **one.problem.settings.network.model_dump(include={"family", "width", "hidden"}),
                **one.info,
            }
            for level, one in comparison.spectra.items()
        },
        "units": units(),
    }
    return json_types(content)


def _errors(comparison: Comparison) -> dict[str, Any]:
    """What belongs to a pair."""
    phase = comparison.phase
    split = {
        name: {pair: part and getattr(part, attribute) for pair, part in phase.items()}
        for name, attribute in (
            *(("magnitude_error", "magnitude"), ("magnitude_error_band", "magnitude_band")),
            *(("phase_error", "phase"), ("phase_error_band", "phase_band")),
            *(("phase_shift", "shift"), ("phase_shift_band", "shift_band")),
        )
    }
    return {
        "relative_error": comparison.relative_error,
        "relative_error_band": comparison.relative_error_band,
        "relative_error_of_mean": comparison.relative_error_of_mean,
        "max_relative_error": comparison.max_relative_error,
        "max_relative_error_band": comparison.max_relative_error_band,
        "worst_time": comparison.worst_time,
        **split,
    }


def _levels(comparison: Comparison) -> dict[str, Any]:
    """What belongs to a level as a whole."""
    bias, parts = comparison.bias, comparison.split

    def of(found: dict, attribute: str) -> dict[str, Any]:
        return {level: None if one is None else getattr(one, attribute) for level, one in found.items()}

    return {
        "remaining": comparison.remaining,
        "remaining_band": comparison.remaining_band,
        "bias_index": of(bias, "index"),
        "bias_index_band": of(bias, "index_band"),
        "bias_index_at_threshold": of(bias, "at_threshold"),
        "bias_index_at_threshold_band": of(bias, "at_threshold_band"),
        "frequency_drift": of(bias, "drift"),
        "frequency_drift_band": of(bias, "drift_band"),
        "split": {
            "frequency": comparison.split_frequency,
            **{key: of(parts, key) for key in ("low", "low_band", "high", "high_band")},
        },
        "loss": comparison.loss,
        "loss_band": comparison.loss_band,
        "measured_loss": comparison.measured_loss,
        "measured_loss_band": comparison.measured_loss_band,
        "loss_ratio": comparison.loss_ratio,
    }


def _frequencies(comparison: Comparison) -> dict[str, Any]:
    """What belongs to single frequencies."""
    decay, profiles = comparison.decay, comparison.profiles
    ratio = comparison.emergence_ratio
    found = {
        "decay_curves": {
            "frequencies": decay.frequencies,
            "asked_for": decay.asked,
            **{level: None if one is None else one.T for level, one in decay.ratio.items()},
            **{f"{level}_band": None if band is None else band.mT for level, band in decay.band.items()},
            "rates": {level: None if one is None else one.T for level, one in decay.rate.items()},
            "emergence_times": decay.emergence_time,
            "emergence_times_band": decay.emergence_time_band,
            "emergence_ratio": None if ratio is None else ratio[0],
        },
        "emergence_times": {
            "frequencies": profiles.frequencies,
            "averaged_over": profiles.kind,
            **profiles.emergence_time,
            **{f"{level}_band": band for level, band in profiles.emergence_time_band.items()},
        },
        "emergence_ratio": None if ratio is None else ratio[1],
    }
    if comparison.problem.dimension == 1:
        return found
    averages = {level: _rounded(one) for level, one in profiles.magnitude.items()}
    return found | {
        "radial_average": {"frequencies": profiles.frequencies, **averages},
        "cuts": [
            {
                "name": cut.name,
                "direction": cut.direction,
                "frequencies": _rounded(cut.distance),
                **{level: _rounded(one) for level, one in cut.magnitude.items()},
            }
            for cut in comparison.cuts
        ],
    }


def _rounded(values: np.ndarray | None) -> np.ndarray | None:
    """``values`` with as many digits as a drawing shows."""
    if values is None:
        return None
    exponent = np.floor(np.log10(np.abs(values), out=np.zeros_like(values), where=values != 0))
    scale = 10.0 ** (_DIGITS - 1 - exponent)
    return np.round(values * scale) / scale


def write_metrics(comparison: Comparison, path: str | os.PathLike) -> None:
    """Write ``metrics.json``: strict JSON, atomically. Raises InputError if the place cannot be written."""
    write_text(path, json.dumps(metrics(comparison), indent=1, allow_nan=False, ensure_ascii=False) + "\n")


def json_types(value: Any) -> Any:
    """``value`` in the types of JSON, which has no NaN."""
    match value:
        case dict():
            return {str(key): json_types(item) for key, item in value.items()}
        case list() | tuple():
            return [json_types(item) for item in value]
        case np.ndarray() | np.generic():
            return json_types(value.tolist())
        case float():
            return value if math.isfinite(value) else None
        case None | bool() | int() | str():
            return value
    return str(value)
