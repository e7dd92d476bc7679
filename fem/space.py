"""The finite-element space on a frequency mesh, and the way between its local numbering and that of the mesh."""

from typing import Any

import basix.ufl
import numpy as np
from dolfinx import fem
from dolfinx import mesh as dolfinx_mesh
from mpi4py import MPI

from freqbias.errors import NumericalError
from freqbias.meshes import BoxMesh, FrequencyMesh, UnstructuredMesh

_CELLS = {2: dolfinx_mesh.CellType.quadrilateral, 3: dolfinx_mesh.CellType.hexahedron}


class Space:
    """Lagrange elements on a frequency mesh, distributed over ``comm``.

    Arrays called local hold the degrees of freedom that this rank owns: (n_local,) or (n_local, k).
    """

    def __init__(self, mesh: FrequencyMesh, comm: MPI.Comm):
        self.mesh = mesh
        self.comm = comm
        self.msh = _distributed(mesh, comm)
        # Gauss-Lobatto points, on tensor cells those of BoxMesh.
        element = basix.ufl.element("Lagrange", self.msh.basix_cell(), mesh.degree, basix.LagrangeVariant.gll_warped)
        self.V = fem.functionspace(self.msh, element)
        self.n_local = self.V.dofmap.index_map.size_local
        self.size = self.V.dofmap.index_map.size_global
        #: Frequencies (n_local, d) of the local degrees of freedom, radians per unit of x.
        self.nodes = self.V.tabulate_dof_coordinates()[: self.n_local, : mesh.dimension].copy()
        self._numbers = np.ascontiguousarray(mesh.node_numbers(self.nodes), dtype=np.int64)
        self._counts = comm.allgather(self.n_local)
        lower, upper = mesh.bounds
        apart = np.abs(mesh.nodes[self._numbers] - self.nodes).max(initial=0)
        if comm.allreduce(apart, MPI.MAX) > 1e-8 * (upper - lower).max() or self.size != len(mesh.nodes):
            raise NumericalError("DOLFINx does not place its nodes where the frequency mesh has them")
        self.nodes = mesh.nodes[self._numbers]  # free of the rounding of the geometry map: 0 is 0

    def gather(self, local: np.ndarray) -> np.ndarray | None:
        """The whole array (n, k) in the mesh's numbering of local arrays (n_local, k): on rank 0, None elsewhere."""
        local = np.ascontiguousarray(local)
        if self.comm.rank > 0:
            self.comm.Send(self._numbers, dest=0)
            self.comm.Send(local, dest=0)
            return None
        whole = np.empty((self.size, *local.shape[1:]), dtype=local.dtype)
        whole[self._numbers] = local
        for rank, count in enumerate(self._counts[1:], start=1):
            numbers = np.empty(count, dtype=self._numbers.dtype)
            values = np.empty((count, *local.shape[1:]), dtype=local.dtype)
            self.comm.Recv(numbers, source=rank)
            self.comm.Recv(values, source=rank)
            whole[numbers] = values
        return whole

    def scatter(self, whole: np.ndarray | None) -> np.ndarray:
        """The inverse of ``gather``: local arrays (n_local, k) of an array (n, k) on rank 0, None elsewhere."""
        tail, dtype = self.comm.bcast(None if whole is None else (whole.shape[1:], whole.dtype))
        if whole is None:
            self.comm.Send(self._numbers, dest=0)
            local = np.empty((self.n_local, *tail), dtype=dtype)
            self.comm.Recv(local, source=0)
            return local
        for rank, count in enumerate(self._counts[1:], start=1):
            numbers = np.empty(count, dtype=self._numbers.dtype)
            self.comm.Recv(numbers, source=rank)
            self.comm.Send(np.ascontiguousarray(whole[numbers]), dest=rank)
        return whole[self._numbers]

    def collect(self, local: np.ndarray) -> np.ndarray:
        """As ``gather``, but the whole array is on every rank."""
        return self.comm.bcast(self.gather(local))


def _distributed(mesh: FrequencyMesh, comm: MPI.Comm) -> dolfinx_mesh.Mesh:
    if isinstance(mesh, BoxMesh):
        return _box(mesh, comm)
    if isinstance(mesh, UnstructuredMesh):
        return _imported(mesh, comm)
    raise TypeError(f"{type(mesh).__name__} has no counterpart in DOLFINx")


def _box(mesh: BoxMesh, comm: MPI.Comm) -> dolfinx_mesh.Mesh:
    """Build the grid in index space, cell edges at whole numbers, and move its vertices to the grid lines."""
    cells = [int(n) for n in mesh.cells]
    if mesh.dimension == 1:
        msh = dolfinx_mesh.create_interval(comm, cells[0], [0.0, float(cells[0])])
    else:
        corners: list[Any] = [np.zeros(mesh.dimension), np.array(cells, dtype=float)]
        create = dolfinx_mesh.create_rectangle if mesh.dimension == 2 else dolfinx_mesh.create_box
        msh = create(comm, corners, cells, _CELLS[mesh.dimension])
    x = msh.geometry.x
    for axis, lines in enumerate(mesh.axes):
        x[:, axis] = np.interp(x[:, axis], np.arange(len(lines)), lines)
    return msh


def _imported(mesh: UnstructuredMesh, comm: MPI.Comm) -> dolfinx_mesh.Mesh:
    """Hand all cells in on rank 0; DOLFINx spreads them over the ranks."""
    # DOLFINx takes all elements of basix.ufl, whatever it declares.
    shape: Any = basix.ufl.element("Lagrange", mesh.cell_kind, 1, shape=(mesh.dimension,))
    mine = slice(None) if comm.rank == 0 else slice(0)
    cells = np.ascontiguousarray(mesh.cells[mine], dtype=np.int64)
    vertices = np.ascontiguousarray(mesh.vertices[mine])
    return dolfinx_mesh.create_mesh(comm, cells, shape, vertices)
