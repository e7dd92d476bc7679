"""Mesh files: every format comes back, every mistake in a file is one line, problems and spectra with such meshes."""

import dataclasses
import re

import meshio
import numpy as np
import pytest
import tomli_w
from mesh_cases import KINDS, box, disc, grid

from freqbias import ErrorSpectra, Problem
from freqbias.errors import InputError
from freqbias.meshes import BoxMesh, UnstructuredMesh
from freqbias.meshes.cell_kinds import CELL_KINDS
from freqbias.meshes.files import read_mesh, write_mesh

SUFFIXES = (".msh", ".vtu", ".vtk", ".xdmf", ".inp", ".mesh")
LOWER, UPPER, COUNTS = [-1.0, 0.5, -2.0], [2.0, 1.5, -0.5], [4, 3, 2]


def small(kind, degree=1):
    dimension = CELL_KINDS[kind].dimension
    return box(kind, LOWER[:dimension], UPPER[:dimension], COUNTS[:dimension], degree)


def write(path, points, cells, kind="triangle"):
    """A mesh file whose vertex order is meshio's, whatever is in it."""
    points = np.asarray(points, dtype=float)
    padded = np.zeros((len(points), 3))
    padded[:, : points.shape[1]] = points
    meshio.write(path, meshio.Mesh(padded, [(kind, np.asarray(cells))]))
    return path


def assert_same(first, second):
    assert first.cell_kind == second.cell_kind
    np.testing.assert_array_equal(first.vertices, second.vertices)
    np.testing.assert_array_equal(first.cells, second.cells)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("kind", KINDS)
def test_round_trip(kind, suffix, tmp_path):
    mesh = small(kind, 3)
    write_mesh(mesh, tmp_path / f"m{suffix}")
    assert [path.name for path in tmp_path.iterdir()] == [f"m{suffix}"]
    again = read_mesh(tmp_path / f"m{suffix}", mesh.dimension, 3)
    assert_same(again, mesh)
    np.testing.assert_array_equal(again.nodes, mesh.nodes)


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_box_mesh_becomes_a_file(dimension, tmp_path):
    lines = (np.array([-2.0, -0.5, 1.0]), np.array([0.0, 1.0, 3.0, 4.0]), np.array([-1.0, 1.0]))
    mesh = BoxMesh(lines[:dimension], 2)
    write_mesh(mesh, tmp_path / "box.vtu")
    again = read_mesh(tmp_path / "box.vtu", dimension, 2)
    assert len(again.nodes) == len(mesh.nodes)
    values = np.cos(mesh.nodes).sum(axis=1)
    assert again.norm(np.cos(again.nodes).sum(axis=1)) == pytest.approx(mesh.norm(values), rel=1e-13)


GMSH = """$MeshFormat
4.1 0 8
$EndMeshFormat
$PhysicalNames
2
1 3 "edge"
2 7 "band"
$EndPhysicalNames
$Entities
0 1 1 0
1 -1 -1 0 1 -1 0 1 3 0
1 -1 -1 0 1 1 0 1 7 0
$EndEntities
$Nodes
2 6 1 12
1 1 0 2
1
2
-1 -1 0
1 -1 0
2 1 0 4
3
4
5
12
1 1 0
-1 1 0
0.1 0.2 0
9 9 0
$EndNodes
$Elements
2 5 1 5
1 1 1 1
1 1 2
2 1 2 4
2 1 2 5
3 2 3 5
4 4 3 5
5 4 1 5
$EndElements
"""


def test_file_of_gmsh(tmp_path):
    """Triangles, one of them turned round, beside a line and a node that no triangle uses."""
    (tmp_path / "g.msh").write_text(GMSH)
    mesh = read_mesh(tmp_path / "g.msh", 2)
    assert (mesh.cell_kind, len(mesh.cells), len(mesh.vertices)) == ("triangle", 4, 5)
    np.testing.assert_array_equal(mesh.vertices[4], [0.1, 0.2])
    assert mesh.volumes.sum() == pytest.approx(4)
    assert mesh.determinants(mesh.kind.corners).min() > 0


