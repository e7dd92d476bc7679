"""Compiling forms where that does not work: one line that says what to set, status 2, and no rank that waits."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tomli_w
import ufl
from conftest import run_processes
from mpi4py import MPI

from freqbias.errors import FreqbiasError, InputError
from freqbias.fem.form_compiler import compile_form

#: A program that gives up the rights of root, for whom permissions do not count, and becomes freqbias.
WITHOUT_RIGHTS = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); "
WITHOUT_RIGHTS += "from faulty_commands import give_up_capabilities; give_up_capabilities(); "
WITHOUT_RIGHTS += "from freqbias.cli.main import main; sys.argv[0] = 'freqbias'; main()"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The cache folder, not made yet, for forms compiled by this process."""
    from dolfinx import jit

    folder = tmp_path / "cache" / "fenics"
    monkeypatch.setitem(jit.DOLFINX_DEFAULT_JIT_OPTIONS, "cache_dir", (folder, ""))
    monkeypatch.setitem(jit.DOLFINX_DEFAULT_JIT_OPTIONS, "timeout", (1, ""))
    return folder


@pytest.fixture
def length():
    """Gives the length of [0, 2] by a form that is compiled, if it is not yet."""
    from dolfinx import fem, mesh

    line = mesh.create_interval(MPI.COMM_SELF, 3, [0.0, 2.0])

    def integrate():
        form = compile_form(fem.Constant(line, 1.0) * ufl.dx(domain=line), MPI.COMM_SELF)
        return fem.assemble_scalar(form)

    return integrate


def test_cache_that_is_no_folder(cache, length):
    cache.parent.write_text("in the way")
    with pytest.raises(InputError) as refused:
        length()
    assert str(refused.value) == (
        f"cache of compiled forms: {cache} cannot be written: Not a directory; "
        "set XDG_CACHE_HOME to a folder that can be written and has room"
    )


@pytest.mark.parametrize(("compiler", "said"), [("false", "does not compile"), ("no-such-compiler", "not in PATH")])
def test_compiler_that_does_not_work(cache, length, monkeypatch, compiler, said):
    monkeypatch.setenv("CC", compiler)
    with pytest.raises(InputError, match=f"C compiler: .*{said}.*; .* install gcc, or name a compiler in CC"):
        length()
    monkeypatch.delenv("CC")
    np.testing.assert_allclose(length(), 2.0)
    monkeypatch.setenv("CC", compiler)  # what is in the cache needs none
    np.testing.assert_allclose(length(), 2.0)


def test_killed_compilation_is_not_waited_for(cache, length, monkeypatch):
    """Source code without machine code: DOLFINx alone would say that it timed out, for ever."""
    length()
    (source,) = cache.glob("*.c")
    compiled = source.with_suffix(".c.cached")
    compiled.unlink()
    monkeypatch.setattr("freqbias.fem.form_compiler._PATIENCE", 2)
    with pytest.raises(FreqbiasError, match="timed out"):  # another process may be at work
        length()
    os.utime(source, (time.time() - 3600,) * 2)
    np.testing.assert_allclose(length(), 2.0)
    assert compiled.exists()


def refused(done):
    """The one line of a command that ends with status 2."""
    assert done.returncode == 2, done
    [line] = [line for line in done.stderr.splitlines() if not line.startswith("Abort(")]
    return line


def test_cache_without_permission(settings, tmp_path):
    (tmp_path / "p.toml").write_text(tomli_w.dumps(settings))
    (tmp_path / "cache").mkdir(mode=0o555)
    words = [sys.executable, "-c", WITHOUT_RIGHTS, "solve", "p.toml", "--out", "pde.nc"]
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100)
    assert f"{tmp_path}/cache/fenics cannot be written: Permission denied; set XDG_CACHE_HOME" in refused(done)
    assert not (tmp_path / "pde.nc").exists()


@pytest.mark.parametrize("wrong", ["cache", "compiler"])
def test_all_ranks_end(settings, tmp_path, monkeypatch, wrong):
    (tmp_path / "p.toml").write_text(tomli_w.dumps(settings))
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ("file" if wrong == "cache" else "cache")))
    if wrong == "compiler":
        monkeypatch.setenv("CC", "false")
    done = run_processes(2, "-m", "freqbias", "solve", tmp_path / "p.toml", "--out", tmp_path / "pde.nc", timeout=100)
    assert ("set XDG_CACHE_HOME" if wrong == "cache" else "name a compiler in CC") in refused(done)
    assert not (tmp_path / "pde.nc").exists()


def test_user_without_home(command, monkeypatch):
    """The system knows nothing of the user, as in some containers; DOLFINx cannot even be imported without a home."""

    def unknown(number):
        raise KeyError(number)

    monkeypatch.setattr("pwd.getpwuid", unknown)
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.delenv("HOME")
    assert command("--version").returncode == 0
    assert os.environ["HOME"] == "/"
    assert "XDG_CACHE_HOME" not in os.environ
