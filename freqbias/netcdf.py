"""Opening NetCDF files, of whatever damage, and reading numbers out of them."""

import os
import warnings
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from freqbias.errors import InputError
from freqbias.input_files import require_file, require_memory

if TYPE_CHECKING:
    import xarray as xr


@contextmanager
def opened(path: str | os.PathLike) -> Iterator["xr.Dataset"]:
    """A NetCDF-3 or NetCDF-4 file, of which nothing but names and sizes is read.

    Raises InputError naming the file if it is none: damage shows in many ways.
    """
    import h5py
    import xarray as xr  # with pandas behind it as slow to import as all the rest

    require_file(path, whole=False)
    try:
        with open(path, "rb") as file:
            engine = "scipy" if file.read(3) == b"CDF" else "h5netcdf"
        if engine == "h5netcdf":
            # Where this fails, h5netcdf would leave half an object behind that complains when it is collected.
            with h5py.File(path) as file:
                file.attrs.get("_nc3_strict")
        with warnings.catch_warnings(action="ignore"):
            dataset = xr.open_dataset(path, engine=engine, decode_times=False, create_default_indexes=False)
    except Exception as error:
        raise InputError(f"{path}: cannot be read as NetCDF: {_first_line(error)}") from error
    with dataset:
        yield dataset


def numbers(
    array: "xr.DataArray",
    source: str,
    dimensions: tuple[Hashable, ...] | None = None,
    finite: bool = True,
    kinds: str = "iuf",
) -> np.ndarray:
    """All of ``array`` as floats or complex numbers, its axes in the order of ``dimensions``.

    Raises InputError beginning with ``source``, and naming the variable, if it has other dimensions, does not fit into
    memory, cannot be read, or holds anything but (``finite``) numbers of numpy's ``kinds``.
    """
    name = f"{source}: {array.name or 'values'}"
    if dimensions is not None and sorted(map(str, array.dims)) != sorted(map(str, dimensions)):
        raise InputError(f"{name} has the dimensions {array.dims}, must have {dimensions}")
    if array.dtype.kind not in kinds:
        raise InputError(f"{name} holds {array.dtype}, must hold numbers{'' if 'c' in kinds else ' that are real'}")
    require_memory(array.nbytes, name)
    try:
        values = (array if dimensions is None else array.transpose(*dimensions)).values
    except Exception as error:  # damage shows in many ways
        raise InputError(f"{name} cannot be read: {_first_line(error)}") from error
    if finite and not np.isfinite(values).all():
        raise InputError(f"{name} holds values that are not finite")
    return values.astype(complex if array.dtype.kind == "c" else float)


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
