"""Folding along the axes in which the problem is even: the same spectra from a part of the box."""

import numpy as np
import pytest
from mpi4py import MPI

from freqbias import Problem, fem
from freqbias.families import FAMILIES
from freqbias.fem.symmetry import fold
from freqbias.meshes import box_mesh

pytestmark = pytest.mark.mpi
COMM = MPI.COMM_WORLD


def problem(dimension, law=None, target=None, **training):
    coordinates = "xyz"[:dimension]
    waves = "+".join(f"{k}*{x}" for k, x in zip((3, -2, 1), coordinates, strict=False))
    square = "+".join(f"{x}**2" for x in coordinates)
    return Problem.create(
        {
            "network": {"width": 400, "law": law or {"family": "normal", "scale": 4.0}},
            "target": {"expression": target or f"exp(-({square}))*sin({waves}) + 0.5*exp(-2*({square}))"},
            "data": {
                "lower": [-3.0] * dimension,
                "upper": [3.0] * dimension,
                "points": [{1: 64, 2: 32, 3: 14}[dimension]],
            },
            "training": {"learning_rate": 0.5, "times": {"first": 1.0, "last": 1e4, "count": 7}} | training,
            "mesh": {"cutoff": {1: 15.0, 2: 10.0, 3: 6.0}[dimension], "cells": {1: 80, 2: 24, 3: 8}[dimension]},
        }
    )


def relative_difference(first, second):
    """Largest over time; the ranks that hold nothing get it from rank 0."""
    found = None
    if COMM.rank == 0:
        mesh = second.mesh
        found = (mesh.norm(first.values - second.values) / mesh.norm(second.values[0])).max()
    return COMM.bcast(found)


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_folded_and_whole_give_the_same_spectra(dimension):
    given = problem(dimension)
    folded = fem.solve(given)
    whole = fem.solve(given, symmetric=False)
    assert relative_difference(folded, whole) < 3e-9
    if COMM.rank == 0:
        assert folded.info["folded_axes"] == dimension
        assert whole.info["folded_axes"] == 0
        assert folded.info["unknowns"] == np.prod([(n + 1) // 2 for n in given.mesh.shape])


def test_discrete_optimizer_folded():
    given = problem(1, optimizer="momentum", learning_rate=2.0, times={"first": 2.0, "last": 200.0, "count": 5})
    assert relative_difference(fem.solve(given), fem.solve(given, symmetric=False)) < 3e-9


def test_axes_that_are_not_even_are_not_folded():
    """The law's symmetric part is even in xi, not in every coordinate."""
    tilted = {
        "family": "mixture",
        "weights": [0.5, 0.5],
        "components": [
            {"family": "normal", "scale": 3.0, "location": [4.0, 4.0]},
            {"family": "normal", "scale": 3.0, "location": [0.0, 0.0]},
        ],
    }
    given = problem(2, law=tilted)
    family = FAMILIES["fourier-features"](given.settings.network)
    assert fold(given.mesh, family).axes == ()
    shifted = problem(2, law={"family": "normal", "scale": 3.0, "location": [0.0, 5.0]})
    assert fold(shifted.mesh, FAMILIES["fourier-features"](shifted.settings.network)).axes == (0, 1)
    values = fem.solve(given)
    if COMM.rank == 0:
        assert values.info["folded_axes"] == 0
        np.testing.assert_allclose(
            values.values[:, ::-1], values.values.conj(), atol=1e-8 * np.abs(values.values).max()
        )


def test_mesh_without_a_line_at_zero_is_not_folded():
    given = problem(1)
    family = FAMILIES["fourier-features"](given.settings.network)
    assert fold(box_mesh([15.0], [81], 2), family).axes == ()
    assert fold(box_mesh([15.0], [80], 2), family).axes == (0,)


def test_one_axis_of_three():
    """Folded in one axis only, parts are complex; a mistake in a sign would mix them."""
    given = problem(3)
    folding = fold(given.mesh, given.family)
    partial = type(folding)(
        (1,),
        folding.whole,
        type(folding.mesh)(
            (given.mesh.axes[0], given.mesh.axes[1][given.mesh.axes[1] >= 0], given.mesh.axes[2]), given.mesh.degree
        ),
    )
    wave = lambda xi: np.exp(-((xi - 1) ** 2).sum(axis=1) + 1j * xi @ np.array([0.3, -0.7, 0.2]))  # noqa: E731
    for candidate, symmetric in ((partial, wave), (folding, lambda xi: wave(xi) + wave(-xi).conj())):
        parts = candidate.parts(symmetric, candidate.mesh.nodes)
        assert all(
            np.all(part[candidate.mesh.nodes[:, 1] == 0] == 0)
            for part, odd in zip(parts, candidate.parities, strict=True)
            if odd[candidate.axes.index(1)]
        )
        whole = candidate.unfold([part[None] for part in parts])
        np.testing.assert_allclose(whole[0], symmetric(given.mesh.nodes), atol=1e-14)
