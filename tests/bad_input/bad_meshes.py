"""Mesh files that are none, or no meshes."""

import base64
import struct
import zlib

import h5py
import numpy as np
from case import Case, endless, fifo, folder, plane, sparse

GMSH = "$MeshFormat\n2.2 0 8\n$EndMeshFormat\n$Nodes\n{nodes}\n$EndNodes\n$Elements\n{elements}\n$EndElements\n"
SQUARE = ["1 -1 -1 0", "2 1 -1 0", "3 1 1 0", "4 -1 1 0"]
HALVES = ["1 2 2 1 1 1 2 3", "2 2 2 1 1 1 3 4"]


def gmsh(nodes=SQUARE, elements=HALVES, node_count=None, element_count=None) -> str:
    return GMSH.format(
        nodes="\n".join([str(len(nodes) if node_count is None else node_count), *nodes]),
        elements="\n".join([str(len(elements) if element_count is None else element_count), *elements]),
    )


def xdmf(
    topology: str = "0 1 2 0 2 3", geometry: str = "-1 -1 1 -1 1 1 -1 1", count: str = "2", entity: str = ""
) -> str:
    return f"""<?xml version="1.0"?>{entity}
<Xdmf Version="3.0"><Domain><Grid Name="Grid"><Geometry GeometryType="XY">
<DataItem DataType="Float" Dimensions="4 2" Format="XML" Precision="8">{geometry}</DataItem>
</Geometry><Topology TopologyType="Triangle" NumberOfElements="{count}">
<DataItem DataType="Int" Dimensions="{count} 3" Format="XML" Precision="8">{topology}</DataItem>
</Topology></Grid></Domain></Xdmf>
"""


def vtu(
    points: str = "-1 -1 0 1 -1 0 1 1 0 -1 1 0", kind: str = "ascii", head: str = "", entity: str = "", cells: str = "2"
) -> str:
    return f"""<?xml version="1.0"?>{entity}
<VTKFile type="UnstructuredGrid" version="0.1" byte_order="LittleEndian"{head}><UnstructuredGrid>
<Piece NumberOfPoints="4" NumberOfCells="{cells}">
<Points><DataArray type="Float64" NumberOfComponents="3" format="{kind}">{points}</DataArray></Points>
<Cells><DataArray type="Int64" Name="connectivity" format="ascii">0 1 2 0 2 3</DataArray>
<DataArray type="Int64" Name="offsets" format="ascii">3 6</DataArray>
<DataArray type="Int64" Name="types" format="ascii">5 5</DataArray></Cells>
</Piece></UnstructuredGrid></VTKFile>
"""


LAUGHS = "<!DOCTYPE lolz [<!ENTITY l0 'lol'>" + "".join(f"<!ENTITY l{n} '{f'&l{n - 1};' * 10}'>" for n in range(1, 12))
LAUGHS += "]>"
#: An entity that reads a file of the system.
OUTSIDE = "<!DOCTYPE x [<!ENTITY out SYSTEM 'file:///etc/passwd'>]>"


def deflated(size: int) -> str:
    """The points of a .vtu file: one block of zlib that claims little and unpacks to ``size`` bytes of zeros."""
    block = zlib.compress(bytes(size), 9)
    header = struct.pack("<4I", 1, size, 0, len(block))
    return base64.b64encode(header).decode() + base64.b64encode(block).decode()


def vtk(
    points: str = "POINTS 4 double\n-1 -1 0 1 -1 0 1 1 0 -1 1 0", cells: str = "CELLS 2 8\n3 0 1 2\n3 0 2 3"
) -> str:
    head = "# vtk DataFile Version 3.0\nmesh\nASCII\nDATASET UNSTRUCTURED_GRID\n"
    return f"{head}{points}\n{cells}\nCELL_TYPES 2\n5\n5\n"


def outside(path) -> None:
    """An .h5 file that links to a file elsewhere."""
    with h5py.File(path, "w") as file:
        file["data0"] = h5py.ExternalLink("/etc/passwd", "/")


def huge_h5(path) -> None:
    """Ten terabytes that were never written."""
    with h5py.File(path, "w") as file:
        file.create_dataset("data0", (10**12, 2), np.float64, chunks=(1000, 2))


