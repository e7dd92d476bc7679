"""Commands in a world where things go wrong; a process of its own, used by tests/test_faults.py.

``python faulty_commands.py`` loads the libraries that bear a fork, then reads orders, one JSON object a line, and runs
each in a fork of itself: ``words`` of the command, ``at`` the moment (see ``killed_trainings.Moments``) at which the
signal ``number`` comes, ``room`` the bytes that a file may have, ``mount`` the options with which the folder of the
process is mounted anew before. Where permission bits do not bind, as for root, they do for these commands. It answers
with the ``status`` (minus the signal that ended it), ``stdout``, ``stderr``, and the ``moments`` that there were.
"""

import ctypes
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

# MPI is loaded by the forks: it does not bear one itself.
import h5netcdf  # noqa: F401
import matplotlib.figure  # noqa: F401
import numpy as np
import pandas  # noqa: F401
import scipy.interpolate
import scipy.linalg
import scipy.spatial  # noqa: F401
import torch  # noqa: F401
import xarray  # noqa: F401
from killed_trainings import Moments

import freqbias.compare
import freqbias.nn  # noqa: F401
from freqbias.cli.main import main


def give_up_capabilities():
    """Linux alone knows them; the numbers are _LINUX_CAPABILITY_VERSION_3 and 3 masks of 64 bits."""
    if sys.platform == "linux":
        header, none = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
        assert ctypes.CDLL(None).capset(header, none) == 0


def obey(words, moments_file, at=np.inf, number=9, room=None):
    """Run the command in this process, which ends."""
    give_up_capabilities()
    moments = Moments(at, number)
    if room is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
    sys.argv = ["freqbias", *words]
    try:
        main()
    except SystemExit as error:
        status = error.code or 0
    else:
        status = 0
    sys.stdout.flush()
    sys.stderr.flush()
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    os.write(moments_file, str(moments.passed).encode())
    os._exit(status)


def answer(order):
    if (mount := order.pop("mount", None)) is not None:
        subprocess.run(["mount", "-o", f"remount,{mount}", Path.cwd()], check=True)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, tempfile.TemporaryFile() as counted:
        child = os.fork()
        if child == 0:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            try:
                obey(moments_file=counted.fileno(), **order)
            finally:
                sys.stderr.flush()
                os._exit(99)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        texts = []
        for file in (out, err, counted):
            file.seek(0)
            texts.append(file.read().decode())
    return {"status": status, "stdout": texts[0], "stderr": texts[1], "moments": int(texts[2] or 0)}


if __name__ == "__main__":
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)
