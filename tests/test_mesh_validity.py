"""Every mistake in a mesh file is one line that names it."""

import re

import meshio
import numpy as np
import pytest
from mesh_cases import HALVES, SQUARE, SUFFIXES, disc, small, write

from freqbias.errors import InputError
from freqbias.meshes import UnstructuredMesh
from freqbias.meshes.files import read_mesh, write_mesh

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
