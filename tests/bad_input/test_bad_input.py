"""Bad input, tried for real: status 2, one line that names the culprit, and nothing left behind."""

import hashlib
import os
import resource
import subprocess
import sys

import pytest
from bad_folders import CASES as FOLDERS
from bad_meshes import CASES as MESHES
from bad_options import CASES as OPTIONS
from bad_problems import CASES as PROBLEMS
from bad_spectra import CASES as SPECTRA
from bad_tables import CASES as TABLES
from conftest import run_processes

CASES = [*PROBLEMS, *TABLES, *MESHES, *SPECTRA, *FOLDERS, *OPTIONS]
#: Bytes of address space of an isolated case.
_MEMORY = 3_000_000_000

pytestmark = pytest.mark.timeout(20)


def named(cases):
    assert len({case.name for case in cases}) == len(cases)
    return [pytest.param(case, id=case.name) for case in cases]


def tree(folder):
    """Every path under ``folder``, with a digest of what regular files hold."""
    found = {}
    for path in sorted(folder.rglob("*")):
        regular = path.is_file() and not path.is_symlink() and path.stat().st_size < 1e8
        found[str(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest() if regular else None
    return found


def run_isolated(words):
    """``freqbias`` in a process of its own with little address space."""
    return subprocess.run(
        [sys.executable, "-m", "freqbias", *words],
        capture_output=True,
        text=True,
        timeout=15,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY)),
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
    )


def assert_refused(done, case):
    assert done.returncode == 2, done.stderr[-2000:]
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr[-2000:]
    assert lines[0].startswith("freqbias: ")
    assert len(lines[0]) < 1000
    for words in case.message:
        assert words in lines[0]
    assert done.stdout == ""


@pytest.mark.parametrize("case", named(CASES))
def test_bad_input(case, command, tmp_path, monkeypatch):
    case.build(tmp_path)
    monkeypatch.chdir(tmp_path)
    before = tree(tmp_path)
    done = run_isolated(case.words) if case.isolated else command(*case.words)
    assert_refused(done, case)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("case", named([case for case in CASES if case.ranks]))
def test_bad_input_on_two_ranks(case, tmp_path, monkeypatch):
    case.build(tmp_path)
    monkeypatch.chdir(tmp_path)
    before = tree(tmp_path)
    assert_refused(run_processes(2, "-m", "freqbias", *case.words, timeout=15), case)
    assert tree(tmp_path) == before
