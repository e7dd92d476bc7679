"""The PDE over frequency space, solved with finite elements (DOLFINx, PETSc, MPI)."""

from importlib.util import find_spec

import mpi4py.MPI  # noqa: F401  (before dolfinx, which must find the MPI library already loaded)

if find_spec("dolfinx_solver") is not None:  # the wheel's own start-up; other builds of DOLFINx need none
    import dolfinx_solver  # noqa: F401

from freqbias.fem.error_operator import ErrorOperator
from freqbias.fem.evolution import Evolution, evolve
from freqbias.fem.solve import solve
from freqbias.fem.time_stepping import step

__all__ = ["ErrorOperator", "Evolution", "evolve", "solve", "step"]
