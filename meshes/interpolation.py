"""From the nodes of a tensor grid to any other points: values of its finite-element functions."""

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from freqbias.meshes.box import BoxMesh, lagrange_matrix


def interpolation_matrix(lines: np.ndarray, degree: int, points: np.ndarray) -> sparse.csr_array:
    """Values at ``points`` (k,) from those at the Gauss-Lobatto nodes between grid ``lines``: (k, nodes).

    Points beyond the lines are refused; a point on a line belongs to both cells, which agree there.
    """
    if points.size and not (lines[0] <= points.min() and points.max() <= lines[-1]):
        raise ValueError(f"points must lie in [{lines[0]}, {lines[-1]}]")
    cell = np.clip(np.searchsorted(lines, points, side="right") - 1, 0, len(lines) - 2)
    inside = 2 * (points - lines[cell]) / (lines[cell + 1] - lines[cell]) - 1
    columns = degree * cell[:, None] + np.arange(degree + 1)
    rows = np.broadcast_to(np.arange(len(points))[:, None], columns.shape)
    shape = (len(points), degree * (len(lines) - 1) + 1)
    return sparse.csr_array((lagrange_matrix(degree, inside).ravel(), (rows.ravel(), columns.ravel())), shape=shape)


def along_axis(matrix: sparse.csr_array, values: np.ndarray, axis: int) -> np.ndarray:
    """``matrix`` (k, n) times ``values`` (..., n, ...) along ``axis``: (..., k, ...)."""
    moved = np.moveaxis(values, axis, 0)
    product = (matrix @ moved.reshape(len(moved), -1)).reshape(matrix.shape[0], *moved.shape[1:])
    return np.moveaxis(product, 0, axis)


def evaluate(mesh: BoxMesh, values: np.ndarray, axes: Sequence[np.ndarray]) -> np.ndarray:
    """The functions ``values`` (..., n) on ``mesh`` at all points of the tensor grid ``axes``: (..., points)."""
    leading = values.shape[:-1]
    grid = values.reshape(*leading, *mesh.shape)
    for axis, (lines, points) in enumerate(zip(mesh.axes, axes, strict=True)):
        grid = along_axis(interpolation_matrix(lines, mesh.degree, points), grid, len(leading) + axis)
    return grid.reshape(*leading, -1)
