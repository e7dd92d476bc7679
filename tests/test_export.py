"""Spectra for other programs and as pictures: the same numbers, at the same places, or one clear line."""

import os
import sys
import weakref

import numpy as np
import pytest
import pyvista
import vtk
from PIL import Image

from freqbias import ErrorSpectra, Problem
from freqbias.decay_rate import decay_rate
from freqbias.errors import FreqbiasError, InputError
from freqbias.meshes import BoxMesh, box_mesh
from freqbias.spectra import stored_spectra
from freqbias.visualization import offscreen
from freqbias.visualization.pictures import draw_picture
from freqbias.visualization.time_series import FIELDS, write_series

SINGLE = np.finfo(np.float32).eps


def rates(mesh):
    """Decay rates that depend on the direction as well."""
    return 0.1 + 0.5 * np.exp(-0.2 * mesh.nodes.sum(axis=1))


@pytest.fixture(params=[1, 2, 3])
def spectra(request, settings):
    """Exponentials exp(-λ(ξ) t) of random complex values on a mesh in 1, 2 or 3 dimensions."""
    d = request.param
    settings["data"] = {"lower": [-3.0] * d, "upper": [3.0] * d, "points": [64 if d < 3 else 16] * d}
    settings["target"]["expression"] = "exp(-x**2)*sin(3*x)" + "*exp(-y**2)" * (d > 1) + "*exp(-z**2)" * (d > 2)
    settings["mesh"] = {"cutoff": [7.0] * d, "cells": [20 if d < 3 else 12] * d, "degree": 2}
    problem = Problem.create(settings)
    random = np.random.default_rng(0).standard_normal((2, len(problem.mesh.nodes)))
    values = (random[0] + 1j * random[1]) * np.exp(-np.outer(problem.times, rates(problem.mesh)))
    return ErrorSpectra("pde", problem, problem.times, values)


@pytest.fixture
def line_file(settings, tmp_path):
    """A spectrum file in one dimension, of output times 0, 1, …, 20."""
    problem = Problem.create(settings)
    values = np.exp(-np.outer(problem.times, rates(problem.mesh))) + 0j
    path = tmp_path / "pde.nc"
    ErrorSpectra("pde", problem, problem.times, values).write(path)
    return path


def read_times(path):
    """The output times of a series and the grid at each of them, by pyvista."""
    reader = pyvista.get_reader(path)
    reader.reader.UpdateInformation()
    key, info = vtk.vtkStreamingDemandDrivenPipeline.TIME_STEPS(), reader.reader.GetOutputInformation(0)
    times = [info.Get(key, number) for number in range(info.Length(key))]
    grids = []
    for number in range(len(times)):
        reader.reader.SetStep(number)
        grids.append(reader.read().copy())
    return np.array(times), grids


@pytest.mark.parametrize("degree", [1, 2, 3])
@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_linear_cells_fill_the_box(dimension, degree):
    """Every cell is a box whose corners stand in VTK's order, all of positive volume, on all nodes."""
    mesh = box_mesh([2.0, 3.0, 1.5][:dimension], [5, 4, 3][:dimension], degree, [np.array([0.3])] * dimension)
    kind, cells = mesh.linear_cells()
    assert kind == ["line", "quad", "hexahedron"][dimension - 1]
    assert cells.shape == (np.prod(mesh.cells) * degree**dimension, 2**dimension)
    np.testing.assert_array_equal(np.unique(cells), np.arange(len(mesh.nodes)))
    corners = mesh.nodes[cells]
    edges = np.stack([corners[:, number] - corners[:, 0] for number in (1, 3, 4)[:dimension]], axis=1)
    volumes = np.linalg.det(edges)
    assert volumes.min() > 0
    assert volumes.sum() == pytest.approx(np.prod([2 * axis[-1] for axis in mesh.axes]), rel=1e-13)
    for number, sides in {2: (0, 1), 5: (0, 2), 6: (0, 1, 2), 7: (1, 2)}.items():
        if number < cells.shape[1]:
            opposite = corners[:, 0] + edges[:, list(sides)].sum(axis=1)
            np.testing.assert_allclose(corners[:, number], opposite, atol=1e-14)


