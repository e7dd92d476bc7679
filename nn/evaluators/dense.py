"""Evaluation of two-layer networks by the plain formula, for small ones and as the reference."""

import numpy as np
import torch

from freqbias.nn.evaluators.evaluator import Evaluator, Linearization
from freqbias.nn.networks.fourier_features import FourierFeatureNetwork

#: Entries of the matrix w_j.x_n that a block of points may have …
_BLOCK = 2**20
#: … and entries in all up to which cosines and sines stay in memory for the pullback instead of being computed again.
_KEPT = 2**26


class DenseEvaluator(Evaluator[FourierFeatureNetwork]):
    """cos and sin of all w_j.x_n: cost m N; memory at most about a GiB. The gradient of THEORY section 5 by hand."""

    name = "dense"

    def __init__(self, points: np.ndarray, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float64):
        super().__init__(points)
        self._points = torch.tensor(self.points, device=device, dtype=dtype)

    def values(self, network: FourierFeatureNetwork) -> torch.Tensor:
        with torch.no_grad():
            blocks = _blocks(network, self._points)
            return torch.cat([_outputs(network, *_waves(network, block)) for block in blocks], dim=1)

    def linearize(self, network: FourierFeatureNetwork, rows: torch.Tensor | None = None) -> Linearization:
        points = self._points if rows is None else self._points[rows]
        with torch.no_grad():
            blocks = _blocks(network, points)
            keep = network.scale.numel() * points.shape[-2] <= _KEPT
            waves, outputs = [], []
            for block in blocks:
                pair = _waves(network, block)
                outputs.append(_outputs(network, *pair))
                waves.append(pair if keep else None)

        def pullback(upstream: torch.Tensor) -> list[torch.Tensor]:
            with torch.no_grad():
                return _gradients(network, blocks, waves, upstream)

        def pushforward(directions: list[torch.Tensor]) -> torch.Tensor:
            with torch.no_grad():
                parts = zip(blocks, waves, strict=True)
                return torch.cat([_changes(network, block, pair, directions) for block, pair in parts], dim=1)

        return Linearization(torch.cat(outputs, dim=1), pullback, pushforward)


def _blocks(network: FourierFeatureNetwork, points: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return points.split(max(1, _BLOCK // network.scale.numel()), dim=-2)


def _waves(network: FourierFeatureNetwork, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """cos and sin of w_j.x_n, both (S, n, m)."""
    phase = points @ network.frequencies.transpose(1, 2)
    return phase.cos(), phase.sin_()


def _outputs(network: FourierFeatureNetwork, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    columns = [(network.scale * amplitude)[:, :, None] for amplitude in (network.cosine, network.sine)]
    return (cos @ columns[0] + sin @ columns[1]).squeeze(2)


def _gradients(
    network: FourierFeatureNetwork,
    blocks: tuple[torch.Tensor, ...],
    waves: list[tuple[torch.Tensor, torch.Tensor] | None],
    upstream: torch.Tensor,
) -> list[torch.Tensor]:
    """With r = ``upstream`` (S, N) and the sums of r and of r x over cos and sin, as ``_Part`` of nufft.py has them."""
    moved = network.frequencies.requires_grad
    sums = upstream.new_zeros(())
    for block, pair, part in zip(blocks, waves, upstream.split([b.shape[-2] for b in blocks], dim=1), strict=True):
        cos, sin = pair or _waves(network, block)
        rows = part[:, None]
        if moved:
            rows = torch.cat([rows, rows * block.transpose(-1, -2)], dim=1)
        sums = sums + torch.stack([rows @ cos, rows @ sin])
    by_cosine, by_sine = network.scale * sums[:, :, 0]
    if not moved:
        return [by_cosine, by_sine]
    a, b = network.cosine[:, None], network.sine[:, None]
    by_frequency = network.scale[:, None] * (b * sums[0, :, 1:] - a * sums[1, :, 1:])
    return [by_frequency.transpose(1, 2).contiguous(), by_cosine, by_sine]


def _changes(
    network: FourierFeatureNetwork,
    points: torch.Tensor,
    waves: tuple[torch.Tensor, torch.Tensor] | None,
    directions: list[torch.Tensor],
) -> torch.Tensor:
    """The derivative of f (S, n) along ``directions``, of the shapes of the trained parameters."""
    cos, sin = waves or _waves(network, points)
    *moved, by_cosine, by_sine = (
        network.scale.reshape(*network.scale.shape, *[1] * (t.ndim - 2)) * t for t in directions
    )
    changes = (cos @ by_cosine[:, :, None] + sin @ by_sine[:, :, None]).squeeze(2)
    if moved:
        a, b = network.cosine[:, :, None], network.sine[:, :, None]
        changes += ((cos @ (b * moved[0]) - sin @ (a * moved[0])) * points).sum(dim=2)
    return changes
