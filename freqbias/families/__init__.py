"""Network families. A new one is one new file with a class derived from ``Family``, named in ``FAMILIES``."""

from collections.abc import Callable
from typing import Any

from freqbias.families.family import Family
from freqbias.families.fourier_features import FourierFeatures

FAMILIES: dict[str, Callable[[Any], Family]] = {"fourier-features": FourierFeatures}

__all__ = ["FAMILIES", "Family", "FourierFeatures"]
