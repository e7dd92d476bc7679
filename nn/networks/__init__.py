"""Networks as PyTorch modules. A new family is one new file with a class derived from Network, named in NETWORKS."""

import torch

from freqbias.nn.networks.deep import DeepNetwork
from freqbias.nn.networks.fourier_features import FourierFeatureNetwork
from freqbias.nn.networks.network import Network
from freqbias.problem import Problem

__all__ = ["NETWORKS", "DeepNetwork", "FourierFeatureNetwork", "Network", "network_for"]

#: By network.family of the problem file.
NETWORKS: dict[str, type[Network]] = {
    "fourier-features": FourierFeatureNetwork,
    "deep-fourier-features": DeepNetwork,
    "multilayer-perceptron": DeepNetwork,
    "siren": DeepNetwork,
}


def network_for(problem: Problem, device: torch.device | str = "cpu") -> Network:
    """The network of ``problem`` before training, all its seeds in one, in the precision that the problem asks for."""
    settings = problem.settings
    network = NETWORKS[settings.network.family].from_initial(settings.network, problem.initial_networks)
    network.freeze()
    return network.to(device=device, dtype=getattr(torch, settings.training.precision))
