"""Magnitude along straight lines through frequency 0: what an average over directions hides."""

from dataclasses import dataclass

import numpy as np

from freqbias.meshes import FrequencyMesh
from freqbias.spectra import ErrorSpectra

#: Points of a line.
_POINTS = 121


@dataclass(frozen=True)
class Cut:
    """One line from frequency 0 in ``direction`` (d,), a unit vector.

    ``distance`` (k,) is |ξ| along it, in radians per unit of x; ``magnitude[level]`` (T, k) is |v|, the mean over the
    runs, for every level that is there.
    """

    name: str
    direction: np.ndarray
    distance: np.ndarray
    magnitude: dict[str, np.ndarray]


def directional_cuts(spectra: dict[str, ErrorSpectra]) -> list[Cut]:
    """Cuts along the axes and the main diagonal of the mesh that all ``spectra`` share; none in one dimension.

    One side of each line is enough: the magnitude of the spectrum of a real error is even.
    """
    mesh = next(iter(spectra.values())).mesh
    dimension = mesh.dimension
    if dimension == 1:
        return []
    directions = dict(zip(("ξ₁ axis", "ξ₂ axis", "ξ₃ axis"), np.eye(dimension), strict=False))
    directions["diagonal"] = np.full(dimension, dimension**-0.5)
    return [cut for name, direction in directions.items() if (cut := _cut(name, direction, mesh, spectra)) is not None]


def _cut(name: str, direction: np.ndarray, mesh: FrequencyMesh, spectra: dict[str, ErrorSpectra]) -> Cut | None:
    used = np.abs(direction) > 0
    reach = float(np.min(mesh.bounds[1][used] / direction[used]))
    distance = np.linspace(0, reach * (1 - 1e-12), _POINTS)
    inside = mesh.contains(distance[:, None] * direction)
    if reach <= 0 or inside.sum() < 2:
        return None
    distance = distance[inside]
    matrix = mesh.interpolation(distance[:, None] * direction)
    magnitude = {
        level: np.mean([np.abs([matrix @ row for row in run]) for run in one.runs], axis=0)
        for level, one in spectra.items()
    }
    return Cut(name, direction, distance, magnitude)
