"""The loss that training minimizes, with its gradient."""

import numpy as np
import torch

from freqbias.nn.evaluators import Evaluator, Linearization
from freqbias.nn.interruption import Interruption
from freqbias.nn.networks import Network
from freqbias.nn.processes import ALONE, Processes


class Objective:
    """L = 1/2 sum_i w_i (f(x_i) - g(x_i))^2 of every seed; its gradients go to ``grad`` of the parameters."""

    def __init__(
        self,
        network: Network,
        evaluator: Evaluator,
        targets: np.ndarray,
        weights: np.ndarray,
        processes: Processes = ALONE,
    ):
        """``targets`` (N,), or (S, N) if they differ, at the points of ``evaluator``; ``weights`` (N,), of sum 1.

        ``network`` holds the share of this process; what the processes of ``processes`` predict is added.
        """
        like = network.trained[0]
        self.network = network
        self.evaluator = evaluator
        self.processes = processes
        #: Looked at before every gradient.
        self.interruption = Interruption()
        #: Gradients computed so far.
        self.evaluations = 0
        targets = np.broadcast_to(targets, (len(like), targets.shape[-1]))
        self._targets = torch.tensor(targets, dtype=like.dtype, device=like.device)
        self.weights = torch.tensor(weights, dtype=like.dtype, device=like.device)

    @property
    def samples(self) -> int:
        return self._targets.shape[1]

    def residual(self) -> torch.Tensor:
        """f - g at the points (S, N)."""
        return self.processes.sum(lambda: self.evaluator.values(self.network), self._targets) - self._targets

    def norm(self, residual: torch.Tensor) -> torch.Tensor:
        """(sum_i w_i r_i^2)^(1/2) of every row of ``residual`` (S, N)."""
        return (residual.square() @ self.weights).sqrt()

    def weighted(self, vector: torch.Tensor) -> torch.Tensor:
        """``vector`` (S, N) times the weights of the samples."""
        return vector * self.weights

    def linearize(self) -> tuple[torch.Tensor, Linearization]:
        """The residual (S, N), and the share of this process of the network in first order."""
        self.evaluations += 1
        return self._linearize(self._targets)

    def gradient(self, rows: torch.Tensor | None = None) -> torch.Tensor:
        """Set the gradients and return the loss of every seed (S,).

        ``rows`` (S, B): only these samples count, with weights times N / B: unbiased if they are drawn evenly.
        """
        self.evaluations += 1
        targets, weights = self._targets, self.weights
        if rows is not None:
            targets, weights = targets.gather(1, rows), weights[rows] * (self.samples / rows.shape[1])
        residual, linearization = self._linearize(targets, rows)
        upstream = residual * weights
        for parameter, gradient in zip(self.network.trained, linearization.pullback(upstream), strict=True):
            parameter.grad = gradient
        return 0.5 * (upstream * residual).sum(dim=1)

    def _linearize(self, targets: torch.Tensor, rows: torch.Tensor | None = None) -> tuple[torch.Tensor, Linearization]:
        """The residual, of the shape of ``targets``, and the share of this process."""
        shares = []

        def outputs() -> torch.Tensor:
            self.interruption.check()
            shares.append(self.evaluator.linearize(self.network, rows))
            return shares[0].outputs

        return self.processes.sum(outputs, targets) - targets, shares[0]
