"""A place to which nothing can be written is named before any work, whatever stands there instead."""

import re

import pytest
import tomli_w

from freqbias import Problem
from freqbias.errors import InputError
from freqbias.files import require_place

#: Commands, and the place to which each of them writes, in words of the command line.
COMMANDS = {
    "solve": ["solve", "p.toml", "--out"],
    "kernel": ["kernel", "p.toml", "--out"],
    "train": ["train", "p.toml", "--out"],
    "run": ["run", "p.toml", "--out"],
    "study": ["study", "p.toml", "--vary", "network.width=100,200", "--out"],
    "picture of a mesh": ["mesh", "p.toml", "--picture"],
    "mesh": ["mesh", "p.toml", "--convert"],
    "picture": ["export", "s.nc", "--picture"],
    "series": ["export", "s.nc", "--out"],
    "comparison": ["compare", "s.nc", "t.nc", "--out"],
}
ENDINGS = {"picture of a mesh": ".png", "mesh": ".msh", "picture": ".png", "series": ".vtkhdf"}
FOLDERS = {"run", "study", "comparison"}


@pytest.fixture
def no_work(settings, tmp_path, monkeypatch):
    """A folder with a problem; reading anything fails the test, and so does all that would come after it."""

    def forbidden(*arguments, **options):
        raise AssertionError("the place must be looked at before anything is read")

    (tmp_path / "p.toml").write_text(tomli_w.dumps(settings))
    for name in ("s.nc", "t.nc"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Problem, "create", forbidden)
    for name in ("spectra.stored_spectra", "plain_files.read_any", "input_files.read_toml", "study.plan.read_toml"):
        monkeypatch.setattr(f"freqbias.{name}", forbidden)
    return tmp_path


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("file/x", "Not a directory|.*file is no folder"),
        ("/proc/nothing/x", "No such file or directory"),
        (f"{'n' * 240}", "File name too long"),
        (None, "is (a|no) folder"),
    ],
    ids=["below a file", "where nothing can be made", "long name", "of the wrong kind"],
)
def test_commands_look_first(name, place, reason, no_work, command):
    if place is None:
        place = "wrong"
        if name in FOLDERS:
            (no_work / place).write_text("")
        else:
            (no_work / (place + ENDINGS.get(name, ""))).mkdir()
    before = sorted(no_work.rglob("*"))
    place += ENDINGS.get(name, "")
    done = command(*COMMANDS[name], place)
    assert done.returncode == 2, done
    [line] = done.stderr.splitlines()
    start = f"freqbias: {place}: cannot be written: "
    assert line.startswith(start)
    assert re.fullmatch(reason, line.removeprefix(start)), line
    assert sorted(no_work.rglob("*")) == before


@pytest.mark.parametrize(
    ("words", "there"),
    [
        (["solve", "p.toml", "--out", "x.nc"], "file"),
        (["train", "p.toml", "--out", "x.nc"], "folder"),
        (["train", "p.toml", "--out", "x.nc"], "log"),
    ],
)
def test_places_of_checkpoint_and_log(words, there, no_work, command):
    place = no_work / ("x.jsonl" if there == "log" else "x.nc.checkpoint")
    place.write_text("") if there == "file" else place.mkdir()
    done = command(*words)
    assert done.returncode == 2
    assert f"{place.name}: cannot be written: is {'no' if there == 'file' else 'a'} folder" in done.stderr


def test_nothing_is_left_where_something_could_be_written(tmp_path):
    require_place(tmp_path / "a" / "b")
    require_place(tmp_path, folder=True)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match="null character"):
        require_place("a\0b")
