"""Spectrum files: what is written is read back, broken files are named, nothing is half-written."""

import numpy as np
import pytest
import xarray as xr

from freqbias import ErrorSpectra, Problem
from freqbias.errors import InputError
from freqbias.files import atomic_path
from freqbias.spectra import stored_spectra


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


@pytest.fixture
def several(spectra):
    """Three runs, beside the one of ``spectra``."""
    generator = np.random.default_rng(1)
    runs, imaginary = generator.standard_normal((2, 3, *spectra.values.shape))
    losses = generator.random((3, len(spectra.times)))
    return ErrorSpectra.of_ensemble(
        "network", spectra.problem, spectra.times, runs + 1j * imaginary, losses, (4, 0, 9), {"steps": 7}
    )


def test_round_trip_of_several_runs(several, tmp_path):
    several.write(tmp_path / "s.nc")
    again = ErrorSpectra.read(tmp_path / "s.nc")
    for name in ("values", "loss", "ensemble", "ensemble_loss"):
        np.testing.assert_array_equal(getattr(again, name), getattr(several, name))
    assert again.seeds == (4, 0, 9)
    assert again.values == pytest.approx((again.ensemble[0] + again.ensemble[1] + again.ensemble[2]) / 3, rel=1e-14)
    assert again.loss == pytest.approx(again.ensemble_loss.mean(axis=0))
    with xr.open_dataset(tmp_path / "s.nc", engine="h5netcdf") as dataset:
        assert dataset["error_spectrum"].dims == ("seed", "time", "node", "part")
        assert dataset["loss"].dims == ("seed", "time")
        assert dataset["seed"].values.tolist() == [4, 0, 9]
        assert sum("node" in array.dims and "time" in array.dims for array in dataset.variables.values()) == 1


def test_one_time_of_several_runs_is_their_mean(several, tmp_path):
    several.write(tmp_path / "s.nc")
    with stored_spectra(tmp_path / "s.nc") as stored:
        assert stored.seeds == (4, 0, 9)
        np.testing.assert_array_equal(stored.runs_at(2), several.ensemble[:, 2])
        assert stored.at(2) == pytest.approx(several.values[2], rel=1e-14)


def test_one_seed_is_no_ensemble(spectra, tmp_path):
    one = ErrorSpectra.of_ensemble(
        "network", spectra.problem, spectra.times, spectra.values[None], spectra.loss[None], [6], spectra.info
    )
    assert one.ensemble is None
    assert one.seeds == ()
    np.testing.assert_array_equal(one.values, spectra.values)
    np.testing.assert_array_equal(one.loss, spectra.loss)
    np.testing.assert_array_equal(one.runs[0], spectra.values)
    np.testing.assert_array_equal(one.run_losses[0], spectra.loss)


@pytest.mark.parametrize(
    ("seeds", "shape", "message"),
    [
        ((1, 2), (3, 6, 121), "ensemble has the shape"),
        ((1, 1), (2, 6, 121), "needs different ones"),
        ((), (2, 6, 121), "need an ensemble"),
    ],
)
def test_an_ensemble_needs_its_seeds(spectra, seeds, shape, message):
    assert spectra.values.shape == (6, 121)
    with pytest.raises(ValueError, match=message):
        ErrorSpectra(
            "network", spectra.problem, spectra.times, spectra.values, None, {}, seeds, np.zeros(shape, complex)
        )


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


def test_a_seed_twice_is_named(several, tmp_path):
    dataset = several.to_xarray()
    dataset.assign_coords(seed=[4, 4, 9]).to_netcdf(tmp_path / "s.nc", engine="h5netcdf")
    with pytest.raises(InputError, match="seed names a run twice"):
        ErrorSpectra.read(tmp_path / "s.nc")


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
