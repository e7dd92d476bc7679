"""The neurons of a two-layer network at the start of training (THEORY section 6)."""

from dataclasses import dataclass, replace

import numpy as np

from freqbias.laws import Law
from freqbias.network_settings import FourierFeaturesSettings
from freqbias.transforms import fourier_transform


@dataclass(frozen=True)
class Neurons:
    """f(x) = sum_j scale_j (cosine_j cos(w_j.x) + sine_j sin(w_j.x)).

    ``frequencies`` (m, d) in radians per unit of x; ``cosine``, ``sine``, ``scale`` (m,). The squares of ``scale``
    sum to 1; they are all 1/m unless the frequencies are weighted quadrature nodes. ``scale`` is not trained.
    """

    frequencies: np.ndarray
    cosine: np.ndarray
    sine: np.ndarray
    scale: np.ndarray
    #: How the frequencies were chosen, for the reader.
    rule: str

    @property
    def magnitude(self) -> float:
        """Sum of the magnitudes of all neurons, which bounds |f|."""
        return float((self.scale * np.hypot(self.cosine, self.sine)).sum())

    def part(self, which: slice) -> "Neurons":
        """Some of the neurons."""
        arrays = {name: getattr(self, name)[which] for name in ("frequencies", "cosine", "sine", "scale")}
        return replace(self, **arrays)

    def evaluate(self, points: np.ndarray) -> np.ndarray:
        """f at ``points`` (N, d): (N,)."""
        strengths = self.scale * (self.cosine - 1j * self.sine)
        return fourier_transform(self.frequencies, strengths, points, sign=1).real


def initialize_neurons(network: FourierFeaturesSettings, seed: int, reach: np.ndarray) -> Neurons:
    """The neurons of ``network`` before training.

    ``reach`` (d,) is the width of the box of x: a quadrature rule is chosen for differences of points up to it.
    """
    if network.sampling == "quadrature":
        return _quadrature(network.law, network.width, network.amplitude_std, reach)
    return _random(network, np.random.default_rng(seed))


def _quadrature(law: Law, width: int, amplitude_std: float, reach: np.ndarray) -> Neurons:
    """Each node four times with the amplitudes of exact first and second moments; f = 0."""
    rule = law.best_rule(width // 4, reach)
    signs = np.tile([[1.0, 1.0], [1.0, -1.0], [-1.0, -1.0], [-1.0, 1.0]], (width // 4, 1))
    return Neurons(
        frequencies=np.repeat(rule.frequencies, 4, axis=0),
        cosine=amplitude_std * signs[:, 0],
        sine=amplitude_std * signs[:, 1],
        scale=np.sqrt(np.repeat(rule.weights, 4) / 4),
        rule=f"quadrature: {rule.name}",
    )


def _random(network: FourierFeaturesSettings, generator: np.random.Generator) -> Neurons:
    copies = 2 if network.mirrored else 1
    count = network.width // copies
    frequencies = network.law.sample(count, generator)
    cosine, sine = network.amplitude_std * generator.standard_normal((2, count))
    signs = np.repeat([1.0, -1.0][:copies], count)
    return Neurons(
        frequencies=np.tile(frequencies, (copies, 1)),
        cosine=signs * np.tile(cosine, copies),
        sine=signs * np.tile(sine, copies),
        scale=np.full(network.width, network.width**-0.5),
        rule="random, mirrored" if network.mirrored else "random",
    )
