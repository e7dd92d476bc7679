"""A comparison as xarray and pandas objects."""

import numpy as np
import pytest
from compare_cases import line_comparison, plane_comparison, spectra, three_tones, three_tones_pde

from freqbias.compare import compare_spectra


@pytest.mark.parametrize("make", [line_comparison, plane_comparison])
def test_the_dataset_holds_the_comparison(make):
    comparison = make()
    found = comparison.to_xarray()
    assert found["relative_error"].dims == ("pair", "time")
    np.testing.assert_array_equal(found["time"], comparison.times)
    for pair, error in comparison.relative_error.items():
        np.testing.assert_array_equal(found["relative_error"].sel(pair=pair), error)
    for level, one in comparison.spectra.items():
        np.testing.assert_array_equal(found["error_spectrum"].sel(level=level), one.values)
        np.testing.assert_array_equal(found["bias_index"].sel(level=level), comparison.bias[level].index)
        np.testing.assert_array_equal(found["low"].sel(level=level), comparison.split[level].low)
        np.testing.assert_array_equal(found["decay_rate"].sel(level=level), comparison.decay.rate[level])
    np.testing.assert_array_equal(found["frequency"], comparison.problem.mesh.nodes)
    for name in ("relative_error", "phase_shift", "loss", "emergence_time", "frequency", "magnitude"):
        assert found[name].attrs["units"]
    assert found["frequency"].attrs["units"] == "radians per unit of x"


def test_missing_levels_are_nan():
    problem = three_tones()
    comparison = compare_spectra(None, spectra("network", three_tones_pde(problem), problem))
    found = comparison.to_xarray()
    assert np.isnan(found["relative_error"]).all()
    assert np.isnan(found["error_spectrum"].sel(level="pde")).all()
    assert np.isfinite(found["error_spectrum"].sel(level="network")).all()
    assert comparison.to_pandas().empty


def test_the_table_has_a_row_for_each_pair_and_time():
    comparison = line_comparison()
    table = comparison.to_pandas()
    assert len(table) == 3 * len(comparison.times)
    assert list(table.columns) == ["pair", "time", "relative_error", "magnitude_error", "phase_error", "phase_shift"]
    assert table.groupby("pair")["relative_error"].max().to_dict() == pytest.approx(comparison.max_relative_error)
