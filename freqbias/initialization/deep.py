"""Networks with hidden layers at the start of training: Fourier features or not, multilayer perceptrons, SIREN."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.special import expit

from freqbias.network_settings import (
    DeepFourierFeaturesSettings,
    DeepSettings,
    MultilayerPerceptronSettings,
    SirenSettings,
)

#: By the name in a problem file; "sine" is SIREN's.
ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "relu": lambda z: np.maximum(z, 0.0),
    "tanh": np.tanh,
    "silu": lambda z: z * expit(z),
    "sine": np.sin,
}

#: Points evaluated at once: bounds the memory of the hidden layers.
_BLOCK = 2**14


@dataclass(frozen=True)
class AffineLayer:
    """h -> factor (W h + b), ``weights`` W (out, in) and ``biases`` b (out,); ``factor`` is not trained."""

    weights: np.ndarray
    biases: np.ndarray
    factor: float = 1.0


@dataclass(frozen=True)
class DeepLayers:
    """Affine layers with an activation after each but the last, on x itself or on Fourier features of it.

    With ``frequencies`` (p, d), in radians per unit of x, the first affine layer takes the 2p features
    [cos(w_1.x), …, cos(w_p.x), sin(w_1.x), …, sin(w_p.x)]. The box of x is not rescaled. If ``centred``, training
    subtracts the function that these layers make.
    """

    frequencies: np.ndarray | None
    affine: tuple[AffineLayer, ...]
    activation: str
    centred: bool
    #: How the layers were chosen, for the reader.
    rule: str

    def evaluate(self, points: np.ndarray) -> np.ndarray:
        """f at ``points`` (N, d) before training: (N,); 0 if centred."""
        if self.centred:
            return np.zeros(len(points))
        blocks = np.array_split(points, max(1, -(-len(points) // _BLOCK)))
        return np.concatenate([self.outputs(block) for block in blocks])

    def outputs(self, points: np.ndarray) -> np.ndarray:
        """What the layers make of ``points`` (N, d), centred or not: (N,)."""
        hidden = self.features(points)
        *inner, last = self.affine
        for layer in inner:
            hidden = ACTIVATIONS[self.activation](layer.factor * (hidden @ layer.weights.T + layer.biases))
        return last.factor * (hidden @ last.weights.T + last.biases)[:, 0]

    def features(self, points: np.ndarray) -> np.ndarray:
        """What the first affine layer takes: (N, 2p), or ``points`` (N, d) themselves."""
        if self.frequencies is None:
            return points
        phases = points @ self.frequencies.T
        return np.concatenate([np.cos(phases), np.sin(phases)], axis=1)


def initialize_deep_fourier_features(network: DeepFourierFeaturesSettings, seed: int, reach: np.ndarray) -> DeepLayers:
    """Frequencies from the law, then affine layers as in ``_affine_layers``."""
    generator = _generator(seed)
    frequencies = network.law.sample(network.width, generator)
    affine = _affine_layers(_widths(2 * network.width, network), generator)
    return DeepLayers(frequencies, affine, network.activation, network.centred, "random")


def initialize_multilayer_perceptron(network: MultilayerPerceptronSettings, seed: int, reach: np.ndarray) -> DeepLayers:
    """Affine layers as in ``_affine_layers``."""
    affine = _affine_layers(_widths(len(reach), network), _generator(seed))
    return DeepLayers(None, affine, network.activation, network.centred, "random")


def initialize_siren(network: SirenSettings, seed: int, reach: np.ndarray) -> DeepLayers:
    """The laws of Sitzmann et al., arXiv:2006.09661, section 3.2 and supplement 1.5, and of their code.

    First layer sin(omega (W x + b)), W uniform on +-1/d; then sin(hidden_omega (W h + b)), W uniform on
    +-sqrt(6/in)/hidden_omega; the last layer W h + b with the same law. Their code leaves the biases as
    torch.nn.Linear makes them, uniform on +-1/sqrt(in) (vsitzmann/siren, modules.py: ``sine_init`` and
    ``first_layer_sine_init`` only touch the weights). Made for a box of x around [-1, 1]^d.
    """
    generator, widths = _generator(seed), _widths(len(reach), network)
    affine = []
    for number, (fan_in, fan_out) in enumerate(pairwise(widths)):
        limit = 1 / fan_in if number == 0 else np.sqrt(6 / fan_in) / network.hidden_omega
        factor = network.omega if number == 0 else network.hidden_omega
        last = number == len(widths) - 2
        affine.append(_uniform_layer(fan_in, fan_out, limit, 1.0 if last else factor, generator))
    return DeepLayers(None, tuple(affine), "sine", network.centred, "random")


def _generator(seed: int) -> np.random.Generator:
    """Of the layers; [seed, 1] and [seed, 2] are those of the samples and of their order."""
    return np.random.default_rng([seed, 3])


def _widths(inputs: int, network: DeepSettings) -> list[int]:
    return [inputs, *network.hidden, 1]


def _affine_layers(widths: list[int], generator: np.random.Generator) -> tuple[AffineLayer, ...]:
    """The start of torch.nn.Linear: weights and biases uniform on +-1/sqrt(in)."""
    return tuple(_uniform_layer(fan_in, fan_out, fan_in**-0.5, 1.0, generator) for fan_in, fan_out in pairwise(widths))


def _uniform_layer(
    fan_in: int, fan_out: int, limit: float, factor: float, generator: np.random.Generator
) -> AffineLayer:
    """Weights uniform on +-``limit``, biases uniform on +-1/sqrt(in)."""
    weights = generator.uniform(-limit, limit, (fan_out, fan_in))
    return AffineLayer(weights, generator.uniform(-(fan_in**-0.5), fan_in**-0.5, fan_out), factor)
