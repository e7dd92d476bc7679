"""The two-layer Fourier-feature network as a PyTorch module."""

from typing import Self

import torch

from freqbias.initialization import Neurons


class FourierFeatureNetwork(torch.nn.Module):
    """f(x) = sum_j scale_j (cosine_j cos(w_j.x) + sine_j sin(w_j.x)) in double precision (THEORY section 1).

    Parameters: ``frequencies`` (m, d) in radians per unit of x, ``cosine`` and ``sine`` (m,). ``scale`` (m,) is a
    buffer, it is not trained.
    """

    def __init__(self, frequencies: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor, scale: torch.Tensor):
        super().__init__()
        self.frequencies = torch.nn.Parameter(frequencies)
        self.cosine = torch.nn.Parameter(cosine)
        self.sine = torch.nn.Parameter(sine)
        self.register_buffer("scale", scale)

    @classmethod
    def from_neurons(cls, neurons: Neurons) -> Self:
        """The network that starts as ``neurons``; it shares no memory with them."""
        arrays = (neurons.frequencies, neurons.cosine, neurons.sine, neurons.scale)
        return cls(*(torch.tensor(array, dtype=torch.float64) for array in arrays))

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        """f at ``points`` (N, d): (N,). The plain formula of cost and memory m N; training uses an evaluator."""
        return fourier_features(points, self.frequencies, self.cosine, self.sine, self.scale)


def fourier_features(
    points: torch.Tensor,
    frequencies: torch.Tensor,
    cosine: torch.Tensor,
    sine: torch.Tensor,
    scale: torch.Tensor,
) -> torch.Tensor:
    """sum_j scale_j (cosine_j cos(w_j.x) + sine_j sin(w_j.x)) at ``points`` (N, d): (N,)."""
    phase = points @ frequencies.T
    return phase.cos() @ (scale * cosine) + phase.sin() @ (scale * sine)
