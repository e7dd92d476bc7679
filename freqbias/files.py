"""Files appear complete or not at all: written under a temporary name, synced, renamed."""

import errno
import io
import os
import platform
import re
import signal
import threading
import time
import uuid
import zlib
from collections.abc import Buffer, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from freqbias.errors import FreqbiasError, InputError, StorageError

#: Reasons that lie in the disk, not in the path that was asked for.
DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG}
#: Seconds after which a temporary file of another machine was left behind for sure.
_OLD = 86400.0


@contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success sync it to disk and rename it to ``path``.

    On an exception the temporary file is removed and ``path`` keeps its former content.
    Raises InputError when the folder cannot be made or written, and StorageError when writing fails (a full disk).
    """
    path = Path(path)
    _require_kind(path, folder=False)
    remove_leftovers(path)
    with made_parents(path):
        temporary = _temporary(path, path.parent)
        try:
            _create(temporary, path)
            yield temporary
            with temporary.open("rb+") as written:
                os.fsync(written.fileno())
            temporary.replace(path)
            _sync_folder(path.parent)
        except OSError as error:
            raise storage_error(path, error) from error
        finally:
            with suppress(FileNotFoundError):
                temporary.unlink()


@contextmanager
def made_parents(path: Path) -> Iterator[None]:
    """The folder of ``path`` is there in the block; those that were made for it and hold nothing at its end go.

    Raises InputError when it cannot be made, StorageError when the disk is full.
    """
    new = [folder for folder in path.parents if not folder.exists()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise place_error(path, error) from error
    try:
        yield
    finally:
        with suppress(OSError):  # those that hold something now stay
            for folder in new:
                folder.rmdir()


def require_place(path: str | os.PathLike, folder: bool = False) -> None:
    """Raise InputError if no file, or no ``folder`` with files, can be made at ``path``: asked before the work.

    A file that is made and removed again shows it. Raises StorageError when the disk is full.
    """
    path = Path(path)
    temporary = _temporary(path, _require_kind(path, folder))
    with _signals_wait():
        _create(temporary, path)
        temporary.unlink()


def _temporary(path: Path, folder: Path) -> Path:
    """A name of its own in ``folder`` for what shall become ``path``; ``remove_leftovers`` knows it."""
    return folder / f".{path.name}.{_writer()}_{uuid.uuid4().hex[:8]}.part"


def _create(temporary: Path, path: Path) -> None:
    try:
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    except OSError as error:
        raise place_error(path, error) from error


def _require_kind(path: Path, folder: bool) -> Path:
    """The nearest folder that is there. Raises InputError if something else than a file, or ``folder``, is at path."""
    try:
        if "\0" in str(path):
            raise ValueError("null character in the name")
        if path.is_dir() != folder and os.path.lexists(path):
            raise InputError(f"{path}: cannot be written: is {'no' if folder else 'a'} folder")
        parents = (path, *path.absolute().parents) if folder else path.absolute().parents
        there = next(parent for parent in parents if parent.exists())
    except (OSError, ValueError) as error:  # a name that is none
        raise InputError(f"{path}: cannot be written: {getattr(error, 'strerror', error)}") from error
    if not there.is_dir():
        raise InputError(f"{path}: cannot be written: {there} is no folder")
    return there


@contextmanager
def atomic_file(path: str | os.PathLike) -> Iterator["_PatientFile"]:
    """Yield an open file, to be written and read; like ``atomic_path`` in everything else.

    Where a write fails the block does not notice, the StorageError comes at its end: HDF5, to which a failed write is
    reported, ends the process with a segmentation fault. For the same reason SIGINT and SIGTERM wait for the end of
    the block; a long one calls ``stop_if_asked`` of the file.
    """
    with atomic_path(path) as temporary, _signals_wait() as waiting, _PatientFile(temporary, "r+") as file:
        file.waiting = waiting
        try:
            yield file
        except Exception:  # of whatever kind: it follows from the failed write, which says more
            if file.error is None:
                raise
        if file.error is not None:
            raise file.error


class _PatientFile(io.FileIO):
    """Keeps the first error of writing in ``error``; what is written after it is lost."""

    error: OSError | None = None
    #: Signals that have come since the file is open.
    waiting: Sequence[int] = ()

    def stop_if_asked(self) -> None:
        """Raise KeyboardInterrupt if a signal waits."""
        if self.waiting:
            raise KeyboardInterrupt

    def write(self, buffer: Buffer) -> int:
        content = memoryview(buffer).cast("B")
        try:
            done = 0
            while self.error is None and done < len(content):
                done += super().write(content[done:])
        except OSError as error:
            self.error = error
        return len(content)

    def truncate(self, size: int | None = None) -> int:
        try:
            if self.error is None:
                return super().truncate(size)
        except OSError as error:
            self.error = error
        return self.tell() if size is None else size


@contextmanager
def _signals_wait() -> Iterator[list[int]]:
    """Signals that ask for an end only come into the list that is yielded; what they do happens after the block."""
    waiting: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield waiting
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    before = {number: handler for number, handler in before.items() if handler not in (None, signal.SIG_IGN)}
    for number in before:
        signal.signal(number, lambda received, _: waiting.append(received))
    try:
        yield waiting
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if waiting:
            signal.raise_signal(waiting[0])


def write_text(path: str | os.PathLike, text: str) -> None:
    """Write ``text`` to ``path`` atomically, in UTF-8."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def remove_leftovers(path: str | os.PathLike) -> None:
    """Remove temporary files of processes that were killed while they wrote ``path``; not those of others at work.

    Of a folder: those of all files in it.
    """
    path = Path(path)
    folder, name = (path, ".+") if path.is_dir() else (path.parent, re.escape(path.name))
    leftover = re.compile(rf"\.{name}\.(\w+)\.part")
    with suppress(OSError):
        for file in folder.iterdir():
            found = leftover.fullmatch(file.name)
            if found and not _is_written(file, found[1]):
                file.unlink(missing_ok=True)


def _writer() -> str:
    """This process among those of all machines that may write into one folder."""
    return f"{zlib.crc32(platform.node().encode()):08x}_{os.getpid()}"


def _is_written(file: Path, name: str) -> bool:
    """Whether another process may be writing a temporary ``file``, by the writer in its name."""
    machine, _, rest = name.partition("_")
    process = rest.partition("_")[0]
    own_machine, _, own_process = _writer().partition("_")
    if not process.isdigit() or (machine == own_machine and process == own_process):
        return False
    if machine != own_machine:  # whether that process lives is not known here
        return time.time() - file.stat().st_mtime < _OLD
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except OSError:  # of another user
        pass
    return True


def place_error(path: str | os.PathLike, error: OSError) -> FreqbiasError:
    """What to tell a user at whose ``path`` nothing can be made because of ``error``."""
    if error.errno in DISK_ERRORS:
        return storage_error(path, error)
    return InputError(f"{path}: cannot be written: {error.strerror}")


def storage_error(path: str | os.PathLike, error: OSError) -> StorageError:
    """What to tell a user whose file could not be written because of ``error``."""
    # HDF5 puts a whole paragraph where the reason should be.
    reason = os.strerror(error.errno) if error.errno else str(error)
    return StorageError(
        f"{path}: cannot be written: {reason}; what was complete before is untouched: make room or write elsewhere"
    )


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
