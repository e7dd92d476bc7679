"""Files that a user names: what they are, before anything is read that may never end or never fit."""

import os
import stat
import tomllib
from pathlib import Path
from typing import Any

from freqbias.errors import InputError


def unreadable(path: str | os.PathLike) -> str | None:
    """Why ``path`` is no file to read, None if it is one. A pipe without a writer would keep its reader for ever."""
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return "there is no such file"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    except ValueError as error:  # a null character in the name
        return f"cannot be read: {error}"
    if stat.S_ISDIR(mode):
        return "is a folder, must be a file"
    return None if stat.S_ISREG(mode) else "is no regular file but a pipe or a device"


def require_file(path: str | os.PathLike, whole: bool = True) -> None:
    """Raise InputError naming ``path`` if it is no file to read, or if the ``whole`` of it does not fit into memory."""
    reason = unreadable(path)
    if reason is not None:
        raise InputError(f"{path}: {reason}")
    if whole:
        require_memory(os.stat(path).st_size, str(path), "is")


def require_memory(size: float, source: str, verb: str = "holds") -> None:
    """Raise InputError beginning with ``source`` if ``size`` bytes are more than the memory that is free."""
    if size < 1e6:  # what is small need not be measured
        return
    from freqbias.resources import free_memory, in_words

    free = free_memory()
    if size > free:
        raise InputError(f"{source}: {verb} {in_words(size)} large, more than the free memory of {in_words(free)}")


def read_toml(path: str | os.PathLike) -> dict[str, Any]:
    """The content of a TOML file in UTF-8. Raises InputError naming the file if it is none."""
    require_file(path)
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")  # some editors of Windows put a mark in front
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not a text file in UTF-8") from error
    return parse_toml(text, str(path))


def parse_toml(text: str, source: str) -> dict[str, Any]:
    """The content of TOML ``text``. Raises InputError naming ``source`` if it is none."""
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also integers of more digits than Python reads
        raise InputError(f"{source}: is not TOML: {error}") from error
