"""Networks as PyTorch modules. A new family is one new file with a class derived from Network, named in NETWORKS."""

import torch

from freqbias.initialization import Neurons
from freqbias.network_settings import FourierFeaturesSettings
from freqbias.nn.networks.deep import DeepNetwork
from freqbias.nn.networks.fourier_features import FourierFeatureNetwork
from freqbias.nn.networks.network import Network
from freqbias.nn.processes import ALONE, Processes
from freqbias.problem import Problem

__all__ = ["NETWORKS", "DeepNetwork", "FourierFeatureNetwork", "Network", "network_for"]

#: By network.family of the problem file.
NETWORKS: dict[str, type[Network]] = {
    "fourier-features": FourierFeatureNetwork,
    "deep-fourier-features": DeepNetwork,
    "multilayer-perceptron": DeepNetwork,
    "siren": DeepNetwork,
}


def network_for(problem: Problem, device: torch.device | str = "cpu", processes: Processes = ALONE) -> Network:
    """The network of ``problem`` before training, all its seeds in one, in the precision that the problem asks for.

    Of several ``processes`` each gets its share of the neurons. Raises InputError if they cannot be shared.
    """
    settings = problem.settings
    initial = _shared(problem, processes) if processes.size > 1 else problem.initial_networks
    network = NETWORKS[settings.network.family].from_initial(settings.network, initial)
    network.freeze()
    return network.to(device=device, dtype=getattr(torch, settings.training.precision))


def _shared(problem: Problem, processes: Processes) -> list[Neurons]:
    network = problem.settings.network
    if not isinstance(network, FourierFeaturesSettings):
        raise problem.fail(
            f'network.family = "{network.family}" is trained by one process, not by {processes.size}: '
            'only the neurons of "fourier-features" are shared'
        )
    whole = [initial for initial in problem.initial_networks if isinstance(initial, Neurons)]
    neurons = len(whole[0].scale)
    if neurons < processes.size:
        raise problem.fail(f"network.width = {network.width}: {processes.size} processes need at least a neuron each")
    return [initial.part(processes.share(neurons)) for initial in whole]
