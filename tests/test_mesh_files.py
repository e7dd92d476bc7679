"""Mesh files: every format comes back as it was written."""

import dataclasses

import meshio
import numpy as np
import pytest
from mesh_cases import KINDS, SUFFIXES, assert_same, small, write

from freqbias.errors import InputError
from freqbias.meshes import BoxMesh
from freqbias.meshes.files import read_mesh, write_mesh


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
