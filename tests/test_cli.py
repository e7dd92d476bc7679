"""The command line as a user sees it: status, messages, files; serial and under mpirun."""

import json
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import tomli_w
from conftest import run_processes

from freqbias import ErrorSpectra


@pytest.fixture
def problem_file(settings, tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(tomli_w.dumps(settings))
    return path


def test_help_loads_no_numerical_library():
    """Help answers in 0.3 s because nothing heavy is imported: a process of its own, since this one has them all."""
    heavy = [
        "numpy",
        "scipy",
        "pydantic",
        "xarray",
        "matplotlib",
        "torch",
        "dolfinx",
        "petsc4py",
        "mpi4py",
        "rich",
        "jinja2",
        "h5py",
        "pyvista",
    ]
    code = f"import sys, freqbias.cli.main; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_help_and_version(command):
    shown = command("--help")
    assert shown.returncode == 0
    for name in ("run", "solve", "kernel", "train", "compare", "budget", "study", "export", "mesh", "rerun", "doctor"):
        assert f"  {name} " in shown.stdout
    assert command("--version").stdout.startswith("freqbias 0.")


def test_a_terminal_without_unicode_gets_escapes(problem_file, tmp_path):
    small = ["--set", "network.width=40", "--set", "mesh.cells=[20]", "--budget", "0"]
    done = subprocess.run(
        [sys.executable, "-m", "freqbias", "run", problem_file, "--out", tmp_path / "run", *small],
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "\\xb7" in done.stdout + done.stderr
    assert done.stdout.isascii()


def test_run_writes_all_artefacts(command, problem_file, tmp_path):
    out = tmp_path / "out"
    done = command("run", problem_file, "--out", out)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(out / "report.html")
    assert "network vs PDE" in done.stdout
    names = ["budget.nc", "kernel.nc", "metrics.json", "network.jsonl", "network.nc"]
    names += ["pde.nc", "problem.toml", "report.html", "run.json"]
    assert sorted(path.name for path in out.iterdir()) == names
    metrics = json.loads((out / "metrics.json").read_text())
    assert set(metrics["relative_error"]) == {"network_vs_pde", "network_vs_kernel", "kernel_vs_pde"}
    assert metrics["max_relative_error"]["network_vs_kernel"] < 5e-3
    assert metrics["max_relative_error"]["kernel_vs_pde"] < 5e-3
    for pair, errors in metrics["relative_error"].items():
        assert metrics["max_relative_error"][pair] == max(errors)
        assert len(errors) == len(metrics["times"]) == 6
    record = json.loads((out / "run.json").read_text())
    assert record["seeds"] == [0]
    assert record["ranks"] == 1
    assert set(record["wall_seconds"]) == {"pde", "kernel", "network"}
    assert {"freqbias", "torch", "finufft"} <= set(record["versions"])
    # The resolved problem is a problem file: it gives the same spectra.
    again = command("solve", out / "problem.toml", "--out", tmp_path / "again.nc")
    assert again.returncode == 0, again.stderr
    first, second = ErrorSpectra.read(out / "pde.nc"), ErrorSpectra.read(tmp_path / "again.nc")
    np.testing.assert_array_equal(first.values, second.values)


def test_parts_from_files_are_the_same_as_run(command, problem_file, tmp_path):
    for part in ("solve", "train"):
        done = command(part, problem_file, "--out", tmp_path / f"{part}.nc")
        assert done.returncode == 0, done.stderr
    done = command("compare", tmp_path / "train.nc", tmp_path / "solve.nc", "--out", tmp_path / "parts")
    assert done.returncode == 0, done.stderr
    assert command("run", problem_file, "--out", tmp_path / "whole").returncode == 0
    parts, whole = (json.loads((tmp_path / d / "metrics.json").read_text()) for d in ("parts", "whole"))
    assert parts["max_relative_error"] == pytest.approx(whole["max_relative_error"], rel=1e-6)


def test_keys_can_be_set(command, problem_file, tmp_path):
    words = ["--set", "network.amplitude_std=0.5", "--set", "network.sampling=random", "--set", "data.points=[32]"]
    done = command("kernel", problem_file, "--out", tmp_path / "k.nc", *words)
    assert done.returncode == 0, done.stderr
    network = ErrorSpectra.read(tmp_path / "k.nc").problem.settings.network
    assert (network.amplitude_std, network.sampling) == (0.5, "random")


def test_adam_has_a_network_level_only(command, problem_file, tmp_path):
    words = [
        "--set",
        "training.optimizer=adam",
        "--set",
        "training.learning_rate=0.01",
        "--set",
        "training.times.last=2.0",
    ]
    done = command("run", problem_file, "--out", tmp_path / "out", *words)
    assert done.returncode == 0, done.stderr
    assert 'No PDE: training.optimizer = "adam" is not linear in the error' in done.stdout
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["max_relative_error"] == {"network_vs_pde": None, "network_vs_kernel": None, "kernel_vs_pde": None}
    refused = command("solve", problem_file, "--out", tmp_path / "pde.nc", *words)
    assert refused.returncode == 2
    assert not (tmp_path / "pde.nc").exists()


@pytest.mark.parametrize("picture", ["mesh.png", "mesh.svg"])
def test_mesh_is_inspected_and_drawn(command, problem_file, tmp_path, picture):
    done = command("mesh", problem_file, "--picture", tmp_path / picture)
    assert done.returncode == 0, done.stderr
    assert "121 nodes, degree 2" in done.stdout
    assert (tmp_path / picture).stat().st_size > 5000


def test_mesh_in_the_plane_is_drawn(command, problem_file, tmp_path):
    """Also where the law vanishes on all of the mesh."""
    far = ["--set", 'network.law={family="uniform", scale=1.0, location=50.0}']
    for number, words in enumerate((PLANE, [*PLANE, *far])):
        done = command("mesh", problem_file, "--picture", tmp_path / f"{number}.png", *words)
        assert done.returncode == 0, done.stderr
        assert "axis y" in done.stdout
        assert (tmp_path / f"{number}.png").stat().st_size > 20_000


MISTAKES = {
    "key": (["--set", "network.widht=3"], "network.widht: unknown key, did you mean width?"),
    "value": (["--set", "network.width=402"], "width = 402 must be a multiple of 4"),
    "mesh": (["--set", "mesh.cells=8"], "mesh.cells = [8] cannot resolve"),
    "file": (["--set", "target.file=none.png"], "target.file: there is no such file"),
    "change": (["--set", "width"], "--set width: must be KEY=VALUE"),
    "table": (["--set", "mesh.degree=2", "--set", "mesh.degree.x=3"], "degree is not a table"),
}


# Rank 0 finds all mistakes in the same way: two of them stand for the others under mpirun.
@pytest.mark.parametrize(("mistake", "ranks"), [(name, None) for name in MISTAKES] + [("key", 2), ("mesh", 2)])
def test_mistake_is_one_line_and_status_2(command, problem_file, tmp_path, mistake, ranks):
    words, expected = MISTAKES[mistake]
    done = command("run", problem_file, "--out", tmp_path / "out", *words, ranks=ranks, timeout=60)
    assert done.returncode == 2
    assert expected in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("missing.toml", None, "missing.toml: there is no such file"),
        ("broken.toml", b"[network", "is not TOML"),
        ("nan.toml", None, ""),
    ],
)
def test_broken_problem_file(command, problem_file, tmp_path, name, content, expected):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    if name == "nan.toml":
        np.savetxt(tmp_path / "nan.csv", [[0.0, 1.0], [1.0, np.nan]], delimiter=",")
        path.write_text(problem_file.read_text().replace('expression = "exp(-x**2)*sin(3*x)"', 'file = "nan.csv"'))
        expected = "samples are not finite"
    done = command("solve", path, "--out", tmp_path / "pde.nc")
    assert done.returncode == 2
    assert expected in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "pde.nc").exists()


