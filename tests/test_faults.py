"""Commands that are killed, interrupted, or cannot write: what was complete stays, the status is right."""

import json
import os
import re
import shutil
import signal
import subprocess

import numpy as np
import pytest
from faulty_world import COMMANDS, LEVELS, World, temporary

from freqbias import ErrorSpectra
from freqbias.files import write_text
from freqbias.lock import only_writer, only_writer_of_file


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A folder in which commands fail; see faulty_world.py."""
    world = World(tmp_path_factory.mktemp("world"))
    yield world
    world.end()


@pytest.fixture(scope="module")
def moments(world):
    """Command → how many moments it has; every command has succeeded once."""
    found = {}
    for name, words in COMMANDS.items():
        done = world(*words)
        assert done["status"] == 0, done["stderr"]
        found[name] = done["moments"]
    assert not [name for name in world.content() if ".part" in name or ".lock" in name or "checkpoint" in name]
    return found


#: What in a metrics.json says how work went; and the time at which an effect of the size of rounding is largest.
WORK = {"factorizations", "solves", "wall_time_seconds", "worst_time"}


def numbers(metrics):
    """Every result in a metrics.json that is a number, by where it stands."""
    if isinstance(metrics, dict):
        found = {key: numbers(value) for key, value in metrics.items() if key not in WORK}
        return {f"{key}.{name}": value for key, inner in found.items() for name, value in inner.items()}
    if isinstance(metrics, list):
        return numbers({str(k): value for k, value in enumerate(metrics)})
    return {"": metrics} if isinstance(metrics, int | float) else {}


# Killed


def test_run_that_is_killed_again_and_again_ends_with_the_same_numbers(world, moments):
    """In the PDE, the kernel flow, the training, the budget and the report, wherever that falls."""
    rng = np.random.default_rng(6)
    words = ["run", "p.toml", "--out", "killed", "--checkpoint-every", "0", "--resume"]
    deaths = []
    moment = int(rng.integers(moments["solve"] // 4, moments["solve"] // 2))
    while (done := world(*words, at=moment))["status"] != 0:
        moment = int(rng.integers(moments["run"] // 8, moments["run"] // 4))
        assert done["status"] == -signal.SIGKILL, done["stderr"]
        content = world.content()
        deaths.append({name.removeprefix("killed/") for name in content if name.startswith("killed/")})
        for name in deaths[-1] & {"pde.nc", "kernel.nc", "network.nc"}:
            ErrorSpectra.read(world.folder / "killed" / name)
        assert len(deaths) < 50
    # In every phase: before the PDE is there, before the network is, in the budget.
    assert any("pde.nc" not in there for there in deaths)
    assert any({"kernel.nc", "network.nc.checkpoint"} <= there and "network.nc" not in there for there in deaths)
    assert any("network.nc" in there and "budget.nc" not in there for there in deaths)
    # The writing of metrics and report are its last moments.
    rest = world(*words)["moments"]
    for left in (11, 6, 2):
        done = world(*words, at=rest - left)
        assert done["status"] == -signal.SIGKILL
        json.loads((world.folder / "killed/metrics.json").read_text())
        assert (world.folder / "killed/report.html").read_text().rstrip().endswith("</html>")
    assert world(*words)["status"] == 0
    content = world.content()
    names = ["budget.nc", "kernel.nc", "metrics.json", "network.jsonl", "network.nc", "pde.nc"]
    names += ["problem.toml", "report.html", "run.json"]
    assert sorted(name for name in content if name.startswith("killed/")) == [f"killed/{name}" for name in names]
    for level in ("kernel", "network"):
        once, killed = (ErrorSpectra.read(world.folder / run / f"{level}.nc") for run in ("run", "killed"))
        np.testing.assert_array_equal(killed.values, once.values)
    once, killed = (numbers(json.loads(content[f"{run}/metrics.json"])) for run in ("run", "killed"))
    assert killed.keys() == once.keys()
    values = np.array([(once[key], killed[key]) for key in once], dtype=float).T
    assert values.shape[1] > 50
    np.testing.assert_allclose(values[1], values[0], rtol=1e-5, atol=1e-9)


def test_temporary_file_of_a_killed_writer_goes_with_the_next_one(tmp_path):
    """Not that of a writer that lives, nor of another machine, whose processes nobody knows here."""
    dead = subprocess.Popen(["true"])
    dead.wait()
    with pytest.raises(ZeroDivisionError):
        _write_and_look(tmp_path / "a", seen := [])
    own = re.fullmatch(r"\.a\.([0-9a-f]{8})_(\d+)_\w+\.part", seen[0])
    assert int(own[2]) == os.getpid()
    names = {
        f".a.{own[1]}_{dead.pid}_x.part": False,
        f".a.{own[1]}_{os.getpid()}_x.part": False,
        f".a.{own[1]}_{os.getppid()}_x.part": True,
        ".a.00000000_1_x.part": True,
        f".ab.{own[1]}_{dead.pid}_x.part": True,
    }
    for name in names:
        (tmp_path / name).write_text("half")
    write_text(tmp_path / "a", "whole")
    assert {name: (tmp_path / name).exists() for name in names} == names
    os.utime(tmp_path / ".a.00000000_1_x.part", (0, 0))
    write_text(tmp_path / "a", "whole")
    assert not (tmp_path / ".a.00000000_1_x.part").exists()


def _write_and_look(path, seen):
    from freqbias.files import atomic_path

    with atomic_path(path) as temporary:
        seen.append(temporary.name)
        raise ZeroDivisionError


# Interrupted


@pytest.mark.parametrize("part", [0.15, 0.5, 0.85])
@pytest.mark.parametrize("name", ["solve", "kernel", "train", "export", "picture", "convert", "drawing"])
def test_signals_end_a_command_with_one_line(name, part, world, moments):
    before = world.content()
    number = signal.SIGTERM if part == 0.5 else signal.SIGINT
    done = world(*COMMANDS[name], at=int(part * moments[name]) + 1, number=number)
    assert done["status"] == 128 + number, done
    [line] = done["stderr"].strip().splitlines()
    assert line.startswith("freqbias: " + ("terminated" if number == signal.SIGTERM else "interrupted"))
    after = world.content()
    assert not temporary(after)
    for path in before.keys() | after.keys():
        assert before.get(path) == after.get(path) or ".checkpoint" in path or path == "network.jsonl"


@pytest.mark.parametrize(("name", "part"), [("run", 0.3), ("run", 0.8), ("budget", 0.5), ("compare", 0.5)])
def test_signals_end_the_work_on_a_folder(name, part, world, moments):
    """In the training, in the budget: every file that was there is there, whole."""
    shutil.rmtree(world.folder / "run" / "budget", ignore_errors=True)
    before = world.content()
    number = signal.SIGTERM if name != "compare" else signal.SIGINT
    done = world(*COMMANDS[name], at=int(part * moments[name]) + 1, number=number)
    assert done["status"] == 128 + number, done
    [line] = done["stderr"].strip().splitlines()
    assert re.match("freqbias: (terminated|interrupted)", line)
    if name == "run":
        assert "--resume" in line
    after = world.content()
    assert not temporary(after)
    assert before.keys() <= after.keys()
    for level in LEVELS:
        ErrorSpectra.read(world.folder / level)
    json.loads(after["run/metrics.json"])
    assert world(*COMMANDS["run"], "--resume", "--budget", "0")["status"] == 0


# No room


def full(world, name, free):
    """The answer to a command while the disk has ``free`` bytes, and the files before and after."""
    for path in world.folder.rglob("*.checkpoint"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    before = world.content()
    # The estimate of the room that files need would refuse to start.
    words = [*COMMANDS[name], *(["--force"] if name in ("run", "solve", "kernel", "train") else [])]
    try:
        if world.mounted:
            world.leave_free(free)
            done = world(*words)
        else:
            done = world(*words, room=max(free, 2048))  # which binds the file that takes the messages as well
        after = world.content()
    finally:
        (world.folder / "filler").unlink(missing_ok=True)
    after.pop("filler", None)
    return done, before, after


@pytest.mark.parametrize(
    ("name", "free"),
    [
        ("run", 0),
        ("budget", 0),
        ("compare", 4096),
        ("compare", 65536),
        ("solve", 0),
        ("kernel", 4096),
        ("train", 0),
        ("export", 0),
        ("export", 8192),
        ("picture", 4096),
        ("convert", 0),
        ("drawing", 4096),
    ],
)
def test_full_disk(name, free, world, moments):
    if not world.mounted and name in ("run", "solve"):
        pytest.skip("without a disk of its own, files can be bounded, but so is the shared memory of MPI")
    done, before, after = full(world, name, free)
    assert done["status"] == 1, done
    [line] = done["stderr"].strip().splitlines()
    reason = "No space left on device" if world.mounted else "File too large"
    assert re.fullmatch(rf"freqbias: \S+: cannot be written: {reason}; what was complete before is untouched: .*", line)
    assert not temporary(after)
    assert before.keys() <= after.keys()
    changed = {key for key in before if after[key] != before[key]} - {"network.jsonl", "run/network.jsonl"}
    # What there was room for is whole; what there was not is what it was.
    assert line.split(": ")[1] not in changed
    if name == "compare" and free == 65536:
        assert line.startswith("freqbias: compared/report.html")
    for key in changed:
        assert key.endswith((".json", ".toml", ".nc"))
        if key.endswith(".nc"):
            ErrorSpectra.read(world.folder / key)
        elif key.endswith(".json"):
            json.loads(after[key])
    again = world(*COMMANDS[name], *(["--resume"] if name in ("run", "train", "solve") else []))
    assert again["status"] == 0, again["stderr"]


# No permission


@pytest.fixture(params=["read-only disk", "permissions"])
def closed(request, world, moments):
    """The world with a folder that cannot be written."""
    folders = [world.folder, *(path for path in world.folder.iterdir() if path.is_dir())]
    if request.param == "permissions":
        modes = {folder: folder.stat().st_mode for folder in folders}
        for folder in folders:
            folder.chmod(0o555)
        yield "Permission denied"
        for folder, mode in modes.items():
            folder.chmod(mode)
    elif not world.mounted:
        pytest.skip("this system lets nobody mount a file system of his own")
    else:
        world("--version", mount="ro")
        yield "Read-only file system"
        world("--version", mount="rw")


@pytest.mark.parametrize("name", COMMANDS)
def test_place_that_cannot_be_written(name, closed, world):
    before = world.content()
    done = world(*COMMANDS[name])
    assert done["status"] == 2, done
    [line] = done["stderr"].strip().splitlines()
    assert line.startswith("freqbias: ")
    assert line.endswith(f": cannot be written: {closed}")
    assert world.content() == before


# Two at once


def test_second_process_is_refused(world, moments):
    before = world.content()
    with only_writer(world.folder / "run"), only_writer(world.folder / "compared"):
        for name in ("run", "budget", "compare"):
            done = world(*COMMANDS[name])
            assert done["status"] == 2
            [line] = done["stderr"].strip().splitlines()
            assert "another freqbias is writing into this folder" in line
    for name, file in (("solve", "pde.nc"), ("kernel", "kernel.nc"), ("train", "network.nc")):
        with only_writer_of_file(world.folder / file):
            done = world(*COMMANDS[name])
        assert done["status"] == 2
        [line] = done["stderr"].strip().splitlines()
        assert line == f"freqbias: {file}: another freqbias is writing this file: wait for it, or choose another one"
    assert world.content() == before


def test_resume_with_another_problem_changes_nothing(world, moments):
    before = world.content()
    done = world(*COMMANDS["run"], "--resume", "--set", "network.amplitude_std=2.0")
    assert done["status"] == 2
    assert "pde.nc: belongs to another problem" in done["stderr"]
    assert world.content() == before
