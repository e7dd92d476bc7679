"""Evaluation by the plain formula, for small networks and as the reference."""

import numpy as np
import torch
from torch.utils.checkpoint import checkpoint

from freqbias.nn.evaluators.evaluator import Evaluator
from freqbias.nn.fourier_features import fourier_features

#: Entries of the matrix w_j.x_n that a block of points may have …
_BLOCK = 2**20
#: … and entries in all up to which the blocks stay in memory for the backward pass instead of being computed again.
_KEPT = 2**26


class DenseEvaluator(Evaluator):
    """cos and sin of all w_j.x_n, differentiated by PyTorch: cost m N; memory at most a few GiB."""

    name = "dense"

    def __init__(self, points: np.ndarray):
        super().__init__(points)
        self._points = torch.from_numpy(self.points)

    def outputs(
        self, frequencies: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor, scale: torch.Tensor
    ) -> torch.Tensor:
        neurons = (frequencies, cosine, sine, scale)
        blocks = self._points.split(max(1, _BLOCK // len(scale)))
        if len(self._points) * len(scale) <= _KEPT:
            values = [fourier_features(block, *neurons) for block in blocks]
        else:
            values = [checkpoint(fourier_features, block, *neurons, use_reentrant=False) for block in blocks]
        return torch.cat(values)
