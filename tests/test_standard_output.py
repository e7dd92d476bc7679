"""Commands whose output nobody reads, or whose standard streams are closed or full; a study that is killed."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tomli_w
from faulty_world import ENVIRONMENT, PROBLEM


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A folder with a finished study, which was killed once, and its problem file."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "p.toml").write_text(tomli_w.dumps(PROBLEM))
    words = ["study", "p.toml", "--vary", "network.width=100,200", "--jobs", "1", "--out", "study"]
    running = subprocess.Popen([FREQBIAS, *words], cwd=folder, env=ENVIRONMENT, start_new_session=True)
    deadline = time.monotonic() + 100
    while not (there := list((folder / "study/levels").glob("*.nc"))):
        assert time.monotonic() < deadline
        assert running.poll() is None
        time.sleep(0.02)
    running.kill()
    running.wait(10)
    written = {path: path.stat().st_mtime_ns for path in there}
    # Its reader leaves after one line.
    done = shell(folder, "freqbias " + " ".join(words) + " | head -n 1")
    assert done.stdout == f"2 points, 4 levels to compute, {len(there)} of them are there\n"
    assert done.stderr == ""
    assert {path: path.stat().st_mtime_ns for path in there} == written
    return folder


FREQBIAS = Path(sys.executable).parent / "freqbias"


def shell(folder, line):
    """Run ``line`` in a shell that fails where a part of a pipe fails."""
    line = line.replace("freqbias ", f"{FREQBIAS} ")
    words = ["bash", "-o", "pipefail", "-c", line]
    return subprocess.run(words, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=120)


def test_killed_study_goes_on_and_outlives_its_reader(study):
    table = (study / "study/study.csv").read_text().splitlines()
    assert len(table) == 3
    assert all("measured" in line for line in table[1:])
    assert (study / "study/report.html").read_text().rstrip().endswith("</html>")
    assert not [path for path in study.rglob("*") if ".part" in path.name]


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ("freqbias compare {levels} --out a --json | true", 1, ""),
        ("freqbias compare {levels} --out a >&-", 0, ""),
        ("freqbias mesh p.toml | true", 1, ""),
        ("freqbias mesh p.toml --convert m.vtu >&- 2>&- <&-", 0, ""),
        ("freqbias mesh p.toml > /dev/full", 1, "No space left on device"),
        ("freqbias --help > /dev/full", 1, "No space left on device"),
    ],
)
def test_standard_output_that_takes_nothing(line, status, said, study):
    """Files are written all the same; a reader that is gone need not be told, a full disk is named."""
    levels = " ".join(
        sorted({str(next((study / "study/levels").glob(f"{k}-*"))) for k in ("pde", "kernel", "network")})
    )
    done = shell(study, line.format(levels=levels))
    assert done.returncode == status, done
    assert done.stderr == (f"freqbias: standard output cannot be written: {said}\n" if said else "")
    if "compare" in line:
        json.loads((study / "a/metrics.json").read_text())
        assert (study / "a/report.html").read_text().rstrip().endswith("</html>")
        shutil.rmtree(study / "a")
    if "convert" in line:
        assert "</VTKFile>" in (study / "m.vtu").read_text(errors="replace")


def test_signals_that_are_ignored_stay_ignored(tmp_path):
    """nohup and shells ask for that; in between, those of a file that is being written wait for its end."""
    program = """
import os, signal, sys
from freqbias.cli.failure import reported_failures
from freqbias.files import atomic_file
signal.signal(signal.SIGINT, signal.SIG_IGN)
with reported_failures(), atomic_file(sys.argv[1]) as file:
    os.kill(os.getpid(), signal.SIGINT)
    file.stop_if_asked()
    os.kill(os.getpid(), signal.SIGTERM)
    print("still here", flush=True)
    file.stop_if_asked()
    print("not here")
"""
    done = subprocess.run([sys.executable, "-c", program, tmp_path / "a"], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (143, "still here\n", "freqbias: terminated\n")
    assert list(tmp_path.iterdir()) == []