def test_series_is_read_back_by_vtk(spectra, tmp_path):
    write_series(tmp_path / "s.vtkhdf", spectra.mesh, spectra.times, spectra.values)
    times, grids = read_times(tmp_path / "s.vtkhdf")
    np.testing.assert_array_equal(times, spectra.times)
    d = spectra.mesh.dimension
    sizes = ("Length", "Area", "Volume")
    for values, grid in zip(spectra.values, grids, strict=True):
        assert set(FIELDS) <= set(grid.point_data)
        np.testing.assert_array_equal(grid.points[:, :d], spectra.mesh.nodes)
        assert not grid.points[:, d:].any()
        read = grid["real_part"] + 1j * grid["imaginary_part"]
        assert spectra.mesh.norm(read - values) < SINGLE * spectra.mesh.norm(values)
        # Single precision ends at 1e-38, far below what is rounding.
        np.testing.assert_allclose(grid["magnitude"], np.abs(values), rtol=SINGLE, atol=1e-37)
    size = grids[0].compute_cell_sizes()[sizes[d - 1]]
    assert size.min() > 0
    assert size.sum() == pytest.approx(14.0**d, rel=1e-12)


def test_decay_rate_of_exponentials(spectra, tmp_path):
    """It is λ(ξ) to the rounding of single precision, and known until exp(-λ t) has fallen to rounding errors."""
    write_series(tmp_path / "s.vtkhdf", spectra.mesh, spectra.times, spectra.values)
    _, (first, *later) = read_times(tmp_path / "s.vtkhdf")
    assert not first["decay_rate"].any()
    assert not first["decay_rate_known"].any()
    exact, magnitude = rates(spectra.mesh), np.abs(spectra.values)
    floor = 16 * 2.0**-52 * magnitude[0].max()
    for number, grid in enumerate(later, start=1):
        known = grid["decay_rate_known"].astype(bool)
        np.testing.assert_array_equal(known, magnitude[number] > floor)
        np.testing.assert_allclose(grid["decay_rate"][known], exact[known], rtol=4 * SINGLE)
        assert not grid["decay_rate"][~known].any()
    assert 0 < known.mean() < 1


def test_decay_rate_is_the_mean_over_the_interval():
    """For |v| = 1/(1 + t) the rate falls from 1/(1 + t): its mean is that at the middle, up to order 2."""
    errors = []
    for interval in (0.2, 0.1):
        before, now = np.array([1 / (2 - interval / 2)]), np.array([1 / (2 + interval / 2)])
        rate, known = decay_rate(before, now, interval, 1e-15)
        assert known.all()
        assert now < rate < before
        errors.append(abs(rate[0] - 1 / 2))
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.01)
    grows, _ = decay_rate(now, before, 0.1, 1e-15)
    np.testing.assert_allclose(grows, -rate, rtol=1e-14)


def test_decay_rate_of_nothing_is_not_known():
    rate, known = decay_rate(np.array([0.0, 1.0, 1e-20, 1.0]), np.array([0.0, 0.0, 1.0, 1e-20]), 1.0, 1e-15)
    np.testing.assert_array_equal(rate, 0)
    np.testing.assert_array_equal(known, False)


def test_few_snapshots_are_in_memory_at_a_time(tmp_path):
    mesh, given, most = box_mesh([1.0], [100], 2), [], []

    def snapshots():
        for _ in range(6):
            values = np.ones(len(mesh.nodes), dtype=complex)
            given.append(weakref.ref(values))
            most.append(sum(one() is not None for one in given))
            yield values

    write_series(tmp_path / "s.vtkhdf", mesh, np.arange(6.0), snapshots())
    assert max(most) <= 3


def test_stored_spectra_are_those_in_memory(spectra, tmp_path):
    spectra.write(tmp_path / "s.nc")
    with stored_spectra(tmp_path / "s.nc") as stored:
        np.testing.assert_array_equal(list(stored.snapshots()), spectra.values)
        np.testing.assert_array_equal(stored.times, spectra.times)
        assert stored.level == "pde"


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_broken_off_series_leaves_the_former_file(tmp_path, error):
    mesh, path = box_mesh([1.0], [10], 1), tmp_path / "s.vtkhdf"

    def snapshots():
        yield np.ones(len(mesh.nodes), dtype=complex)
        raise error

    for former in (None, b"former"):
        if former:
            path.write_bytes(former)
        with pytest.raises(error):
            write_series(path, mesh, np.arange(3.0), snapshots())
        assert [p.read_bytes() for p in tmp_path.iterdir()] == ([former] if former else [])


