"""What a solve holds in memory, and how many basis vectors that leaves room for."""

from dataclasses import dataclass

import psutil

from freqbias.cost import factor_bytes
from freqbias.errors import InputErrorOnEveryRank
from freqbias.fem.error_operator import ErrorOperator
from freqbias.fem.shifted_systems import default_method
from freqbias.fem.symmetry import Folding
from freqbias.fem.window import MOST_VECTORS
from freqbias.resources import memory_of_ranks

#: Part of the free memory that a solve takes without being told.
_SHARE = 0.7
#: Buffers of the libraries and gaps of the allocator, on every rank.
_OVERHEAD = 16e6
#: With fewer basis vectors for every start a restart would hardly get from one output time to the next.
_FEWEST_VECTORS = 20


@dataclass(frozen=True)
class MemoryPlan:
    """``factor_bytes``: for a factorization on this rank; ``vectors``: basis vectors at a time, over all parts."""

    factor_bytes: float
    vectors: int


def resident() -> float:
    """Bytes that this process holds."""
    return float(psutil.Process().memory_info().rss)


def plan(
    operator: ErrorOperator,
    folding: Folding,
    times: int,
    states: int,
    memory: float | None,
    before: float,
    method: str = "auto",
) -> MemoryPlan:
    """Divide ``memory`` (bytes of all ranks) among matrices, factor, results and basis; by default 0.7 of what is free.

    ``before`` is what ``resident`` said on this rank before the mesh and its matrices were made; ``method`` is that of
    ``ShiftedSystems``. Raises InputError, naming what is needed, if it is too little.
    """
    space = operator.space
    comm, size, dimension = space.comm, space.size, space.mesh.dimension
    if memory is None:
        memory = _SHARE * memory_of_ranks(comm)
    nodes = len(folding.whole.nodes)
    columns = 1 if folding.is_complete() else 2
    matrices = comm.allreduce(operator.memory())
    present = max(comm.allreduce(resident() - before), matrices)
    # M and A with zeros on a plane, M + gamma A; and, without a factor, an incomplete one.
    matrices *= 2.0 if folding.axes else 1.0
    # The parts in their local order, gathered, unfolded, and as they are written.
    results = times * (8.0 * size * columns * len(folding.parities) * 2 + 16.0 * nodes * 2)
    coordinates = 8.0 * dimension * nodes * (1 + comm.size)
    left = memory - present - matrices - results - coordinates - _OVERHEAD * comm.size
    factor = factor_bytes(size, dimension)
    vector = 8.0 * size
    fewest = _FEWEST_VECTORS * columns * states
    # A handful of work vectors, the starts and states, and blocks of right-hand sides and solutions.
    least = (1.3 * fewest + 40 + states * columns + len(folding.parities)) * vector
    if method == "auto":
        method = default_method(operator, (left - least) / comm.size)
    direct = method == "cholesky"
    if direct:
        left -= factor
    if left < least:
        needed = (memory - left + least) / 2**30
        raise InputErrorOnEveryRank(
            f"memory = {memory / 2**30:.3g} GiB is too little for {nodes} nodes and {times} output times: at least "
            f"{needed:.3g} GiB are needed; fewer cells or output times need less"
        )
    vectors = int((left - least) / (1.3 * vector)) + fewest  # the basis grows by a quarter at a time
    return MemoryPlan(float(factor / comm.size) if direct else 0.0, min(vectors, MOST_VECTORS))
