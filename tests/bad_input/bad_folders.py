"""Study files, folders of runs, and checkpoints of something else."""

import json
import zipfile

import numpy as np
from bad_spectra import good, other_problem
from bad_tables import npy, npy_of, npz, shape
from case import Case, endless, fifo, folder, loop, problem, sparse

BASE = 'base = "problem.toml"\n'
VARY = '[[vary]]\nkey = "network.width"\nvalues = [200, 400]\n'


def study(name: str, content, message, *more: str, **options) -> Case:
    words = ("study", "study.toml", "--out", "out", *more)
    return Case(f"study {name}", message, {"problem.toml": problem(), "study.toml": content}, words, **options)


def resumed(name: str, files: dict, message, command: str = "solve", **options) -> Case:
    """A computation that shall go on from a checkpoint."""
    out = {"solve": "pde.nc", "train": "network.nc"}[command]
    words = (command, "problem.toml", "--out", out, "--resume")
    given = {"problem.toml": problem()} | {name.replace("*", out): content for name, content in files.items()}
    return Case(f"resumed {command} {name}", message, given, words, **options)


def state(**changes) -> str:
    content = {"schema": "freqbias-checkpoint-1", "key": "k", "number": 1, "nodes": 121}
    content |= {"facts": {}, "fields": {}, "arrays": {}} | changes
    return json.dumps(content)


def record(**changes) -> bytes:
    content = {"schema": "freqbias-training-checkpoint-1", "problem_digest": "0" * 64} | changes
    return npz(record__npy=npy(np.frombuffer(json.dumps(content).encode(), np.uint8)))


