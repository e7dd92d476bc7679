"""Laplace law."""

from typing import Literal

import numpy as np
from scipy import stats

from freqbias.laws.product import ProductLaw


class Laplace(ProductLaw):
    """Density exp(-|w - location| / scale) / (2 scale) on each axis; its standard deviation is sqrt(2) scale."""

    family: Literal["laplace"] = "laplace"

    def axis_distribution(self, axis: int) -> stats.distributions.rv_frozen:
        return stats.laplace(self.location[axis], self.scale[axis])

    def centred_characteristic(self, z: np.ndarray, axis: int) -> np.ndarray:
        return 1 / (1 + (self.scale[axis] * z) ** 2)

    def breakpoints(self) -> list[np.ndarray]:
        """The kink at the location, and its mirror image."""
        return [np.unique([location, -location]) for location in self.location]
