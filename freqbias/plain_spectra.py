"""Error spectra of other tools: frequencies and complex values over time, without a problem (docs/file-formats.md)."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from freqbias.errors import InputError
from freqbias.meshes import BoxMesh, FrequencyMesh, UnstructuredMesh

#: Coordinates of frequencies that differ by less, relative to the largest, are the same.
_SAME = 1e-9
#: Times and frequencies beyond it have no differences and products in floating point.
_LARGEST = 1e90


@dataclass(frozen=True)
class PlainSpectra:
    """The error spectrum of ``level`` (pde, kernel, network) as another tool gives it, for comparison with ours.

    ``source`` names it in messages. ``times`` (T,) in learning time, the first one 0, increasing; ``frequencies``
    (n, d) in radians per unit of x, all different; ``values`` (T, n) complex, v(xi) = ∫ e(x) rho(x) exp(-i xi.x) dx.
    ``notes`` say what was done to them when they were read. Raises InputError naming ``source`` if they are no such.
    """

    source: str
    level: str
    times: np.ndarray
    frequencies: np.ndarray
    values: np.ndarray
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.level not in ("pde", "kernel", "network"):
            raise self.fail(f"level = {self.level!r} must be pde, kernel or network")
        if self.frequencies.ndim != 2 or not 1 <= self.frequencies.shape[1] <= 3 or len(self.frequencies) < 2:
            raise self.fail(f"frequency has the shape {self.frequencies.shape}, must have (n, d), n > 1, d = 1, 2 or 3")
        if self.values.shape != (len(self.times), len(self.frequencies)):
            shape = (len(self.times), len(self.frequencies))
            raise self.fail(f"values have the shape {self.values.shape}, must have {shape} (times, frequencies)")
        for name, array in (("time", self.times), ("frequency", self.frequencies)):
            if not (np.abs(array) < _LARGEST).all():
                raise self.fail(f"{name} holds values that are not finite or beyond {_LARGEST:g}")
        if len(self.times) == 0 or self.times[0] != 0:
            first = f"{self.times[0]:g}" if len(self.times) else "nothing"
            raise self.fail(f"time starts at {first}, must start at 0: everything is relative to the initial error")
        if np.any(np.diff(self.times) <= 0):
            where = int(np.argmax(np.diff(self.times) <= 0))
            raise self.fail(f"time {self.times[where + 1]:g} follows {self.times[where]:g}, must increase")
        bad = ~np.isfinite(self.values)
        if bad.any():
            time, node = np.argwhere(bad)[0]
            raise self.fail(
                f"the value at time {self.times[time]:g}, frequency {_text(self.frequencies[node])} is not finite"
            )
        order = np.lexsort(self.frequencies.T[::-1])
        near = np.diff(self.frequencies[order], axis=0)
        double = np.all(np.abs(near) <= _SAME * np.abs(self.frequencies).max(), axis=1)
        if double.any():
            again = _text(self.frequencies[order][int(np.argmax(double))])
            raise self.fail(f"frequency {again} stands there twice, must be given once")
        if not self.values[0].any():
            raise self.fail("all values at time 0 are 0, there is nothing to compare")

    @property
    def dimension(self) -> int:
        return self.frequencies.shape[1]

    def fail(self, text: str) -> InputError:
        """An InputError that names the source."""
        return InputError(f"{self.source}: {text}")

    @property
    def runs(self) -> np.ndarray:
        """The one run (1, T, n), in the order of the nodes of ``mesh``."""
        return self.values[None, :, self._order]

    @property
    def mesh(self) -> FrequencyMesh:
        """Linear elements between the frequencies: on a grid if they fill one, else on simplices (Delaunay)."""
        return self._mesh_and_order[0]

    @property
    def _order(self) -> np.ndarray:
        return self._mesh_and_order[1]

    @cached_property
    def _mesh_and_order(self) -> tuple[FrequencyMesh, np.ndarray]:
        lines, numbers = zip(*map(_distinct, self.frequencies.T), strict=True)
        shape = tuple(map(len, lines))
        if min(shape) < 2:
            axis = "xyz"[int(np.argmin(shape))]
            raise self.fail(f"all frequencies have the same coordinate {axis}, there must be at least 2 different ones")
        if np.prod(shape) == len(self.frequencies):
            # As many as the grid has, all different, all on its lines: they fill it.
            return BoxMesh(lines, 1), np.argsort(np.ravel_multi_index(numbers, shape))
        return self._simplices(), np.arange(len(self.frequencies))

    def _simplices(self) -> UnstructuredMesh:
        from scipy.spatial import Delaunay, QhullError

        try:
            cells = Delaunay(self.frequencies).simplices.astype(np.int64)
        except QhullError as error:
            raise self.fail("the frequencies lie on a line or a plane, they must fill a part of space") from error
        corners = self.frequencies[cells]
        volumes = np.linalg.det(corners[:, 1:] - corners[:, :1])
        cells[volumes < 0] = cells[volumes < 0][:, [0, 2, 1, 3][: cells.shape[1]]]
        # Slivers on the hull, of points that lie on a plane but for rounding, are no cells.
        cells = cells[np.abs(volumes) > 1e-9 * np.abs(volumes).mean()]
        return UnstructuredMesh(self.frequencies, cells, {2: "triangle", 3: "tetrahedron"}[self.dimension], 1)

    def completed(self) -> "PlainSpectra":
        """With the other half of frequency space if only one is there, as transforms of real data leave it out.

        The error is real, so that v(-xi) is the complex conjugate of v(xi).
        """
        scale = _SAME * np.abs(self.frequencies).max(axis=0)
        one_sided = (self.frequencies.min(axis=0) >= -scale) & (self.frequencies.max(axis=0) > scale)
        if not one_sided.any():
            return self
        missing = np.any(self.frequencies[:, one_sided] > scale[one_sided], axis=1)
        if self.dimension > 1:
            # On the plane that both halves share, only what is not there already.
            from scipy.spatial import cKDTree

            distance = cKDTree(self.frequencies).query(-self.frequencies)[0]
            missing &= distance > scale.max()
        frequencies = np.concatenate([self.frequencies, -self.frequencies[missing]])
        values = np.concatenate([self.values, self.values[:, missing].conj()], axis=1)
        note = "frequencies of one sign only: the others follow, since the error is real"
        return PlainSpectra(self.source, self.level, self.times, frequencies, values, (*self.notes, note))


def _distinct(coordinates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The different ones among ``coordinates`` (n,), increasing, and the number (n,) of each among them."""
    order = np.argsort(coordinates)
    steps = np.diff(coordinates[order]) > _SAME * np.abs(coordinates).max()
    numbers = np.empty(len(order), dtype=np.int64)
    numbers[order] = np.concatenate([[0], np.cumsum(steps)])
    return coordinates[order][np.concatenate([[True], steps])], numbers


def _text(frequency: np.ndarray) -> str:
    texts = [f"{value:.10g}" for value in frequency]
    return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"
