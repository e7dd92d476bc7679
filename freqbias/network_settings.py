"""The keys of the table ``network`` of a problem file: one class for each family of networks."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from freqbias.laws import AnyLaw
from freqbias.validation import PositiveFloat, PositiveInt, Real, Settings

#: The family of a network that names none.
DEFAULT_FAMILY = "fourier-features"

HiddenWidths = Annotated[list[PositiveInt], Field(min_length=1, max_length=64)]


class FourierFeaturesSettings(Settings):
    """Two layers, both trained: m^(-1/2) sum_j a_j cos(w_j.x) + b_j sin(w_j.x)."""

    family: Literal["fourier-features"] = "fourier-features"
    width: Annotated[int, Field(ge=1)] = Field(description="neurons: pairs (cos, sin)")
    amplitude_std: PositiveFloat = Field(default=1.0, description="standard deviation sigma of the amplitudes a_j, b_j")
    sampling: Literal["quadrature", "random"] = Field(
        default="quadrature", description="neurons: nodes that stand for the law, or drawn from it"
    )
    mirrored: bool = Field(
        default=True,
        description="random sampling: each neuron twice with opposite amplitudes, so that f = 0 at first",
    )
    frequency_rate_ratio: Annotated[Real, Field(ge=0)] = Field(default=1.0, description="eta_w / eta_a")
    law: AnyLaw

    @model_validator(mode="after")
    def _width(self) -> Self:
        if self.sampling == "quadrature" and self.width % 4:
            raise ValueError(f'width = {self.width} must be a multiple of 4 with sampling = "quadrature"')
        if self.sampling == "random" and self.mirrored and self.width % 2:
            raise ValueError(f"width = {self.width} must be even with mirrored random sampling")
        return self


class DeepSettings(Settings):
    """What all networks with hidden layers share. They are initialized at random."""

    hidden: HiddenWidths = Field(description="widths of the hidden layers")
    centred: bool = Field(default=False, description="subtract the network's initial function, so that f = 0 at first")


class DeepFourierFeaturesSettings(DeepSettings):
    """A first layer of Fourier features, then hidden layers."""

    family: Literal["deep-fourier-features"]
    width: PositiveInt = Field(description="pairs (cos, sin) of the first layer")
    activation: Literal["relu", "tanh", "silu"] = "relu"
    frequency_rate_ratio: Annotated[Real, Field(ge=0)] = Field(
        default=1.0, description="learning rate of the first layer's frequencies / that of the weights; 0: fixed"
    )
    law: AnyLaw


class MultilayerPerceptronSettings(DeepSettings):
    """Affine layers and an activation."""

    family: Literal["multilayer-perceptron"]
    activation: Literal["relu", "tanh", "silu"] = "relu"


class SirenSettings(DeepSettings):
    """Affine layers and sines (Sitzmann et al., arXiv:2006.09661)."""

    family: Literal["siren"]
    omega: PositiveFloat = Field(default=30.0, description="factor of the first layer's phases")
    hidden_omega: PositiveFloat = Field(default=30.0, description="factor of the phases of the other layers")


def _with_family(value: Any) -> Any:
    return {"family": DEFAULT_FAMILY, **value} if isinstance(value, dict) else value


NetworkSettings = FourierFeaturesSettings | DeepFourierFeaturesSettings | MultilayerPerceptronSettings | SirenSettings
AnyNetwork = Annotated[Annotated[NetworkSettings, Field(discriminator="family")], BeforeValidator(_with_family)]
