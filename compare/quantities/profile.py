"""Magnitude of a spectrum as a function of one frequency: by node in 1D, averaged over radial shells else."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from freqbias.compare.ensemble import matched_runs, means_and_bands
from freqbias.compare.pairs import Found, by_level, by_pair
from freqbias.compare.quantities.emergence import emergence_time_band, emergence_times
from freqbias.meshes import FrequencyMesh
from freqbias.meshes.box import lobatto_points
from freqbias.spectra import ErrorSpectra


@dataclass(frozen=True)
class Profiles:
    """Magnitudes over one frequency axis (k,), in radians per unit of x; ``kind`` as in ``RadialProfile``.

    ``magnitude[level]`` and ``difference[pair]`` are (T, k), means over the runs; ``emergence_time[level]`` (k,) is
    that of the mean magnitude, NaN where a frequency is never learned. ``magnitude_band[level]`` (2, T, k) and
    ``emergence_time_band[level]`` (2, k) as in ``Comparison``. None for what is missing.
    """

    kind: str
    frequencies: np.ndarray
    magnitude: Found
    magnitude_band: Found
    difference: Found
    emergence_time: Found
    emergence_time_band: Found


def frequency_profiles(
    spectra: dict[str, ErrorSpectra], compared: dict[str, ErrorSpectra], threshold: float
) -> Profiles:
    """The profiles of all levels; ``compared`` are ``spectra`` as they stand beside the theory (``as_compared``)."""
    first = next(iter(spectra.values()))
    profile = RadialProfile(first.mesh)
    magnitudes = {level: np.array([profile.magnitude(run) for run in one.runs]) for level, one in compared.items()}
    mean, band = means_and_bands(by_level(magnitudes))
    emerged = {level: emergence_times(first.times, mean[level], threshold) for level in spectra}
    emerged_band = {level: emergence_time_band(first.times, runs, threshold) for level, runs in magnitudes.items()}

    def difference(one: ErrorSpectra, other: ErrorSpectra) -> np.ndarray:
        return np.mean([profile.magnitude(map(np.subtract, a, b)) for a, b in matched_runs(one, other)], axis=0)

    return Profiles(
        kind=profile.kind,
        frequencies=profile.frequencies,
        magnitude=mean,
        magnitude_band=band,
        difference=by_pair(spectra, difference),
        emergence_time=by_level(emerged),
        emergence_time_band=by_level(emerged_band),
    )


class RadialProfile:
    """Maps spectra on ``mesh`` to their magnitude over ``frequencies`` (k,), in radians per unit of x.

    In 1D these are the nodes on the side of 0 that reaches further: the spectra of real errors are even in magnitude.
    In 2D and 3D they are the middles of the shells of |xi| up to the end of the longest axis; the width of a shell is
    the widest node spacing, and nodes count with their share of the volume.
    """

    def __init__(self, mesh: FrequencyMesh):
        self.mesh = mesh

    @property
    def kind(self) -> str:
        return "nodes" if self.mesh.dimension == 1 else "radial shells"

    @cached_property
    def frequencies(self) -> np.ndarray:
        if self.mesh.dimension == 1:
            return np.abs(self.mesh.nodes[self._half, 0])
        numbers, width = self._shells
        return (np.unique(numbers[numbers >= 0]) + 0.5) * width

    def magnitude(self, rows: Iterable[np.ndarray]) -> np.ndarray:
        """Magnitudes over ``frequencies`` (T, k) of T spectra (n,) each.

        They are taken one by one: in 3D a copy of all times would not fit beside the spectra.
        """
        if self.mesh.dimension == 1:
            return np.array([np.abs(row[self._half]) for row in rows])
        numbers, _ = self._shells
        inside = numbers >= 0
        shell, weights = numbers[inside], self.mesh.node_volumes[inside]
        total = np.bincount(shell, weights)
        filled = total > 0
        return np.array([np.bincount(shell, weights * np.abs(row[inside]))[filled] for row in rows]) / total[filled]

    @cached_property
    def _half(self) -> np.ndarray:
        """Numbers of the nodes on one side of 0, by rising |xi|."""
        lower, upper = self.mesh.bounds
        xi = self.mesh.nodes[:, 0] if upper[0] >= -lower[0] else -self.mesh.nodes[:, 0]
        order = np.argsort(xi, kind="stable")
        # A node at 0 may be off by rounding.
        return order[xi[order] >= -1e-9 * xi[order[-1]]]

    @cached_property
    def _shells(self) -> tuple[np.ndarray, float]:
        """Number of the shell of every node, -1 beyond the end of the longest axis, and the width of a shell."""
        width = float(self.mesh.largest_cell.max() * np.diff(lobatto_points(self.mesh.degree)).max() / 2)
        cutoff = np.abs(self.mesh.bounds).max()
        radius = np.linalg.norm(self.mesh.nodes, axis=1)
        # The outer end belongs to the last shell, or a few nodes on the axes would make a shell of their own.
        numbers = np.minimum(np.floor(radius / width + 1e-9).astype(int), int(np.ceil(cutoff / width - 1e-9)) - 1)
        return np.where(radius <= cutoff * (1 + 1e-9), numbers, -1), width
