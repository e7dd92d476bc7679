"""How a command ends when something goes wrong: one line on standard error, the right status, no hanging rank."""

import math
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

from freqbias import torchrun
from freqbias.errors import FreqbiasError, InputError, InputErrorOnEveryRank, Interrupted
from freqbias.files import DISK_ERRORS

if TYPE_CHECKING:
    from mpi4py import MPI

#: Seconds that a process which torchrun started leaves to the first one to say what has happened to all of them.
_PATIENCE = 3.0
#: Characters of a message.
_LONGEST = 900
#: What a signal does to a command, for people.
_SIGNALS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}


def _communicator() -> "MPI.Comm | None":
    """MPI's world if this process has loaded MPI and is not alone, else None."""
    mpi = sys.modules.get("mpi4py.MPI")
    if mpi is None or not mpi.Is_initialized() or mpi.Is_finalized() or mpi.COMM_WORLD.size == 1:
        return None
    return mpi.COMM_WORLD


@contextmanager
def reported_failures() -> Iterator[None]:
    """Turn exceptions and signals into a message and an exit status.

    1 failure, 2 user's mistake, 130 interrupted (Ctrl-C), 143 terminated (SIGTERM). Both signals raise
    KeyboardInterrupt in the block, so that temporary files go.
    """
    received = _raised_signals()
    try:
        yield
    except SystemExit as error:
        if received:  # typer makes this of a KeyboardInterrupt
            _leave(128 + received[0], _SIGNALS[received[0]], error)
        _leave(error.code if isinstance(error.code, int) else int(error.code is not None), None, error)
    except Interrupted as error:
        _leave(128 + received[0] if received else error.status, str(error), error)
    except KeyboardInterrupt as error:
        _leave(128 + (received[0] if received else signal.SIGINT), str(error) or "interrupted", error)
    except BrokenPipeError as error:
        # The reader of our output is gone (head, less): nobody to tell.
        _forget_output()
        _leave(1, None, error)
    except InputError as error:
        _leave(2, str(error), error)
    except FreqbiasError as error:
        _leave(1, str(error), error)
    except OSError as error:
        if error.filename is not None or error.errno not in DISK_ERRORS:
            _unexpected(error)
        # Files are written by freqbias.files, which names them.
        _forget_output()
        _leave(1, f"standard output cannot be written: {error.strerror}", error)
    except Exception as error:
        _unexpected(error)


def _raised_signals() -> list[signal.Signals]:
    """From now on SIGINT and SIGTERM raise KeyboardInterrupt and are in the list."""
    received: list[signal.Signals] = []
    last = -math.inf

    def handle(number: int, frame: object) -> None:
        nonlocal last
        # Under mpirun a Ctrl-C comes from the terminal and from mpirun: the second must not disturb the end.
        if time.monotonic() - last > 1.0:
            last = time.monotonic()
            received.append(signal.Signals(number))
            raise KeyboardInterrupt(_SIGNALS[received[-1]])

    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup and shells ignore them for good reason
            signal.signal(number, handle)
    return received


def _forget_output() -> None:
    """What is buffered for a standard output that cannot be written must not be flushed to it at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _unexpected(error: Exception) -> NoReturn:
    traceback.print_exc()
    _leave(1, f"unexpected {type(error).__name__}: {error}", error)


def _leave(status: int, message: str | None, error: BaseException) -> NoReturn:
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # mpirun may send it again: once is enough
    if torchrun.rank() > 0 and isinstance(error, FreqbiasError | KeyboardInterrupt):
        # Mostly all processes fail alike: the first one speaks, and torchrun then ends this one.
        time.sleep(_PATIENCE)
        if isinstance(error, Interrupted | KeyboardInterrupt):
            message = None
    comm = _communicator()
    if comm is not None and status != 0 and not isinstance(error, InputErrorOnEveryRank):
        # The other ranks may wait for this one for ever: end them all. Rank 0 speaks first if it fails as well.
        time.sleep(0.5 * (comm.rank > 0))
        if comm.rank == 0 or not isinstance(error, Interrupted | KeyboardInterrupt):  # a signal comes to all of them
            _say(message)
        comm.Abort(status)
        os._exit(status)  # MPICH comes back where SIGTERM, which it waits for, is ignored
    if comm is None or comm.rank == 0:
        _say(message)
    sys.exit(status)


def _say(message: str | None) -> None:
    if message:
        sys.stdout.flush()
        line = " ".join(message.split())
        if len(line) > _LONGEST:  # it quotes the input: what is wrong stands at one of its ends
            line = f"{line[: _LONGEST // 2]} […] {line[-_LONGEST // 2 :]}"
        print(f"freqbias: {line}", file=sys.stderr, flush=True)
