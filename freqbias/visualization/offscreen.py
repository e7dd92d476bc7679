"""Drawing in space by VTK in a process of its own: without OpenGL VTK does not raise, it ends the process."""

import signal
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from freqbias.errors import FreqbiasError
from freqbias.meshes import FrequencyMesh

#: What the process says before OpenGL draws its first pixels, and after it has.
TRYING, READY = "trying", "ready"
_INSTALL = "pip install 'freqbias[pictures]'"
_LIBRARIES = "apt-get install libegl1 libgl1-mesa-dri"


def draw_offscreen(path: Path, kind: str, mesh: FrequencyMesh, magnitude: np.ndarray, title: str) -> None:
    """Draw |v| (n,) on the three-dimensional ``mesh`` into ``path``, a "png", "svg" or "pdf" file.

    Raises FreqbiasError saying what to install if pyvista or OpenGL is missing.
    """
    if find_spec("pyvista") is None:
        raise FreqbiasError(f"pictures in three dimensions need pyvista: {_INSTALL}")
    cell, cells = mesh.linear_cells()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "field.npz"
        np.savez(data, nodes=mesh.nodes, kind=cell, cells=cells, magnitude=magnitude, title=title)
        done = subprocess.run(_command(data, path, kind), capture_output=True, text=True)
    if done.returncode == 0:
        return
    reason = _reason(done)
    said = done.stdout.split()
    if TRYING in said and READY not in said:
        raise FreqbiasError(f"OpenGL draws no picture off the screen here ({reason}); on Debian: {_LIBRARIES}")
    raise FreqbiasError(f"the picture could not be drawn: {reason}")


def _command(data: Path, path: Path, kind: str) -> list[str]:
    return [sys.executable, "-m", "freqbias.visualization.scene", str(data), str(path), kind]


def _reason(done: subprocess.CompletedProcess) -> str:
    """How the process ended, in a few words."""
    if done.returncode < 0:
        return f"ended by {signal.Signals(-done.returncode).name}"
    lines = done.stderr.strip().splitlines()
    return lines[-1] if lines else f"ended with status {done.returncode}"
