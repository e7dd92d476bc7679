"""Evaluation of any network by its own forward pass, differentiated by PyTorch."""

import numpy as np
import torch

from freqbias.nn.evaluators.evaluator import Evaluator, Linearization
from freqbias.nn.networks import Network

#: Points evaluated at once where no gradient is needed.
_BLOCK = 2**14


class AutogradEvaluator(Evaluator):
    """``Network.forward`` at all points or at batches of them."""

    name = "dense"

    def __init__(self, points: np.ndarray, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float64):
        super().__init__(points)
        self._points = torch.tensor(self.points, device=device, dtype=dtype)

    def values(self, network: Network) -> torch.Tensor:
        with torch.no_grad():
            return torch.cat([network(block) for block in self._points.split(_BLOCK)], dim=1)

    def linearize(self, network: Network, rows: torch.Tensor | None = None) -> Linearization:
        points = self._points if rows is None else self._points[rows]
        with torch.enable_grad():
            outputs = network(points)

        def pullback(upstream: torch.Tensor) -> list[torch.Tensor]:
            return list(torch.autograd.grad(outputs, network.trained, upstream, retain_graph=True))

        def pushforward(directions: list[torch.Tensor]) -> torch.Tensor:
            # The pullback is linear in its argument, wherever that is: its own pullback is J.
            upstream = torch.zeros_like(outputs, requires_grad=True)
            gradients = torch.autograd.grad(outputs, network.trained, upstream, create_graph=True)
            return torch.autograd.grad(gradients, upstream, directions)[0]

        return Linearization(outputs.detach(), pullback, pushforward)
