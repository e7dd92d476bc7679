"""Problems, spectra and commands with meshes from files and with given grid lines."""

import dataclasses
import re

import numpy as np
import pytest
import tomli_w
from mesh_cases import assert_same, box, disc, grid, write

from freqbias import ErrorSpectra, Problem
from freqbias.errors import InputError
from freqbias.meshes import UnstructuredMesh
from freqbias.meshes.cell_kinds import CELL_KINDS
from freqbias.meshes.files import read_mesh, write_mesh

# Problems with a mesh from a file or with given grid lines


@pytest.fixture
def plane(settings, tmp_path):
    """A problem on triangles in a disc, in a folder with its mesh."""
    write_mesh(disc(11.0, 20), tmp_path / "disc.msh")
    settings["data"] = {"lower": [-2.5, -2.5], "upper": [2.5, 2.5], "points": [20]}
    settings["network"] |= {"width": 1024, "law": {"family": "normal", "scale": 5.0}}
    settings["target"]["expression"] = "exp(-1.5*(x**2+y**2))*sin(3*x+y)"
    settings["mesh"] = {"file": "disc.msh", "degree": 2}
    settings["solver"] = {"tolerance": 1e-7}
    return settings


def test_mesh_of_a_problem_comes_from_its_file(plane, tmp_path):
    problem = Problem.create(plane, directory=tmp_path)
    assert_same(problem.mesh, read_mesh(tmp_path / "disc.msh"))
    assert problem.mesh.degree == 2
    assert problem.mesh_warnings == []
    again = Problem.from_toml(problem.to_toml())
    assert again.digest == problem.digest
    # The content of the mesh counts, not its name.
    write_mesh(disc(11.0, 20), tmp_path / "other.vtu")
    assert Problem.create(plane | {"mesh": {"file": "other.vtu"}}, directory=tmp_path).digest == problem.digest
    write_mesh(disc(11.01, 20), tmp_path / "other.vtu")
    assert Problem.create(plane | {"mesh": {"file": "other.vtu"}}, directory=tmp_path).digest != problem.digest


def test_spectra_are_read_without_the_mesh_file(plane, tmp_path):
    problem = Problem.create(plane, directory=tmp_path)
    shape = (len(problem.times), len(problem.mesh.nodes))
    values = np.random.default_rng(0).standard_normal(shape) * (1 + 1j)
    spectra = ErrorSpectra("network", problem, problem.times, values)
    spectra.write(tmp_path / "s.nc")
    (tmp_path / "disc.msh").unlink()
    again = ErrorSpectra.read(tmp_path / "s.nc")
    assert_same(again.mesh, spectra.mesh)
    np.testing.assert_array_equal(again.values, values)
    np.testing.assert_allclose(again.norms(), spectra.norms(), rtol=1e-14)
    assert again.problem.digest == problem.digest


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda d: d.assign(mesh_cell=d["mesh_cell"] + 1), "mesh_cell: .* with vertices that do not exist"),
        (lambda d: d.assign(mesh_vertex=d["mesh_vertex"] * np.nan), "mesh_vertex: .* not finite"),
        (lambda d: d.assign(mesh_vertex=d["mesh_vertex"] * 2), "does not hold the nodes of the mesh"),
        (lambda d: d.drop_vars("mesh_vertex"), "not a complete spectrum file"),
    ],
)
def test_damaged_mesh_in_a_spectrum_file_is_named(plane, tmp_path, damage, expected):
    problem = Problem.create(plane, directory=tmp_path)
    values = np.ones((len(problem.times), len(problem.mesh.nodes)), dtype=complex)
    dataset = ErrorSpectra("network", problem, problem.times, values).to_xarray()
    attributes = dataset["mesh_cell"].attrs
    dataset = damage(dataset)
    dataset["mesh_cell"].attrs = attributes
    dataset.to_netcdf(tmp_path / "s.nc", engine="h5netcdf")
    with pytest.raises(InputError, match=expected) as caught:
        ErrorSpectra.read(tmp_path / "s.nc")
    assert str(caught.value).startswith(str(tmp_path / "s.nc"))


