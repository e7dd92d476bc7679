"""Weights of the samples: computed ones integrate, given ones are read, and the kernel flow is that of a fine grid."""

from itertools import product

import numpy as np
import pytest

from freqbias import Problem
from freqbias.compare import check_comparable
from freqbias.errors import InputError
from freqbias.nn import kernel_flow
from freqbias.sample_weights import exact_band, quadrature_weights

LOWER, UPPER = np.array([-1.0, 0.5, -2.0]), np.array([2.0, 1.0, 2.0])


def scattered(count, dimension, seed=0):
    return np.random.default_rng(seed).uniform(LOWER[:dimension], UPPER[:dimension], (count, dimension))


@pytest.mark.parametrize(("count", "dimension", "least_band"), [(20, 1, 3), (500, 1, 40), (800, 2, 5), (1500, 3, 3)])
def test_cosines_up_to_the_band_are_exact(count, dimension, least_band):
    points = scattered(count, dimension)
    found = quadrature_weights(points, LOWER[:dimension], UPPER[:dimension])
    assert found.band >= least_band
    assert found.weights.min() > 0
    assert found.weights.sum() == pytest.approx(1, abs=1e-14)
    places = (points - LOWER[:dimension]) / (UPPER - LOWER)[:dimension]
    for k in product(range(found.band + 1), repeat=dimension):
        moment = found.weights @ np.cos(np.pi * places * k).prod(axis=1)
        assert moment == pytest.approx(float(not any(k)), abs=1e-9)
    beyond = np.cos(np.pi * places[:, 0] * 4 * found.band)
    assert abs(found.weights @ beyond) > 1e-6


@pytest.mark.parametrize(("dimension", "slope", "finest"), [(1, -1.7, 1e-6), (2, -0.9, 3e-4)])
def test_smooth_functions_are_integrated_with_a_better_order(dimension, slope, finest):
    """exp(x + y): its cosine series decays as k^-2 only, so the band, N^(1/d) wide, gives the order."""
    counts = np.array([250, 1000, 4000])
    scale = 1 / (UPPER - LOWER)[:dimension]
    errors = []
    for count in counts:
        squares = np.zeros(2)
        for seed in range(3):
            points = scattered(count, dimension, seed)
            values = np.exp((points - LOWER[:dimension]) @ scale)
            weights = quadrature_weights(points, LOWER[:dimension], UPPER[:dimension]).weights
            squares += (np.array([weights @ values, values.mean()]) - (np.e - 1) ** dimension) ** 2
        errors.append(np.sqrt(squares / 3))
    slopes = np.polyfit(np.log(counts), np.log(errors), 1)[0]
    assert slopes[0] < slope
    assert errors[-1][0] < finest < 0.1 * errors[-1][1]


def test_order_of_the_samples_does_not_matter():
    points = scattered(400, 2)
    order = np.random.default_rng(1).permutation(len(points))
    weights = quadrature_weights(points, LOWER[:2], UPPER[:2]).weights
    again = quadrature_weights(points[order], LOWER[:2], UPPER[:2]).weights
    np.testing.assert_allclose(again, weights[order], rtol=1e-9)


def test_samples_at_one_place_share_one_weight():
    points = scattered(300, 1)
    once = quadrature_weights(points, LOWER[:1], UPPER[:1]).weights
    several = np.concatenate([points, points[:50], points[:1]])
    weights = quadrature_weights(several, LOWER[:1], UPPER[:1]).weights
    expected = np.concatenate([once[:50] / 2, once[50:], once[:50] / 2, once[:1] / 3])
    expected[[0, 300]] = once[0] / 3
    np.testing.assert_allclose(weights, expected, rtol=1e-12)


@pytest.mark.parametrize(("count", "place"), [(5, r"0\."), (2000, r"0\.(49|5)")])
def test_a_hole_cannot_be_integrated_over(count, place):
    points = np.random.default_rng(0).uniform(0, 0.5, (count, 1))
    with pytest.raises(InputError, match=rf"do not cover the box.*scarcest near x = \[{place}"):
        quadrature_weights(points, np.zeros(1), np.array([1.0]))


def settings(**data):
    return {
        "network": {"width": 4, "law": {"family": "normal", "scale": 5.0}},
        "target": {"expression": "exp(-4*x**2)*(1 + sin(6*x))"},
        "data": {"lower": [-2.0], "upper": [2.0], "points": [400]} | data,
        "training": {"learning_rate": 0.5, "times": {"first": 1.0, "last": 100.0, "count": 6}},
        "mesh": {"cutoff": 15.0, "cells": 60},
    }


def test_midpoints_of_a_grid_have_equal_weights():
    for weights in ("uniform", "quadrature"):
        problem = Problem.create(settings(weights=weights))
        np.testing.assert_array_equal(problem.weights, np.full(400, 1 / 400))


def test_exact_band_is_that_of_the_weights():
    points = scattered(600, 2)
    found = quadrature_weights(points, LOWER[:2], UPPER[:2])
    np.testing.assert_array_equal(exact_band(points, found.weights, LOWER[:2], UPPER[:2]), found.band)
    uniform = np.full(600, 1 / 600)
    np.testing.assert_array_equal(exact_band(points, uniform, LOWER[:2], UPPER[:2]), 0)


def test_default_mesh_of_scattered_samples_is_that_of_a_grid():
    """Not of the noise between what the weights integrate and the Nyquist frequency, 314 here."""
    grid = Problem.create(settings() | {"mesh": {}})
    problem = Problem.create(settings(sampling="random", weights="quadrature") | {"mesh": {}})
    np.testing.assert_allclose(problem.mesh.bounds, grid.mesh.bounds, rtol=0.1)


