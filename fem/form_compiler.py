"""Compiled forms: DOLFINx makes machine code of every form once and keeps it in a cache folder."""

import time

import ufl
from cffi import VerificationError
from dolfinx import fem, jit
from mpi4py import MPI

from freqbias.doctor.probes import ProbeError, cache, compiler
from freqbias.errors import FreqbiasError, InputErrorOnEveryRank

#: Seconds after which source code that nobody has finished to compile was left behind by a process that has ended.
_ABANDONED = 60.0
#: DOLFINx waits for another process that compiles the same form, by default 10 s: as many times.
_PATIENCE = 8


def compile_form(form: ufl.Form, comm: MPI.Comm) -> fem.Form:
    """``form`` as machine code, on all ranks of ``comm``: compiled by rank 0 unless the cache folder has it.

    Raises InputError, on all ranks, if the cache folder cannot be written or no C compiler works, naming what to set.
    """
    patience = _PATIENCE
    while True:
        try:
            return fem.form(form)
        except (OSError, RuntimeError, ImportError, VerificationError) as error:
            if comm.size > 1 and "JIT" not in str(error):
                raise  # of this rank alone
            patience -= 1
            if patience == 0 or "timed out" not in comm.bcast(str(error)):
                raise comm.bcast(_explained(error) if comm.rank == 0 else None) from error
        if comm.rank == 0:
            _remove_abandoned()
        comm.Barrier()


def _remove_abandoned() -> None:
    """Whoever is killed while it compiles leaves source code for whose machine code all others would wait."""
    for source in jit.get_options()["cache_dir"].glob("libffcx_*.c"):
        if time.time() - source.stat().st_mtime > _ABANDONED and not source.with_suffix(".c.cached").exists():
            source.unlink(missing_ok=True)


def _explained(error: Exception) -> FreqbiasError:
    """What stands in the way, looked for on the rank that compiles."""
    try:
        folder = cache(jit.get_options()["cache_dir"])
    except ProbeError as cause:
        return InputErrorOnEveryRank(
            f"cache of compiled forms: {cause}; set XDG_CACHE_HOME to a folder that can be written and has room"
        )
    try:
        compiler()
    except (ProbeError, OSError) as cause:
        return InputErrorOnEveryRank(
            f"C compiler: {cause}; DOLFINx compiles its forms: install gcc, or name a compiler in CC"
        )
    return FreqbiasError(f"a form cannot be compiled in {folder}: {error}; freqbias doctor looks closer")
