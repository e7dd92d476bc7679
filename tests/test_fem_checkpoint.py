"""Checkpoints: a solve that was stopped at any pole goes on, on any number of ranks, to the same result."""

import json
import shutil

import numpy as np
import pytest
from mpi4py import MPI

from freqbias import Problem, fem
from freqbias.errors import InputError
from freqbias.fem import checkpoint as checkpoint_module
from freqbias.fem.checkpoint import Checkpoint

pytestmark = pytest.mark.mpi
COMM = MPI.COMM_WORLD


@pytest.fixture
def folder(tmp_path):
    """One folder for all ranks."""
    return COMM.bcast(tmp_path) / "pde.nc.checkpoint"


@pytest.fixture
def problem(settings):
    settings["target"]["expression"] = "exp(-x**2)*(sin(3*x) + cos(x))"  # even and odd part
    settings["network"]["law"] = {"family": "normal", "scale": 5.0}
    settings["training"]["times"] = {"first": 0.1, "last": 1e4, "count": 9}
    return Problem.create(settings)


class Killed(Exception):
    pass


def stop_after(saves, monkeypatch):
    """Die as by SIGKILL when a state has been written for the ``saves``-th time."""
    original = Checkpoint.save
    count = 0

    def save(self, kept):
        nonlocal count
        original(self, kept)
        count += 1
        if count == saves:
            raise Killed

    monkeypatch.setattr(Checkpoint, "save", save)


@pytest.mark.parametrize("saves", [1, 3, 5, 8])
@pytest.mark.parametrize("memory", [None, 60], ids=["at once", "restarts"])
def test_goes_on_after_any_pole(problem, folder, monkeypatch, saves, memory):
    if memory is not None:
        limited(monkeypatch, memory)
    whole = fem.solve(problem)
    with monkeypatch.context() as patch:
        stop_after(saves, patch)
        with pytest.raises(Killed):
            fem.solve(problem, checkpoint=folder, checkpoint_seconds=0.0)
    resumed = fem.solve(problem, checkpoint=folder, checkpoint_seconds=0.0, resume=True)
    if COMM.rank == 0:
        difference = problem.mesh.norm(resumed.values - whole.values) / problem.mesh.norm(whole.values[0])
        assert difference.max() < 2e-9
        if memory is None:
            assert resumed.info["solves"] < whole.info["solves"]


def limited(monkeypatch, vectors):
    from freqbias.fem import memory

    plan = memory.plan

    def small(*arguments):
        return type(found := plan(*arguments))(found.factor_bytes, vectors)

    monkeypatch.setattr(memory, "plan", small)


def test_nothing_to_resume_starts_anew(problem, folder):
    spectra = fem.solve(problem, checkpoint=folder, resume=True)
    if COMM.rank == 0:
        assert not folder.exists()
        assert np.isfinite(spectra.values).all()


def leave_a_checkpoint(problem, folder, monkeypatch, saves=2):
    with monkeypatch.context() as patch:
        stop_after(saves, patch)
        with pytest.raises(Killed):
            fem.solve(problem, checkpoint=folder, checkpoint_seconds=0.0)
    COMM.Barrier()


def test_another_problem_is_refused(problem, folder, monkeypatch, settings):
    leave_a_checkpoint(problem, folder, monkeypatch)
    settings["network"]["amplitude_std"] = 2.0
    with pytest.raises(InputError, match=r"state\.json: belongs to another problem"):
        fem.solve(Problem.create(settings), checkpoint=folder, resume=True)


@pytest.mark.parametrize("damage", ["cut", "flip", "remove"])
def test_damaged_block_is_named(problem, folder, monkeypatch, damage):
    leave_a_checkpoint(problem, folder, monkeypatch)
    if COMM.rank == 0:
        block = sorted(folder.glob("*basis*.npy"))[0]
        content = bytearray(block.read_bytes())
        if damage == "cut":
            block.write_bytes(content[: len(content) // 2])
        elif damage == "flip":
            content[-5] ^= 1
            block.write_bytes(content)
        else:
            block.unlink()
    COMM.Barrier()
    with pytest.raises(InputError, match=r"basis.*\.npy: is missing or damaged"):
        fem.solve(problem, checkpoint=folder, resume=True)


@pytest.mark.parametrize(("text", "message"), [("{", "cannot be read"), ('{"schema": "other"}', "schema must be")])
def test_broken_state_is_named(problem, folder, text, message):
    if COMM.rank == 0:
        folder.mkdir()
        (folder / "state.json").write_text(text)
    COMM.Barrier()
    with pytest.raises(InputError, match=message):
        fem.solve(problem, checkpoint=folder, resume=True)


def test_power_loss_while_writing_leaves_the_former_state(problem, folder, monkeypatch):
    """Blocks of a state that was never named do not disturb; the next save removes them."""
    leave_a_checkpoint(problem, folder, monkeypatch)
    before = None
    if COMM.rank == 0:
        before = json.loads((folder / "state.json").read_text())["number"]
        (folder / "run-0-basis-0-0-99-99.npy").write_bytes(b"half a blo")
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint_module, "write_text", lambda *_: (_ for _ in ()).throw(Killed()))
        if COMM.size == 1:
            with pytest.raises(Killed):
                fem.solve(problem, checkpoint=folder, checkpoint_seconds=0.0, resume=True)
    if COMM.rank == 0:
        assert json.loads((folder / "state.json").read_text())["number"] == before
    COMM.Barrier()
    whole, resumed = fem.solve(problem), fem.solve(problem, checkpoint=folder, checkpoint_seconds=0.0, resume=True)
    if COMM.rank == 0:
        np.testing.assert_allclose(resumed.values, whole.values, atol=1e-8 * np.abs(whole.values).max())
        assert not (folder / "run-0-basis-0-0-99-99.npy").exists()
        shutil.rmtree(folder)
