"""Reading error spectra of other tools from CSV and NetCDF files, as docs/file-formats.md describes them."""

import os
import re
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from freqbias.errors import InputError
from freqbias.input_files import require_file
from freqbias.netcdf import numbers, opened
from freqbias.plain_spectra import PlainSpectra
from freqbias.spectra import ErrorSpectra

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

_AXES = ("frequency_x", "frequency_y", "frequency_z")
_CYCLES = re.compile(r"\b(cycles?|hertz|k?hz|periods?)\b", re.IGNORECASE)
_DEFAULT_LEVEL = "network"


def read_any(path: str | os.PathLike) -> ErrorSpectra | PlainSpectra:
    """A spectrum file of freqbias, or of another tool. Raises InputError naming the file and what is wrong."""
    path = Path(path)
    if path.suffix.lower() in (".csv", ".txt"):
        return _read_csv(path)
    with opened(path) as dataset:
        if "schema" not in dataset.attrs:
            return _from_dataset(dataset, str(path))
    return ErrorSpectra.read(path)


def read_plain_spectra(path: str | os.PathLike) -> PlainSpectra:
    """The spectra of another tool from a CSV (.csv, .txt) or NetCDF file.

    Raises InputError naming the file, and the column and value that are wrong.
    """
    path = Path(path)
    if path.suffix.lower() in (".csv", ".txt"):
        return _read_csv(path)
    with opened(path) as dataset:
        return _from_dataset(dataset, str(path))


def _read_csv(path: Path) -> PlainSpectra:
    import pandas as pd

    require_file(path)
    try:
        with path.open(encoding="utf-8-sig") as lines:
            comments = [line[1:].strip() for line in lines if line.startswith("#")]
        table = pd.read_csv(path, comment="#", skipinitialspace=True, encoding="utf-8-sig", low_memory=False)
    except pd.errors.EmptyDataError as error:
        raise InputError(f"{path}: is empty, must hold a header and rows") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error).splitlines()[0]
        raise InputError(f"{path}: cannot be read as CSV: {reason}") from error
    table.columns = [str(name).strip() for name in table.columns]
    facts = {key.strip(): value.strip() for key, equals, value in (c.partition("=") for c in comments) if equals}
    axes = _columns(table, str(path))
    if table.empty:
        raise InputError(f"{path}: holds no rows")
    wanted = ["time", *axes, "real", "imag"]
    for name in wanted:
        numbers = pd.to_numeric(table[name], errors="coerce").to_numpy(dtype=float)
        bad = ~np.isfinite(numbers)
        if bad.any():
            row = int(np.argmax(bad))
            raise InputError(
                f"{path}: column {name}: row {row + 1} holds {table[name].iloc[row]!r}, must be a finite number"
            )
        table[name] = numbers
    twice = table.duplicated(["time", *axes])
    if twice.any():
        row = table[twice].iloc[0]
        raise InputError(f"{path}: time {row['time']:g}, frequency {_at(row, axes)} stands there twice")
    return _pivoted(table, axes, str(path), facts)


def _columns(table: "pd.DataFrame", source: str) -> list[str]:
    """The columns of the frequency. Raises InputError naming columns that are missing."""
    dimension = max((n + 1 for n, name in enumerate(_AXES) if name in table), default=0)
    axes = list(_AXES[:dimension]) or ["frequency"]
    for name in ("time", *axes, "real", "imag"):
        if name not in table:
            allowed = "time, frequency (or frequency_x, frequency_y, frequency_z), real, imag"
            raise InputError(f"{source}: column {name} is missing: the header must name {allowed}")
    # pandas numbers names that come again.
    if len({re.sub(r"\.\d+$", "", name) for name in table}) < len(table.columns):
        raise InputError(f"{source}: the header names a column twice")
    return axes


def _pivoted(table: "pd.DataFrame", axes: list[str], source: str, facts: dict[str, str]) -> PlainSpectra:
    """One row of values for each time; every time must have the same frequencies."""
    groups = [(time, rows.sort_values(axes)) for time, rows in table.groupby("time", sort=True)]
    frequencies = groups[0][1][axes].to_numpy(dtype=float)
    for time, rows in groups[1:]:
        if len(rows) != len(frequencies):
            counts = f"{len(rows)} frequencies at time {time:g}, {len(frequencies)} at time {groups[0][0]:g}"
            raise InputError(f"{source}: {counts}: must be the same at all times")
        others = rows[axes].to_numpy(dtype=float)
        differ = np.any(others != frequencies, axis=1)
        if differ.any():
            row = rows.iloc[int(np.argmax(differ))]
            raise InputError(
                f"{source}: frequency {_at(row, axes)} at time {time:g} is not among those of time {groups[0][0]:g}: "
                "must be the same at all times"
            )
    values = np.array([rows["real"].to_numpy() + 1j * rows["imag"].to_numpy() for _, rows in groups])
    factor, notes = _in_radians(facts.get("units"))
    times = np.array([time for time, _ in groups], dtype=float)
    return PlainSpectra(source, facts.get("level", _DEFAULT_LEVEL), times, factor * frequencies, values, notes)