def lying_checkpoint(path) -> None:
    """Stored members whose headers claim more than there is."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("record.npy", npy_of(shape("(100000000000,)"), b""))


STATE, TRAINED = "*.checkpoint/state.json", "*.checkpoint"
RUN = ("run", "problem.toml", "--out", "out", "--resume", "--budget", "0")

CASES = [
    study("empty", "", ("study.toml", "network: missing")),
    study("folder", folder, ("study.toml", "is a folder")),
    study("pipe", fifo, ("study.toml", "no regular file")),
    study("endless", endless, ("study.toml", "no regular file"), isolated=True),
    study("not TOML", "base", ("study.toml", "is not TOML")),
    study("UTF-16", BASE.encode("utf-16"), ("study.toml", "UTF-8")),
    study("base missing", 'base = "none.toml"\n' + VARY, ("study.toml", "base", "there is no such file")),
    study("base a folder", 'base = "."\n' + VARY, ("study.toml", "base", "is a folder")),
    study("base itself", 'base = "study.toml"\n' + VARY, ("study.toml", "base: unknown key")),
    study("base a number", "base = 3\n" + VARY, ("study.toml", "base = 3")),
    study("base of the system", 'base = "/etc/passwd"\n' + VARY, ("/etc/passwd", "is not TOML")),
    study("base endless", 'base = "/dev/zero"\n' + VARY, ("base", "/dev/zero", "no regular file"), isolated=True),
    study("unknown key", BASE + "vari = 1\n" + VARY, ("vari: unknown key", "did you mean vary?")),
    study("nothing varied", BASE, ("nothing is varied",)),
    study("key without values", BASE + '[[vary]]\nkey = "network.width"\n', ("vary[0]", "key and values")),
    study("no values", BASE + '[[vary]]\nkey = "network.width"\nvalues = []\n', ("vary[0].values",)),
    study("value twice", BASE + VARY.replace("200", "400"), ("vary[0]", "400", "twice")),
    study("unknown varied key", BASE + VARY.replace("width", "widht"), ("network.widht: unknown key",)),
    study("varied text", BASE + VARY.replace("200", '"a"'), ("network.width = 'a'",)),
    study("varied NaN", BASE + VARY.replace("200", "nan"), ("network.width",)),
    study("varied twice", BASE + VARY + VARY, ("network.width is varied twice",)),
    study("varied table", BASE + VARY.replace(".width", ".width.x"), ("width is not a table",)),
    study("deep key", BASE + VARY.replace("network.width", "a." * 5000 + "a"), ("unknown key",)),
    study(
        "too many points",
        BASE + VARY + VARY.replace("network.width", "training.seed").replace("[200, 400]", str([*range(1500)])),
        ("3000 points",),
    ),
    study("huge value", BASE + VARY.replace("200", "4000000000000"), ("network.width",), isolated=True),
    study("set of nothing", BASE + "set = 3\n" + VARY, ("set = 3",)),
    study("set of an unknown key", BASE + VARY + "[set]\nnetwork.x = 1\n", ("network.x: unknown key",)),
    study("unknown quantity", BASE + 'quantity = "speed"\n' + VARY, ("quantity = 'speed'",)),
    study("option without values", BASE, ("--vary network.width",), "--vary", "network.width"),
    study("option with a hole", BASE, ("--vary network.width=1,,2",), "--vary", "network.width=1,,2"),
    study("no jobs", BASE + VARY, ("--jobs",), "--jobs", "0"),
    study("output is a file", BASE + VARY, ("problem.toml",), "--out", "problem.toml"),
    # Checkpoints of the solver
    resumed(STATE, {STATE: ""}, ("state.json", "cannot be read")),
    resumed("text", {STATE: "state"}, ("state.json", "cannot be read")),
    resumed("bytes", {STATE: bytes(range(256))}, ("state.json", "cannot be read")),
    resumed("list", {STATE: "[1, 2]"}, ("state.json", "schema")),
    resumed("deep", {STATE: "[" * 100_000}, ("state.json", "cannot be read")),
    resumed("folder", {STATE: folder}, ("state.json", "is a folder")),
    resumed("pipe", {STATE: fifo}, ("state.json", "no regular file"), ranks=True),
    resumed("endless", {STATE: endless}, ("state.json", "no regular file"), isolated=True),
    resumed("other schema", {STATE: state(schema="x")}, ("state.json", "schema must be")),
    resumed("other problem", {STATE: state()}, ("state.json", "belongs to another problem"), ranks=True),
    resumed("no key", {STATE: "{}"}, ("state.json", "schema")),
    resumed("file instead", {"*.checkpoint": "checkpoint"}, ("pde.nc.checkpoint",)),
    # Checkpoints of a training
    resumed("empty", {TRAINED: ""}, ("network.nc.checkpoint", "no complete checkpoint"), "train"),
    resumed("text", {TRAINED: "text"}, ("network.nc.checkpoint", "no complete checkpoint"), "train"),
    resumed("zip of nothing", {TRAINED: npz()}, ("network.nc.checkpoint", "no complete checkpoint"), "train"),
    resumed("folder", {TRAINED: folder}, ("network.nc.checkpoint",), "train"),
    resumed("pipe", {TRAINED: fifo}, ("network.nc.checkpoint", "no regular file"), "train"),
    resumed("loop", {TRAINED: loop}, ("network.nc.checkpoint",), "train"),
    resumed("cut", {TRAINED: record()[:-30]}, ("network.nc.checkpoint", "no complete checkpoint"), "train"),
    resumed("lies", {TRAINED: lying_checkpoint}, ("network.nc.checkpoint",), "train"),
    resumed("other schema", {TRAINED: record(schema="x")}, ("network.nc.checkpoint", "schema = 'x'"), "train"),
    resumed("other problem", {TRAINED: record()}, ("network.nc.checkpoint", "belongs to another problem"), "train"),
    resumed("no record", {TRAINED: npz(a__npy=npy(np.ones(3)))}, ("network.nc.checkpoint", "no complete"), "train"),
    resumed("record a number", {TRAINED: npz(record__npy=npy(3.0))}, ("network.nc.checkpoint", "no complete"), "train"),
    resumed(
        "record not an object",
        {TRAINED: npz(record__npy=npy(np.frombuffer(b"[1]", np.uint8)))},
        ("network.nc.checkpoint", "no complete"),
        "train",
    ),
    # Runs
    Case(
        "run resumed from garbage",
        ("out/pde.nc", "cannot be read"),
        {"problem.toml": problem(), "out/problem.toml": problem(), "out/pde.nc": "x"},
        RUN,
        ranks=True,
    ),
    Case(
        "run resumed from a pipe",
        ("out/pde.nc", "no regular file"),
        {"problem.toml": problem(), "out/pde.nc": fifo},
        RUN,
        isolated=True,
    ),
    Case("run resumed from a folder", ("out/pde.nc",), {"problem.toml": problem(), "out/pde.nc": folder}, RUN),
    Case(
        "run resumed from another problem",
        ("out/pde.nc", "belongs to another problem"),
        {"problem.toml": problem({"network.law.scale": 9.0}), "out/pde.nc": good},
        RUN,
    ),
    Case("run into a file", ("out",), {"problem.toml": problem(), "out": "mine"}, RUN),
    Case(
        "compare empty folders",
        ("a", "holds no run"),
        {"a": folder, "b": folder},
        ("compare", "a", "b", "--out", "out"),
    ),
    Case("compare a folder twice", ("is given twice",), {"a/pde.nc": good}, ("compare", "a", "a", "--out", "out")),
    Case(
        "compare a folder and a file",
        ("is no folder",),
        {"a/pde.nc": good, "b.nc": good},
        ("compare", "a", "b.nc", "--out", "out"),
    ),
    Case(
        "compare a folder by another name",
        ("is given twice",),
        {"a/pde.nc": good},
        ("compare", "a", "a/../a", "--out", "out"),
    ),
    Case(
        "compare runs of garbage",
        ("a/pde.nc",),
        {"a/pde.nc": "x", "b/pde.nc": good},
        ("compare", "a", "b", "--out", "out"),
    ),
    Case("compare a run of one level", ("at least two",), {"a/pde.nc": good}, ("compare", "a", "--out", "out")),
    Case("compare a run of folders", ("a/pde.nc",), {"a/pde.nc": folder}, ("compare", "a", "--out", "out")),
    Case(
        "compare levels of other problems",
        ("b.nc",),
        {"a.nc": good, "b.nc": lambda path: other_level(path)},
        ("compare", "a.nc", "b.nc", "--out", "out"),
    ),
    Case("budget of nothing", ("out", "holds no run"), {"out": folder}, ("budget", "out")),
    Case("budget of no folder", ("out",), {}, ("budget", "out")),
    Case("budget of a file", ("out",), {"out": "x"}, ("budget", "out")),
    Case("budget of garbage", ("out/pde.nc",), {"out/pde.nc": "x"}, ("budget", "out")),
    Case("budget of one level", ("out", "no error budget"), {"out/pde.nc": good}, ("budget", "out")),
    Case("budget of a level twice", ("out",), {"out/pde.nc": good, "out/kernel.nc": good}, ("budget", "out")),
    Case("budget of a sparse file", ("out/pde.nc",), {"out/pde.nc": sparse}, ("budget", "out"), isolated=True),
]


def other_level(path) -> None:
    """A network file of a problem with another law."""
    import h5py

    other_problem("amplitude_std = 1.0", "amplitude_std = 2.0")(path)
    with h5py.File(path, "r+") as file:
        file.attrs["level"] = "network"
