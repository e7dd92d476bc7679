"""Spectrum files that were damaged, are of another kind, or lie about themselves; spectra of other tools."""

import functools
import tempfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
from case import SOUND, Case, dangling, endless, fifo, folder, loop, sparse
from scipy.io import netcdf_file

NAN, INF = float("nan"), float("inf")


@functools.cache
def sound() -> bytes:
    """A spectrum file of the PDE level."""
    from freqbias import ErrorSpectra, Problem

    problem = Problem.create(SOUND)
    decay = np.exp(-np.outer(problem.times, 0.1 + np.abs(problem.mesh.nodes[:, 0])))
    values = problem.initial_spectrum(problem.mesh.nodes) * decay
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "sound.nc"
        ErrorSpectra("pde", problem, problem.times, values).write(path)
        return path.read_bytes()


def good(path: Path) -> None:
    path.write_bytes(sound())


def edited(edit: Callable[[h5py.File], None]) -> Callable[[Path], None]:
    """A sound file after ``edit``."""

    def make(path: Path) -> None:
        path.write_bytes(sound())
        with h5py.File(path, "r+") as file:
            edit(file)

    return make


def part(start: int, stop: int) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(sound()[slice(start, len(sound()) + stop if stop < 0 else stop)])


def flipped(path: Path) -> None:
    """Every 97th byte after the signature is another one."""
    content = bytearray(sound())
    for place in range(64, len(content), 97):
        content[place] ^= 0x55
    path.write_bytes(bytes(content))


def attribute(name: str, value) -> Callable[[Path], None]:
    def edit(file):
        file.attrs[name] = value

    return edited(edit)


def without(*names: str) -> Callable[[Path], None]:
    def edit(file):
        for name in names:
            del file[name]

    return edited(edit)


def without_attribute(name: str) -> Callable[[Path], None]:
    def edit(file):
        del file.attrs[name]

    return edited(edit)


def filled(name: str, value) -> Callable[[Path], None]:
    """All numbers of a variable are ``value``."""

    def edit(file):
        file[name][...] = value

    return edited(edit)


def at(name: str, place, value) -> Callable[[Path], None]:
    """One number of a variable is ``value``."""

    def edit(file):
        file[name][place] = value

    return edited(edit)


def replaced(name: str, data, **options) -> Callable[[Path], None]:
    """A variable with other data, without dimensions of its own."""

    def edit(file):
        del file[name]
        file.create_dataset(name, data=data, **options)

    return edited(edit)


def described(name: str, key: str, value) -> Callable[[Path], None]:
    def edit(file):
        file[name].attrs[key] = value

    return edited(edit)


def other_problem(old: str, new: str) -> Callable[[Path], None]:
    def edit(file):
        text = file.attrs["problem"]
        file.attrs["problem"] = text.replace(old, new)
        assert text != file.attrs["problem"]

    return edited(edit)


def terabytes(path: Path) -> None:
    """A file of some kB that claims to hold ten terabytes of output times and spectra."""
    path.write_bytes(sound())
    with h5py.File(path, "r+") as file:
        nodes = len(file["node"]) if "node" in file else file["frequency"].shape[0]
        for name in ("error_spectrum", "time"):
            attributes = dict(file[name].attrs)
            del file[name]
            shape = (10**10, nodes, 2) if name == "error_spectrum" else (10**10,)
            made = file.create_dataset(name, shape, np.float64, chunks=(1000, *shape[1:]))
            for key in ("_Netcdf4Dimid", "_Netcdf4Coordinates"):
                if key in attributes:
                    made.attrs[key] = attributes[key]
        file["time"].make_scale("time")
        file["error_spectrum"].dims[0].attach_scale(file["time"])
        for axis, name in ((1, "node"), (2, "part")):
            if name in file:
                file["error_spectrum"].dims[axis].attach_scale(file[name])


def linked(path: Path) -> None:
    """The spectrum stands elsewhere: in a file of the system."""
    path.write_bytes(sound())
    with h5py.File(path, "r+") as file:
        del file["error_spectrum"]
        file["error_spectrum"] = h5py.ExternalLink("/etc/passwd", "/error_spectrum")