@pytest.mark.parametrize("kind", KINDS)
def test_cells_are_turned_round(kind, tmp_path):
    mesh = small(kind)
    mixed = mesh.cells.copy()
    mixed[::2] = mixed[::2][:, mesh.kind.mirrored]
    write_mesh(dataclasses.replace(mesh, cells=mixed), tmp_path / "m.vtu")
    assert_same(read_mesh(tmp_path / "m.vtu"), mesh)


SECOND_ORDER = {"triangle6": "triangle", "quad9": "quadrilateral", "tetra10": "tetrahedron", "line3": "interval"}


@pytest.mark.parametrize("kind", SECOND_ORDER)
def test_straight_cells_of_second_order_are_read(kind, tmp_path):
    mesh = small(SECOND_ORDER[kind])
    corners = mesh.cells[:, mesh.kind.vtk_order]
    middles = [mesh.vertices[mesh.cells[:, face]].mean(axis=1) for face in mesh.kind.faces]
    extra = meshio._common.num_nodes_per_cell[kind] - corners.shape[1]
    points = np.concatenate([mesh.vertices, *middles[:extra]])
    cells = len(mesh.vertices) + np.arange(extra) * len(corners) + np.arange(len(corners))[:, None]
    cells = np.concatenate([corners, cells], axis=1)
    assert_same(read_mesh(write(tmp_path / "m.vtu", points, cells, kind)), mesh)
    points[cells[3, -1]] += 0.02
    with pytest.raises(InputError, match=r"m\.vtu: 1 of \d+ cells are curved.*the first is cell 3 at"):
        read_mesh(write(tmp_path / "m.vtu", points, cells, kind))


def test_cells_of_third_order_are_refused(tmp_path):
    mesh = small("triangle", 3)
    content = meshio.Mesh(np.pad(mesh.nodes, ((0, 0), (0, 1))), [("triangle10", mesh.cell_nodes)])
    meshio.write(tmp_path / "m.msh", content, file_format="gmsh22", binary=False)
    with pytest.raises(InputError, match="24 of 24 cells are curved, or of more than second order"):
        read_mesh(tmp_path / "m.msh")


def test_compressed_xdmf_is_read(tmp_path):
    mesh = small("triangle")
    meshio.write(tmp_path / "m.xdmf", meshio.Mesh(mesh.vertices, [("triangle", mesh.cells)]), compression="gzip")
    assert_same(read_mesh(tmp_path / "m.xdmf"), mesh)
    (tmp_path / "m.h5").write_bytes(b"\x89HDF broken")
    with pytest.raises(InputError, match=r"m\.xdmf: .* in m\.h5, which cannot be read; .*compression=None"):
        read_mesh(tmp_path / "m.xdmf")
    (tmp_path / "m.h5").unlink()
    with pytest.raises(InputError, match=r"m\.xdmf: .* in m\.h5, which is not there"):
        read_mesh(tmp_path / "m.xdmf")


SQUARE = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
HALVES = np.array([[0, 1, 2], [0, 2, 3]])
CUBE = np.array([[x, y, z] for z in (0.0, 1.0) for x, y in ((0, 0), (1, 0), (1, 1), (0, 1))])