def test_kernel_flow_of_scattered_samples_is_that_of_a_fine_grid():
    exact = kernel_flow(Problem.create(settings(points=[500]))).values
    scale = np.abs(exact).max()
    errors = {}
    for count, weights in ((150, "quadrature"), (400, "quadrature"), (400, "uniform")):
        problem = Problem.create(settings(points=[count], sampling="random", weights=weights))
        errors[count, weights] = np.abs(kernel_flow(problem).values - exact).max() / scale
    assert errors[400, "uniform"] > 0.02
    assert errors[150, "quadrature"] < 0.02
    assert errors[400, "quadrature"] < min(1e-5, 0.02 * errors[150, "quadrature"])


def test_a_sample_taken_twice_with_half_its_weight_changes_nothing():
    problem = Problem.create(settings(points=[100], sampling="random", weights="quadrature"))
    spectra = kernel_flow(problem)
    twice = Problem.create(settings(points=[150], sampling="random"))
    points = np.concatenate([problem.points, problem.points[:50]])
    errors = np.concatenate([problem.initial_error, problem.initial_error[:50]])
    weights = np.concatenate([problem.weights[:50] / 2, problem.weights[50:], problem.weights[:50] / 2])
    twice.set_samples(points, weights, errors)
    again = kernel_flow(twice)
    np.testing.assert_allclose(again.values, spectra.values, atol=1e-12)
    np.testing.assert_allclose(again.loss, spectra.loss, rtol=1e-10)
    twice.set_samples(points, np.full(150, 1 / 150), errors)
    assert np.abs(kernel_flow(twice).values - spectra.values).max() > 1e-3


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".csv"])
def test_weights_from_a_file_are_normalized(tmp_path, suffix):
    given = np.random.default_rng(0).uniform(1, 3, 400)
    save = {".npy": np.save, ".npz": np.savez, ".csv": np.savetxt}[suffix]
    save(tmp_path / f"w{suffix}", given)
    problem = Problem.create(settings(weights="file", weights_file=f"w{suffix}"), directory=tmp_path)
    np.testing.assert_allclose(problem.weights, given / given.sum(), rtol=1e-14)
    assert problem.digest != Problem.create(settings()).digest


def test_weights_beside_the_samples(tmp_path):
    table = np.column_stack([np.linspace(-1.9, 1.9, 50), np.sin(np.arange(50)), 1.0 + np.arange(50)])
    np.savetxt(tmp_path / "s.csv", table, delimiter=",")
    given = settings(sampling="file", weights="file") | {"target": {"file": "s.csv"}}
    del given["data"]["points"]
    problem = Problem.create(given, directory=tmp_path)
    np.testing.assert_allclose(problem.weights, table[:, 2] / table[:, 2].sum(), rtol=1e-14)
    np.testing.assert_array_equal(problem.target_values, table[:, 1])
    np.savetxt(tmp_path / "s.csv", table[:, :2], delimiter=",")
    with pytest.raises(InputError, match=r"target\.file: .*2 axes"):
        _ = Problem.create(given, directory=tmp_path).weights


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (np.ones(399), r"weights_file: .*w\.npy: holds an array of shape \(399,\).*400"),
        (np.ones((2, 200)), r"shape \(2, 200\)"),
        (np.r_[np.ones(399), 0.0], "1 of 400 weights are not positive and finite, the first is 0.0 of sample 399"),
        (np.r_[-1.0, np.ones(399)], "the first is -1.0 of sample 0"),
        (np.r_[np.nan, np.ones(398), np.inf], "2 of 400 weights"),
        (np.ones(400, dtype=complex), "must hold real numbers"),
    ],
)
def test_bad_weights_are_named(tmp_path, content, expected):
    np.save(tmp_path / "w.npy", content)
    problem = Problem.create(settings(weights="file", weights_file="w.npy"), directory=tmp_path, source="given.toml")
    with pytest.raises(InputError, match=expected) as caught:
        _ = problem.weights
    assert str(caught.value).startswith("given.toml: data.weights_file: ")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"weights": "even"}, r"data\.weights = 'even': must be 'uniform', 'quadrature' or 'file'"),
        ({"weights": "file"}, "weights_file is missing"),
        ({"weights_file": __file__}, 'belongs to weights = "file"'),
        ({"weights": "file", "weights_file": "none.npy"}, r"data\.weights_file.*no such file"),
    ],
)
def test_bad_keys_are_named(data, expected):
    with pytest.raises(InputError, match=expected):
        Problem.create(settings(**data))


def test_spectra_with_other_weights_are_not_compared():
    problem = Problem.create(settings(points=[60], sampling="random", weights="quadrature"))
    other = Problem.create(settings(points=[60], sampling="random"))
    with pytest.raises(InputError, match="sample weights differ at sample"):
        check_comparable([kernel_flow(problem), kernel_flow(other)])


def test_spectrum_files_keep_the_weights(tmp_path):
    problem = Problem.create(settings(points=[60], sampling="random", weights="quadrature"))
    spectra = kernel_flow(problem)
    spectra.write(tmp_path / "kernel.nc")
    again = type(spectra).read(tmp_path / "kernel.nc")
    np.testing.assert_array_equal(again.problem.weights, problem.weights)
    assert again.problem.digest == problem.digest
