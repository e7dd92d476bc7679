"""The function that the network must learn, as a function on the box."""

from typing import Protocol

import numpy as np


class Target(Protocol):
    """A real function g on the box; given as samples, it also has a natural grid or natural points."""

    @property
    def grid_shape(self) -> tuple[int, ...] | None:
        """Shape of the grid of cell midpoints on which the target was sampled, or None."""

    @property
    def points(self) -> np.ndarray | None:
        """Points (N, d) at which the target was sampled if these are scattered, or None."""

    @property
    def weights(self) -> np.ndarray | None:
        """Weights (N,) that came with these points, or None."""

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """g at points x (n, d): (n,)."""


def taper(x: np.ndarray, lower: np.ndarray, upper: np.ndarray, part: float) -> np.ndarray:
    """Tukey window of the box at x (n, d): 1 inside, a raised cosine to 0 over ``part`` of each half-width.

    The PDE lives on the whole space: it assumes that the error vanishes at the edge of the box.
    """
    if part == 0:
        return np.ones(len(x))
    depth = np.minimum(x - lower, upper - x) / (0.5 * (upper - lower))
    return np.prod(0.5 - 0.5 * np.cos(np.pi * np.clip(depth / part, 0, 1)), axis=1)
