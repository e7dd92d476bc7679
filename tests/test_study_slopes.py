"""Slopes of a study: exponents that are known, and intervals that hold them as often as they say."""

import numpy as np
import pandas as pd
import pytest

from freqbias.study.analysis import effects, fitted_slopes
from freqbias.study.axes import Column
from freqbias.study.slopes import NoSlope, Slope, fit_slope


def test_exact_power():
    x = np.array([4.0, 1.0, 16.0, 2.0])
    slope = fit_slope(x, 3 * x**-0.5)
    assert slope.exponent == pytest.approx(-0.5, abs=1e-12)
    assert slope.factor == pytest.approx(3)
    assert slope.half_width < 1e-6  # the root of what rounding leaves of 1 - r²
    assert slope.count == 4
    assert slope.local == pytest.approx([-0.5] * 3)


def test_interval_by_hand():
    """Three points (0, 0), (1, 1), (2, 1) in logarithms: slope 1/2, standard error sqrt(1/12), t = 12.706."""
    slope_error, quantile = np.sqrt(1 / 12), 12.7062047
    found = fit_slope(np.exp([0, 1, 2]), np.exp([0, 1, 1]))
    assert isinstance(found, NoSlope)
    assert found.reason == f"scatters too much, 0.5 ± {slope_error * quantile:.2g} does not exclude 0"
    # Four points more on the line: still the least-squares line, now with a finite claim.
    x = np.arange(8.0)
    y = 2 * x + np.array([0.1, -0.1] * 4)
    found = fit_slope(np.exp(x), np.exp(y))
    expected, cov = np.polyfit(x, y, 1, cov=True)
    assert found.exponent == pytest.approx(expected[0])
    assert found.half_width == pytest.approx(2.446911851 * np.sqrt(cov[0, 0]), rel=1e-6)


@pytest.mark.parametrize("count", [3, 5, 8])
def test_interval_holds_the_exponent_in_95_of_100_cases(count):
    """All cases count, also those in which 0 is not excluded: a large exponent keeps them apart from 0."""
    generator = np.random.default_rng(7)
    x, cases = np.geomspace(100, 10000, count), 2000
    held = 0
    for _ in range(cases):
        found = fit_slope(x, 2 * x**-20.0 * np.exp(generator.normal(0, 0.3, count)))
        held += abs(found.exponent + 20) <= found.half_width
    assert held / cases == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize(
    ("x", "y", "reason"),
    [
        ([1, 2], [1, 2], "2 values, at least 3 are needed"),
        ([1, 2, 4], [1, np.nan, 3], "2 values, at least 3 are needed"),
        ([0, 2, 4], [1, 2, 3], "not all values are positive"),
        ([1, 2, 4], [1, 0, 3], "not all values are positive"),
        ([1, 2, 4], [1, 1.05, 1.1], "flat, changes by 10 %"),
        ([1, 2, 4, 8], [1, 3, 1, 3], "scatters too much"),
    ],
)
def test_no_slope(x, y, reason):
    found = fit_slope(np.array(x), np.array(y))
    assert isinstance(found, NoSlope)
    assert reason in found.reason


COLUMNS = (Column("width", (10, 100, 1000)), Column("sampling", ("a", "b")))


def grid_table():
    rows = [
        {"width": width, "sampling": sampling, "network_vs_pde": factor * width**exponent, "network_vs_pde_noise": 1e-5}
        for width in COLUMNS[0].labels
        for sampling, factor, exponent in (("a", 1.0, -1.0), ("b", 8.0, -0.5))
    ]
    return pd.DataFrame(rows)


def test_slopes_of_every_series():
    found = fitted_slopes(grid_table(), COLUMNS)
    assert [(one.column.name, one.others) for one in found] == [
        ("width", {"sampling": "a"}),
        ("width", {"sampling": "b"}),
    ]
    assert [one.result.exponent for one in found] == pytest.approx([-1, -0.5])
    assert found[1].result.factor == pytest.approx(8)


def test_differences_within_noise_are_left_out():
    table = grid_table()
    table["network_vs_pde_noise"] = 0.005
    first, second = fitted_slopes(table, COLUMNS)
    assert first.result.reason == "2 values, at least 3 are needed"
    assert isinstance(second.result, Slope)


def test_effects_by_hand():
    """Along width the factors are 100 and 10; along sampling 8 · 10^½, 80 and 8 · 10^1.5: geometric mean 80."""
    found = {one.column.name: one.factor for one in effects(grid_table(), COLUMNS)}
    assert found == pytest.approx({"width": np.sqrt(1000), "sampling": 80})
