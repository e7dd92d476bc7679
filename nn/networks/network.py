"""What training needs of a network."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Self

import torch


class Network(torch.nn.Module, ABC):
    """S networks that differ in their seeds only and are trained at once: every parameter has the shape (S, ...).

    No operation mixes seeds, so the gradient of the sum of their losses holds the gradient of each.
    """

    @classmethod
    @abstractmethod
    def from_initial(cls, settings: Any, initial: Sequence[Any]) -> Self:
        """The network that starts as ``initial``, one for each seed; it shares no memory with them.

        Both are of the classes of its family, in ``freqbias.network_settings`` and ``freqbias.initialization``.
        """

    @abstractmethod
    def forward(self, points: torch.Tensor) -> torch.Tensor:
        """f (S, N) at ``points``: (N, d) for all seeds, or (S, N, d)."""

    @abstractmethod
    def learning_rate_ratio(self, parameter: torch.nn.Parameter) -> float:
        """The parameter's learning rate in units of ``training.learning_rate``; 0: it is not trained."""

    @property
    def trained(self) -> list[torch.nn.Parameter]:
        """The parameters that training moves."""
        return [parameter for parameter in self.parameters() if parameter.requires_grad]

    def freeze(self) -> Self:
        """Stop the gradients of parameters whose learning rate is 0."""
        for parameter in self.parameters():
            parameter.requires_grad_(self.learning_rate_ratio(parameter) > 0)
        return self