def test_grid_lines_of_a_problem(settings):
    lines = [-15.0, *np.linspace(-6, 7, 40).tolist(), 12.0]
    settings["mesh"] = {"lines": [lines], "degree": 4}
    problem = Problem.create(settings)
    np.testing.assert_array_equal(problem.mesh.axes[0], lines)
    assert problem.mesh_warnings == []
    again = Problem.from_toml(problem.to_toml())
    assert again.digest == problem.digest
    np.testing.assert_array_equal(again.mesh.nodes, problem.mesh.nodes)


@pytest.mark.parametrize(
    ("mesh", "expected"),
    [
        ({"lines": [[0.0, 1.0]], "cells": [4]}, "mesh: cells and lines cannot be given together"),
        ({"lines": [[0.0, 1.0]], "file": "m.msh"}, "mesh.file: there is no such file"),
        ({"lines": [[0.0, 1.0], [0.0, 1.0]]}, "mesh.lines has the lines of 2 axes, must have those of 1"),
        ({"lines": [[0.0, 1.0, 1.0]]}, r"mesh: lines\[0\] must hold at least 2 frequencies that increase strictly"),
        ({"lines": [[0.0]]}, r"mesh: lines\[0\] must hold at least 2 frequencies"),
        ({"lines": [[0.0, np.inf]]}, r"mesh\.lines\[0\]\[1\] = inf: must be a finite number"),
        (
            {"lines": [np.linspace(-40, 3, 300).tolist()]},
            r"mesh\.lines reaches to \[40\.0\], which exceeds the Nyquist",
        ),
        (
            {"lines": [[-15.0, 0.0, 15.0]]},
            "mesh.lines cannot hold the error spectrum",
        ),
        ({"lines": [np.linspace(8, 15, 40).tolist()]}, r"mesh\.lines leaves out 1e\+02 % .* must hold 50 %, and holds"),
    ],
)
def test_lines_that_do_not_suit_are_named(settings, mesh, expected):
    settings["mesh"] = mesh
    with pytest.raises(InputError, match=expected):
        _ = Problem.create(settings).mesh


def test_mesh_that_leaves_out_a_part_is_warned_of(settings):
    settings["mesh"] = {"lines": [np.linspace(0, 15, 60).tolist()]}
    (warning,) = Problem.create(settings).mesh_warnings
    assert re.match(r"mesh\.lines leaves out 71 % of the norm of the initial error, which reaches to \[\d", warning)


def test_two_pieces_are_warned_of(settings, tmp_path):
    vertices, cells = grid("interval", [1.0], [12.0], [50])
    both = np.concatenate([vertices, -vertices]), np.concatenate([cells, len(vertices) + cells[:, ::-1]])
    write_mesh(UnstructuredMesh(*both, "interval", 1), tmp_path / "bands.vtk")
    settings["mesh"] = {"file": "bands.vtk"}
    pieces, left_out = Problem.create(settings, directory=tmp_path).mesh_warnings
    assert "2 pieces that share no facet" in pieces
    assert "leaves out" in left_out


# The command line