def circle(path: Path) -> None:
    """Groups that hold each other."""
    with h5py.File(path, "w") as file:
        group = file.create_group("a")
        group["b"] = group
        file.attrs["schema"] = "freqbias-spectra-1"


def hdf5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["numbers"] = np.arange(9.0)


def other_tool(**changes) -> Callable[[Path], None]:
    """Spectra of another tool as NetCDF-3; ``changes``: variable → (dimensions, values), None leaves it out."""
    variables = {
        "time": (("time",), np.array([0.0, 1.0])),
        "frequency": (("node",), np.array([-1.0, 0.0, 1.0])),
        "real": (("time", "node"), np.ones((2, 3))),
        "imag": (("time", "node"), np.ones((2, 3))),
    } | changes

    def make(path: Path) -> None:
        with netcdf_file(path, "w") as file:
            for name, given in variables.items():
                if given is None:
                    continue
                dimensions, values = given
                for dimension, size in zip(dimensions, values.shape, strict=True):
                    if dimension not in file.dimensions:
                        file.createDimension(dimension, size)
                file.createVariable(name, values.dtype, dimensions)[:] = values

    return make


def export(name: str, content, message, **options) -> Case:
    words = ("export", "s.nc", "--picture", "out/s.png")
    return Case(f"spectra {name}", ("s.nc", *message), {"s.nc": content}, words, **options)


def series(name: str, content, message, **options) -> Case:
    """All times are read."""
    words = ("export", "s.nc", "--out", "out/s.vtkhdf")
    return Case(f"series {name}", ("s.nc", *message), {"s.nc": content}, words, **options)


def plain(name: str, content, message, file: str = "o.csv", **options) -> Case:
    """Beside a sound file one of another tool."""
    words = ("compare", "s.nc", file, "--out", "out")
    return Case(f"{file} {name}", (file, *message), {"s.nc": good, file: content}, words, **options)


HEAD = "time,frequency,real,imag\n"
ROWS = "0,-1,1,0\n0,1,1,0\n1,-1,0.5,0\n1,1,0.5,0\n"
MANY = 3_000

