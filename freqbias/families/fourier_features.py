"""Two-layer networks of Fourier features: f(x) = sum_j s_j (a_j cos(w_j.x) + b_j sin(w_j.x)), both layers trained."""

import numpy as np

from freqbias.families.family import Family
from freqbias.network_settings import FourierFeaturesSettings


class FourierFeatures(Family):
    """c = (2 pi)^d p_s and D = r sigma^2 c (arXiv:2405.14957; THEORY section 2)."""

    def __init__(self, network: FourierFeaturesSettings):
        self.law = network.law
        #: r sigma^2: how fast frequencies move, in units of how fast amplitudes are learned.
        self.mobility = network.frequency_rate_ratio * network.amplitude_std**2

    def damping(self, frequencies: np.ndarray) -> np.ndarray:
        return (2 * np.pi) ** frequencies.shape[1] * self.law.symmetric_density(frequencies)

    def diffusion(self, frequencies: np.ndarray) -> np.ndarray:
        return self.mobility * self.damping(frequencies)

    def breakpoints(self, dimension: int) -> list[np.ndarray]:
        return self.law.breakpoints()

    def stationary_kernels(self, differences: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """phi and r sigma^2 phi, so that K(x, y) = (1 + r sigma^2 x.y) phi(x - y)."""
        phi = self.law.characteristic(differences)
        return phi, self.mobility * phi