def test_files_of_different_problems_are_not_compared(command, problem_file, tmp_path):
    assert command("solve", problem_file, "--out", tmp_path / "pde.nc").returncode == 0
    change = ["--set", "network.law.scale=11.0"]
    assert command("train", problem_file, "--out", tmp_path / "network.nc", *change).returncode == 0
    done = command("compare", tmp_path / "pde.nc", tmp_path / "network.nc", "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "network.law.scale" in done.stderr
    assert not (tmp_path / "out").exists()
    one = command("compare", tmp_path / "pde.nc", "--out", tmp_path / "out")
    assert one.returncode == 2
    assert "at least two" in one.stderr
    broken = command("compare", tmp_path / "pde.nc", problem_file, "--out", tmp_path / "out")
    assert broken.returncode == 2
    assert "cannot be read as NetCDF" in broken.stderr


def test_divergence_is_a_failure_with_advice(command, problem_file, tmp_path):
    words = ["--set", "training.optimizer=gradient-descent", "--set", "training.learning_rate=90.0"]
    words += ["--set", "training.times.last=9000.0", "--set", "training.times.first=90.0"]
    done = command("train", problem_file, "--out", tmp_path / "network.nc", *words)
    assert done.returncode == 1
    assert "largest stable learning rate" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "network.nc").exists()


def test_reader_that_goes_away_is_no_traceback(problem_file):
    line = f"{sys.executable} -m freqbias mesh {problem_file} | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=120)
    assert "Traceback" not in done.stderr
    assert "PETSC" not in done.stderr


LAW = ["--set", 'network.law={family="normal", scale=5.0}']
PLANE = [
    *("--set", "data.lower=[-3.0, -3.0]", "--set", "data.upper=[3.0, 3.0]", "--set", "data.points=[24, 24]"),
    *("--set", "target.expression=exp(-x**2-y**2)*sin(3*x+y)", "--set", "mesh.cutoff=12.0", "--set", "mesh.cells=24"),
]


def test_two_ranks_give_the_same_spectrum(command, problem_file, tmp_path):
    """More ranks, dimensions and solvers: tests/test_fem_parallel.py."""
    assert command("solve", problem_file, "--out", tmp_path / "one.nc", *LAW).returncode == 0
    done = command("solve", problem_file, "--out", tmp_path / "many.nc", *LAW, ranks=2)
    assert done.returncode == 0, done.stderr
    assert "on 2 rank(s)" in done.stdout
    one, many = (ErrorSpectra.read(tmp_path / name) for name in ("one.nc", "many.nc"))
    assert (one.mesh.norm(one.values - many.values) / one.norms()[0]).max() < 2e-9
    assert many.info["ranks"] == 2


@pytest.mark.parametrize("ending", ["raise ValueError('lost')", "sys.exit(3)", "raise KeyboardInterrupt"])
def test_one_failing_rank_ends_the_job(tmp_path, ending):
    """The other rank waits in a barrier: it must not wait for ever."""
    script = tmp_path / "fails.py"
    script.write_text(
        textwrap.dedent(f"""
        import sys
        from mpi4py import MPI
        from freqbias.cli.failure import reported_failures
        with reported_failures():
            if MPI.COMM_WORLD.rank == 1:
                {ending}
            MPI.COMM_WORLD.Barrier()
        """)
    )
    assert run_processes(2, script, timeout=60).returncode != 0
