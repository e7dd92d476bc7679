"""Networks at the start of training. Shared by training and by the PDE, which must start from the same error.

A new family is one new file with a function (settings, seed, reach) -> ``InitialNetwork``, named in ``_INITIALIZERS``.
"""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from freqbias.initialization.deep import (
    DeepLayers,
    initialize_deep_fourier_features,
    initialize_multilayer_perceptron,
    initialize_siren,
)
from freqbias.initialization.two_layer import Neurons, initialize_neurons
from freqbias.network_settings import NetworkSettings

__all__ = ["DeepLayers", "InitialNetwork", "Neurons", "initialize", "initialize_neurons"]


class InitialNetwork(Protocol):
    """The parameters of a network before training."""

    @property
    def rule(self) -> str:
        """How they were chosen, for the reader."""

    def evaluate(self, points: np.ndarray) -> np.ndarray:
        """f at ``points`` (N, d) before training: (N,)."""


_INITIALIZERS: dict[str, Callable[[Any, int, np.ndarray], InitialNetwork]] = {
    "fourier-features": initialize_neurons,
    "deep-fourier-features": initialize_deep_fourier_features,
    "multilayer-perceptron": initialize_multilayer_perceptron,
    "siren": initialize_siren,
}


def initialize(network: NetworkSettings, seed: int, reach: np.ndarray) -> InitialNetwork:
    """The parameters of ``network`` before training.

    ``reach`` (d,) is the width of the box of x. Raises ValueError if the settings do not allow it.
    """
    return _INITIALIZERS[network.family](network, seed, reach)