def test_run_on_an_imported_mesh(command, plane, tmp_path):
    """Triangles in a disc: theory and network agree as they do on a box, and the report shows it."""
    (tmp_path / "p.toml").write_text(tomli_w.dumps(plane))
    done = command("run", tmp_path / "p.toml", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    (tmp_path / "disc.msh").unlink()
    pde, kernel = (ErrorSpectra.read(tmp_path / "out" / name) for name in ("pde.nc", "kernel.nc"))
    assert (pde.mesh.norm(pde.values - kernel.values) / kernel.norms()[0]).max() < 1e-3
    assert "2400 triangles of degree 2" in (tmp_path / "out" / "report.html").read_text()


def test_two_ranks_solve_on_an_imported_mesh(command, plane, tmp_path):
    (tmp_path / "p.toml").write_text(tomli_w.dumps(plane))
    assert command("solve", tmp_path / "p.toml", "--out", tmp_path / "one.nc").returncode == 0
    done = command("solve", tmp_path / "p.toml", "--out", tmp_path / "two.nc", ranks=2)
    assert done.returncode == 0, done.stderr
    one, two = (ErrorSpectra.read(tmp_path / name) for name in ("one.nc", "two.nc"))
    assert one.problem.digest == two.problem.digest
    assert (one.mesh.norm(one.values - two.values) / one.norms()[0]).max() < 3e-7


@pytest.mark.parametrize("ranks", [None, 2])
@pytest.mark.parametrize("mistake", ["broken", "folded", "coarse", "away"])
def test_broken_mesh_is_one_line_and_status_2(command, plane, tmp_path, mistake, ranks):
    (tmp_path / "p.toml").write_text(tomli_w.dumps(plane))
    words = []
    if mistake == "broken":
        (tmp_path / "disc.msh").write_bytes((tmp_path / "disc.msh").read_bytes()[:3000])
        expected = "disc.msh: cannot be read as a mesh"
    elif mistake == "folded":
        write(tmp_path / "disc.msh", [[0, 0], [1, 0], [0.2, 1], [0.8, 1]], [[0, 1, 2], [0, 1, 3]])
        expected = "disc.msh: cells overlap: 1 pairs of neighbours"
    elif mistake == "coarse":
        write_mesh(disc(11.0, 1), tmp_path / "disc.msh")
        words = ["--set", "mesh.degree=1"]
        expected = "cannot hold the error spectrum: its interpolation has a relative error of"
    else:
        mesh = disc(2.0, 12)
        write_mesh(dataclasses.replace(mesh, vertices=mesh.vertices + np.array([0.0, 9.0])), tmp_path / "disc.msh")
        expected = "leaves out 1e+02 % of the norm of the initial error"
    done = command("solve", tmp_path / "p.toml", "--out", tmp_path / "pde.nc", *words, ranks=ranks, timeout=60)
    assert done.returncode == 2, done.stderr
    assert expected in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == ""
    assert not (tmp_path / "pde.nc").exists()


def test_mesh_file_is_inspected(command, tmp_path):
    write_mesh(disc(2.0, 12), tmp_path / "disc.msh")
    done = command("mesh", tmp_path / "disc.msh", "--convert", tmp_path / "disc.vtu")
    assert done.returncode == 0, done.stderr
    for text in ("864 triangles, 469 vertices", "12.5504", "quality of the worst cell", "-2 to 2"):
        assert text in done.stdout
    assert_same(read_mesh(tmp_path / "disc.vtu"), read_mesh(tmp_path / "disc.msh"))
    refused = command("mesh", tmp_path / "disc.msh", "--picture", tmp_path / "m.png")
    assert refused.returncode == 2
    assert "--picture needs a problem file" in refused.stderr


@pytest.mark.parametrize(("kind", "suffix"), [("triangle", ".xdmf"), ("interval", ".msh"), ("tetrahedron", ".vtu")])
def test_imported_mesh_is_drawn_and_converted(command, plane, tmp_path, kind, suffix):
    dimension = CELL_KINDS[kind].dimension
    counts = {1: 60, 2: 40, 3: 9}[dimension]
    write_mesh(box(kind, [-9.0] * dimension, [9.0] * dimension, [counts] * dimension), tmp_path / f"m{suffix}")
    plane["mesh"]["file"] = f"m{suffix}"
    plane["data"] = {"lower": [-2.0] * dimension, "upper": [2.0] * dimension, "points": [14 if dimension == 3 else 24]}
    plane["target"]["expression"] = "exp(-2*x**2)*sin(3*x)" + "".join(f"*exp(-2*{y}**2)" for y in "yz"[: dimension - 1])
    (tmp_path / "p.toml").write_text(tomli_w.dumps(plane))
    done = command("mesh", tmp_path / "p.toml", "--picture", tmp_path / "m.png", "--convert", tmp_path / "again.vtk")
    assert done.returncode == 0, done.stderr
    assert "interpolation error of that wave" in done.stdout
    assert (tmp_path / "m.png").stat().st_size > 15_000
    assert_same(read_mesh(tmp_path / "again.vtk"), read_mesh(tmp_path / f"m{suffix}"))


def test_box_mesh_of_a_problem_is_converted(command, settings, tmp_path):
    (tmp_path / "p.toml").write_text(tomli_w.dumps(settings))
    done = command("mesh", tmp_path / "p.toml", "--convert", tmp_path / "box.msh")
    assert done.returncode == 0, done.stderr
    assert len(read_mesh(tmp_path / "box.msh", 1).cells) == 60
