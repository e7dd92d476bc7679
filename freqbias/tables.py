"""Reading arrays of numbers from .csv, .npy and .npz files that a user names."""

import warnings
import zipfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from freqbias.errors import InputError

SUFFIXES = (".csv", ".npy", ".npz")


def locate(name: str) -> Path:
    """The path of a file named in a problem; ``matplotlib:NAME`` is a sample that ships inside matplotlib.

    Raises InputError when there is no such sample.
    """
    if not name.startswith("matplotlib:"):
        return Path(name)
    sample = name.removeprefix("matplotlib:")
    # find_spec does not import the package; only plain names are looked up, so no path leaves the folder.
    folder = Path(find_spec("matplotlib").origin).parent / "mpl-data" / "sample_data"
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
    try:
        suffix = path.suffix.lower()
        if suffix == ".csv":
            return _read_csv(path)
        if suffix in (".npy", ".npz"):
            with path.open("rb") as opened:
                if suffix == ".npy":
                    return np.lib.format.read_array(opened, allow_pickle=False)
                archive = np.load(opened, allow_pickle=False)
                return {key: archive[key] for key in archive.files}
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise InputError(f"{name}: cannot be read as {path.suffix}: {reason}") from error
    raise InputError(f"{name}: unknown kind of file {path.suffix!r}, allowed are {', '.join(SUFFIXES)}")


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