def mesh(name: str, content, message, **options) -> Case:
    """``freqbias mesh FILE``."""
    return Case(f"mesh {name}: {message[-1][:40]}", (name, *message), {name: content}, ("mesh", name), **options)


def solve(name: str, content, message, **options) -> Case:
    """A problem whose mesh is the file ``name``."""
    files = {"problem.toml": plane({"mesh": {"file": name}}), name: content}
    return Case(f"mesh.file {name}: {message[-1][:40]}", ("mesh.file", name, *message), files, **options)


LINE = gmsh(["1 -9 0 0", "2 9 0 0"], ["1 1 2 1 1 1 2"])
LINKED = xdmf().replace('Format="XML" Precision="8">-1 -1 1 -1 1 1 -1 1', 'Format="HDF" Precision="8">mesh.h5:/data0')

CASES = [
    Case("mesh: missing", ("a.msh", "there is no such file"), {}, ("mesh", "a.msh")),
    mesh("folder.msh", folder, ("is a folder",)),
    mesh("pipe.msh", fifo, ("no regular file",)),
    mesh("zero.msh", endless, ("no regular file",), isolated=True),
    mesh("sparse.msh", sparse, ("1 TiB",), isolated=True),
    mesh("a.exe", "MZ", ("unknown kind of mesh file",)),
    mesh("plain", "1", ("unknown kind of mesh file",)),
    mesh("empty.msh", "", ("cannot be read as a mesh",)),
    mesh("text.msh", "mesh", ("cannot be read as a mesh",)),
    mesh("bytes.msh", bytes(range(256)) * 9, ("cannot be read as a mesh",)),
    mesh("cut.msh", gmsh()[:100], ("cannot be read as a mesh",)),
    mesh("cut-in-cells.msh", gmsh()[:-40], ("cannot be read as a mesh",)),
    mesh("version.msh", gmsh().replace("2.2", "9.9"), ("cannot be read as a mesh",)),
    mesh("utf16.msh", gmsh().encode("utf-16"), ("cannot be read as a mesh",)),
    mesh("nodes.msh", gmsh(node_count=10**15), ("cannot be read as a mesh",), isolated=True, ranks=False),
    mesh("cells.msh", gmsh(element_count=10**15), ("cannot be read as a mesh",), isolated=True),
    mesh("minus.msh", gmsh(node_count=-4), ("cannot be read as a mesh",)),
    mesh("nan.msh", gmsh(["1 nan 0 0", *SQUARE[1:]]), ("not finite",)),
    mesh("inf.msh", gmsh(["1 inf 0 0", *SQUARE[1:]]), ("not finite",)),
    mesh("1e300.msh", gmsh(["1 1e300 0 0", *SQUARE[1:]]), ("beyond",)),
    mesh("none.msh", gmsh(elements=[]), ("cells",)),
    mesh("points.msh", gmsh(elements=["1 15 2 1 1 1"]), ("holds no cells",)),
    mesh("lost.msh", gmsh(elements=["1 2 2 1 1 1 2 99"]), ("lost.msh",)),
    mesh("negative.msh", gmsh(elements=["1 2 2 1 1 1 2 -3"]), ("negative.msh",)),
    mesh("twice.msh", gmsh(elements=[*HALVES, "3 2 2 1 1 1 2 3"]), ("more than once",)),
    mesh("flat.msh", gmsh(["1 0 0 0", "2 1 1 0", "3 2 2 0", "4 3 3 0"]), ("without volume",)),
    mesh("steep.msh", gmsh(["1 0 0 5", *SQUARE[1:]]), ("further coordinates 0",)),
    mesh("kind.msh", gmsh(elements=["1 999 2 1 1 1 2 3"]), ("cannot be read as a mesh",)),
    mesh("laughs.xdmf", xdmf(geometry="&l11;", entity=LAUGHS), ("cannot be read as a mesh",), isolated=True),
    mesh("outside.xdmf", xdmf(geometry="&out;", entity=OUTSIDE), ("cannot be read as a mesh",)),
    mesh("cut.xdmf", xdmf()[:300], ("cannot be read as a mesh",)),
    mesh("count.xdmf", xdmf(count="1000000000000"), ("cannot be read as a mesh",), isolated=True),
    mesh("text.xdmf", xdmf(geometry="a b c d e f g h"), ("cannot be read as a mesh",)),
    mesh("lost.xdmf", xdmf(topology="0 1 2 0 2 9"), ("vertices that do not exist",)),
    mesh("minus.xdmf", xdmf(topology="0 1 2 0 2 -1"), ("vertices that do not exist",)),
    Case("mesh: companion missing", ("a.xdmf", "mesh.h5, which is not there"), {"a.xdmf": LINKED}, ("mesh", "a.xdmf")),
    Case(
        "mesh: companion broken", ("a.xdmf", "mesh.h5"), {"a.xdmf": LINKED, "mesh.h5": b"\x89HDF"}, ("mesh", "a.xdmf")
    ),
    Case(
        "mesh: companion elsewhere", ("a.xdmf", "mesh.h5"), {"a.xdmf": LINKED, "mesh.h5": outside}, ("mesh", "a.xdmf")
    ),
    Case(
        "mesh: companion of terabytes",
        ("a.xdmf", "mesh.h5"),
        {"a.xdmf": LINKED, "mesh.h5": huge_h5},
        ("mesh", "a.xdmf"),
        isolated=True,
    ),
    Case(
        "mesh: companion outside of the folder",
        ("a.xdmf", "which is not there"),
        {"a.xdmf": LINKED.replace("mesh.h5", "../../../none.h5")},
        ("mesh", "a.xdmf"),
    ),
    mesh("laughs.vtu", vtu(points="&l11;", entity=LAUGHS), ("cannot be read as a mesh",), isolated=True),
    mesh("outside.vtu", vtu(points="&out;", entity=OUTSIDE), ("cannot be read as a mesh",)),
    mesh("text.vtu", vtu(points="a b c"), ("cannot be read as a mesh",)),
    mesh("base64.vtu", vtu(points="!!!!", kind="binary"), ("cannot be read as a mesh",)),
    mesh(
        "bomb.vtu",
        vtu(deflated(2**22), "binary", ' header_type="UInt32" compressor="vtkZLibDataCompressor"'),
        ("bomb.vtu",),
        isolated=True,
    ),
    mesh("kind.vtu", "<VTKFile type='ImageData'/>", ("cannot be read as a mesh",)),
    mesh("deep.vtu", "<a>" * 100_000, ("cannot be read as a mesh",), isolated=True),
    mesh("points.vtk", vtk("POINTS 1000000000000 double\n0 0 0"), ("cannot be read as a mesh",), isolated=True),
    mesh(
        "cells.vtk",
        vtk(cells="CELLS 1000000000000 4000000000000\n3 0 1 2"),
        ("cannot be read as a mesh",),
        isolated=True,
    ),
    mesh("order.vtk", vtk(cells="CELLS 2 8\n3 0 1 2\n3 0 2 99"), ("vertices that do not exist",)),
    mesh("cut.vtk", vtk()[:120], ("cannot be read as a mesh",)),
    mesh("cut.inp", "*HEADING\n*NODE\n1, 0.0, 0.0\n*ELEMENT, TYPE=CPS3\n1, 1,", ("cut.inp",)),
    mesh("own.inp", "*INCLUDE, INPUT=own.inp\n", ("own.inp",)),
    mesh(
        "cut.mesh", "MeshVersionFormatted 2\nDimension 2\nVertices\n1000000000\n0 0 0\n", ("cut.mesh",), isolated=True
    ),
    mesh("json.med", "{}", ("cannot be read as a mesh",)),
    solve("line.msh", LINE, ("has 1 dimension(s)", "the problem has 2"), ranks=True),
    solve("coarse.msh", gmsh(), ("leaves out", "holds")),
    solve("cut.msh", gmsh()[:100], ("cannot be read as a mesh",), ranks=True),
    solve("pipe.msh", fifo, ("no regular file",)),
    solve("folder.msh", folder, ("is a folder",)),
]
