"""The matrix of the infinite-width kernel on the samples."""

import numpy as np

from freqbias.families import Family
from freqbias.laws.product import grid_points

#: Pairs of scattered points whose kernel is evaluated at once.
_PAIRS = 2**20


def kernel_matrix(family: Family, points: np.ndarray, grid_shape: tuple[int, ...] | None = None) -> np.ndarray:
    """K(x_i, x_j) of all pairs of ``points`` (N, d): (N, N), symmetric.

    ``grid_shape`` says that the points are an even tensor grid, the last axis running fastest: then the stationary
    kernels are evaluated at the few distinct differences only.
    """
    if grid_shape is None:
        return _scattered(family, points)
    return _on_grid(family, points, grid_shape)


def grid_differences(points: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """All distinct differences (prod(2 n_a - 1), d) of ``points`` (N, d) on an even tensor grid, as a tensor grid."""
    spacing = (points.max(axis=0) - points.min(axis=0)) / np.maximum(np.array(shape) - 1, 1)
    return grid_points([h * np.arange(1 - n, n) for h, n in zip(spacing, shape, strict=True)])


def _on_grid(family: Family, points: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    differences = grid_differences(points, shape)
    tables = family.stationary_kernels(differences)
    # Number of the difference x_i - x_j among all differences = number(i) - number(j) + number of the difference 0.
    strides = [int(np.prod([2 * n - 1 for n in shape[axis + 1 :]])) for axis in range(len(shape))]
    number = (np.indices(shape).reshape(len(shape), -1).T * strides).sum(axis=1)
    offset = len(differences) // 2
    kernel = np.empty((len(points), len(points)))
    rows = max(1, _PAIRS // len(points))
    for start in range(0, len(points), rows):
        block = slice(start, start + rows)
        which = number[block, None] - number + offset
        kernel[block] = tables[0][which] + (points[block] @ points.T) * tables[1][which]
    return kernel


def _scattered(family: Family, points: np.ndarray) -> np.ndarray:
    """By pairs, each once, in blocks of bounded memory."""
    count = len(points)
    kernel = np.empty((count, count))
    rows = max(1, _PAIRS // count)
    for start in range(0, count, rows):
        block, right = points[start : start + rows], points[start:]
        first, second = np.broadcast_arrays(block[:, None], right[None])
        values = family.kernel(first.reshape(-1, points.shape[1]), second.reshape(-1, points.shape[1]))
        values = values.reshape(len(block), len(right))
        kernel[start : start + rows, start:] = values
        kernel[start:, start : start + rows] = values.T
    return kernel
