"""``freqbias doctor`` on this machine, and on one with planted failures."""

import json
import sys
import time

from freqbias.doctor import CHECKS, Check, Finding, examine
from freqbias.doctor import checks as doctor_checks

BY_PROBE = {check.probe: check for check in CHECKS}


def found(*probes):
    return list(examine([BY_PROBE[probe] for probe in probes]))


def test_everything_that_is_needed_works_here(command):
    done = command("doctor", "--json")
    assert done.returncode == 0, done.stdout
    record = json.loads(done.stdout)
    assert record["schema"] == "freqbias-doctor-1"
    assert record["broken"] == 0
    assert [check["name"] for check in record["checks"]] == [check.name for check in CHECKS]
    for check, one in zip(CHECKS, record["checks"], strict=True):
        assert one["state"] in (("ok",) if check.required else ("ok", "missing"))
        assert one["mend"] == (None if one["state"] == "ok" else check.mend)
        assert one["text"].strip()
        assert "\n" not in one["text"]
    texts = {check.probe: one["text"] for check, one in zip(CHECKS, record["checks"], strict=True)}
    assert texts["torch"].startswith("torch 2.")
    assert texts["mpi"].startswith("2 processes of ")
    assert "free" in texts["memory"]


def test_no_compiler_in_path(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    (finding,) = found("compiler")
    assert finding.state == "broken"
    assert finding.text.endswith("is not in PATH")
    assert "apt-get install gcc" in finding.mend


def test_a_compiler_that_fails(monkeypatch):
    monkeypatch.setenv("CC", "false")
    (finding,) = found("compiler")
    assert (finding.state, finding.text.endswith("does not compile: no reason given")) == ("broken", True)


def test_the_form_compiler_without_a_compiler(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CC", str(tmp_path / "cc"))
    (finding,) = found("jit")
    assert finding.state == "broken"
    assert "CompileError" in finding.text
    assert "mend the compiler and the cache first" in finding.mend


def test_a_cache_that_is_no_folder(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    (finding,) = found("cache")
    assert finding.state == "broken"
    assert str(tmp_path / "file" / "fenics") in finding.text
    assert "XDG_CACHE_HOME" in finding.mend


def test_no_browser_is_no_failure(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    (finding,) = found("chromium")
    assert (finding.state, finding.text) == ("missing", "not in PATH")


def planted(monkeypatch, code, seconds=60.0, required=True):
    """What a check finds whose probe is the Python ``code``."""
    run = doctor_checks._run
    monkeypatch.setattr(doctor_checks, "_run", lambda words, *rest: run([sys.executable, "-c", code], *rest))
    (finding,) = examine([Check("planted", "planted", required, "mend it", seconds)])
    return finding


def test_a_probe_that_hangs_is_ended_with_its_children(monkeypatch, tmp_path):
    marker = tmp_path / "alive"
    child = f"import time, pathlib; time.sleep(2); pathlib.Path({str(marker)!r}).touch()"
    code = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {child!r}]); time.sleep(60)"
    began = time.perf_counter()
    finding = planted(monkeypatch, code, seconds=1.0)
    assert (finding.state, finding.text) == ("broken", "no answer within 1 s")
    assert time.perf_counter() - began < 5
    time.sleep(2)
    assert not marker.exists()


def test_who_stops_looking_does_not_wait(monkeypatch):
    run = doctor_checks._run
    codes = iter(["print('fast')", "import time; time.sleep(60)", "import time; time.sleep(60)"])
    monkeypatch.setattr(doctor_checks, "_run", lambda words, *rest: run([sys.executable, "-c", next(codes)], *rest))
    began = time.perf_counter()
    findings = examine([Check("planted", "planted", True, "mend it")] * 3)
    assert next(findings).text == "fast"
    findings.close()
    assert time.perf_counter() - began < 10


def test_a_probe_that_crashes(monkeypatch):
    finding = planted(monkeypatch, "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    assert (finding.state, finding.text, finding.mend) == ("broken", "ended by SIGSEGV", "mend it")


def test_a_probe_that_raises(monkeypatch):
    assert planted(monkeypatch, "import no_such_library").text == (
        "ModuleNotFoundError: No module named 'no_such_library'"
    )
    assert planted(monkeypatch, "raise SystemExit(3)", required=False).state == "missing"


def test_the_table_says_how_to_mend(command, monkeypatch):
    broken = Finding("C compiler", "broken", "gcc is not in PATH", "apt-get install gcc", 0.1)
    fine = Finding("finufft", "ok", "finufft 2.5", None, 0.1)
    monkeypatch.setattr("freqbias.doctor.examine", lambda: iter([broken, fine]))
    done = command("doctor")
    assert done.returncode == 1
    assert "BROKEN" in done.stdout
    assert "→ apt-get install gcc" in done.stdout
    assert "1 broken" in done.stdout