def _at(row: "pd.Series", axes: list[str]) -> str:
    texts = [f"{row[name]:.10g}" for name in axes]
    return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"


def _in_radians(unit: str | None) -> tuple[float, tuple[str, ...]]:
    """The factor from frequencies in ``unit`` to radians, and a note where there is one. No unit means radians."""
    if unit is None or not _CYCLES.search(unit):
        return 1.0, ()
    if re.search(r"\bkhz\b", unit, re.IGNORECASE):
        return 2000 * np.pi, (f'frequencies in "{unit}" multiplied by 2000 pi',)
    return 2 * np.pi, (f'frequencies in "{unit}" multiplied by 2 pi',)


def _from_dataset(dataset: "xr.Dataset", source: str) -> PlainSpectra:
    fail = _failing(source)
    if "time" not in dataset or dataset["time"].ndim != 1:
        raise fail("the variable time (time,) is missing")
    nodes, frequencies, unit = _frequencies(dataset, source)
    values = _values(dataset, fail)
    dimensions = (*dataset["time"].dims, *nodes)
    table = numbers(values, source, dimensions, finite=False, kinds="iufc")
    times = numbers(dataset["time"], source, finite=False)
    factor, notes = _in_radians(unit)
    level = str(dataset.attrs.get("level", _DEFAULT_LEVEL))
    return PlainSpectra(
        source, level, times, factor * frequencies, table.reshape(len(table), -1).astype(complex), notes
    )


def _failing(source: str) -> Callable[[str], InputError]:
    return lambda text: InputError(f"{source}: {text}")


def _frequencies(dataset: "xr.Dataset", source: str) -> tuple[tuple[Hashable, ...], np.ndarray, str | None]:
    """Dimensions along which the frequencies run, the frequencies (n, d) and their unit."""
    fail = _failing(source)
    axes = [name for name in _AXES if name in dataset]
    if axes:
        if axes != list(_AXES[: len(axes)]) or any(dataset[name].ndim != 1 for name in axes):
            raise fail(f"the variables {', '.join(axes)} must start with frequency_x and have one dimension each")
        nodes = tuple(dict.fromkeys(dataset[name].dims[0] for name in axes))
        columns = [numbers(dataset[name], source, finite=False) for name in axes]
        if len(nodes) not in (1, len(axes)):
            raise fail("frequency_x, frequency_y and frequency_z must share one dimension or have one each")
        if len(nodes) > 1:
            columns = [column.ravel() for column in np.meshgrid(*columns, indexing="ij")]
        units = {str(dataset[name].attrs["units"]) for name in axes if "units" in dataset[name].attrs}
        if len(units) > 1:
            raise fail(f"the units of frequency_x, frequency_y and frequency_z differ: {', '.join(sorted(units))}")
        return nodes, np.stack(columns, axis=1), next(iter(units), None)
    if "frequency" not in dataset or dataset["frequency"].ndim not in (1, 2):
        raise fail("the variable frequency (node,) or (node, axis) is missing (or frequency_x, frequency_y, ...)")
    variable = dataset["frequency"]
    if variable.ndim == 2 and "axis" in variable.dims:
        variable = variable.transpose(..., "axis")
    table = numbers(variable, source, finite=False)
    unit = variable.attrs.get("units")
    return variable.dims[:1], table.reshape(len(table), -1), None if unit is None else str(unit)


def _values(dataset: "xr.Dataset", fail: Callable[[str], InputError]) -> "xr.DataArray":
    """The complex values: variables real and imag, one with the axis part, or a complex one."""
    if "real" in dataset and "imag" in dataset:
        return dataset["real"] + 1j * dataset["imag"]
    found = {
        name: variable
        for name, variable in dataset.data_vars.items()
        if "part" in variable.dims or np.iscomplexobj(variable)
    }
    name = "error_spectrum" if "error_spectrum" in found else next(iter(found), None)
    if name is None or (len(found) > 1 and name != "error_spectrum"):
        given = f"got {', '.join(map(str, found))}" if found else f"there are {', '.join(map(str, dataset.variables))}"
        raise fail(
            f"the values must be two variables real and imag, or one that is complex or has the axis part; {given}"
        )
    variable = found[name]
    if "part" not in variable.dims:
        return variable
    if variable.sizes["part"] != 2:
        raise fail(f"{name}: the axis part has {variable.sizes['part']} entries, must have 2 (real, imag)")
    if "part" in dataset.coords:
        labels = [part.decode() if isinstance(part, bytes) else str(part) for part in dataset["part"].values]
        if labels != ["real", "imag"]:
            raise fail(f"{name}: the axis part is {', '.join(labels)}, must be real, imag")
    return variable.isel(part=0) + 1j * variable.isel(part=1)
