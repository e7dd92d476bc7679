"""Networks with hidden layers as PyTorch modules."""

from collections.abc import Sequence
from typing import Self

import numpy as np
import torch

from freqbias.initialization.deep import DeepLayers
from freqbias.network_settings import DeepSettings
from freqbias.nn.networks.network import Network

_ACTIVATIONS = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "silu": torch.nn.functional.silu,
    "sine": torch.sin,
}


class DeepNetwork(Network):
    """``DeepLayers`` whose parameters are trained; centred or not, ``forward`` is what the layers make.

    Parameters: ``weights`` of every affine layer (S, out, in), ``biases`` (S, out), and with Fourier features
    ``frequencies`` (S, p, d) in radians per unit of x, else None.
    """

    def __init__(
        self,
        frequencies: torch.Tensor | None,
        weights: Sequence[torch.Tensor],
        biases: Sequence[torch.Tensor],
        factors: Sequence[float],
        activation: str,
        frequency_rate_ratio: float = 1.0,
    ):
        """``factors``: of each affine layer; ``activation``: relu, tanh, silu or sine."""
        super().__init__()
        self.frequencies = None if frequencies is None else torch.nn.Parameter(frequencies)
        self.weights = torch.nn.ParameterList(weights)
        self.biases = torch.nn.ParameterList(biases)
        self._factors = list(factors)
        self._activation = _ACTIVATIONS[activation]
        self._frequency_rate_ratio = frequency_rate_ratio

    @classmethod
    def from_initial(cls, settings: DeepSettings, initial: Sequence[DeepLayers]) -> Self:
        def stack(arrays: Sequence[np.ndarray]) -> torch.Tensor:
            return torch.from_numpy(np.array(arrays))

        first = initial[0]
        frequencies = [one.frequencies for one in initial if one.frequencies is not None]
        layers = list(zip(*(one.affine for one in initial), strict=True))
        return cls(
            stack(frequencies) if frequencies else None,
            [stack([layer.weights for layer in seeds]) for seeds in layers],
            [stack([layer.biases for layer in seeds]) for seeds in layers],
            [layer.factor for layer in first.affine],
            first.activation,
            getattr(settings, "frequency_rate_ratio", 1.0),
        )

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        hidden = points.expand(len(self.weights[0]), *points.shape[-2:])
        if self.frequencies is not None:
            phases = hidden @ self.frequencies.transpose(1, 2)
            hidden = torch.cat([phases.cos(), phases.sin()], dim=2)
        last = len(self.weights) - 1
        for number, (weights, biases, factor) in enumerate(zip(self.weights, self.biases, self._factors, strict=True)):
            hidden = torch.baddbmm(biases[:, None], hidden, weights.transpose(1, 2), beta=factor, alpha=factor)
            if number < last:
                hidden = self._activation(hidden)
        return hidden.squeeze(2)

    def learning_rate_ratio(self, parameter: torch.nn.Parameter) -> float:
        return self._frequency_rate_ratio if parameter is self.frequencies else 1.0
