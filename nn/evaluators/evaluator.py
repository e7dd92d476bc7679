"""What training needs of a way to evaluate a network at the sample points."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from freqbias.nn.networks import Network


@dataclass(frozen=True)
class Linearization:
    """A network at its present parameters, in first order, with J = df/dtheta for ``Network.trained``.

    It holds until the parameters change, and may be applied any number of times.
    """

    #: f at the points, (S, n).
    outputs: torch.Tensor
    #: J^T: from dL/df (S, n) to dL/dtheta, a tensor for each parameter.
    pullback: Callable[[torch.Tensor], list[torch.Tensor]]
    #: J: from a direction in the parameters to the change of f (S, n).
    pushforward: Callable[[list[torch.Tensor]], torch.Tensor]


class Evaluator[N: Network](ABC):
    """Evaluates networks of the class N and their gradients at fixed sample points."""

    #: As in the problem file, training.evaluator.
    name: str

    def __init__(self, points: np.ndarray):
        """``points`` (N, d)."""
        self.points = np.ascontiguousarray(points, dtype=float)

    @abstractmethod
    def values(self, network: N) -> torch.Tensor:
        """f at the points (S, N), without a gradient."""

    @abstractmethod
    def linearize(self, network: N, rows: torch.Tensor | None = None) -> Linearization:
        """The network at the points in first order.

        ``rows`` (S, B): numbers of the points at which each seed is evaluated instead, n is then B.
        """
