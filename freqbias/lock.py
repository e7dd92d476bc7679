"""One process at a time may write into a folder of results, or a file with its checkpoint."""

import errno
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from freqbias.errors import InputError
from freqbias.files import made_parents, place_error


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
        raise place_error(folder, error) from error
    try:
        _lock(folder, handle, "into this folder")
        yield
    finally:
        os.close(handle)


@contextmanager
def only_writer_of_file(path: str | os.PathLike) -> Iterator[None]:
    """As ``only_writer``, for the single file ``path``, which need not be there.

    Meanwhile there is a file .NAME.lock beside it. That of a process that was killed locks nobody out.
    """
    path = Path(path)
    file = path.with_name(f".{path.name}.lock")
    with made_parents(path):
        handle = _own(file, path)
        try:
            yield
        finally:
            file.unlink(missing_ok=True)  # before the lock ends, lest it be that of the next process
            os.close(handle)


def _own(file: Path, path: Path) -> int:
    """The open lock ``file`` of ``path``, locked."""
    while True:
        try:
            handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise place_error(path, error) from error
        with ExitStack() as closed:
            closed.callback(os.close, handle)
            _lock(path, handle, "this file")
            if file.exists() and os.path.samestat(os.fstat(handle), file.stat()):
                closed.pop_all()
                return handle
        # Its owner has removed it meanwhile.


def _lock(path: Path, handle: int, what: str) -> None:
    try:
        import fcntl  # not on Windows
    except ImportError:
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno == errno.EWOULDBLOCK:
            raise InputError(
                f"{path}: another freqbias is writing {what}: wait for it, or choose another one"
            ) from error
