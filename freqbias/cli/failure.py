"""How a command ends when something goes wrong: one line on standard error, the right status, no hanging rank."""

import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from freqbias import torchrun
from freqbias.errors import FreqbiasError, InputError, InputErrorOnEveryRank, Interrupted

#: Seconds that a process which torchrun started leaves to the first one to say what has happened to all of them.
_PATIENCE = 3.0


def _communicator():
    """MPI's world if this process has loaded MPI and is not alone, else None."""
    mpi = sys.modules.get("mpi4py.MPI")
    if mpi is None or not mpi.Is_initialized() or mpi.Is_finalized() or mpi.COMM_WORLD.size == 1:
        return None
    return mpi.COMM_WORLD


@contextmanager
def reported_failures() -> Iterator[None]:
    """Turn exceptions of the block into a message and an exit status: 1 failure, 2 user's mistake, 130 interrupted."""
    try:
        yield
    except SystemExit as error:
        _leave(error.code if isinstance(error.code, int) else int(error.code is not None), None, error)
    except Interrupted as error:
        _leave(error.status, str(error), error)
    except KeyboardInterrupt as error:
        _leave(130, "interrupted", error)
    except BrokenPipeError as error:
        # The reader of our output is gone (head, less): nobody to tell. Python must not flush to it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        _leave(1, None, error)
    except InputError as error:
        _leave(2, str(error), error)
    except FreqbiasError as error:
        _leave(1, str(error), error)
    except Exception as error:
        traceback.print_exc()
        _leave(1, f"unexpected {type(error).__name__}: {error}", error)


def _leave(status: int, message: str | None, error: BaseException) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # mpirun may send it again: once is enough
    if torchrun.rank() > 0 and isinstance(error, FreqbiasError | KeyboardInterrupt):
        # Mostly all processes fail alike: the first one speaks, and torchrun then ends this one.
        time.sleep(_PATIENCE)
        if isinstance(error, Interrupted | KeyboardInterrupt):
            message = None
    comm = _communicator()
    if comm is not None and status != 0 and not isinstance(error, InputErrorOnEveryRank):
        # The other ranks may wait for this one for ever: end them all. Rank 0 speaks first if it fails as well.
        time.sleep(0.5 * (comm.rank > 0))
        _say(message)
        comm.Abort(status)
    if comm is None or comm.rank == 0:
        _say(message)
    sys.exit(status)


def _say(message: str | None) -> None:
    if message:
        sys.stdout.flush()
        print("freqbias: " + " ".join(message.split()), file=sys.stderr, flush=True)
