"""Meshes of all kinds of cells on boxes and discs, made with numpy."""

import itertools

import meshio
import numpy as np
from scipy.spatial import Delaunay

from freqbias.meshes import UnstructuredMesh
from freqbias.meshes.cell_kinds import CELL_KINDS

KINDS = tuple(CELL_KINDS)


def grid(kind_name, lower, upper, counts):
    """Vertices and cells of a box: a tensor grid, its cells cut into simplices where the kind asks for it."""
    kind = CELL_KINDS[kind_name]
    dimension = kind.dimension
    lines = [np.linspace(*given) for given in zip(lower, upper, np.add(counts, 1), strict=True)]
    vertices = np.stack([axis.ravel() for axis in np.meshgrid(*lines, indexing="ij")], axis=1)
    origins = np.array(list(itertools.product(*map(range, counts))))

    def numbers(offsets):
        return np.stack([np.ravel_multi_index((origins + o).T, np.add(counts, 1)) for o in offsets], axis=1)

    if not kind.is_simplex:
        return vertices, numbers([corner[::-1] for corner in itertools.product((0, 1), repeat=dimension)])
    pieces = []
    for order in itertools.permutations(range(dimension)):
        path = np.cumsum([np.zeros(dimension, int), *np.eye(dimension, dtype=int)[list(order)]], axis=0)
        piece = numbers(path)
        pieces.append(piece if np.linalg.det(path[1:]) > 0 else piece[:, kind.mirrored])
    return vertices, np.concatenate(pieces)


def bent(vertices, lower, upper, size=0.06):
    """Vertices moved smoothly, by ``size`` of the box at most, such that the box stays what it is."""
    lower, upper = np.array(lower), np.array(upper)
    unit = (vertices - lower) / (upper - lower)
    bump = np.prod(np.sin(np.pi * unit), axis=1, keepdims=True)
    shift = np.sin(2 * np.pi * np.roll(unit, 1, axis=1) + np.arange(unit.shape[1]))
    return vertices + size * bump * shift * (upper - lower)


def box(kind, lower, upper, counts, degree=1, bend=True):
    """A mesh of a box, of cells that are no boxes."""
    vertices, cells = grid(kind, lower, upper, counts)
    return UnstructuredMesh(bent(vertices, lower, upper) if bend else vertices, cells, kind, degree)


def disc(radius, rings, degree=1):
    """Triangles of nearly equal size in a disc around 0."""
    angles = [np.arange(6 * i) / (6 * i) * 2 * np.pi for i in range(1, rings + 1)]
    circles = [radius * (i + 1) / rings * np.stack([np.cos(a), np.sin(a)], axis=1) for i, a in enumerate(angles)]
    vertices = np.concatenate([np.zeros((1, 2)), *circles])
    return UnstructuredMesh(vertices, Delaunay(vertices).simplices.astype(np.int64), "triangle", degree)


SUFFIXES = (".msh", ".vtu", ".vtk", ".xdmf", ".inp", ".mesh")
LOWER, UPPER, COUNTS = [-1.0, 0.5, -2.0], [2.0, 1.5, -0.5], [4, 3, 2]
SQUARE = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
HALVES = np.array([[0, 1, 2], [0, 2, 3]])


def small(kind, degree=1):
    dimension = CELL_KINDS[kind].dimension
    return box(kind, LOWER[:dimension], UPPER[:dimension], COUNTS[:dimension], degree)


def write(path, points, cells, kind="triangle"):
    """A mesh file whose vertex order is meshio's, whatever is in it."""
    points = np.asarray(points, dtype=float)
    padded = np.zeros((len(points), 3))
    padded[:, : points.shape[1]] = points
    meshio.write(path, meshio.Mesh(padded, [(kind, np.asarray(cells))]))
    return path


def assert_same(first, second):
    assert first.cell_kind == second.cell_kind
    np.testing.assert_array_equal(first.vertices, second.vertices)
    np.testing.assert_array_equal(first.cells, second.cells)
