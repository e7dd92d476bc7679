"""The tangent kernel of a network as it is now, as an operator that needs no matrix."""

import numpy as np
import torch

from freqbias.nn.objective import Objective


class TangentKernel:
    """K W with K = J R J^T: J = df/dtheta at the samples, R the learning-rate ratios, W the weights of the samples.

    Under gradient flow the error obeys e' = -K W e. It is self-adjoint in the inner product with the weights. It
    holds until the parameters change. Vectors over the samples are (S, N), directions in the parameters are lists.
    """

    def __init__(self, objective: Objective):
        self._objective = objective
        network = objective.network
        self._ratios = [network.learning_rate_ratio(parameter) for parameter in network.trained]
        self.residual, self._linearization = objective.linearize()

    def to_parameters(self, vector: torch.Tensor) -> list[torch.Tensor]:
        """R J^T W v: for the residual, minus the velocity of the parameters."""
        gradients = self._linearization.pullback(self._objective.weighted(vector))
        return [ratio * gradient for ratio, gradient in zip(self._ratios, gradients, strict=True)]

    def to_predictions(self, direction: list[torch.Tensor]) -> torch.Tensor:
        """J delta: how the predictions change with the parameters."""

        def changes() -> torch.Tensor:
            self._objective.interruption.check()
            return self._linearization.pushforward(direction)

        return self._objective.processes.sum(changes, self.residual)

    def __call__(self, vector: torch.Tensor) -> torch.Tensor:
        """K W v."""
        return self.to_predictions(self.to_parameters(vector))


def largest_rate(
    kernel: TangentKernel, objective: Objective, settled: float = 1e-4, most_iterations: int = 300
) -> float:
    """The largest eigenvalue of ``kernel`` over all seeds, from below, by the power method.

    It ends when its relative change is ``settled``.
    """
    noise = np.random.default_rng(0).standard_normal(kernel.residual.shape)
    vector = torch.from_numpy(noise).to(kernel.residual)
    rate = torch.zeros(len(vector), dtype=vector.dtype, device=vector.device)
    for _ in range(most_iterations):
        image = kernel(vector / objective.norm(vector)[:, None])
        previous, rate, vector = rate, objective.norm(image), image
        if objective.processes.agreed(float(((rate - previous).abs() <= settled * rate).all())):
            break
    return objective.processes.agreed(float(rate.max()))
