"""Reflections of frequency space that the operator does not notice, and what they save.

If c, D and the mesh are even in some coordinates, so is the operator, and u falls into parts that are even or odd in
each of them, which do not mix: every part is determined by, and solved on, the positive half (in d dimensions a 2^d-th)
of the box, with no flux across the plane of reflection if it is even there, zero if odd. For a real target
u(-xi) = conj u(xi): with all coordinates folded every part is real (an even number of odd coordinates) or imaginary. So
all parts together are n real unknowns instead of 2 n, the largest system is 2^d times smaller, and so is its factor.
Exact: it is the same Galerkin solution.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from itertools import product

import numpy as np

from freqbias.families import Family
from freqbias.meshes import BoxMesh, FrequencyMesh

#: Points at which a family's symbols are compared with their mirror images.
_POINTS = 100_000
_TOLERANCE = 1e-11


@dataclass(frozen=True)
class Folding:
    """The axes along which a problem is folded, the whole mesh, and the mesh that is left."""

    axes: tuple[int, ...]
    whole: FrequencyMesh
    mesh: FrequencyMesh

    @property
    def parities(self) -> list[tuple[int, ...]]:
        """All ways to be even (0) or odd (1) in the folded axes."""
        return list(product((0, 1), repeat=len(self.axes)))

    def is_complete(self) -> bool:
        """Whether every part of u is either real or imaginary, for a real target."""
        return len(self.axes) == self.whole.dimension

    def signs(self) -> list[np.ndarray]:
        """The reflections, as factors (d,) of the coordinates."""
        factors = []
        for flips in self.parities:
            factor = np.ones(self.whole.dimension)
            factor[[axis for axis, flip in zip(self.axes, flips, strict=True) if flip]] = -1
            factors.append(factor)
        return factors

    def parts(self, spectrum: Callable[[np.ndarray], np.ndarray], nodes: np.ndarray) -> list[np.ndarray]:
        """Real start vectors (n_local, k) for every parity: k = 1 if the folding is complete, else 2 (real, imaginary).

        ``spectrum`` maps frequencies (n, d) to complex values (n,); ``nodes`` (n_local, d) lie in ``mesh``.
        """
        signs = self.signs()
        if self.is_complete():  # u(-xi) = conj u(xi): half of the reflections tell the others
            half = np.split(
                spectrum(np.concatenate([nodes * factor for factor in signs[: len(signs) // 2]])), len(signs) // 2
            )
            values = half + [part.conj() for part in half[::-1]]
        else:
            values = np.split(spectrum(np.concatenate([nodes * factor for factor in signs])), len(signs))
        parts = []
        for odd in self.parities:
            terms = (_character(odd, flips) * u for flips, u in zip(self.parities, values, strict=True))
            part = reduce(np.add, terms) / len(values)
            if not self.is_complete():
                parts.append(np.column_stack([part.real, part.imag]))
            else:
                parts.append((part.imag if sum(odd) % 2 else part.real)[:, None])
            for axis, is_odd in zip(self.axes, odd, strict=True):
                if is_odd:
                    parts[-1][nodes[:, axis] == 0] = 0.0
        return parts

    def unfold(self, parts: list[np.ndarray]) -> np.ndarray:
        """u (T, n) complex on the whole mesh of the parts (T, n_folded, k) on the folded one, one for each parity."""
        if not (self.axes and isinstance(self.mesh, BoxMesh) and isinstance(self.whole, BoxMesh)):  # no other is folded
            return parts[0][:, :, 0] + 1j * parts[0][:, :, 1]
        count, shape = len(parts[0]), self.mesh.shape
        whole = np.zeros((count, *self.whole.shape), dtype=complex)
        for flips in self.parities:
            block: list[slice] = [slice(None)] * (1 + self.whole.dimension)
            for axis, flip in zip(self.axes, flips, strict=True):
                middle = shape[axis] - 1
                block[axis + 1] = slice(middle, None, -1) if flip else slice(middle, None)
            view = whole[tuple(block)]
            view[:] = 0
            for odd, part in zip(self.parities, parts, strict=True):
                sign = _character(odd, flips)
                grids = np.moveaxis(part, 2, 0).reshape(-1, count, *shape)
                if not self.is_complete():
                    view.real += sign * grids[0]
                    view.imag += sign * grids[1]
                elif sum(odd) % 2:
                    view.imag += sign * grids[0]
                else:
                    view.real += sign * grids[0]
        return whole.reshape(count, -1)


def fold(mesh: FrequencyMesh, family: Family, hermitian: bool = True) -> Folding:
    """Fold along every axis in which mesh, damping and diffusion are even; along none if nothing is saved.

    ``hermitian``: the error is real.
    """
    if not isinstance(mesh, BoxMesh) or not hermitian:
        return Folding((), mesh, mesh)
    axes = [axis for axis in range(mesh.dimension) if _is_even(mesh, family, axis)]
    if not axes:
        return Folding((), mesh, mesh)
    lines = [line[line >= 0] if axis in axes else line for axis, line in enumerate(mesh.axes)]
    return Folding(tuple(axes), mesh, BoxMesh(tuple(lines), mesh.degree))


def _is_even(mesh: BoxMesh, family: Family, axis: int) -> bool:
    line = mesh.axes[axis]
    if len(line) % 2 == 0 or line[len(line) // 2] != 0 or not np.array_equal(line, -line[::-1]):
        return False
    cutoff = [max(abs(other[0]), abs(other[-1])) for other in mesh.axes]
    points = np.random.default_rng(0).uniform(-1, 1, (_POINTS, mesh.dimension)) * cutoff
    mirrored = points.copy()
    mirrored[:, axis] *= -1
    for symbol in (family.damping, family.diffusion):
        here, there = symbol(points), symbol(mirrored)
        if np.abs(here - there).max() > _TOLERANCE * max(np.abs(here).max(), 1e-300):
            return False
    return True


def _character(odd: tuple[int, ...], flips: tuple[int, ...]) -> int:
    return -1 if sum(o * f for o, f in zip(odd, flips, strict=True)) % 2 else 1
