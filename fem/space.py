"""The finite-element space on a frequency mesh, and the way between its local numbering and that of the mesh."""

import basix.ufl
import numpy as np
from dolfinx import fem
from dolfinx import mesh as dolfinx_mesh
from mpi4py import MPI

from freqbias.meshes import BoxMesh

_CELLS = {2: dolfinx_mesh.CellType.quadrilateral, 3: dolfinx_mesh.CellType.hexahedron}


class Space:
    """Lagrange elements on a BoxMesh, distributed over ``comm``.

    Arrays called local hold the degrees of freedom that this rank owns: (n_local,) or (n_local, k).
    """

    def __init__(self, mesh: BoxMesh, comm: MPI.Comm):
        self.mesh = mesh
        self.comm = comm
        self.msh = _distributed(mesh, comm)
        # Gauss-Lobatto points on tensor cells: the nodes of BoxMesh.
        element = basix.ufl.element("Lagrange", self.msh.basix_cell(), mesh.degree, basix.LagrangeVariant.gll_warped)
        self.V = fem.functionspace(self.msh, element)
        self.n_local = self.V.dofmap.index_map.size_local
        self.size = self.V.dofmap.index_map.size_global
        #: Frequencies (n_local, d) of the local degrees of freedom, radians per unit of x.
        self.nodes = self.V.tabulate_dof_coordinates()[: self.n_local, : mesh.dimension].copy()
        self._numbers = mesh.node_numbers(self.nodes)

    def collect(self, local: np.ndarray) -> np.ndarray:
        """The whole array (n, ...) in the mesh's numbering, on every rank, of local arrays (n_local, ...)."""
        if self.comm.size == 1:
            whole = np.empty_like(local)
            whole[self._numbers] = local
            return whole
        whole = np.zeros((self.size, *local.shape[1:]), dtype=local.dtype)
        whole[self._numbers] = local
        self.comm.Allreduce(MPI.IN_PLACE, whole)
        return whole


def _distributed(mesh: BoxMesh, comm: MPI.Comm) -> dolfinx_mesh.Mesh:
    """Build the grid in index space, cell edges at whole numbers, and move its vertices to the grid lines."""
    cells = [int(n) for n in mesh.cells]
    if mesh.dimension == 1:
        msh = dolfinx_mesh.create_interval(comm, cells[0], [0.0, float(cells[0])])
    else:
        corners = [np.zeros(mesh.dimension), np.array(cells, dtype=float)]
        create = dolfinx_mesh.create_rectangle if mesh.dimension == 2 else dolfinx_mesh.create_box
        msh = create(comm, corners, cells, _CELLS[mesh.dimension])
    x = msh.geometry.x
    for axis, lines in enumerate(mesh.axes):
        x[:, axis] = np.interp(x[:, axis], np.arange(len(lines)), lines)
    return msh
