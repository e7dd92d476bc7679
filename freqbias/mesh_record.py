"""How a spectrum file keeps a mesh that came from a file of its own, so that it can be read without that one."""

from typing import TYPE_CHECKING

import numpy as np

from freqbias.errors import InputError
from freqbias.meshes import UnstructuredMesh
from freqbias.meshes.validity import check_cells, check_vertices

if TYPE_CHECKING:
    import xarray as xr


def mesh_variables(mesh: UnstructuredMesh) -> dict[str, tuple]:
    """The variables of a spectrum file that hold ``mesh``."""
    return {
        "mesh_vertex": (
            ("vertex", "axis"),
            mesh.vertices,
            {"long_name": "vertices of the frequency mesh", "units": "radians per unit of x"},
        ),
        "mesh_cell": (
            ("cell", "corner"),
            mesh.cells,
            {"long_name": "numbers of the vertices of each cell", "kind": mesh.cell_kind, "degree": mesh.degree},
        ),
    }


def recorded_mesh(dataset: "xr.Dataset", source: str) -> UnstructuredMesh | None:
    """The mesh that a spectrum file keeps, if it does.

    Raises InputError naming ``source``, or KeyError or ValueError, if it is not complete.
    """
    if "mesh_cell" not in dataset:
        return None
    cells = dataset["mesh_cell"].transpose("cell", "corner")
    vertices = dataset["mesh_vertex"].transpose("vertex", "axis").values
    kind, degree = str(cells.attrs["kind"]), int(cells.attrs["degree"])
    if not np.issubdtype(cells.dtype, np.integer) or not 1 <= degree <= 8:
        raise InputError(f"{source}: mesh_cell must hold whole numbers and a degree from 1 to 8")
    check_cells(cells.values, len(vertices), kind, f"{source}: mesh_cell")
    check_vertices(vertices, 1, f"{source}: mesh_vertex")
    return UnstructuredMesh(vertices, cells.values, kind, degree)
