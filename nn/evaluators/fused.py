"""Evaluation of two-layer networks by the plain formula in compiled loops, for GPUs."""

from collections.abc import Callable

import numpy as np
import torch

from freqbias.nn.evaluators.evaluator import Evaluator, Linearization
from freqbias.nn.networks.fourier_features import FourierFeatureNetwork


class FusedEvaluator(Evaluator[FourierFeatureNetwork]):
    """cos and sin of all w_j.x_n, used where they are computed: memory m + N, and arithmetic instead of bandwidth.

    Compiled (``torch.compile``), each function below is one loop over points and neurons whose sums are formed in
    registers; not compiled it holds matrices of m N entries, which is of use to tests only.
    """

    name = "dense"

    def __init__(
        self,
        points: np.ndarray,
        device: torch.device | str = "cuda",
        dtype: torch.dtype = torch.float64,
        compiled: bool = True,
    ):
        super().__init__(points)
        self._points = torch.tensor(self.points, device=device, dtype=dtype)
        self._outputs = _compiled(outputs) if compiled else outputs
        self._gradients = _compiled(gradients) if compiled else gradients

    def values(self, network: FourierFeatureNetwork) -> torch.Tensor:
        return self._values(network, self._points)

    def linearize(self, network: FourierFeatureNetwork, rows: torch.Tensor | None = None) -> Linearization:
        points = self._points if rows is None else self._points[rows]

        def pullback(upstream: torch.Tensor) -> list[torch.Tensor]:
            with torch.no_grad():
                by_cosine, by_sine, *by_frequency = self._gradients(*_parameters(network), points, upstream)
            if not network.frequencies.requires_grad:
                return [by_cosine, by_sine]
            return [torch.stack(by_frequency, dim=2), by_cosine, by_sine]

        def pushforward(directions: list[torch.Tensor]) -> torch.Tensor:
            with torch.no_grad():
                *moved, by_cosine, by_sine = directions
                turned = moved[0] if moved else torch.zeros_like(network.frequencies)
                strengths = network.scale * by_cosine, network.scale * by_sine
                a, b = network.scale * network.cosine, network.scale * network.sine
                return self._outputs(network.frequencies, *strengths, points, turned, a, b)

        return Linearization(self._values(network, points), pullback, pushforward)

    def _values(self, network: FourierFeatureNetwork, points: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            frequencies, scale, cosine, sine = _parameters(network)
            return self._outputs(frequencies, scale * cosine, scale * sine, points)


def outputs(
    frequencies: torch.Tensor,
    cosine: torch.Tensor,
    sine: torch.Tensor,
    points: torch.Tensor,
    turned: torch.Tensor | None = None,
    a: torch.Tensor | None = None,
    b: torch.Tensor | None = None,
) -> torch.Tensor:
    """sum_j cosine_j cos(w_j.x) + sine_j sin(w_j.x) (S, N).

    ``frequencies`` w (S, m, d); ``cosine``, ``sine`` (S, m); ``points`` (N, d), or (S, N, d). With ``turned``
    (S, m, d), a direction of the frequencies, and amplitudes ``a``, ``b`` (S, m) the derivative
    sum_j (turned_j.x) (b_j cos(w_j.x) - a_j sin(w_j.x)) of a_j cos(w_j.x) + b_j sin(w_j.x) is added.
    """
    phase = _products(points, frequencies)
    cosine, sine = cosine[:, None], sine[:, None]
    if turned is not None and a is not None and b is not None:
        change = _products(points, turned)
        cosine, sine = cosine + change * b[:, None], sine - change * a[:, None]
    return (phase.cos() * cosine + phase.sin() * sine).sum(dim=2)


def gradients(
    frequencies: torch.Tensor,
    scale: torch.Tensor,
    cosine: torch.Tensor,
    sine: torch.Tensor,
    points: torch.Tensor,
    upstream: torch.Tensor,
) -> list[torch.Tensor]:
    """The gradients (S, m) by ``cosine``, ``sine`` and each axis of ``frequencies`` for ``upstream`` dL/df (S, N).

    With c = r cos(w.x) and s = r sin(w.x) they are the sums over points of c, s and x_k (b c - a s), times the scale
    (THEORY section 5).
    """
    phase = _products(points, frequencies)
    c, s = upstream[:, :, None] * phase.cos(), upstream[:, :, None] * phase.sin()
    across = sine[:, None] * c - cosine[:, None] * s
    sums = [c.sum(dim=1), s.sum(dim=1)]
    sums += [(points[..., axis, None] * across).sum(dim=1) for axis in range(points.shape[-1])]
    return [scale * one for one in sums]


def _products(points: torch.Tensor, vectors: torch.Tensor) -> torch.Tensor:
    """v_j.x_n (S, N, m) axis by axis: a matrix product could not become part of the loop."""
    products = points[..., 0, None] * vectors[:, None, :, 0]
    for axis in range(1, points.shape[-1]):
        products = products + points[..., axis, None] * vectors[:, None, :, axis]
    return products


def _parameters(network: FourierFeatureNetwork) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    frequencies, scale, cosine, sine = network.frequencies, network.scale, network.cosine, network.sine
    return frequencies.detach(), scale.detach(), cosine.detach(), sine.detach()


def _compiled[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    # Shapes do not change in a run: loops are compiled for them.
    return torch.compile(function, fullgraph=True, dynamic=False)
