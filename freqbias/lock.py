"""One process at a time may write into a folder of results."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from freqbias.errors import InputError


@contextmanager
def only_writer(folder: str | os.PathLike) -> Iterator[None]:
    """Hold the lock of ``folder``, made if it is not there, while the block runs.

    The lock ends with the process, however that ends, and leaves no file. Raises InputError if another process holds
    it, or if the folder cannot be made. File systems without locks (some on networks) let everybody in.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written: {error.strerror}") from error
    try:
        _lock(folder, handle)
        yield
    finally:
        os.close(handle)


def _lock(folder: Path, handle: int) -> None:
    try:
        import fcntl  # not on Windows
    except ImportError:
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno == errno.EWOULDBLOCK:
            raise InputError(
                f"{folder}: another freqbias is writing into this folder: wait for it, or choose another one"
            ) from error
