"""What a network family is to the solvers: two symbols over frequency, and their kernels over x."""

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
    def stationary_kernels(self, differences: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The inverse Fourier transforms of c and D at ``differences`` (n, d) of x: two arrays (n,), both even."""

    def breakpoints(self, dimension: int) -> list[np.ndarray]:
        """Where c and D jump or have kinks, on each of the ``dimension`` axes; nowhere unless a family says so."""
        return [np.empty(0)] * dimension

    def kernel(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The tangent kernel K(x_i, y_i) of pairs of points, both (n, d): (n,).

        K(x, y) = C(x - y) + x.y D(x - y), C and D the two stationary kernels: the first is the motion of the
        amplitudes, the second that of the frequencies.
        """
        amplitudes, frequencies = self.stationary_kernels(x - y)
        return amplitudes + (x * y).sum(axis=1) * frequencies
