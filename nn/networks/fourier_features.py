"""The two-layer Fourier-feature network as a PyTorch module."""

from collections.abc import Sequence
from typing import Self

import numpy as np
import torch

from freqbias.initialization import Neurons
from freqbias.network_settings import FourierFeaturesSettings
from freqbias.nn.networks.network import Network


class FourierFeatureNetwork(Network):
    """f(x) = sum_j scale_j (cosine_j cos(w_j.x) + sine_j sin(w_j.x)) (THEORY section 1).

    Parameters: ``frequencies`` (S, m, d) in radians per unit of x, ``cosine`` and ``sine`` (S, m). ``scale`` (S, m)
    is a buffer, it is not trained.
    """

    scale: torch.Tensor

    def __init__(
        self,
        frequencies: torch.Tensor,
        cosine: torch.Tensor,
        sine: torch.Tensor,
        scale: torch.Tensor,
        frequency_rate_ratio: float = 1.0,
    ):
        super().__init__()
        self.frequencies = torch.nn.Parameter(frequencies)
        self.cosine = torch.nn.Parameter(cosine)
        self.sine = torch.nn.Parameter(sine)
        self.register_buffer("scale", scale)
        self._frequency_rate_ratio = frequency_rate_ratio

    @classmethod
    def from_initial(cls, settings: FourierFeaturesSettings, initial: Sequence[Neurons]) -> Self:
        frequencies, cosine, sine, scale = (
            torch.from_numpy(np.array([getattr(neurons, name) for neurons in initial]))
            for name in ("frequencies", "cosine", "sine", "scale")
        )
        return cls(frequencies, cosine, sine, scale, settings.frequency_rate_ratio)

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        """The plain formula, of cost and memory m N for each seed; training uses an evaluator."""
        phase = points @ self.frequencies.transpose(1, 2)
        cosine, sine = (self.scale * amplitudes for amplitudes in (self.cosine, self.sine))
        return (phase.cos() @ cosine[:, :, None] + phase.sin() @ sine[:, :, None]).squeeze(2)

    def learning_rate_ratio(self, parameter: torch.nn.Parameter) -> float:
        return self._frequency_rate_ratio if parameter is self.frequencies else 1.0