CASES = [
    Case("spectra missing", ("s.nc", "there is no such file"), {}, ("export", "s.nc", "--picture", "out/s.png")),
    export("folder", folder, ("is a folder",)),
    export("pipe", fifo, ("no regular file",)),
    export("endless", endless, ("no regular file",), isolated=True),
    export("sparse", sparse, ("cannot be read as NetCDF",), isolated=True),
    export("link to itself", loop, ("symbolic link",)),
    export("link to nothing", dangling, ("there is no such file",)),
    export("empty", "", ("cannot be read as NetCDF",)),
    export("text", "time,frequency\n", ("cannot be read as NetCDF",)),
    export("signature only", b"\x89HDF\r\n\x1a\n", ("cannot be read as NetCDF",)),
    export("first half", lambda path: path.write_bytes(sound()[: len(sound()) // 2]), ("cannot be read as NetCDF",)),
    export("last bytes lost", part(0, -2000), ("s.nc",)),
    export("first bytes lost", part(100, 10**9), ("cannot be read as NetCDF",)),
    export("bits flipped", flipped, ("s.nc",)),
    export("other HDF5", hdf5, ("schema = None",)),
    export("NetCDF-3", other_tool(), ("s.nc",)),
    export("circle of groups", circle, ("s.nc",)),
    export("no schema", without_attribute("schema"), ("schema = None",)),
    export("schema of tomorrow", attribute("schema", "freqbias-spectra-99"), ("schema = 'freqbias-spectra-99'",)),
    export("schema a number", attribute("schema", 1), ("schema = ",)),
    export("schema an array", attribute("schema", np.arange(5)), ("schema",)),
    export("no level", without_attribute("level"), ("level",)),
    export("unknown level", attribute("level", "../pde"), ("level '../pde'",)),
    export("level a number", attribute("level", np.arange(3)), ("level",)),
    export("no problem", without_attribute("problem"), ("problem",)),
    export("problem not TOML", attribute("problem", "[network"), ("is not TOML",)),
    export("problem a number", attribute("problem", 7), ("problem",)),
    export("problem of bytes", attribute("problem", np.void(b"\xff\xfe")), ("problem",)),
    export("problem empty", attribute("problem", ""), ("network: missing",)),
    export("problem deep", attribute("problem", "a = " + "[" * 30_000), ("is not TOML",)),
    export("problem with another mesh", other_problem("60", "50"), ("frequency does not hold the nodes",)),
    export("problem with an endless mesh", other_problem("60", "1000000000000"), ("s.nc",), isolated=True),
    export("problem with infinite cutoff", other_problem("15.0", "inf"), ("mesh.cutoff",)),
    *(
        export(f"no {name}", without(name), ("not a complete spectrum file",))
        for name in ("error_spectrum", "sample_point", "sample_weight", "initial_error")
    ),
    export("no time", without("time"), ("s.nc",)),
    export("no frequency", without("frequency"), ("s.nc",)),
    export("no part", without("part"), ("s.nc",)),
    export("points without an axis", replaced("sample_point", np.ones(64)), ("sample_point",)),
    export("points of texts", replaced("sample_point", np.array([["a"]] * 64, dtype="S1")), ("sample_point",)),
    export("too few weights", replaced("sample_weight", np.ones(3)), ("sample_weight",)),
    export("too few errors", replaced("initial_error", np.ones(3)), ("initial_error",)),
    export("errors of complex numbers", replaced("initial_error", np.ones(64) * 1j), ("initial_error",)),
    export("NaN points", at("sample_point", (3, 0), NAN), ("sample_point holds values that are not finite",)),
    export("NaN weights", at("sample_weight", 3, NAN), ("sample_weight",)),
    export("negative weights", at("sample_weight", 3, -1.0), ("sample_weight",)),
    export("NaN errors", at("initial_error", 3, NAN), ("initial_error holds values that are not finite",)),
    export("infinite errors", at("initial_error", 3, INF), ("initial_error holds values that are not finite",)),
    export("NaN time", at("time", 3, NAN), ("time holds values that are not finite",)),
    export("time that falls", at("time", 3, 0.5), ("time", "increase")),
    export("time from 1", at("time", 0, 0.5), ("time", "0")),
    export("negative time", at("time", 0, -1.0), ("time", "0")),
    export("time with a text for a factor", described("time", "scale_factor", "two"), ("s.nc",)),
    export("NaN frequency", at("frequency", (0, 0), NAN), ("frequency holds values that are not finite",)),
    export("frequency moved", at("frequency", (0, 0), -14.0), ("frequency does not hold the nodes",)),
    export("parts named otherwise", filled("part", b"xxxx"), ("part",)),
    export("spectrum of texts", replaced("error_spectrum", np.full((6, 121, 2), b"a")), ("error_spectrum",)),
    export("spectrum of one number", replaced("error_spectrum", 1.0), ("error_spectrum",)),
    export("spectrum in four dimensions", replaced("error_spectrum", np.ones((2, 6, 121, 2))), ("error_spectrum",)),
    export("spectrum elsewhere", linked, ("s.nc",)),
    series("NaN spectrum", at("error_spectrum", (3, 5, 0), NAN), ("error_spectrum holds values that are not finite",)),
    series("infinite spectrum", at("error_spectrum", (3, 5, 0), INF), ("error_spectrum", "not finite")),
    series("terabytes", terabytes, ("s.nc",), isolated=True),
    Case(
        "spectra terabytes compared",
        ("s.nc",),
        {"s.nc": terabytes, "t.nc": good},
        ("compare", "s.nc", "t.nc", "--out", "out"),
        isolated=True,
    ),
    # Other tools
    plain("missing", dangling, ("there is no such file",)),
    plain("pipe", fifo, ("no regular file",)),
    plain("endless", endless, ("no regular file",), isolated=True),
    plain("sparse", sparse, ("o.csv",), isolated=True),
    plain("empty", "", ("is empty",)),
    plain("header only", HEAD, ("holds no rows",)),
    plain("comments only", "# level = network\n", ("is empty",)),
    plain("no header", ROWS, ("column time is missing",)),
    plain("other header", "t,xi,re,im\n" + ROWS, ("column time is missing",)),
    plain("column twice", "time,frequency,real,imag,real\n0,-1,1,0,2\n0,1,1,0,2\n", ("names a column twice",)),
    plain("text", HEAD + "0,-1,one,0\n", ("column real", "row 1")),
    plain("NaN", HEAD + "0,-1,nan,0\n0,1,1,0\n", ("column real", "row 1", "finite")),
    plain("Inf", HEAD + "0,-1,1e999,0\n0,1,1,0\n", ("column real", "row 1", "finite")),
    plain("missing value", HEAD + "0,-1,,0\n", ("column real", "row 1")),
    plain("too many columns", HEAD + "0,-1,1,0,5,6\n0,1,1,0\n", ("o.csv",)),
    plain("too many columns in the end", HEAD + "0,-1,1,0\n0,1,1,0,5,6\n", ("o.csv",)),
    plain("complex number", HEAD + "0,-1,1+2j,0\n", ("column real", "row 1")),
    plain("one frequency", HEAD + "0,1,1,0\n1,1,1,0\n", ("frequency",)),
    plain("row twice", HEAD + ROWS + "1,1,0.5,0\n", ("stands there twice",)),
    plain("frequencies differ", HEAD + "0,-1,1,0\n0,1,1,0\n1,-1,1,0\n1,2,1,0\n", ("must be the same at all times",)),
    plain("no time 0", HEAD + "1,-1,1,0\n1,1,1,0\n", ("must start at 0",)),
    plain("negative time", HEAD + "-1,-1,1,0\n-1,1,1,0\n", ("must start at 0",)),
    plain("zeros", HEAD + "0,-1,0,0\n0,1,0,0\n", ("all values at time 0 are 0",)),
    plain("unknown level", "# level = guess\n" + HEAD + ROWS, ("level = 'guess'",)),
    plain("UTF-16", (HEAD + ROWS).encode("utf-16"), ("cannot be read as CSV",)),
    plain("bytes", bytes(range(128, 256)) * 9, ("cannot be read as CSV",)),
    plain("NUL", HEAD + "0,-1\0,1,0\n0,1,1,0\n", ("o.csv",)),
    plain("quote that stays open", HEAD + '"0,-1,1,0\n' + ROWS * 3, ("o.csv",)),
    plain("wide header", ",".join(f"c{n}" for n in range(MANY)) + "\n", ("column time is missing",)),
    plain("huge frequencies", HEAD + ROWS.replace("-1", "-1e308").replace(",1,", ",1e308,"), ("o.csv",)),
    plain("garbage after CDF", b"CDF" + bytes(range(256)), ("cannot be read as NetCDF",), "o.nc"),
    plain("CDF cut", b"CDF\x01\0\0", ("cannot be read as NetCDF",), "o.nc"),
    plain(
        "CDF of huge sizes", b"CDF\x01" + b"\0\0\0\x00\0\0\0\x0a\x7f\xff\xff\xff" * 9, ("o.nc",), "o.nc", isolated=True
    ),
    plain("no time", other_tool(time=None), ("time (time,) is missing",), "o.nc"),
    plain("no frequency", other_tool(frequency=None), ("frequency", "missing"), "o.nc"),
    plain("no values", other_tool(real=None), ("real and imag",), "o.nc"),
    plain("NaN value", other_tool(real=(("time", "node"), np.full((2, 3), NAN))), ("not finite",), "o.nc"),
    plain(
        "NaN frequency", other_tool(frequency=(("node",), np.array([0, NAN, 1]))), ("frequency", "not finite"), "o.nc"
    ),
    plain("texts", other_tool(time=(("time",), np.array([b"a", b"b"]))), ("time",), "o.nc"),
    plain("other dimensions", other_tool(real=(("time", "k"), np.ones((2, 4)))), ("o.nc",), "o.nc"),
    plain("twice the same", good, ("holds the level 'pde'",), "o.nc"),
    Case("compare one", ("s.nc", "at least two"), {"s.nc": good}, ("compare", "s.nc", "--out", "out")),
    Case(
        "compare a picture",
        ("a.png",),
        {"s.nc": good, "a.png": b"\x89PNG"},
        ("compare", "s.nc", "a.png", "--out", "out"),
    ),
    Case(
        "compare a problem",
        ("p.toml",),
        {"s.nc": good, "p.toml": "a = 1"},
        ("compare", "s.nc", "p.toml", "--out", "out"),
    ),
]
