"""Jobs of several processes, killed or without room: no process outlives them, nothing complete is lost, they go on."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import tomli_w
from faulty_world import ENVIRONMENT, PROBLEM, World, temporary

from freqbias import ErrorSpectra

BIN = Path(sys.executable).parent
STUDY = ["study", "p.toml", "--vary", "network.width=100,200", "--jobs", "2", "--out", "study"]
#: So many steps that a signal comes in the middle of them.
LONG = ["--set", "training.optimizer='gradient-descent'", "--set", "training.times.last=500.0"]


@pytest.fixture
def job(tmp_path):
    """Starts a command in a folder with a problem; ends with all that it has started."""
    (tmp_path / "p.toml").write_text(tomli_w.dumps(PROBLEM))
    clean = {k: v for k, v in ENVIRONMENT.items() if not k.startswith(("PMI", "HYD", "MPI"))}
    started = []

    def start(*words):
        process = subprocess.Popen(
            words,
            cwd=tmp_path,
            env=clean | {"UCX_TLS": "self,sm,tcp"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return psutil.Process(process.pid), process

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def wait_until(condition, process, seconds=100):
    """What ``condition`` gives when it is true; ``process`` must not end before."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.02)
    return found


def workers(parent):
    """Processes that compute levels of a study."""
    return [child for child in parent.children() if "spawn_main" in " ".join(child.cmdline())]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_study_leaves_no_process(job, tmp_path, number, status):
    """Two networks are trained at a time: their processes end with the study, however it ends."""
    parent, process = job(BIN / "freqbias", *STUDY, *LONG)
    levels = tmp_path / "study" / "levels"
    wait_until(lambda: len(list(levels.glob("*.nc"))) >= 2, process)  # theory; the networks are under way
    children = workers(parent)
    assert len(children) == 2
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert process.returncode == status
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive
    if number != signal.SIGKILL:
        [line] = said.splitlines()
        assert line.startswith("freqbias: terminated: ")
        assert line.endswith("of 4 levels are computed; the same command goes on from there")
    files = {path.name: path for path in levels.iterdir()}
    assert number == signal.SIGKILL or not temporary(files)
    for path in files.values():
        assert path.suffix == ".part" or ErrorSpectra.read(path).level in ("pde", "kernel", "network")


def rank(parent, number):
    """The process of one rank of mpirun; None as long as it does not run freqbias."""
    for process in parent.children(recursive=True):
        try:
            if process.environ().get("PMI_RANK") == str(number) and "freqbias" in " ".join(process.cmdline()):
                return process
        except psutil.Error:
            continue
    return None


@pytest.mark.parametrize("killed", [0, 1])
def test_rank_that_is_killed_ends_its_job(job, tmp_path, killed):
    """Rank 0 trains, rank 1 waits for it: neither waits for ever for the other."""
    words = [BIN / "mpirun", "-n", "2", BIN / "freqbias", "run", "p.toml", "--out", "run", "--budget", "0", *LONG]
    parent, process = job(*words, "--checkpoint-every", "0")
    checkpoint = tmp_path / "run" / "network.nc.checkpoint"
    wait_until(checkpoint.exists, process)
    ranks = [rank(parent, number) for number in (0, 1)]
    ranks[killed].kill()
    process.communicate(timeout=30)
    assert process.returncode != 0
    _, alive = psutil.wait_procs(ranks, timeout=10)
    assert not alive
    before = (tmp_path / "run" / "pde.nc").read_bytes()
    assert ErrorSpectra.read(tmp_path / "run" / "kernel.nc").level == "kernel"
    if killed == 1:
        return
    _, again = job(*words, "--resume")
    _, said = again.communicate(timeout=100)
    assert again.returncode == 0, said
    assert (tmp_path / "run" / "pde.nc").read_bytes() == before
    assert ErrorSpectra.read(tmp_path / "run" / "network.nc").info["steps"] == 1000
    assert not [path for path in (tmp_path / "run").iterdir() if path.suffix in (".part", ".checkpoint", ".lock")]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    world = World(tmp_path_factory.mktemp("world"))
    yield world
    world.end()


def test_study_on_a_full_disk_stops_and_goes_on(world):
    """Where the first level finds no room, none of the others is computed; what fits is kept whole."""
    if not world.mounted:
        pytest.skip("this system lets nobody mount a file system of his own")
    complete = {}
    for free in (40_000, 120_000):  # for one level; for all of them, not for the report
        world.leave_free(free)
        done = world(*STUDY)
        (world.folder / "filler").unlink()
        assert done["status"] == 1, done
        [line] = done["stderr"].splitlines()
        assert line.startswith("freqbias: study/")
        assert "cannot be written: No space left on device; what was complete before is untouched" in line
        content = world.content()
        assert not temporary(content)
        assert complete.items() <= content.items()
        complete = {name: content[name] for name in content if name.endswith(".nc")}
        for name in complete:
            ErrorSpectra.read(world.folder / name)
        assert ("levels/" in line) == (free == 40_000) == (len(complete) < 4)
    done = world(*STUDY)
    assert done["status"] == 0, done
    assert "4 of them are there" in done["stdout"]
    content = world.content()
    assert complete.items() <= content.items()
    assert len(json.loads(content["study/study.json"])["points"]) == 2


def test_study_in_a_folder_that_cannot_be_written(world):
    """Found before a level is computed; what is there stays."""
    if not world.mounted:
        pytest.skip("this system lets nobody mount a file system of his own")
    before = world.content()
    world("--version", mount="ro")
    for folder in ("study", "new"):
        done = world(*STUDY[:-1], folder)
        assert (done["status"], done["stdout"]) == (2, "")
        assert done["stderr"] == f"freqbias: {folder}: cannot be written: Read-only file system\n"
    world("--version", mount="rw")
    assert world.content() == before
