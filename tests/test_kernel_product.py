"""Products with the kernel without its matrix, against the matrix."""

import numpy as np
import pytest

from freqbias import Problem
from freqbias.families import Family
from freqbias.nn import kernel_product as module
from freqbias.nn.kernel_matrix import kernel_matrix
from freqbias.nn.kernel_product import HeavyTailsError, SeriesProduct, kernel_product
from freqbias.nn.kernel_series import kernel_series

LAWS = {
    "uniform": {"family": "uniform", "scale": [6.0, 5.0, 4.0], "location": [1.0, -2.0, 0.5]},
    "normal": {"family": "normal", "scale": [3.0, 2.0, 2.5], "location": [1.0, -2.0, 0.5]},
    "laplace": {"family": "laplace", "scale": 1.0},
    "student-t": {"family": "student-t", "dof": 8.0, "scale": 1.5},
    "mixture": {
        "family": "mixture",
        "weights": [0.75, 0.25],
        "components": [{"family": "normal", "scale": 2.0, "location": 1.0}, {"family": "uniform", "scale": 5.0}],
    },
}
LOWER, UPPER = [-1.0, 0.2, -1.5], [2.0, 1.0, 0.5]
#: Modes and decimals are dear in space.
TOLERANCE = {1: 1e-12, 2: 1e-12, 3: 1e-9}


def problem_of(law, dimension, points=None, mobility=1.0):
    keys = {key: value[:dimension] if key in ("scale", "location") and isinstance(value, list) else value
            for key, value in law.items()}  # fmt: skip
    return Problem.create(
        {
            "network": {"width": 4, "frequency_rate_ratio": mobility, "amplitude_std": 1.5, "law": keys},
            "target": {"expression": "x"},
            "data": {"lower": LOWER[:dimension], "upper": UPPER[:dimension]}
            | ({"points": [150], "sampling": "random"} if points is None else {"points": points}),
            "training": {"learning_rate": 0.5, "times": {"last": 20.0}},
        }
    )


def relative_error(product, matrix):
    vector = np.random.default_rng(1).standard_normal(len(matrix))
    expected = matrix @ vector
    return np.abs(product(vector) - expected).max() / np.abs(expected).max()


@pytest.mark.parametrize(
    ("law", "dimension"),
    [(law, d) for law in LAWS for d in (1, 2, 3) if d < 3 or law in ("uniform", "normal", "mixture")],
)
def test_series_against_the_matrix(law, dimension):
    problem = problem_of(LAWS[law], dimension)
    product = kernel_product(problem.family, problem.points, None, TOLERANCE[dimension], threads=1)
    assert product.series_error <= (TOLERANCE[dimension] if law != "student-t" else 1e-9)
    allowed = 30 * max(product.series_error, TOLERANCE[dimension])
    assert relative_error(product, kernel_matrix(problem.family, problem.points)) <= allowed


def test_series_of_a_tabulated_law():
    axis = np.linspace(-5, 5, 41)
    law = {"family": "tabulated", "axes": [axis.tolist()], "values": np.exp(-(axis**2) / 4).tolist(), "normalize": True}
    problem = problem_of(law, 1)
    product = kernel_product(problem.family, problem.points, None, 1e-11, threads=1)
    assert relative_error(product, kernel_matrix(problem.family, problem.points)) <= 1e-10


@pytest.mark.parametrize("shape", [[64], [1], [9, 14], [5, 4, 7]])
def test_grid_against_the_matrix(shape):
    """Exact, also where the law has heavy tails."""
    problem = problem_of({"family": "student-t", "dof": 1.0, "scale": 1.5, "location": 1.0}, len(shape), shape)
    product = kernel_product(problem.family, problem.points, problem.grid_shape)
    assert product.series_error == 0
    assert relative_error(product, kernel_matrix(problem.family, problem.points, problem.grid_shape)) <= 2e-14


def test_grid_and_series_are_one_operator():
    problem = problem_of(LAWS["normal"], 2, [12, 11])
    vector = np.random.default_rng(2).standard_normal(132)
    grid = kernel_product(problem.family, problem.points, problem.grid_shape)(vector)
    series = kernel_product(problem.family, problem.points, None, 1e-12, threads=1)(vector)
    np.testing.assert_allclose(series, grid, atol=1e-11 * np.abs(grid).max())


def test_symmetric():
    """Lanczos relies on it."""
    problem = problem_of(LAWS["uniform"], 2)
    product = kernel_product(problem.family, problem.points, None, 1e-9, threads=1)
    left, right = np.random.default_rng(3).standard_normal((2, len(problem.points)))
    assert left @ product(right) == pytest.approx(right @ product(left), rel=1e-12, abs=1e-11)
    assert product.count == 2


@pytest.mark.parametrize("dimension", [1, 2])
def test_frozen_frequencies(dimension):
    problem = problem_of(LAWS["normal"], dimension, mobility=0.0)
    product = kernel_product(problem.family, problem.points, None, 1e-12, threads=1)
    assert relative_error(product, kernel_matrix(problem.family, problem.points)) <= 1e-11


class TwoKernels(Family):
    """C and D of different shape."""

    def damping(self, frequencies):
        raise AssertionError("products of the kernel need no symbol")

    diffusion = damping

    def stationary_kernels(self, differences):
        squares = (differences**2).sum(axis=1)
        return np.exp(-4 * squares), 0.3 * np.exp(-squares) * np.cos(3 * differences[:, 0])


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_two_kernels_that_are_not_proportional(dimension):
    points = problem_of(LAWS["normal"], dimension).points
    product = kernel_product(TwoKernels(), points, None, 1e-9, threads=1)
    assert relative_error(product, kernel_matrix(TwoKernels(), points)) <= 1e-8


def test_heavy_tails_at_scattered_samples_are_refused(monkeypatch):
    monkeypatch.setattr(module, "_MOST_MODES", 2**12)
    problem = problem_of({"family": "student-t", "dof": 1.0, "scale": 1.5}, 2)
    with pytest.raises(HeavyTailsError, match=r"heavy tails .* relative error of .*: try samples on a grid"):
        SeriesProduct(problem.family, problem.points)


def test_error_of_the_series_is_measured_where_it_is_largest():
    """The kernel of the Cauchy law, exp(-|z|), has a kink at 0, which n modes blunt over a length of about 1/n."""

    def kernel(z):
        return np.exp(-np.abs(z[:, 0]))

    points = np.random.default_rng(0).uniform(0, 3, (1000, 1))
    errors = [kernel_series(kernel, np.array([3.0]), 1e-12, n).error(kernel, points) for n in (2**11, 2**13)]
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.3)
    period = 2 * kernel_series(kernel, np.array([3.0]), 1e-12, 2**11).half_period[0]
    # Interpolation: exact on its grid, so the largest error lies half a cell from the kink, about a quarter of a cell.
    assert 0.1 * period / 2**11 < errors[0] < 0.5 * period / 2**11


def test_series_of_waves_is_exact():
    """Within the reach, whatever the window does beyond."""
    k = np.array([3.0, 7.0])
    series = kernel_series(lambda z: np.cos(z @ k), np.array([2.0, 1.0]), 1e-12, 2**20)
    z = np.random.default_rng(0).uniform(-1, 1, (500, 2)) * [2.0, 1.0]
    np.testing.assert_allclose(series(z), np.cos(z @ k), atol=3e-12)
