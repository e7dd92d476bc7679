"""Numbers as people read them."""

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


def superscript(number: int) -> str:
    """A whole number in raised digits."""
    return str(number).translate(_SUPERSCRIPTS)


def vector(values: np.ndarray, digits: int = 3) -> str:
    """One coordinate as a number, several as (1, 2.5)."""
    texts = [short(float(value), digits) for value in np.atleast_1d(values)]
    return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"
