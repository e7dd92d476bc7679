"""Evaluation by non-uniform FFTs on a GPU, by the optional package cufinufft."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from freqbias.errors import InputError
from freqbias.nn.evaluators.evaluator import Evaluator, Linearization
from freqbias.nn.evaluators.nufft import check_grid
from freqbias.nn.networks.fourier_features import FourierFeatureNetwork


def cufinufft_plan() -> Callable[..., Any]:
    """``cufinufft.Plan``. Raises InputError if it cannot be imported."""
    try:
        from cufinufft import Plan
    except ImportError as error:
        raise InputError(
            f'training.evaluator = "nufft": on a GPU it needs cufinufft with its CUDA runtime ({error}): '
            'pip install "freqbias[cufinufft]", or take "dense"'
        ) from error
    return Plan


class GpuNufftEvaluator(Evaluator[FourierFeatureNetwork]):
    """The sums of ``NufftEvaluator`` with two plans for each seed: neurons to points, and points to neurons.

    Transforms are in double precision also where the network is not: phases in single precision lose three digits.
    """

    name = "nufft"

    def __init__(
        self,
        points: np.ndarray,
        tolerance: float = 1e-10,
        device: torch.device | str = "cuda",
        plan: Callable[..., Any] | None = None,
    ):
        """``plan``: makes transforms as ``cufinufft.Plan`` does, which is the default."""
        super().__init__(points)
        self._tolerance = tolerance
        self._plan = plan or cufinufft_plan()
        self._columns = torch.tensor(self.points.T.copy(), device=device)
        self._extents = np.ptp(self.points, axis=0)
        self._seeds: list[_Transforms] = []

    def values(self, network: FourierFeatureNetwork) -> torch.Tensor:
        """As ``Evaluator.values``; raises NumericalError if the frequencies are not finite or too far apart."""
        with torch.no_grad():
            strengths = network.scale * torch.complex(network.cosine, -network.sine)
            return self._to_points(network, strengths[:, None])[:, 0]

    def linearize(self, network: FourierFeatureNetwork, rows: torch.Tensor | None = None) -> Linearization:
        """As ``Evaluator.linearize``, for all points; raises NumericalError as ``values`` does."""
        if rows is not None:
            raise ValueError("the plans are made for all points: mini-batches need the dense evaluator")

        def pullback(upstream: torch.Tensor) -> list[torch.Tensor]:
            with torch.no_grad():
                return self._gradients(network, upstream)

        def pushforward(directions: list[torch.Tensor]) -> torch.Tensor:
            with torch.no_grad():
                return self._changes(network, directions)

        return Linearization(self.values(network), pullback, pushforward)

    def _gradients(self, network: FourierFeatureNetwork, upstream: torch.Tensor) -> list[torch.Tensor]:
        moved = network.frequencies.requires_grad
        rows = upstream.double()[:, None]
        if moved:
            rows = torch.cat([rows, rows * self._columns], dim=1)
        parts = zip(self._transforms(network), rows.to(torch.complex128), strict=True)
        sums = torch.stack([transforms.to_neurons(part) for transforms, part in parts])
        by_cosine, by_sine = network.scale * sums[:, 0].real, network.scale * sums[:, 0].imag
        gradients = [by_cosine, by_sine]
        if moved:
            a, b, scale = network.cosine[:, None], network.sine[:, None], network.scale[:, None]
            by_frequency = scale * (b * sums[:, 1:].real - a * sums[:, 1:].imag)
            gradients.insert(0, by_frequency.transpose(1, 2).contiguous())
        return [gradient.to(network.cosine.dtype) for gradient in gradients]

    def _changes(self, network: FourierFeatureNetwork, directions: list[torch.Tensor]) -> torch.Tensor:
        *moved, by_cosine, by_sine = directions
        # d/dw_k of (a - i b) exp(i w.x) is (b + i a) x_k exp(i w.x).
        strengths = torch.complex(by_cosine, -by_sine)[:, None]
        if moved:
            turned = torch.complex(network.sine, network.cosine)[:, None] * moved[0].transpose(1, 2)
            strengths = torch.cat([strengths, turned], dim=1)
        changes = self._to_points(network, network.scale[:, None] * strengths)
        return changes[:, 0] + (changes[:, 1:] * self._columns[: changes.shape[1] - 1].to(changes)).sum(dim=1)

    def _to_points(self, network: FourierFeatureNetwork, strengths: torch.Tensor) -> torch.Tensor:
        """Re sum_j z_j exp(i w_j.x) (S, k, N) for k rows of ``strengths`` z (S, k, m)."""
        parts = zip(self._transforms(network), strengths.to(torch.complex128), strict=True)
        values = torch.stack([torch.stack([one.to_points(row).real for row in rows]) for one, rows in parts])
        return values.to(network.cosine.dtype)

    def _transforms(self, network: FourierFeatureNetwork) -> list["_Transforms"]:
        """For every seed, pointed at its present frequencies."""
        frequencies = network.frequencies.detach().double()
        extents = (frequencies.amax(dim=1) - frequencies.amin(dim=1)).cpu().numpy()
        for extent in extents:
            check_grid(self._extents, extent, self._tolerance)
        if not self._seeds:
            rows = 1 + network.frequencies.requires_grad * len(self._columns)
            self._seeds = [_Transforms(self._plan, self._columns, rows, self._tolerance) for _ in frequencies]
        for transforms, own in zip(self._seeds, frequencies, strict=True):
            transforms.point_at(own)
        return self._seeds


class _Transforms:
    """Sums with exp(i w.x) over neurons at points, and over points at neurons, for the neurons of one seed."""

    def __init__(self, plan: Callable[..., Any], columns: torch.Tensor, rows: int, tolerance: float):
        """``columns`` (d, N): the points; ``rows``: vectors over the points that are transformed at once."""
        options = {"eps": tolerance, "isign": 1, "dtype": "complex128"}
        self._columns = columns
        self._forward = plan(3, len(columns), 1, **options)
        self._backward = plan(3, len(columns), rows, **options)
        self._frequencies: torch.Tensor | None = None

    def point_at(self, frequencies: torch.Tensor) -> None:
        """Use ``frequencies`` (m, d) unless they are those of before (a backward pass, frozen frequencies)."""
        if self._frequencies is not None and torch.equal(self._frequencies, frequencies):
            return
        self._frequencies = frequencies.clone()
        neurons = frequencies.T.contiguous()
        self._forward.setpts(**_coordinates("xyz", neurons), **_coordinates("stu", self._columns))
        self._backward.setpts(**_coordinates("xyz", self._columns), **_coordinates("stu", neurons))

    def to_points(self, strengths: torch.Tensor) -> torch.Tensor:
        """(N,) from (m,)."""
        return self._forward.execute(strengths.contiguous())

    def to_neurons(self, rows: torch.Tensor) -> torch.Tensor:
        """(k, m) from (k, N)."""
        return self._backward.execute(rows.contiguous()).reshape(len(rows), -1)


def _coordinates(names: str, columns: torch.Tensor) -> dict[str, torch.Tensor]:
    return dict(zip(names, columns, strict=False))
