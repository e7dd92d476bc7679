"""Numbers as people read them."""

from typing import Any

import numpy as np

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def short(value: float | None, digits: int = 3) -> str:
    """``digits`` significant digits: 0.0132, 12.5, 1.37·10⁻⁴; "–" for what is missing or not finite."""
    if value is None or not np.isfinite(value):
        return "–"
    if value == 0 or 1e-2 <= abs(value) < 1e5:
        rounded = float(f"{value:.{digits}g}")
        return str(int(rounded)) if rounded.is_integer() else str(rounded)
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    return f"{mantissa}·10{superscript(int(exponent))}"


def spread(band: tuple[float, float] | None) -> str:
    """The two ends of a band in parentheses, after the number that it belongs to; nothing without a band."""
    if band is None:
        return ""
    low, high = _ends(band, 2)
    if low == high:
        low, high = _ends(band, 3)
    mantissa, power, exponent = low.partition("·")
    if power and high.endswith(power + exponent):
        low = mantissa
    return f" ({low} … {high})"


def _ends(band: tuple[float, float], digits: int) -> list[str]:
    return [short(end, digits) if np.isfinite(end) else "never" for end in band]


def superscript(number: int) -> str:
    """A whole number in raised digits."""
    return str(number).translate(_SUPERSCRIPTS)


def vector(values: np.ndarray, digits: int = 3) -> str:
    """One coordinate as a number, several as (1, 2.5)."""
    texts = [short(float(value), digits) for value in np.atleast_1d(values)]
    return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"


def plain(value: Any) -> str:
    """Numbers and lists without digits to spare, anything else as text."""
    if isinstance(value, np.ndarray | tuple):
        value = list(value)
    if isinstance(value, list):
        texts = [plain(item) for item in value]
        return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"
    if isinstance(value, dict):
        return ", ".join(f"{key} {plain(item)}" for key, item in value.items())
    return short(float(value)) if isinstance(value, float | np.floating) else str(value)
