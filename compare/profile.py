"""Magnitude of a spectrum as a function of one frequency: by node in 1D, averaged over radial shells else."""

from collections.abc import Iterable
from functools import cached_property

import numpy as np

from freqbias.meshes import BoxMesh


class RadialProfile:
    """Maps spectra on ``mesh`` to their magnitude over ``frequencies`` (k,), in radians per unit of x.

    In 1D these are the nodes xi >= 0: the spectra of real errors are even in magnitude. In 2D and 3D they are the
    middles of the shells of |xi| up to the largest cutoff of the axes; the width of a shell is the widest node
    spacing, and nodes count with their share of the volume (the row sums of the mass matrix).
    """

    def __init__(self, mesh: BoxMesh):
        self.mesh = mesh

    @property
    def kind(self) -> str:
        return "nodes" if self.mesh.dimension == 1 else "radial shells"

    @cached_property
    def frequencies(self) -> np.ndarray:
        if self.mesh.dimension == 1:
            return self.mesh.nodes[self._half, 0]
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
        shell, weights = numbers[inside], self._weights[inside]
        total = np.bincount(shell, weights)
        filled = total > 0
        return np.array([np.bincount(shell, weights * np.abs(row[inside]))[filled] for row in rows]) / total[filled]

    @cached_property
    def _half(self) -> np.ndarray:
        return np.flatnonzero(self.mesh.nodes[:, 0] >= 0)

    @cached_property
    def _weights(self) -> np.ndarray:
        return self.mesh.mass_product(np.ones(len(self.mesh.nodes)))

    @cached_property
    def _shells(self) -> tuple[np.ndarray, float]:
        """Number of the shell of every node, -1 beyond the largest cutoff, and the width of a shell."""
        width = float(max(np.diff(nodes).max() for nodes in self.mesh.axis_nodes))
        cutoff = max(axis[-1] for axis in self.mesh.axes)
        radius = np.linalg.norm(self.mesh.nodes, axis=1)
        # The outer end belongs to the last shell, or a few nodes on the axes would make a shell of their own.
        numbers = np.minimum(np.floor(radius / width + 1e-9).astype(int), int(np.ceil(cutoff / width - 1e-9)) - 1)
        return np.where(radius <= cutoff * (1 + 1e-9), numbers, -1), width
