"""Arrays inside a page: many numbers in few bytes, a few digits of each."""

import base64
import zlib
from typing import Any

import numpy as np

#: Codes of two bytes; 0 stands for what is not known.
_LARGEST_CODE = 65535


def packed(values: np.ndarray, low: float, high: float, steps: int, logarithmic: bool) -> dict[str, Any]:
    """``values`` of any shape in ``steps`` even steps from ``low`` to ``high``, in logarithm where ``logarithmic``.

    Values below ``low`` become ``low``, those above ``high`` become ``high``, and NaN or what is masked is not known.
    Codes run from 1 at ``low`` to ``steps`` at ``high``. Differences of neighbours along the last axis, modulo 2^16,
    first their high and then their low bytes, are compressed by zlib and written in base 64.
    """
    if not 2 <= steps <= _LARGEST_CODE or not low < high:
        raise ValueError(f"steps = {steps} from {low} to {high} cannot be packed")
    known = np.ma.filled(np.ma.asarray(values, dtype=float), np.nan)
    ends = np.array([low, high])
    if logarithmic:
        known, ends = np.log10(np.where(known > 0, known, np.where(np.isnan(known), np.nan, low))), np.log10(ends)
    part = (np.clip(known, *ends) - ends[0]) / (ends[1] - ends[0])
    codes = np.where(np.isnan(part), 0, 1 + np.round(np.nan_to_num(part) * (steps - 1))).astype(np.uint16)
    change = np.diff(codes, axis=-1, prepend=np.uint16(0)).ravel()
    content = zlib.compress((change >> 8).astype(np.uint8).tobytes() + change.astype(np.uint8).tobytes(), 9)
    return {
        "shape": list(values.shape),
        "ends": [float(f"{end:.10g}") for end in ends],
        "steps": steps,
        "log": logarithmic,
        "zlib": base64.b64encode(content).decode("ascii"),
    }
