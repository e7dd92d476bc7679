"""Student's t law: heavy tails, so few frequencies are very high."""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field
from scipy import stats
from scipy.special import gammaln, kve

from freqbias.laws.product import ProductLaw


class StudentT(ProductLaw):
    """Student's t with ``dof`` degrees of freedom, stretched by ``scale``; dof = 1 is the Cauchy law."""

    family: Literal["student-t"] = "student-t"
    dof: Annotated[float, Field(ge=0.1)]  # below, quantiles leave the floating-point numbers

    def axis_distribution(self, axis: int) -> stats.distributions.rv_frozen:
        return stats.t(self.dof, self.location[axis], self.scale[axis])

    def centred_characteristic(self, z: np.ndarray, axis: int) -> np.ndarray:
        """K_{n/2}(r) r^{n/2} 2^{1-n/2} / Gamma(n/2) with r = sqrt(n) |scale z|: the Matern kernel of order n/2."""
        order = self.dof / 2
        r = np.sqrt(self.dof) * np.abs(self.scale[axis] * z)
        away = np.where(r > 0, r, 1.0)
        with np.errstate(over="ignore", divide="ignore"):
            logarithm = np.log(kve(order, away)) - away + order * np.log(away)
        value = np.exp(logarithm + (1 - order) * np.log(2) - gammaln(order))
        return np.where((r > 0) & np.isfinite(value), value, np.where(r > 1, 0.0, 1.0))
