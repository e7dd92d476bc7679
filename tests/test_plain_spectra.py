"""Spectra of other tools: CSV and NetCDF files, what is wrong with them, and their way into a comparison."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from compare_cases import (
    frozen,
    plane_problem,
    settings,
    spectra,
    three_tones,
    three_tones_pde,
)

from freqbias.compare import align, compare_spectra
from freqbias.errors import InputError
from freqbias.meshes import BoxMesh, UnstructuredMesh
from freqbias.plain_files import read_any, read_plain_spectra
from freqbias.plain_spectra import PlainSpectra
from freqbias.problem import Problem
from freqbias.spectra import ErrorSpectra

DOCUMENT = Path(__file__).parent.parent / "docs" / "file-formats.md"

TIMES = np.array([0.0, 1.0, 4.0])
LINE = np.array([[-2.0], [-0.5], [0.0], [1.0], [3.0]])
VALUES = np.exp(-np.outer(TIMES, np.abs(LINE[:, 0]))) * np.exp(1j * LINE[:, 0])
AXES = (np.array([-1.0, 0.0, 2.0]), np.array([-3.0, 3.0]))
PLANE = np.stack([c.ravel() for c in np.meshgrid(*AXES, indexing="ij")], axis=1)
PLANE_VALUES = np.outer([1.0, 0.6, 0.2], np.exp(1j * PLANE @ [1.0, 0.5]))


def csv(path, frequencies=LINE, values=VALUES, times=TIMES, comments="", order=None):
    names = ["frequency"] if frequencies.shape[1] == 1 else [f"frequency_{axis}" for axis in "xyz"]
    lines = [",".join(["time", *names[: frequencies.shape[1]], "real", "imag"])]
    rows = [
        ",".join(map(repr, [float(t), *map(float, xi), float(v.real), float(v.imag)]))
        for t, row in zip(times, values, strict=True)
        for xi, v in zip(frequencies, row, strict=True)
    ]
    path.write_text(comments + "\n".join([*lines, *(rows if order is None else [rows[k] for k in order])]) + "\n")
    return path


def assert_read(path, frequencies=LINE, values=VALUES):
    found = read_any(path)
    assert isinstance(found, PlainSpectra)
    assert found.source == str(path)
    order, wanted = np.lexsort(found.frequencies.T[::-1]), np.lexsort(frequencies.T[::-1])
    np.testing.assert_array_equal(found.times, TIMES)
    np.testing.assert_allclose(found.frequencies[order], frequencies[wanted], rtol=1e-15)
    np.testing.assert_allclose(found.values[:, order], values[:, wanted], rtol=1e-15)
    return found


def test_csv_in_any_order_of_rows(tmp_path):
    found = assert_read(csv(tmp_path / "a.csv"))
    assert (found.level, found.notes) == ("network", ())
    shuffled = np.random.default_rng(0).permutation(VALUES.size)
    assert_read(csv(tmp_path / "b.csv", comments="# level = kernel\n# made by hand\n", order=shuffled))
    assert read_any(tmp_path / "b.csv").level == "kernel"
    assert_read(csv(tmp_path / "c.txt", PLANE, PLANE_VALUES), PLANE, PLANE_VALUES)


@pytest.mark.parametrize(
    ("unit", "factor"),
    [
        ("radians per unit of x", 1),
        ("rad/m", 1),
        ("cycles per unit of x", 2 * np.pi),
        ("Hz", 2 * np.pi),
        ("hertz", 2 * np.pi),
        ("cycle/pixel", 2 * np.pi),
    ],
)
def test_units_are_honoured(tmp_path, unit, factor):
    found = read_any(csv(tmp_path / "a.csv", comments=f"# units = {unit}\n"))
    np.testing.assert_allclose(found.frequencies, factor * LINE)
    data = dataset_of_parts()
    data["frequency"].attrs["units"] = unit
    data.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    again = read_any(tmp_path / "a.nc")
    np.testing.assert_allclose(again.frequencies, factor * LINE)
    notes = () if factor == 1 else (f'frequencies in "{unit}" multiplied by 2 pi',)
    assert found.notes == again.notes == notes


def replaced(old, new):
    return lambda text: text.replace(old, new, 1)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda text: "", "is empty, must hold a header and rows"),
        (lambda text: text.splitlines()[0], "holds no rows"),
        (replaced("imag", "imaginary"), "column imag is missing: the header must name time, frequency"),
        (replaced("frequency", "xi"), "column frequency is missing"),
        (replaced("time,", "t,"), "column time is missing"),
        (replaced("0.0,-0.5", "0.0,nan"), "column frequency: row 2 holds"),
        (replaced("0.0,-0.5", "0.0,left"), "column frequency: row 2 holds 'left', must be a finite number"),
        (replaced("0.0,-0.5", "0.0,-2.0"), "time 0, frequency -2 stands there twice"),
        (replaced("1.0,-0.5", "1.0,-0.6"), "frequency -0.6 at time 1 is not among those of time 0"),
        (lambda text: "\n".join(text.splitlines()[:-1]), "4 frequencies at time 4, 5 at time 0: must be the same"),
        (lambda text: "\n".join([text.splitlines()[0], *text.splitlines()[6:]]), "time starts at 1, must start at 0"),
        (lambda text: "# level = theory\n" + text, "level = 'theory' must be pde, kernel or network"),
        (lambda text: text + "1,2,3,4,5,6,7\n", "cannot be read as CSV"),
    ],
)
def test_a_broken_csv_is_named(tmp_path, change, text):
    path = csv(tmp_path / "broken.csv")
    path.write_text(change(path.read_text()))
    with pytest.raises(InputError) as caught:
        read_any(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


def dataset_of_parts():
    return xr.Dataset(
        {"spectrum": (("time", "node", "part"), np.stack([VALUES.real, VALUES.imag], axis=-1))},
        {"time": TIMES, "frequency": (("node", "axis"), LINE)},
    )


def two_variables():
    return xr.Dataset(
        {"real": (("frequency", "time"), VALUES.real.T), "imag": (("time", "frequency"), VALUES.imag)},
        {"time": TIMES, "frequency": LINE[:, 0]},
        {"level": "pde"},
    )


def grid():
    shape = (len(TIMES), *map(len, AXES))
    names = ("time", "frequency_x", "frequency_y")
    return xr.Dataset(
        {
            "real": (names, PLANE_VALUES.real.reshape(shape)),
            "imag": (names, PLANE_VALUES.imag.reshape(shape)),
        },
        dict(zip(names, (TIMES, *AXES), strict=True)),
    )


def test_netcdf_of_several_shapes(tmp_path):
    dataset_of_parts().to_netcdf(tmp_path / "parts.nc", engine="h5netcdf")
    assert_read(tmp_path / "parts.nc")
    two_variables().to_netcdf(tmp_path / "two.nc", engine="h5netcdf")
    assert assert_read(tmp_path / "two.nc").level == "pde"
    two_variables().to_netcdf(tmp_path / "classic.nc", engine="scipy")
    assert_read(tmp_path / "classic.nc")
    grid().to_netcdf(tmp_path / "grid.nc", engine="h5netcdf")
    assert_read(tmp_path / "grid.nc", PLANE, PLANE_VALUES)
    complex_values = xr.Dataset(
        {"v": (("time", "node"), VALUES)}, {"time": TIMES, "frequency": (("node",), LINE[:, 0])}
    )
    complex_values.to_netcdf(tmp_path / "complex.h5", engine="h5netcdf", invalid_netcdf=True)
    assert_read(tmp_path / "complex.h5")
    assert read_plain_spectra(tmp_path / "complex.h5").dimension == 1


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda data: data.drop_vars("time"), "the variable time (time,) is missing"),
        (lambda data: data.drop_vars("frequency"), "the variable frequency (node,) or (node, axis) is missing"),
        (lambda data: data.drop_vars("spectrum"), "the values must be two variables real and imag"),
        (lambda data: data.assign(other=data["spectrum"]), "got spectrum, other"),
        (lambda data: data.isel(part=[0]), "spectrum: the axis part has 1 entries, must have 2 (real, imag)"),
        (lambda data: data.assign_coords(part=["imag", "real"]), "the axis part is imag, real, must be real, imag"),
        (lambda data: data.isel(time=slice(1, None)), "time starts at 1, must start at 0"),
        (lambda data: data.isel(time=[0, 2, 1]), "time 1 follows 4, must increase"),
        (lambda data: data.where(data["time"] != 4), "the value at time 4, frequency -2 is not finite"),
        (lambda data: data.isel(node=[0, 1, 1]), "frequency -0.5 stands there twice"),
        (lambda data: 0 * data, "all values at time 0 are 0"),
        (lambda data: data.assign_attrs(schema="other"), "schema = 'other': must be"),
    ],
)
def test_a_broken_netcdf_is_named(tmp_path, change, text):
    path = tmp_path / "broken.nc"
    change(dataset_of_parts()).to_netcdf(path, engine="h5netcdf")
    with pytest.raises(InputError) as caught:
        read_any(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["none.csv", "none.nc"])
def test_a_missing_file_is_named(tmp_path, name):
    with pytest.raises(InputError, match=f"{name}: there is no such file"):
        read_any(tmp_path / name)


def test_a_file_of_freqbias_stays_what_it_is(tmp_path):
    level = spectra("pde", three_tones_pde(three_tones()), three_tones())
    level.write(tmp_path / "pde.nc")
    assert isinstance(read_any(tmp_path / "pde.nc"), ErrorSpectra)


def test_a_grid_of_frequencies_is_found_in_any_order():
    order = np.random.default_rng(1).permutation(len(PLANE))
    found = PlainSpectra("other", "network", TIMES, PLANE[order], PLANE_VALUES[:, order])
    assert isinstance(found.mesh, BoxMesh)
    np.testing.assert_array_equal(found.mesh.nodes, PLANE)
    np.testing.assert_array_equal(found.runs[0], PLANE_VALUES)
    scattered = PlainSpectra("other", "network", TIMES, PLANE[:-1], PLANE_VALUES[:, :-1])
    assert isinstance(scattered.mesh, UnstructuredMesh)
    assert scattered.mesh.volumes.sum() == pytest.approx(3 * 6 - 0.5 * 2 * 6)


def test_frequencies_must_fill_space():
    line = np.stack([np.arange(4.0), 2 * np.arange(4.0)], axis=1)
    with pytest.raises(InputError, match="other: the frequencies lie on a line or a plane"):
        _ = PlainSpectra("other", "network", np.zeros(1), line, np.ones((1, 4), complex)).mesh
    with pytest.raises(InputError, match="all frequencies have the same coordinate y"):
        _ = PlainSpectra("other", "network", np.zeros(1), line * [1, 0], np.ones((1, 4), complex)).mesh


def test_a_half_of_the_frequencies_is_completed():
    """As from a transform of real data: the other half is the complex conjugate."""
    problem = three_tones()
    half = np.linspace(0, 25, 501)[:, None]
    found = PlainSpectra("other", "network", np.zeros(1), half, problem.initial_spectrum(half)[None]).completed()
    assert found.mesh.bounds[0] == -25
    assert len(found.frequencies) == 1001
    np.testing.assert_allclose(found.values[0], problem.initial_spectrum(found.frequencies), atol=1e-13)
    plane = plane_problem()
    axes = (np.arange(-12.0, 13.0), np.arange(0.0, 13.0))
    half = np.stack([c.ravel() for c in np.meshgrid(*axes, indexing="ij")], axis=1)
    found = PlainSpectra("other", "network", np.zeros(1), half, plane.initial_spectrum(half)[None]).completed()
    assert isinstance(found.mesh, BoxMesh)
    assert len(found.frequencies) == 25**2
    np.testing.assert_allclose(found.values[0], plane.initial_spectrum(found.frequencies), atol=1e-13)


def closed_form(nodes, times):
    """three_tones_pde at any frequencies and times."""
    problem = three_tones().with_mesh(BoxMesh((np.sort(nodes[:, 0]),), 1))
    problem.times = times
    return three_tones_pde(problem)


@pytest.mark.parametrize("first", [-26.0, 0.0])
def test_a_plain_spectrum_is_compared(first):
    """Other frequencies and other times: the difference is the estimated error of interpolation."""
    nodes, times = np.linspace(first, 26, 400)[:, None], np.concatenate([[0], np.geomspace(0.5, 400, 50)])
    plain = PlainSpectra("other.csv", "network", times, nodes, closed_form(nodes, times))
    result = compare_spectra(spectra("pde", three_tones_pde(three_tones()), three_tones()), plain)
    error, facts = result.relative_error["network_vs_pde"], result.alignment
    estimate = facts["network"].error + facts["pde"].error
    assert error.max() < 3 * estimate.max()
    assert estimate.max() < 30 * error.max()
    assert error.max() < 2e-4
    assert len(result.times) == 26
    assert result.spectra["network"].problem.source == "other.csv"
    assert result.spectra["network"].info == {"source": "other.csv"}
    assert any("one sign only" in note for note in facts["network"].notes) == (first == 0)


@pytest.mark.parametrize("kind", ["fft", "rfft"])
def test_frequencies_of_a_discrete_transform_are_kept(kind):
    """Their distance, 2 pi over the box, is the largest that determines a spectrum: there is nothing between them."""
    problem = Problem.create(settings(target__expression="exp(-(x-2)**2/0.1)*cos(5*x)"))
    transform = {"fft": np.fft.fftfreq, "rfft": np.fft.rfftfreq}[kind]
    nodes = 2 * np.pi * transform(512, 2 * np.pi / 512)[:, None]
    values = problem.initial_spectrum(nodes) * np.exp(
        -np.outer(problem.times, problem.density * problem.family.damping(nodes))
    )
    exact = frozen(problem, problem.initial_spectrum(problem.mesh.nodes))
    pde = spectra("pde", exact, problem)
    result = compare_spectra(pde, PlainSpectra("other.csv", "network", problem.times, nodes, values))
    assert result.spectra["pde"].mesh.nodes[:, 0] == pytest.approx(np.arange(-30, 31))
    assert not result.alignment["network"].error.any()
    assert result.relative_error["network_vs_pde"].max() < 1e-5
    found = compare_spectra(pde, PlainSpectra("other.csv", "network", problem.times, nodes, 1.02 * values))
    fine = compare_spectra(pde, spectra("network", 1.02 * exact, problem))
    expected = fine.relative_error["network_vs_pde"]
    assert found.relative_error["network_vs_pde"] == pytest.approx(expected, rel=0.03, abs=1e-5)


@pytest.mark.parametrize(("count", "kept"), [(300, True), (8000, False)])
def test_scattered_frequencies_in_the_plane_are_compared(count, kept):
    problem = plane_problem()
    nodes = np.random.default_rng(2).uniform(-13, 13, (count, 2))
    rate = problem.density * problem.family.damping(nodes)
    values = problem.initial_spectrum(nodes) * np.exp(-np.outer(problem.times, rate))
    plain = PlainSpectra("other.csv", "network", problem.times, nodes, values)
    pde = spectra("pde", frozen(problem, problem.initial_spectrum(problem.mesh.nodes)), problem)
    result = compare_spectra(pde, plain)
    assert isinstance(result.spectra["pde"].mesh, UnstructuredMesh) == kept
    error = result.relative_error["network_vs_pde"]
    estimate = result.alignment["network"].error + result.alignment["pde"].error
    assert error.max() < 3 * estimate.max()
    assert estimate.max() < 30 * error.max()
    assert error.max() < (1e-3 if kept else 0.02)


def test_a_measured_spectrum_may_start_a_little_apart():
    problem = three_tones()
    exact = three_tones_pde(problem)
    plain = PlainSpectra("other.csv", "network", problem.times, problem.mesh.nodes, 1.02 * exact)
    result = compare_spectra(spectra("pde", exact, problem), plain)
    assert result.relative_error["network_vs_pde"] == pytest.approx(0.02 * result.remaining["pde"], rel=1e-9)
    assert result.alignment["network"].notes == ("the initial spectrum differs by 2 % from that of the samples",)


def test_plain_spectra_alone_are_refused():
    one = PlainSpectra("a.csv", "network", TIMES, LINE, VALUES)
    other = PlainSpectra("b.csv", "pde", TIMES, LINE, VALUES)
    with pytest.raises(InputError, match=r"b\.csv, a\.csv: a spectrum file of freqbias is needed, too"):
        align({"network": one, "pde": other})


def test_another_dimension_is_refused():
    pde = spectra("pde", three_tones_pde(three_tones()), three_tones())
    plain = PlainSpectra("other.csv", "network", TIMES, PLANE, PLANE_VALUES)
    with pytest.raises(InputError, match=r"other\.csv: frequencies have 2 coordinates, those of problem have 1"):
        align({"pde": pde, "network": plain})


def test_the_examples_of_the_document_are_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = dict(re.findall(r"```(csv|python)\n(.*?)```", DOCUMENT.read_text(), flags=re.DOTALL))
    (tmp_path / "tool.csv").write_text(blocks["csv"])
    line = read_any(tmp_path / "tool.csv")
    assert (line.level, line.values.shape, line.frequencies.max()) == ("network", (2, 3), pytest.approx(4 * np.pi))
    exec(blocks["python"], {})
    plane = read_any(tmp_path / "tool.nc")
    assert (plane.level, plane.dimension, plane.notes) == ("kernel", 2, ())
    assert isinstance(plane.mesh, BoxMesh)


def test_the_command_compares_files_of_other_tools(command, tmp_path):
    problem = Problem.create(settings(training__times={"first": 1.0, "last": 50.0, "count": 8}))
    spectra("pde", three_tones_pde(problem), problem).write(tmp_path / "pde.nc")
    nodes, times = np.linspace(-26, 26, 500)[:, None], np.concatenate([[0], np.geomspace(0.5, 60, 30)])
    values = closed_form(nodes, times)
    csv(tmp_path / "network.csv", nodes, values, times)
    xr.Dataset(
        {"real": (("time", "frequency"), values.real), "imag": (("time", "frequency"), values.imag)},
        {"time": times, "frequency": ("frequency", nodes[:, 0] / (2 * np.pi), {"units": "cycles per unit of x"})},
    ).to_netcdf(tmp_path / "network.nc", engine="h5netcdf")
    for name in ("network.csv", "network.nc"):
        done = command("compare", tmp_path / "pde.nc", tmp_path / name, "--out", tmp_path / "out")
        assert done.returncode == 0, done.stderr
        found = json.loads((tmp_path / "out" / "metrics.json").read_text())
        assert found["max_relative_error"]["network_vs_pde"] < 1e-3
        assert found["max_relative_error"]["network_vs_kernel"] < 1e-2
    cycles = csv(tmp_path / "cycles.csv", nodes / (2 * np.pi), values, times)
    done = command("compare", cycles, tmp_path / "pde.nc", "--out", tmp_path / "other")
    assert done.returncode == 2
    assert "cycles.csv: frequencies are in cycles per unit of x: they must be in radians" in done.stderr
    alone = command(
        "compare", tmp_path / "network.csv", csv(tmp_path / "b.csv", comments="# level = pde\n"), "--out", "x"
    )
    assert alone.returncode == 2
    assert "a spectrum file of freqbias is needed, too" in alone.stderr
    assert not (tmp_path / "other").exists()
