"""Tables of numbers and pictures that hold no target, no law and no weights."""

import io
import os
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
from case import Case, dangling, endless, fifo, folder, loop, plane, problem, sparse
from PIL import Image

NAN = float("nan")


def npy(array) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asarray(array), allow_pickle=True)
    return file.getvalue()


def npy_of(header: str, data: bytes = bytes(64), version: bytes = b"\x01\x00") -> bytes:
    """A .npy file with whatever header."""
    text = header.encode("latin-1") + b"\n"
    return b"\x93NUMPY" + version + struct.pack("<H", len(text)) + text + data


def shape(text: str, kind: str = "<f8") -> str:
    return f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {text}}}"


def npz(**members) -> bytes:
    """An archive of arrays, or of bytes as they are."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "."), content if isinstance(content, bytes) else npy(content))
    return file.getvalue()


def patched(archive: bytes, local: int, central: int, value: bytes) -> bytes:
    """``archive`` of one member with ``value`` at the given places of its two headers."""
    content, start = bytearray(archive), archive.index(b"PK\x01\x02")
    content[local : local + len(value)] = value
    content[start + central : start + central + len(value)] = value
    return bytes(content)


def bomb(path: Path) -> None:
    """3.7 GB of zeros in less than 4 MB: a block of deflated zeros again and again."""
    megabyte, count = 2**20, 3700
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    header = npy_of(shape(f"({megabyte * count // 8},)"), b"")
    start = deflate.compress(header) + deflate.flush(zlib.Z_FULL_FLUSH)
    block = deflate.compress(bytes(megabyte)) + deflate.flush(zlib.Z_FULL_FLUSH)
    stream = start + count * block + deflate.flush(zlib.Z_FINISH)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a.npy", stream)
    whole = patched(file.getvalue(), 8, 10, struct.pack("<H", zipfile.ZIP_DEFLATED))
    path.write_bytes(patched(whole, 22, 24, struct.pack("<I", len(header) + megabyte * count)))


class Owned:
    """What a pickled array could do to whoever loads it."""

    def __reduce__(self):
        return os.mkdir, ("owned",)


def target(name: str, content, message, keys: dict | None = None, two: bool = False, **options) -> Case:
    """A problem whose target is the file ``name``."""
    make = plane if two else problem
    text = make({"target": {"file": name, **(keys or {})}})
    return Case(f"target {name}: {message[-1][:40]}", message, {"problem.toml": text, name: content}, **options)


def weights(name: str, content, message, **options) -> Case:
    """A problem whose samples have the weights in the file ``name``."""
    text = problem({"data.weights": "file", "data.weights_file": name})
    files = {"problem.toml": text} | ({} if content is None else {name: content})
    return Case(f"weights {name}: {message[-1][:40]}", ("data.weights_file", *message), files, **options)


def law(name: str, content, message, **options) -> Case:
    """A problem whose law stands in the file ``name``."""
    text = problem({"network.law": {"family": "tabulated", "file": name}})
    files = {"problem.toml": text} | ({} if content is None else {name: content})
    return Case(f"law {name}: {message[-1][:40]}", ("network.law", *message), files, **options)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, data: bytes = b"", depth: int = 8, colours: int = 0, *more: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(more) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def picture(kind: str, mode: str = "L", **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray((np.arange(24 * 24, dtype=np.uint8) % 251).reshape(24, 24)).convert(mode).save(
        file, kind, **options
    )
    return file.getvalue()


def tiff_of(entries: list[tuple[int, int, int, int]]) -> bytes:
    """A TIFF file with whatever directory."""
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + body + bytes(4)


GOOD = npy(np.sin(np.arange(64)))
PAIRS = "-2,0.1\n0,0.4\n2,0.1\n"
IMAGE = picture("PNG")

CASES = [
    # Where there is no file
    Case(
        "target: missing",
        ("target.file", "there is no such file"),
        {"problem.toml": problem({"target": {"file": "a.npy"}})},
    ),
    target("a.csv", folder, ("target.file", "is a folder")),
    target("p.npy", fifo, ("target.file", "p.npy", "no regular file"), ranks=True),
    target("z.csv", endless, ("target.file", "z.csv", "no regular file"), isolated=True),
    target("s.csv", sparse, ("target.file", "s.csv", "1 TiB"), isolated=True),
    target("l.npy", loop, ("target.file", "l.npy", "symbolic link")),
    target("d.npy", dangling, ("target.file", "d.npy", "there is no such file")),
    target("a.exe", "MZ", ("target.file", "a.exe", "unknown kind of file '.exe'")),
    target("a", "1", ("target.file", "unknown kind of file ''")),
    Case(
        "target: of the system",
        ("target.file", "unknown kind of file"),
        {"problem.toml": problem({"target": {"file": "../../../../../../../../etc/passwd"}})},
    ),
    Case(
        "target: outside of matplotlib",
        ("target.file", "matplotlib ships no such sample"),
        {"problem.toml": problem({"target": {"file": "matplotlib:../../../../../../../etc/passwd"}})},
    ),
    Case(
        "target: no sample of matplotlib",
        ("target.file", "ships no such sample"),
        {"problem.toml": problem({"target": {"file": "matplotlib:"}})},
    ),
    Case(
        "target: NUL in the name", ("target.file", "null"), {"problem.toml": problem({"target": {"file": "a\0.npy"}})}
    ),
    Case(
        "target: long name",
        ("target.file", "too long"),
        {"problem.toml": problem({"target": {"file": "a" * 300 + ".npy"}})},
    ),
    Case(
        "target: nothing for a name",
        ("target.file", "is a folder"),
        {"problem.toml": problem({"target": {"file": ""}})},
    ),
    # Tables as text
    target("e.csv", "", ("target.file", "e.csv", "it holds no numbers")),
    target("h.csv", "x,value\n", ("target.file", "h.csv", "it holds no numbers")),
    target("c.csv", "# nothing\n", ("target.file", "c.csv", "it holds no numbers")),
    target("r.csv", "0,1\n1,2,3\n", ("target.file", "r.csv", "columns changed")),
    target("t.csv", "x,value\n0,one\n", ("target.file", "t.csv", "'one'")),
    target("n.csv", "0,1\n1,nan\n", ("target", "not finite")),
    target("o.csv", "0,1\n1,1e999\n", ("target", "not finite")),
    target("x.csv", "0,1\nnan,2\n", ("target.file", "x.csv", "outside of the box")),
    target("b.csv", bytes(range(256)), ("target.file", "b.csv", "cannot be read as .csv")),
    target("u.csv", "0,1\n1,2\n".encode("utf-16"), ("target.file", "u.csv", "cannot be read as .csv")),
    target("0.csv", b"0,1\n1\0,2\n", ("target.file", "0.csv", "cannot be read as .csv")),
    target("s.csv", "0;1\n1;2\n", ("target.file", "s.csv", "cannot be read as .csv")),
    target("k.csv", "0,0;1\n0,5;2\n", ("target.file", "k.csv", "cannot be read as .csv")),
    target("w.csv", "0,1,2,3\n1,2,3,4\n", ("target.file", "w.csv", "axes")),
    target("far.csv", "0,1\n99,2\n", ("target.file", "far.csv", "outside of the box", "[99.0]")),
    target("row.csv", "0,0,1\n1,1,2\n2,2,3\n", ("target.file", "row.csv", "a line"), two=True),
    target("long.csv", "1," * 200_000 + "1\n", ("target.file", "long.csv", "axes")),
    # Arrays
    target("e.npy", b"", ("target.file", "e.npy", "cannot be read as .npy")),
    target("g.npy", b"garbage" * 9, ("target.file", "g.npy", "cannot be read as .npy")),
    target("t.npy", GOOD[:-100], ("target.file", "t.npy", "cannot be read as .npy")),
    target("th.npy", GOOD[:40], ("target.file", "th.npy", "cannot be read as .npy")),
    target("v.npy", npy_of(shape("(8,)"), version=b"\x09\x00"), ("target.file", "v.npy", "cannot be read as .npy")),
    target("pickle.npy", npy(np.array([Owned()], dtype=object)), ("target.file", "pickle.npy", "pickle")),
    target(
        "code.npy", npy_of("__import__('os').mkdir('owned')"), ("target.file", "code.npy", "cannot be read as .npy")
    ),
    target("deep.npy", npy_of("(" * 5000), ("target.file", "deep.npy", "cannot be read as .npy")),
    target(
        "huge.npy",
        npy_of(shape("(10**9, 10**9)".replace("10**9", "1000000000"))),
        ("target.file", "huge.npy"),
        isolated=True,
    ),
    target("big.npy", npy_of(shape("(1000000000,)")), ("target.file", "big.npy"), isolated=True, ranks=True),
    target("over.npy", npy_of(shape(f"({2**70},)")), ("target.file", "over.npy")),
    target("neg.npy", npy_of(shape("(-8,)")), ("target.file", "neg.npy")),
    target("none.npy", npy_of(shape("(0,)")), ("target.file", "none.npy", "empty")),
    target("scalar.npy", npy(3.0), ("target.file", "scalar.npy", "0 axes")),
    target("flat.npy", npy(np.ones((8, 8))), ("target.file", "flat.npy", "2 axes")),
    target("c.npy", npy(np.ones(64) * 1j), ("target.file", "c.npy", "real numbers")),
    target("b.npy", npy(np.ones(64, bool)), ("target.file", "b.npy", "real numbers")),
    target("s.npy", npy(np.array(["a"] * 64)), ("target.file", "s.npy", "real numbers")),
    target("date.npy", npy(np.ones(64, "m8[s]")), ("target.file", "date.npy", "real numbers")),
    target("rec.npy", npy(np.ones(64, [("a", "f8")])), ("target.file", "rec.npy", "real numbers")),
    target("void.npy", npy_of(shape("(8,)", "|V8")), ("target.file", "void.npy", "real numbers")),
    target("nan.npy", npy(np.full(64, NAN)), ("target", "64 of 64 samples are not finite")),
    target("inf.npy", npy(np.full(64, -np.inf)), ("target", "not finite")),
    target("huge-values.npy", npy(np.full(64, 1e308)), ("target", "beyond 1e+60")),
    target("zero.npy", npy(np.zeros(64)), ("target", "all samples are 0")),
    target("i.npy", npy(np.ones((4, 64))), ("target.index = [7]", "outside of the array"), {"index": [7]}),
    target("i2.npy", npy(np.ones((4, 64))), ("target.index", "outside of the array"), {"index": [10**30]}),
    # Archives
    target("e.npz", b"", ("target.file", "e.npz", "cannot be read as .npz")),
    target("none.npz", npz(), ("target.file", "none.npz", "target.variable")),
    target("t.npz", npz(a=np.ones(64))[:-30], ("target.file", "t.npz", "cannot be read as .npz")),
    target("text.npz", npz(a__txt=b"hello"), ("target.file", "text.npz", "a.txt")),
    target("trash.npz", npz(a__npy=b"\x93NUMPY trash"), ("target.file", "trash.npz", "cannot be read as .npz")),
    target("pickle.npz", npz(a__npy=npy(np.array([Owned()], dtype=object))), ("target.file", "pickle.npz", "pickle")),
    target("two.npz", npz(a__npy=GOOD, b__npy=GOOD), ("target.file", "target.variable = None must be one of a, b")),
    target("other.npz", npz(a__npy=GOOD), ("target.file", "target.variable = 'c'"), {"variable": "c"}),
    target(
        "up.npz", npz(a__npy=GOOD), ("target.file", "variable = '../../etc/passwd'"), {"variable": "../../etc/passwd"}
    ),
    target("secret.npz", patched(npz(a__npy=GOOD), 6, 8, b"\x01\x00"), ("target.file", "secret.npz", "encrypted")),
    target("method.npz", patched(npz(a__npy=GOOD), 8, 10, b"\x63\x00"), ("target.file", "method.npz", "compression")),
    target(
        "bits.npz",
        patched(npz(a__npy=GOOD), 45, 16, b"\xff\xff\xff\xff"),
        ("target.file", "bits.npz", "cannot be read"),
    ),
    target("bomb.npz", bomb, ("target.file", "bomb.npz", "memory"), isolated=True),
    target("lie.npz", npz(a__npy=npy_of(shape("(100000000000,)"))), ("target.file", "lie.npz"), isolated=True),
    target("zip.npy", npz(a__npy=GOOD), ("target.file", "zip.npy", "cannot be read as .npy")),
    # Pictures
    target("a.png", IMAGE, ("target.file", "a.png", "in 2 dimensions")),
    target("e.png", b"", ("target.file", "e.png", "cannot be read as a picture"), two=True),
    target("text.png", "picture", ("target.file", "text.png", "cannot be read as a picture"), two=True),
    target("t.png", IMAGE[: len(IMAGE) // 2], ("target.file", "t.png", "cannot be read as a picture"), two=True),
    target("h.png", IMAGE[:20], ("target.file", "h.png", "cannot be read as a picture"), two=True),
    target("big.png", png(60_000, 60_000), ("target.file", "big.png", "pixels"), two=True, isolated=True, ranks=True),
    target("large.png", png(10_000, 10_000), ("target.file", "large.png", "pixels"), two=True, isolated=True),
    target("max.png", png(2**31 - 1, 2**31 - 1), ("target.file", "max.png", "pixels"), two=True),
    target("zero.png", png(0, 5), ("target.file", "zero.png", "picture"), two=True),
    target("depth.png", png(24, 24, b"", 77), ("target.file", "depth.png", "picture"), two=True),
    target("data.png", png(24, 24, b"not deflated"), ("target.file", "data.png", "picture"), two=True),
    target(
        "note.png",
        png(24, 24, b"", 8, 0, chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(2**26)))),
        ("target.file", "note.png", "picture"),
        two=True,
    ),
    target("black.png", png(24, 24, zlib.compress(bytes(25 * 24))), ("target", "all samples are 0"), two=True),
    target("t.jpg", picture("JPEG")[:300], ("target.file", "t.jpg", "cannot be read as a picture"), two=True),
    target("g.jpg", b"\xff\xd8\xff" + bytes(range(256)), ("target.file", "g.jpg", "picture"), two=True),
    target("g.tif", b"II*\0" + b"\xff" * 99, ("target.file", "g.tif", "picture"), two=True),
    target("e.tif", tiff_of([]), ("target.file", "e.tif", "picture"), two=True),
    target(
        "huge.tif",
        tiff_of(
            [(256, 4, 1, 2**30), (257, 4, 1, 2**30), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 8)]
        ),
        ("target.file", "huge.tif", "pixels"),
        two=True,
        isolated=True,
    ),
    target("t.tif", picture("TIFF")[:200], ("target.file", "t.tif", "picture"), two=True),
    target(
        "ps.png", "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", ("target.file", "ps.png", "picture"), two=True
    ),
    target("gif.png", picture("GIF"), ("target.file", "gif.png", "cannot be read as a picture"), two=True),
    # Weights
    weights("missing.csv", None, ("there is no such file",)),
    weights("few.csv", "1\n" * 63, ("few.csv", "one weight for each of 64 samples")),
    weights("neg.csv", "1\n" * 63 + "-1\n", ("1 of 64 weights are not positive",)),
    weights("zero.npy", npy(np.zeros(64)), ("64 of 64 weights are not positive",)),
    weights("nan.npy", npy(np.full(64, NAN)), ("64 of 64 weights", "not positive and finite")),
    weights("tiny.npy", npy(np.r_[1e-320, np.full(63, 1e300)]), ("weights",)),
    weights("text.csv", "a\nb\nc\n", ("text.csv", "cannot be read as .csv")),
    weights("c.npy", npy(np.ones(64) * 1j), ("c.npy", "real numbers")),
    weights("two.npz", npz(a__npy=GOOD, b__npy=GOOD), ("two.npz", "one array")),
    weights("a.png", IMAGE, ("a.png", "unknown kind of file")),
    weights("p.csv", fifo, ("no regular file",)),
    weights("huge.npy", npy_of(shape("(10000000000,)")), ("huge.npy",), isolated=True),
    # Laws
    law("missing.csv", None, ("there is no such file",)),
    law("e.csv", "", ("e.csv", "it holds no numbers")),
    law("three.csv", "1,2,3\n2,3,4\n", ("three.csv", "two columns")),
    law("neg.csv", "-2,-0.1\n0,0.5\n2,0.1\n", ("not negative",)),
    law("nan.csv", "-2,0.1\n0,nan\n2,0.1\n", ("finite",)),
    law("fall.csv", "2,0.1\n0,0.4\n-2,0.1\n", ("increase strictly",)),
    law("two.csv", "-2,0.1\n0,0.1\n", ("integrates to 0.2",)),
    law("zero.csv", "-2,0\n0,0\n", ("integrates to 0",)),
    law("huge.csv", "-2,1e308\n0,1e308\n2,1e308\n", ("integrates to inf",)),
    law("a.npz", npz(x__npy=GOOD), ("axis0 … and density", "x")),
    law("shape.npz", npz(axis0__npy=GOOD, density__npy=npy(np.ones(3))), ("values: the shape",)),
    law("c.npz", npz(axis0__npy=npy(np.arange(3.0)), density__npy=npy(np.ones(3) * 1j)), ("real numbers",)),
    law("s.npz", npz(axis0__npy=npy(np.array(["a", "b"])), density__npy=npy(np.ones(2))), ("real numbers",)),
    law("flat.npz", npz(axis0__npy=npy(np.ones((2, 2))), density__npy=npy(np.ones(2))), ("axes[0]",)),
    law("a.txt", PAIRS, ("unknown kind of file",)),
]