#: Points, cells, kind, and what the message says.
MISTAKES = {
    "not finite": (np.where(SQUARE == 1, np.nan, SQUARE), HALVES, "triangle", "3 vertices with coordinates that are"),
    "no such vertex": (SQUARE, [[0, 1, 2], [0, 2, 4]], "triangle", "1 cell with vertices that do not exist .*cell 1"),
    "negative number": (SQUARE, [[0, 1, 2], [0, 2, -1]], "triangle", "1 cell with vertices that do not exist .*cell 1"),
    "flat triangle": (
        [*SQUARE, [2.0, 2.0]], [*HALVES, [0, 2, 4]], "triangle",
        r"1 cell without volume, the first is cell 2 at \(1, 1\)",
    ),
    "vertex twice": (SQUARE, [[0, 1, 2], [0, 3, 3]], "triangle", "1 cell without volume, the first is cell 1"),
    "tiny sliver": (
        [*SQUARE, [0.5, -1e-14]], [*HALVES, [0, 4, 1]], "triangle", "1 cell without volume, the first is cell 2"
    ),
    "interval of no length": ([[0.0], [1.0]], [[0, 1], [1, 1]], "line", "1 cell without volume, the first is cell 1"),
    "bow tie": (SQUARE, [[0, 1, 3, 2]], "quad", r"1 cell folds over .*cell 0 at \(0.5, 0.5\)"),
    "dart": ([[0, 0], [4, 0], [0.5, 0.5], [0, 4]], [[0, 1, 2, 3]], "quad", "1 cell folds over"),
    "twisted hexahedron": (CUBE, [[0, 1, 2, 3, 5, 4, 7, 6]], "hexahedron", "1 cell folds over"),
    "tensor order in a file": (CUBE, [[0, 1, 3, 2, 4, 5, 7, 6]], "hexahedron", "1 cell folds over"),
    "same cell twice": (SQUARE, [*HALVES, [2, 0, 1]], "triangle", "1 cell is there more than once, .* cell 0"),
    "three cells at an edge": (
        [*SQUARE, [2.0, 0.5]], [*HALVES, [0, 2, 4]], "triangle", r"1 facet of more than two cells, .* \(0.5, 0.5\)"
    ),
    "neighbours on one side": (
        [[0, 0], [1, 0], [0.2, 1], [0.8, 1]], [[0, 1, 2], [0, 1, 3]], "triangle",
        r"cells overlap: 1 pairs of neighbours .*cells \[0, 1\] at \(0.5, 0\)",
    ),
    "intervals folded back": (
        [[0.0], [1.0], [0.5]], [[0, 1], [1, 2]], "line", r"cells overlap: 1 pairs of neighbours .*\[0, 1\] at 1"
    ),
    "intervals over one another": (
        [[0.0], [1.0], [0.9], [2.0]], [[0, 1], [2, 3]], "line", "overlap or do not meet facet to facet"
    ),
    "tetrahedra on one side": (
        [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0.1, 0.1, 1], [0.2, 0.2, 1]], [[0, 1, 2, 3], [0, 1, 2, 4]], "tetra",
        r"cells overlap: 1 pairs of neighbours .*\[0, 1\]",
    ),
    "crack": (
        [[0, 0], [1, 0], [1, 1], [0, 0], [1, 1], [0, 1]], [[0, 1, 2], [3, 4, 5]], "triangle",
        r"2 pairs of vertices lie at the same place, .*the first are \[0, 3\] at \(0, 0\)",
    ),
    "hanging node": (
        [*SQUARE, [0.5, 0.5], [0.0, 1.0]], [[0, 1, 2], [0, 4, 3], [4, 2, 3]], "triangle",
        r"do not meet facet to facet: .*cell 0",
    ),
    "inside of another": (
        [[0, 0], [9, 0], [0, 9], [1, 1], [2, 1], [1, 2]], [[0, 1, 2], [3, 4, 5]], "triangle",
        "overlap or do not meet facet to facet: 1 of them .*cell 0",
    ),
    "crossing": (
        [[0, 0], [3, 0], [1.5, 3], [0, 2], [3, 2], [1.5, -1]], [[0, 1, 2], [3, 4, 5]], "triangle",
        "overlap or do not meet facet to facet: 2 of them",
    ),
    "cubes inside of one another": (
        [*CUBE, *(CUBE + 0.4)], [range(8), range(8, 16)], "hexahedron",
        "overlap or do not meet facet to facet: 2 of them",
    ),
    "wedges": (CUBE[:6] + [[0, 0, i] for i in range(6)], [range(6)], "wedge", "the kind wedge, allowed are line"),
    "points only": (SQUARE, [[0], [1]], "vertex", "holds no cells"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_is_named(mistake, tmp_path, capfd):
    points, cells, kind, expected = MISTAKES[mistake]
    path = write(tmp_path / "m.vtu", points, np.array([list(cell) for cell in cells]), kind)
    with pytest.raises(InputError, match=expected) as caught:
        read_mesh(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_overlap_of_fine_meshes_is_found(tmp_path):
    """Two discs that overlap by a thin lens, and the same discs apart."""
    first = disc(1.0, 12)
    for shift, overlap in ((1.98, True), (2.02, False)):
        vertices = np.concatenate([first.vertices, first.vertices + np.array([shift, 0.0])])
        cells = np.concatenate([first.cells, first.cells + len(first.vertices)])
        write_mesh(UnstructuredMesh(vertices, cells, "triangle", 1), tmp_path / "m.vtu")
        if overlap:
            with pytest.raises(InputError, match="cells overlap"):
                read_mesh(tmp_path / "m.vtu")
        else:
            assert read_mesh(tmp_path / "m.vtu").piece_count == 2


def test_annulus_wound_twice_is_found(tmp_path):
    """No vertex of it is shared by the two turns, and all neighbours lie on different sides of their edges."""
    angles = np.linspace(0, 4 * np.pi, 41)[:-1] + 0.01
    rings = [radius * np.stack([np.cos(angles), np.sin(angles)], axis=1) for radius in (1.0, 2.0)]
    spread = 1 + 0.03 * np.arange(40)[:, None] / 40
    k, n = np.arange(39), 40
    cells = np.concatenate([np.stack([k, k + n, k + n + 1], 1), np.stack([k, k + n + 1, k + 1], 1)])
    with pytest.raises(InputError, match="overlap or do not meet facet to facet"):
        read_mesh(write(tmp_path / "m.vtu", np.concatenate([rings[0] * spread, rings[1] * spread]), cells))


def test_cells_of_several_kinds_are_refused(tmp_path):
    points = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1], [2, 0.5]])
    blocks = [("quad", np.array([[0, 1, 2, 3]])), ("triangle", np.array([[1, 4, 2]]))]
    meshio.write(tmp_path / "m.vtk", meshio.Mesh(np.pad(points, ((0, 0), (0, 1))), blocks))
    with pytest.raises(InputError, match=r"holds cells of several kinds \(quad, triangle\), must hold one kind only"):
        read_mesh(tmp_path / "m.vtk")