def test_export_writes_series_and_picture(command, line_file, tmp_path):
    words = ["--out", tmp_path / "s.vtkhdf", "--picture", tmp_path / "p.png", "--time", "5"]
    done = command("export", line_file, *words)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [str(tmp_path / "p.png"), str(tmp_path / "s.vtkhdf")]
    times, grids = read_times(tmp_path / "s.vtkhdf")
    spectra = ErrorSpectra.read(line_file)
    np.testing.assert_array_equal(times, spectra.times)
    np.testing.assert_allclose(grids[3]["magnitude"], np.abs(spectra.values[3]), rtol=SINGLE)
    assert (tmp_path / "p.png").stat().st_size > 10_000


def test_time_of_a_picture_is_the_nearest_output_time(line_file):
    with stored_spectra(line_file) as stored:
        for number, time in enumerate(stored.times):
            assert stored.nearest(time * (1 + 1e-10)) == number
        assert stored.nearest(0.6 * stored.times[2] + 0.4 * stored.times[1]) == 2
        assert stored.nearest(None) == len(stored.times) - 1


MISTAKES = {
    "nothing": ([], "give --out SERIES.vtkhdf, --picture FILE, or both"),
    "series": (["--out", "{tmp}/s.pvd"], "s.pvd: the name of a time series must end in .vtkhdf"),
    "picture": (["--picture", "{tmp}/p.bmp"], "unknown kind of picture '.bmp', allowed are .png, .svg, .pdf"),
    "late": (["--picture", "{tmp}/p.png", "--time", "21"], "pde.nc: time 21 must lie between 0 and 20"),
    "early": (["--picture", "{tmp}/p.png", "--time", "-1"], "time -1 must lie between 0 and 20"),
    "nan": (["--picture", "{tmp}/p.png", "--time", "nan"], "time nan must lie between 0 and 20"),
    "time": (["--out", "{tmp}/s.vtkhdf", "--time", "3"], "--time 3: is for --picture"),
    "folder": (["--out", "{tmp}/pde.nc/s.vtkhdf"], "s.vtkhdf: cannot be written"),
    "picture folder": (["--picture", "{tmp}/pde.nc/p.png"], "p.png: cannot be written"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_is_one_line_and_status_2(command, line_file, tmp_path, mistake):
    words, expected = MISTAKES[mistake]
    done = command("export", line_file, *(word.format(tmp=tmp_path) for word in words))
    assert done.returncode == 2
    assert expected in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["pde.nc"]


def test_other_files_are_named(command, tmp_path):
    (tmp_path / "notes.txt").write_text("no spectra")
    for name, expected in {"notes.txt": "cannot be read as NetCDF", "none.nc": "there is no such file"}.items():
        done = command("export", tmp_path / name, "--out", tmp_path / "s.vtkhdf")
        assert done.returncode == 2
        assert f"{name}: {expected}" in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
        assert not (tmp_path / "s.vtkhdf").exists()


def colourful(image):
    """Where an image (h, w, 3) is neither white nor grey."""
    return np.ptp(image.astype(int), axis=-1) > 40


def test_plane_is_drawn_the_right_way_round(tmp_path):
    """One bump at (4, -2): the bright spot is right of the middle and below it, by twice as much to the right."""
    mesh = box_mesh([8.0, 8.0], [32, 32], 2)
    bump = np.exp(-np.sum((mesh.nodes - [4.0, -2.0]) ** 2, axis=1)) * 1j
    draw_picture(tmp_path / "p.png", mesh, bump, "a bump")
    with Image.open(tmp_path / "p.png") as file:
        image = np.asarray(file.convert("RGB")).astype(int)
    inside = image[:, : int(0.84 * image.shape[1])]  # without the colour bar
    rows, columns = np.nonzero((inside.sum(axis=-1) < 700) & colourful(inside))
    top, bottom, left, right = rows.min(), rows.max(), columns.min(), columns.max()
    rows, columns = np.nonzero((inside[..., 0] > 170) & (inside[..., 1] > 200) & (inside[..., 2] < 100))
    size = right - left
    assert bottom - top == pytest.approx(size, rel=0.01)
    assert (columns.mean() - (left + right) / 2) / size == pytest.approx(4 / 16, abs=0.01)
    assert (rows.mean() - (top + bottom) / 2) / size == pytest.approx(2 / 16, abs=0.01)


@pytest.fixture(scope="module")
def space():
    """A mesh in space and a bump at (5, 0, 0) on it."""
    mesh = box_mesh([9.0] * 3, [12] * 3, 2)
    return mesh, np.exp(-np.sum((mesh.nodes - [5.0, 0.0, 0.0]) ** 2, axis=1)) + 0j


@pytest.fixture(scope="module")
def picture_of_space(space, tmp_path_factory):
    """Skips where OpenGL draws nothing off the screen; in CI, where the tests must be complete, that is a failure."""
    path = tmp_path_factory.mktemp("space") / "bump.png"
    try:
        draw_picture(path, *space, "a bump")
    except FreqbiasError as error:
        if "CI" in os.environ:
            raise
        pytest.skip(str(error))
    return path


@pytest.mark.opengl
def test_space_is_drawn_the_right_way_round(picture_of_space):
    """The isosurface of the bump is right of the middle of its box, where the first axis points to."""
    with Image.open(picture_of_space) as file:
        image = np.asarray(file.convert("RGB"))
    assert image.shape[1] > 2000
    view = image[:, int(0.46 * image.shape[1]) : int(0.9 * image.shape[1])]
    lines = np.abs(view.astype(int) - [0xA3, 0xAB, 0xB3]).max(axis=-1) < 3
    _, box = np.nonzero(lines)
    rows, columns = np.nonzero(colourful(view))
    # The camera looks along (0.55, -1): of 5 to the right 5 cos(atan(0.55)) are seen, the box is 18 (cos + sin) wide.
    cosine, sine = np.array([1, 0.55]) / np.hypot(1, 0.55)
    shift = (columns.mean() - (box.min() + box.max()) / 2) / np.ptp(box)
    assert shift == pytest.approx(5 * cosine / (18 * (cosine + sine)), abs=0.02)
    assert np.ptp(columns) == pytest.approx(np.ptp(rows), rel=0.05)
    slices = image[:, : int(0.42 * image.shape[1])]
    assert colourful(slices).mean() > 0.01


@pytest.mark.opengl
@pytest.mark.usefixtures("picture_of_space")
def test_spectrum_of_zeros_is_drawn(space, tmp_path):
    """Without slices and surfaces an empty box remains."""
    mesh, bump = space
    draw_picture(tmp_path / "flat.svg", mesh, 0 * bump, "nothing left")
    assert (tmp_path / "flat.svg").stat().st_size > 10_000


ENDINGS = {
    "crash": ("print('trying', flush=True); os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
    "hang": ("print('trying', flush=True); signal.raise_signal(signal.SIGALRM)", "SIGALRM"),
    "empty": ("print('trying', flush=True); sys.exit('the window stayed empty')", "the window stayed empty"),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_missing_opengl_is_one_line(command, settings, tmp_path, monkeypatch, ending):
    """Where the first window ends the process, the message says what to install, and nothing is written."""
    code, reason = ENDINGS[ending]
    child = [sys.executable, "-c", f"import os, signal, sys; {code}"]
    monkeypatch.setattr(offscreen, "_command", lambda *_: child)
    settings["data"] = {"lower": [-3.0] * 3, "upper": [3.0] * 3, "points": [16] * 3}
    settings["mesh"] = {"cutoff": [7.0], "cells": [12]}
    problem = Problem.create(settings)
    values = np.ones((len(problem.times), len(problem.mesh.nodes)), dtype=complex)
    ErrorSpectra("pde", problem, problem.times, values).write(tmp_path / "pde.nc")
    done = command("export", tmp_path / "pde.nc", "--picture", tmp_path / "p.png", "--out", tmp_path / "s.vtkhdf")
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert reason in done.stderr
    assert "apt-get install libegl1 libgl1-mesa-dri" in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["pde.nc"]


def test_other_failures_are_not_blamed_on_opengl(space, tmp_path, monkeypatch):
    child = [sys.executable, "-c", "print('trying', 'ready', flush=True); raise MemoryError('too large')"]
    monkeypatch.setattr(offscreen, "_command", lambda *_: child)
    with pytest.raises(FreqbiasError, match="could not be drawn: MemoryError: too large"):
        draw_picture(tmp_path / "p.png", *space, "a bump")
    monkeypatch.setattr(offscreen, "find_spec", lambda _: None)
    with pytest.raises(FreqbiasError, match=r"need pyvista: pip install 'freqbias\[pictures\]'"):
        draw_picture(tmp_path / "p.png", *space, "a bump")
    assert not list(tmp_path.iterdir())


def test_unwritable_kind_is_refused_from_python(tmp_path):
    mesh: BoxMesh = box_mesh([1.0], [4], 1)
    with pytest.raises(InputError, match=r"must end in \.vtkhdf"):
        write_series(tmp_path / "s.vtu", mesh, np.zeros(1), [np.ones(5, dtype=complex)])
    assert not list(tmp_path.iterdir())
