"""Reading arrays of numbers from .csv, .npy and .npz files that a user names."""

import io
import warnings
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

import numpy as np

from freqbias.errors import InputError
from freqbias.input_files import require_file, require_memory

SUFFIXES = (".csv", ".npy", ".npz")


def locate(name: str) -> Path:
    """The path of a file named in a problem; ``matplotlib:NAME`` is a sample that ships inside matplotlib.

    Raises InputError when there is no such sample.
    """
    if not name.startswith("matplotlib:"):
        return Path(name)
    sample = name.removeprefix("matplotlib:")
    # find_spec does not import the package; only plain names are looked up, so no path leaves the folder.
    package = find_spec("matplotlib")
    if package is None or package.origin is None:
        raise InputError(f"{name}: matplotlib is not installed")
    folder = Path(package.origin).parent / "mpl-data" / "sample_data"
    if Path(sample).name != sample or not (folder / sample).is_file():
        names = sorted(
            path.name for path in folder.iterdir() if path.suffix in (".npz", ".npy", ".csv", ".png", ".jpg")
        )
        raise InputError(f"{name}: matplotlib ships no such sample; it has {', '.join(names)}")
    return folder / sample


def read_arrays(name: str) -> np.ndarray | dict[str, np.ndarray]:
    """The array of a .csv (rows, columns; a header line is allowed) or .npy file, or all arrays of an .npz file.

    Nothing is unpickled. Raises InputError naming the file when it is missing, broken or of another kind.
    """
    path = locate(name)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"{name}: unknown kind of file {path.suffix!r}, allowed are {', '.join(SUFFIXES)}")
    require_file(path)
    try:
        if suffix == ".csv":
            return _read_csv(path)
        with path.open("rb") as opened:
            return np.lib.format.read_array(opened, allow_pickle=False) if suffix == ".npy" else read_archive(opened)
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    except MemoryError as error:
        raise InputError(f"{name}: does not fit into memory") from error
    except Exception as error:  # damage shows in many ways
        raise InputError(f"{name}: cannot be read as {path.suffix}: {error or type(error).__name__}") from error


def read_archive(opened: BinaryIO) -> dict[str, np.ndarray]:
    """All arrays of an .npz file, none of which is looked into before its checksum is right.

    Nothing is unpickled, and nothing is unpacked that does not fit into memory: that raises InputError. A damaged file
    raises whatever it makes ``zipfile`` and numpy raise.
    """
    with zipfile.ZipFile(opened) as archive:
        members = archive.infolist()
        # Packed as bytes and as arrays, both at a time.
        require_memory(2 * sum(member.file_size for member in members), "unpacked it", "is")
        arrays = {}
        for member in members:
            if not member.filename.endswith(".npy"):
                raise InputError(f"its member {member.filename} is no array (.npy)")
            content = io.BytesIO(archive.read(member))
            arrays[member.filename.removesuffix(".npy")] = np.lib.format.read_array(content, allow_pickle=False)
        return arrays


def real_numbers(name: str, array: np.ndarray) -> np.ndarray:
    """``array`` as floats. Raises InputError naming the file ``name`` if it holds anything but real numbers."""
    if array.dtype.kind not in "iuf":
        raise InputError(f"{name}: holds {array.dtype}, must hold real numbers")
    return array.astype(float)


def _read_csv(path: Path) -> np.ndarray:
    with path.open(encoding="utf-8-sig") as lines:
        first = lines.readline()
    try:
        [float(cell) for cell in first.split(",")]
        header = 0
    except ValueError:
        header = 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # numpy only warns of an empty table
        try:
            return np.loadtxt(path, delimiter=",", ndmin=2, skiprows=header, encoding="utf-8-sig")
        except UserWarning as empty:
            raise ValueError("it holds no numbers") from empty