def test_dimension_must_be_that_of_the_problem(tmp_path):
    write_mesh(small("tetrahedron"), tmp_path / "m.vtu")
    with pytest.raises(InputError, match=r"the mesh has 3 dimension\(s\) \(tetrahedra\), the problem has 2"):
        read_mesh(tmp_path / "m.vtu", 2)
    lifted = write(tmp_path / "z.vtu", np.column_stack([SQUARE, [0.0, 0.0, 0.0, 0.5]]), HALVES)
    with pytest.raises(
        InputError, match=r"must have further coordinates 0: 1 vertices do not, the first at \[0.0, 1.0"
    ):
        read_mesh(lifted, 2)


@pytest.mark.parametrize("name", ["m.msh", "m.vtu", "m.vtk", "m.xdmf", "m.inp", "m.mesh", "m.stl", "m.med", "m.e"])
@pytest.mark.parametrize("content", [b"", b"no mesh", b"\xff\x00\x89" * 99, b"<?xml version='1.0'?><a/>"])
def test_broken_file_is_named(name, content, tmp_path, capfd):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=rf"/{re.escape(name)}: ") as caught:
        read_mesh(tmp_path / name)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_damaged_file_is_a_mistake_or_a_mesh(suffix, tmp_path):
    """Whatever is cut off or changed: no other exception, and nothing on the screen."""
    path = tmp_path / f"m{suffix}"
    write_mesh(small("triangle"), path)
    whole = path.read_bytes()
    random = np.random.default_rng(5)
    refused = 0
    for number in range(40):
        damaged = bytearray(whole)
        if number % 2:
            damaged = damaged[: random.integers(len(whole))]
        else:
            for position in random.integers(len(whole), size=3):
                damaged[position] = random.integers(256)
        path.write_bytes(damaged)
        try:
            read_mesh(path, 2)
        except InputError:
            refused += 1
    assert refused > 15


def test_missing_and_unknown_files_are_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.msh: there is no such file"):
        read_mesh(tmp_path / "none.msh")
    (tmp_path / "m.foo").write_text("")
    with pytest.raises(InputError, match=r"m\.foo: unknown kind of mesh file '\.foo', allowed are .*\.msh"):
        read_mesh(tmp_path / "m.foo")
    with pytest.raises(InputError, match=r"m\.step: unknown kind of mesh file '\.step', allowed are \.msh"):
        write_mesh(small("triangle"), tmp_path / "m.step")


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
