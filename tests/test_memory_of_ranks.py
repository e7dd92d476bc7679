"""The memory of the ranks of a job on one host and on several. Run serially and under mpirun."""

import pytest
from mpi4py import MPI

from freqbias import resources
from freqbias.resources import free_memory, memory_of_ranks

pytestmark = pytest.mark.mpi
COMM = MPI.COMM_WORLD


def test_one_host_has_what_it_has_however_many_ranks(monkeypatch):
    monkeypatch.setattr(resources, "free_memory", lambda: 6e9 + COMM.rank)  # it changes all the time
    assert memory_of_ranks(COMM) == pytest.approx(6e9, rel=1e-12)
    monkeypatch.undo()
    assert 0.3 < memory_of_ranks(COMM) / COMM.bcast(free_memory()) < 3


def test_the_tightest_host_decides(monkeypatch):
    """Every rank on a host of its own, the last one with the least memory: the others must not take more than that."""
    monkeypatch.setattr(resources, "free_memory", lambda: 1e9 * (COMM.size - COMM.rank))
    own = COMM.Split(COMM.rank)
    assert memory_of_ranks(COMM, own) == COMM.size * 1e9
    own.Free()
