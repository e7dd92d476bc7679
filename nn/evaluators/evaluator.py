"""What training needs of a way to evaluate the network at the sample points."""

from abc import ABC, abstractmethod

import numpy as np
import torch

from freqbias.nn.fourier_features import FourierFeatureNetwork


class Evaluator(ABC):
    """Evaluates a Fourier-feature network at fixed sample points, differentiably (PyTorch's autograd)."""

    #: As in the problem file, training.evaluator.
    name: str

    def __init__(self, points: np.ndarray):
        """``points`` (N, d)."""
        self.points = np.ascontiguousarray(points, dtype=float)

    @abstractmethod
    def outputs(
        self, frequencies: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor, scale: torch.Tensor
    ) -> torch.Tensor:
        """f at the points (N,), from ``frequencies`` (m, d) in radians per unit of x and the others (m,).

        The result can be differentiated with respect to all arguments but ``scale``. Double precision.
        """

    def __call__(self, network: FourierFeatureNetwork) -> torch.Tensor:
        """f at the points (N,)."""
        return self.outputs(network.frequencies, network.cosine, network.sine, network.scale)
