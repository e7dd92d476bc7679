"""Network families. A new one is one new file with a class derived from ``Family``, named in ``FAMILIES``."""

from freqbias.families.family import Family
from freqbias.families.fourier_features import FourierFeatures

FAMILIES = {"fourier-features": FourierFeatures}

__all__ = ["FAMILIES", "Family", "FourierFeatures"]
