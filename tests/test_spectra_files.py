"""Spectrum files: what is written is read back, broken files are named, nothing is half-written."""

import numpy as np
import pytest
import xarray as xr

from freqbias import ErrorSpectra, Problem
from freqbias.errors import InputError
from freqbias.files import atomic_path


@pytest.fixture
def spectra(settings):
    problem = Problem.create(settings)
    shape = (len(problem.times), len(problem.mesh.nodes))
    values = np.random.default_rng(0).standard_normal((2, *shape))
    loss = np.linspace(1, 0, shape[0])
    return ErrorSpectra("network", problem, problem.times, values[0] + 1j * values[1], loss, {"steps": 7, "rule": "x"})


def test_round_trip(spectra, tmp_path):
    spectra.write(tmp_path / "s.nc")
    again = ErrorSpectra.read(tmp_path / "s.nc")
    for name in ("times", "values", "loss", "frequencies"):
        np.testing.assert_array_equal(getattr(again, name), getattr(spectra, name))
    assert again.level == "network"
    assert again.info == spectra.info
    assert again.problem.digest == spectra.problem.digest
    assert [path.name for path in tmp_path.iterdir()] == ["s.nc"]


def test_layout_that_others_read(spectra, tmp_path):
    spectra.write(tmp_path / "s.nc")
    with xr.open_dataset(tmp_path / "s.nc", engine="h5netcdf") as dataset:
        assert dataset["error_spectrum"].dims == ("time", "node", "part")
        assert dataset["frequency"].dims == ("node", "axis")
        assert list(dataset["part"].values) == ["real", "imag"]
        assert dataset["frequency"].attrs["units"] == "radians per unit of x"
        assert dataset.attrs["problem_digest"] == spectra.problem.digest


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda d: d.assign_attrs(schema="other"), "schema = 'other'"),
        (lambda d: d.drop_vars("initial_error"), "not a complete spectrum file"),
        (lambda d: d.isel(part=[0]), "not a complete spectrum file"),
        (lambda d: d.assign_coords(frequency=d["frequency"] * 2), "does not hold the nodes"),
        (lambda d: d.assign(error_spectrum=d["error_spectrum"] * np.nan), "not finite"),
        (lambda d: d.assign_attrs(problem="[network"), "is not TOML"),
        (lambda d: d.assign_attrs(level="guess"), "level 'guess'"),
    ],
)
def test_damaged_content_is_named(spectra, tmp_path, damage, expected):
    damage(spectra.to_xarray()).to_netcdf(tmp_path / "s.nc", engine="h5netcdf")
    with pytest.raises(InputError) as caught:
        ErrorSpectra.read(tmp_path / "s.nc")
    assert expected in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "s.nc"))


def test_damaged_files_are_named(spectra, tmp_path):
    path = tmp_path / "s.nc"
    with pytest.raises(InputError, match="there is no such file"):
        ErrorSpectra.read(path)
    for content in (b"", b"not netcdf"):
        path.write_bytes(content)
        with pytest.raises(InputError, match="cannot be read as NetCDF"):
            ErrorSpectra.read(path)
    spectra.write(path)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(InputError, match=r"cannot be read as NetCDF|not a complete"):
        ErrorSpectra.read(path)


def test_failed_write_leaves_the_former_file(tmp_path):
    path = tmp_path / "kept.txt"
    path.write_text("former")
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "former"
    assert [p.name for p in tmp_path.iterdir()] == ["kept.txt"]


def test_place_that_is_not_a_folder_is_named(spectra, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        spectra.write(tmp_path / "file" / "s.nc")
