"""Compile the forms that problems commonly need and let matplotlib find its fonts, so that first runs start at once."""

import itertools
import tempfile
from pathlib import Path

import numpy as np

from freqbias import Problem, compare, fem, nn
from freqbias.meshes import UnstructuredMesh
from freqbias.meshes.files import write_mesh

CUTOFF, CELLS = 7.0, 12
SIMPLICES = {2: "triangle", 3: "tetrahedron"}


def tiny_problem(dimension: int, mesh: dict, directory: Path) -> Problem:
    """A Gaussian, learned from a few points."""
    settings = {
        "network": {"width": 64, "law": {"family": "normal", "scale": 2.0}},
        "target": {"expression": "exp(-(" + "+".join(f"{axis}**2" for axis in "xyz"[:dimension]) + ")/0.5)"},
        "data": {"lower": [-2.0] * dimension, "upper": [2.0] * dimension, "points": [16] * dimension},
        "training": {"times": {"first": 1.0, "last": 10.0, "count": 4}},
        "solver": {"tolerance": 1e-3},
        "mesh": mesh,
    }
    return Problem.create(settings, directory=directory)


def grid_of_simplices(dimension: int) -> UnstructuredMesh:
    """The cube of all frequencies up to the cutoff: a grid whose cells are cut along their diagonals."""
    vertices = np.array(list(itertools.product(np.linspace(-CUTOFF, CUTOFF, CELLS + 1), repeat=dimension)))
    corners = np.array(list(itertools.product(range(CELLS), repeat=dimension)))
    shape = (CELLS + 1,) * dimension
    pieces = []
    for order in itertools.permutations(np.eye(dimension, dtype=int)):
        path = np.cumsum([np.zeros(dimension, dtype=int), *order], axis=0)
        if np.linalg.det(path[1:]) < 0:
            path[[-1, -2]] = path[[-2, -1]]
        pieces.append(np.stack([np.ravel_multi_index((corners + step).T, shape) for step in path], axis=1))
    return UnstructuredMesh(vertices, np.concatenate(pieces), SIMPLICES[dimension], 1)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        for dimension, degree in itertools.product((1, 2, 3), (1, 2, 3)):
            fem.solve(tiny_problem(dimension, {"cutoff": CUTOFF, "cells": CELLS, "degree": degree}, directory))
        for dimension, kind in SIMPLICES.items():
            write_mesh(grid_of_simplices(dimension), directory / f"{kind}.vtu")
            for degree in (1, 2):
                fem.solve(tiny_problem(dimension, {"file": f"{kind}.vtu", "degree": degree}, directory))
        problem = tiny_problem(1, {}, directory)
        result = compare.compare_spectra(fem.solve(problem), nn.train(problem), nn.kernel_flow(problem))
        compare.write_report(result, directory / "report.html")


if __name__ == "__main__":
    main()
