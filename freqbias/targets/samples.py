"""Targets given by samples: arrays on a regular grid, tables of scattered points, pictures."""

import warnings
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.interpolate import LinearNDInterpolator, NearestNDInterpolator, RegularGridInterpolator
from scipy.spatial import QhullError

from freqbias.errors import InputError
from freqbias.input_files import require_file
from freqbias.tables import SUFFIXES as TABLE_SUFFIXES
from freqbias.tables import locate, read_arrays, real_numbers

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
_IMAGE_FORMATS = ("PNG", "JPEG", "TIFF")


class GridTarget:
    """Samples at the cell midpoints of a regular grid on the box, multilinear between them.

    On a coarser grid of ``points``, blocks of samples are averaged first, so that what the coarse grid cannot
    hold is damped instead of folded into lower frequencies.
    """

    points = None
    weights = None

    def __init__(self, samples: np.ndarray, lower: np.ndarray, upper: np.ndarray, points: list[int] | None):
        self.grid_shape = samples.shape
        if points is not None:
            wanted = points * samples.ndim if len(points) == 1 else points
            for axis, count in enumerate(wanted):
                samples = _block_mean(samples, axis, samples.shape[axis] // count)
        axes = [
            low + (high - low) * (np.arange(n) + 0.5) / n
            for low, high, n in zip(lower, upper, samples.shape, strict=True)
        ]
        self._lower, self._upper = np.array([(axis[0], axis[-1]) for axis in axes]).T
        self._interpolate = RegularGridInterpolator(
            axes, samples, method="linear" if min(samples.shape) > 1 else "nearest"
        )

    def __call__(self, x: np.ndarray) -> np.ndarray:
        # Within half a cell of the edge the outermost sample holds.
        return self._interpolate(np.clip(x, self._lower, self._upper))


class ScatteredTarget:
    """Samples at scattered points (N, d), linear between them, nearest outside of their hull.

    ``weights`` (N,) may come with them.
    """

    grid_shape = None

    def __init__(self, points: np.ndarray, values: np.ndarray, weights: np.ndarray | None = None):
        self.points = points
        self.weights = weights
        self._values = values

    def __call__(self, x: np.ndarray) -> np.ndarray:
        if x is self.points:
            return self._values
        if self.points.shape[1] == 1:
            order = np.argsort(self.points[:, 0], kind="stable")
            return np.interp(x[:, 0], self.points[order, 0], self._values[order])
        try:
            inside = LinearNDInterpolator(self.points, self._values)(x)
        except QhullError as error:
            raise ValueError("its points lie on a line or a plane, there is nothing between them") from error
        return np.where(np.isnan(inside), NearestNDInterpolator(self.points, self._values)(x), inside)


def read_target(
    name: str,
    variable: str | None,
    index: list[int],
    lower: np.ndarray,
    upper: np.ndarray,
    points: list[int] | None,
    weighted: bool = False,
) -> GridTarget | ScatteredTarget:
    """The target in a file. Raises InputError naming file and reason.

    A .csv with d + 1 columns holds scattered points and values, with ``weighted`` and d + 2 columns also the weights of
    the samples; with one column, a .npy or .npz array or a
    picture hold samples at the cell midpoints of a regular grid on the box (a picture: rows from the top, so that
    y grows upwards and the first axis is x; luminance).
    """
    dimension = len(lower)
    suffix = locate(name).suffix.lower()
    if suffix in IMAGE_SUFFIXES:
        if dimension != 2:
            raise InputError(f"{name}: a picture is a target in 2 dimensions, the box has {dimension}")
        return GridTarget(_read_image(name), lower, upper, points)
    if suffix not in TABLE_SUFFIXES:
        allowed = ", ".join(TABLE_SUFFIXES + IMAGE_SUFFIXES)
        raise InputError(f"{name}: unknown kind of file {suffix!r}, allowed are {allowed}")
    samples = read_arrays(name)
    if isinstance(samples, dict):
        if variable is None and len(samples) == 1:
            variable = next(iter(samples))
        if variable not in samples:
            raise InputError(f"{name}: target.variable = {variable!r} must be one of {', '.join(samples)}")
        samples = samples[variable]
    samples = real_numbers(name, samples)
    if suffix == ".csv" and samples.shape[1] == dimension + 1 + weighted:
        scattered = _inside(name, samples[:, :dimension], lower, upper)
        return ScatteredTarget(scattered, samples[:, dimension], samples[:, dimension + 1] if weighted else None)
    if suffix == ".csv" and samples.shape[1] == 1:
        samples = samples[:, 0]
    for position in index:
        if samples.ndim == 0 or not -len(samples) <= position < len(samples):
            raise InputError(f"{name}: target.index = {index} is outside of the array")
        samples = samples[position]
    if samples.ndim != dimension:
        raise InputError(
            f"{name}: the array has {samples.ndim} axes (shape {samples.shape}), the box {dimension}; "
            "target.index fixes leading axes"
        )
    if samples.size == 0:
        raise InputError(f"{name}: the array is empty")
    bad = ~np.isfinite(samples)
    if bad.any():
        first = np.argwhere(bad)[0].tolist()
        raise InputError(f"{name}: {bad.sum()} of {samples.size} samples are not finite, the first at index {first}")
    return GridTarget(samples, lower, upper, points)


def _inside(name: str, points: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    bad = ~np.all((points >= lower) & (points <= upper), axis=1)
    if bad.any():
        first = points[bad][0].tolist()
        raise InputError(
            f"{name}: {bad.sum()} points lie outside of the box of data.lower and data.upper, first {first}"
        )
    return points


def _read_image(name: str) -> np.ndarray:
    path: Path = locate(name)
    require_file(path)
    try:
        # Pillow only warns of what is absurdly large or damaged; some of its other formats start programs.
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with Image.open(path, formats=_IMAGE_FORMATS) as image:
                luminance = np.asarray(image.convert("F"), dtype=float)
    except Exception as error:  # damage shows in many ways
        raise InputError(f"{name}: cannot be read as a picture: {error or type(error).__name__}") from error
    return luminance[::-1].T


def _block_mean(samples: np.ndarray, axis: int, factor: int) -> np.ndarray:
    """Mean over runs of ``factor`` samples; the blocks are centred, so at most factor - 1 samples are left out."""
    if factor <= 1:
        return samples
    samples = np.moveaxis(samples, axis, 0)
    count = len(samples) // factor
    start = (len(samples) - count * factor) // 2
    blocks = samples[start : start + count * factor].reshape(count, factor, *samples.shape[1:])
    return np.moveaxis(blocks.mean(axis=1), 0, axis)
