"""What a network family is to the solvers: two symbols over frequency, and a kernel over x."""

from abc import ABC, abstractmethod

import numpy as np


class Family(ABC):
    """A family of wide networks in the infinite-width limit (THEORY sections 2 and 8)."""

    @abstractmethod
    def damping(self, frequencies: np.ndarray) -> np.ndarray:
        """c at ``frequencies`` (n, d): (n,), not negative; the rate of learning is rho_0 c."""

    @abstractmethod
    def diffusion(self, frequencies: np.ndarray) -> np.ndarray:
        """D at ``frequencies`` (n, d): (n,), not negative; the motion of the frequencies is rho_0 div(D grad)."""

    @abstractmethod
    def kernel(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The tangent kernel K(x_i, y_i) of pairs of points, both (n, d): (n,)."""
