"""One process at a time writes: into a folder, into a file; whoever is killed locks nobody out."""

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import tomli_w
from conftest import run_processes

from freqbias.errors import InputError
from freqbias.lock import only_writer, only_writer_of_file

HOLD = """
import sys, time
from freqbias import lock
with getattr(lock, sys.argv[1])(sys.argv[2]):
    print(flush=True)
    time.sleep(100)
"""


@contextmanager
def held(lock, path):
    """Another process holds the lock of ``path`` until it is killed at the end of the block."""
    holder = subprocess.Popen([sys.executable, "-c", HOLD, lock.__name__, path], stdout=subprocess.PIPE)
    try:
        assert holder.stdout.readline() == b"\n"
        yield
    finally:
        holder.kill()
        holder.communicate()


@pytest.mark.parametrize("lock", [only_writer, only_writer_of_file])
def test_lock_ends_with_its_process(tmp_path, lock):
    place = tmp_path / "new" / "place"
    with held(lock, place), pytest.raises(InputError, match=f"^{place}: another freqbias is writing"), lock(place):
        pass
    with lock(place), pytest.raises(InputError, match="another freqbias is writing"), lock(place):
        pass
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_files_beside_each_other(tmp_path):
    with only_writer_of_file(tmp_path / "a"), only_writer_of_file(tmp_path / "b"), only_writer(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_folder_that_was_made_for_nothing_goes(tmp_path):
    with pytest.raises(ZeroDivisionError), only_writer_of_file(tmp_path / "a" / "b" / "c"):
        _ = 1 / 0
    assert list(tmp_path.iterdir()) == []


def test_place_that_takes_no_lock():
    reason = "/proc/place: cannot be written: No such file or directory"
    with pytest.raises(InputError, match=reason), only_writer_of_file("/proc/place"):
        pass


CONTEND = """
import os, sys, time
from freqbias.errors import InputError
from freqbias.lock import only_writer_of_file
taken = 0
while taken < 20:
    try:
        with only_writer_of_file(sys.argv[1]):
            mark = os.open(sys.argv[1] + ".mark", os.O_CREAT | os.O_EXCL)  # fails where another one is here too
            os.close(mark)
            os.unlink(sys.argv[1] + ".mark")
            taken += 1
    except InputError:
        time.sleep(1e-4)
"""


def test_never_two_at_once(tmp_path):
    """Three processes take and remove the lock all the time: also where one opens it just before it is removed."""
    running = [subprocess.Popen([sys.executable, "-c", CONTEND, tmp_path / "a"]) for _ in range(3)]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("launcher", ["mpirun", "torchrun"])
def test_all_processes_of_a_job_end(settings, tmp_path, launcher):
    """The first one alone takes the lock: the others hear of it, and none waits."""
    (tmp_path / "p.toml").write_text(tomli_w.dumps(settings))
    out = tmp_path / "spectra.nc"
    with held(only_writer_of_file, out):
        if launcher == "mpirun":
            done = run_processes(2, "-m", "freqbias", "solve", tmp_path / "p.toml", "--out", out)
            assert done.returncode == 2
        else:
            words = [Path(sys.executable).parent / "torchrun", "--standalone", "--nproc-per-node=2", "-m", "freqbias"]
            words += ["train", tmp_path / "p.toml", "--out", out]
            environment = os.environ | {"OMP_NUM_THREADS": "1"}
            done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=120)
            assert done.returncode == 1  # torchrun's own
        said = {line for line in done.stderr.splitlines() if line.startswith("freqbias: ")}
        assert said == {f"freqbias: {out}: another freqbias is writing this file: wait for it, or choose another one"}
        assert not out.exists()
