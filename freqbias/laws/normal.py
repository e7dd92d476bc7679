"""Normal law."""

from typing import Literal

import numpy as np
from scipy import stats

from freqbias.laws.product import ProductLaw


class Normal(ProductLaw):
    """Normal with standard deviation ``scale``."""

    family: Literal["normal"] = "normal"

    def axis_distribution(self, axis: int) -> stats.distributions.rv_frozen:
        return stats.norm(self.location[axis], self.scale[axis])

    def centred_characteristic(self, z: np.ndarray, axis: int) -> np.ndarray:
        return np.exp(-0.5 * (self.scale[axis] * z) ** 2)
