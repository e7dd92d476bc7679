"""Disks without room: one line that names the file, and nothing is lost that was complete.

The limit of a process for the size of its files stands for the disk: it needs no rights, and writes fail as they do on
a full one, in the middle.
"""

import errno
import os
import resource
from contextlib import contextmanager

import h5py
import numpy as np
import pytest
import tomli_w
from killed_trainings import RANDOM, TWO_LAYERS, problem

from freqbias.errors import InputError, StorageError
from freqbias.files import atomic_file, atomic_path, remove_leftovers, write_text
from freqbias.nn.checkpoint import Checkpoint
from freqbias.nn.run_log import RunLog
from freqbias.nn.training import Training, train

DESCENT = {"optimizer": "gradient-descent", "evaluator": "dense"}


@contextmanager
def room(size):
    """No file can get longer than ``size`` bytes inside the block."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def write_spectra(path):
    train(problem(TWO_LAYERS, DESCENT)).write(path)


def write_netcdf_like(path):
    with atomic_file(path) as output, h5py.File(output, "w") as file:
        for k in range(20):
            file.create_dataset(f"{k}", data=np.full(3000, float(k)), chunks=(100,))
            file.flush()


def write_checkpoint(path):
    training = Training(problem(RANDOM | {"width": 4000}, {"optimizer": "adam"}))
    training.stepper.step(0.0, 1.0)
    Checkpoint(path, training.problem).save(training.state())


def write_long_text(path):
    write_text(path, "long " * 50_000)


@pytest.mark.parametrize("size", [0, 100, 5000, 20_000])
@pytest.mark.parametrize("write", [write_spectra, write_netcdf_like, write_checkpoint, write_long_text])
def test_former_content_stays(write, size, tmp_path):
    path = tmp_path / "result"
    path.write_text("former")
    with room(size), pytest.raises(StorageError, match=r"result: cannot be written: File too large; .* make room"):
        write(path)
    assert path.read_text() == "former"
    assert [file.name for file in tmp_path.iterdir()] == ["result"]
    write(path)
    assert path.stat().st_size > size


def test_files_are_the_same_through_either_way(tmp_path):
    with atomic_path(tmp_path / "a.h5") as path, h5py.File(path, "w") as file:
        file["x"] = np.arange(1000.0)
    with atomic_file(tmp_path / "b.h5") as output, h5py.File(output, "w") as file:
        file["x"] = np.arange(1000.0)
    with h5py.File(tmp_path / "a.h5") as one, h5py.File(tmp_path / "b.h5") as other:
        np.testing.assert_array_equal(one["x"], other["x"])
    assert oct((tmp_path / "a.h5").stat().st_mode) == oct((tmp_path / "b.h5").stat().st_mode)


def test_own_mistakes_are_not_the_disks(tmp_path):
    with pytest.raises(ZeroDivisionError), atomic_file(tmp_path / "a"):
        _ = 1 / 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("number", "kind"), [(errno.ENOSPC, StorageError), (errno.EACCES, InputError)])
def test_temporary_file_that_cannot_be_made(number, kind, tmp_path, monkeypatch):
    """Without room it is the disk; otherwise the path was a mistake."""

    def refused(path, *options, opened=os.open):
        if str(path).endswith(".part"):
            raise OSError(number, os.strerror(number))
        return opened(path, *options)

    monkeypatch.setattr("os.open", refused)
    with pytest.raises(kind, match=f"a: cannot be written: {os.strerror(number)}"):
        write_text(tmp_path / "a", "text")


def test_training_without_room_keeps_its_last_checkpoint(tmp_path):
    """The disk is full when the second checkpoint is written; with room again, training goes on from the first."""
    given, path = problem(TWO_LAYERS, DESCENT), tmp_path / "network.nc.checkpoint"
    whole = train(given)
    steps = iter(range(100))

    def progress(done):
        if next(steps) == 4:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))

    with room(10**7), pytest.raises(StorageError, match=r"checkpoint: cannot be written: File too large"):
        train(given, progress, checkpoint=path, checkpoint_seconds=0.0)
    assert Checkpoint(path, given).load().steps == 4
    resumed = train(given, checkpoint=path, resume=True)
    np.testing.assert_array_equal(resumed.values, whole.values)


def test_log_without_room(tmp_path):
    given = problem(TWO_LAYERS, DESCENT)
    with RunLog(tmp_path / "log.jsonl", given, 1) as log:
        size = (tmp_path / "log.jsonl").stat().st_size
        with room(size + 100), pytest.raises(StorageError, match=r"log\.jsonl: cannot be written"):
            log.write(1, 0.5, np.array([1.0]), False, 1, 1.0, 0.1)
    with RunLog(tmp_path / "log.jsonl", given, 1, resumed=1) as log:
        log.write(2, 0.5, np.array([1.0]), False, 1, 1.0, 0.1)
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 2


def test_the_command_fails_with_one_line(command, tmp_path):
    file = tmp_path / "small.toml"
    file.write_text(tomli_w.dumps(problem(TWO_LAYERS, DESCENT).settings.model_dump(exclude_none=True)))
    with room(8000):
        done = command("train", file, "--out", tmp_path / "network.nc")
    assert done.returncode == 1
    [line] = done.stderr.strip().splitlines()
    assert "network.nc: cannot be written: File too large" in line
    assert (tmp_path / "network.nc.checkpoint").exists()
    done = command("train", file, "--out", tmp_path / "network.nc", "--resume")
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "network.nc.checkpoint").exists()


def test_leftovers_of_killed_writers_go(tmp_path):
    for name in (".a.nc.x1_y.part", ".a.nc.checkpoint.abc.part", ".b.nc.abc.part", "a.nc.part"):
        (tmp_path / name).write_text("")
    remove_leftovers(tmp_path / "a.nc")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".a.nc.checkpoint.abc.part",
        ".b.nc.abc.part",
        "a.nc.part",
    ]
    remove_leftovers(tmp_path / "nowhere" / "a.nc")
