"""Laws from which the first layer's frequencies are drawn.

A new law is one new file with a class derived from ``Law`` (or ``ProductLaw``), named in ``AnyLaw``.
"""

from typing import Annotated

from pydantic import Field

from freqbias.laws.laplace import Laplace
from freqbias.laws.law import Law, QuadratureRule
from freqbias.laws.mixture import Mixture
from freqbias.laws.normal import Normal
from freqbias.laws.student_t import StudentT
from freqbias.laws.tabulated import Tabulated
from freqbias.laws.uniform import Uniform

AnyLaw = Annotated[Uniform | Normal | Laplace | StudentT | Mixture | Tabulated, Field(discriminator="family")]

__all__ = [
    "AnyLaw",
    "Laplace",
    "Law",
    "Mixture",
    "Normal",
    "QuadratureRule",
    "StudentT",
    "Tabulated",
    "Uniform",
]
