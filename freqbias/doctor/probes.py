"""What the checks of ``freqbias doctor`` do, each in a process of its own: ``python -m freqbias.doctor.probes NAME``.

A probe returns one line on what it found. If it raises, the last line of what it raises says why.
"""

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from freqbias.doctor.checks import NOT_THERE

#: Free disk below which not even the form cache and a small run fit, and free memory that libraries alone take.
_LEAST_DISK, _LEAST_MEMORY = 200e6, 700e6
#: Bytes that two forms take in their cache.
_CACHED = 2**20


class ProbeError(Exception):
    """What is wrong, in one line."""


class NotThereError(ProbeError):
    """There is nothing to probe."""


def compiler() -> str:
    """Compile, link and load a function as the form compiler does."""
    import ctypes

    words = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    path = shutil.which(words[0])
    if path is None:
        raise ProbeError(f"{words[0]} is not in PATH")
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder) / "probe.c", Path(folder) / "probe.so"
        source.write_text("#include <math.h>\nint probe(void) { return (int)sqrt(49.0); }\n")
        command = [*words, "-shared", "-fPIC", str(source), "-o", str(library), "-lm"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise ProbeError(f"{path} does not compile: {(done.stderr.strip().splitlines() or ['no reason given'])[0]}")
        if ctypes.CDLL(str(library)).probe() != 7:
            raise ProbeError(f"{path} compiles wrongly")
    return path


def cache(folder: Path | None = None) -> str:
    """Write into the ``folder`` of compiled forms, as much as a few of them take."""
    folder = folder or Path(os.getenv("XDG_CACHE_HOME") or Path.home() / ".cache") / "fenics"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(_CACHED))
    except OSError as error:
        raise ProbeError(f"{folder} cannot be written: {error.strerror}") from error
    return str(folder)


def jit() -> str:
    """Compile a form anew and assemble it: the integral of x² over [0, 1]."""
    from mpi4py import MPI  # first: it loads the MPI library that the others are linked to

    # isort: split
    import dolfinx
    import ufl

    line = dolfinx.mesh.create_unit_interval(MPI.COMM_SELF, 4)
    with tempfile.TemporaryDirectory() as folder:
        x = ufl.SpatialCoordinate(line)
        form = dolfinx.fem.form(x[0] ** 2 * ufl.dx, jit_options={"cache_dir": Path(folder)})
        value = dolfinx.fem.assemble_scalar(form)
    if abs(value - 1 / 3) > 1e-12:
        raise ProbeError(f"DOLFINx {dolfinx.__version__} integrates x^2 over [0, 1] to {value}")
    return f"DOLFINx {dolfinx.__version__}"


def mumps() -> str:
    """Solve a system by the factorization that every solve uses."""
    from mpi4py import MPI  # noqa: F401 (loads the MPI library that PETSc is linked to)
    from petsc4py import PETSc

    version = ".".join(map(str, PETSc.Sys.getVersion()))
    if not PETSc.Sys.hasExternalPackage("mumps"):
        raise ProbeError(f"PETSc {version} is built without MUMPS")
    matrix = PETSc.Mat().createAIJ((2, 2), nnz=2)
    for row, column, value in ((0, 0, 2.0), (0, 1, 1.0), (1, 0, 1.0), (1, 1, 2.0)):
        matrix.setValue(row, column, value)
    matrix.assemble()
    solution, right = matrix.createVecRight(), matrix.createVecLeft()
    right.array[:] = (4.0, 5.0)
    solver = PETSc.KSP().create()
    solver.setOperators(matrix)
    solver.setType(PETSc.KSP.Type.PREONLY)
    solver.getPC().setType(PETSc.PC.Type.CHOLESKY)
    solver.getPC().setFactorSolverType(PETSc.Mat.SolverType.MUMPS)
    solver.solve(right, solution)
    if abs(solution.array - (1.0, 2.0)).max() > 1e-12:
        raise ProbeError(f"MUMPS solves a 2 × 2 system to {solution.array.tolist()}, not [1, 2]")
    return f"PETSc {version}"


def petsc_packages() -> str:
    """Packages that options in ``solver.petsc`` may name."""
    from mpi4py import MPI  # noqa: F401 (loads the MPI library that PETSc is linked to)
    from petsc4py import PETSc

    names = ("superlu_dist", "scotch", "ptscotch", "metis", "parmetis", "hypre", "scalapack")
    there = [name for name in names if PETSc.Sys.hasExternalPackage(name)]
    missing = [name for name in names if name not in there]
    if "superlu_dist" in missing or "ptscotch" in missing:
        raise NotThereError(f"no {', '.join(missing)}" + (f"; has {', '.join(there)}" if there else ""))
    return ", ".join(there) + (f" (no {', '.join(missing)})" if missing else "")


def mpi() -> str:
    """Start two processes that exchange a number."""
    beside = Path(sys.executable).with_name("mpirun")
    launcher = str(beside) if beside.exists() else shutil.which("mpirun")
    if launcher is None:
        raise ProbeError("mpirun is not in PATH")
    # A job that is started inside of another one must not think that it belongs to it.
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PMI", "HYD", "OMPI_", "MPI"))}
    environment.setdefault("UCX_TLS", "self,sm,tcp")
    command = [launcher, "-n", "2", sys.executable, "-m", "freqbias.doctor.probes", "mpi_process"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    lines = (done.stdout if done.returncode == 0 else done.stdout + done.stderr).strip().splitlines()
    if done.returncode != 0 or not lines or not lines[-1].startswith("2 processes"):
        raise ProbeError(f"{launcher}: {lines[-1] if lines else f'ended with status {done.returncode}'}")
    return f"{lines[-1]}, {launcher}"


def mpi_process() -> str:
    """One of the processes that ``mpi`` starts."""
    from mpi4py import MPI

    count = MPI.COMM_WORLD.allreduce(1)
    if MPI.COMM_WORLD.rank > 0:
        return ""
    if count != 2:
        raise ProbeError(f"2 processes were started and find {count}: mpirun and mpi4py belong to different MPIs")
    return f"2 processes of {' '.join(MPI.Get_library_version().splitlines()[0].split())}"


def torch() -> str:
    """A derivative."""
    import torch

    x = torch.tensor([3.0, 4.0], dtype=torch.float64, requires_grad=True)
    slope = torch.autograd.grad((x**2).sum(), x)[0].tolist()
    if slope != [6.0, 8.0]:
        raise ProbeError(f"torch {torch.__version__} differentiates x^2 at 3 and 4 to {slope}")
    return f"torch {torch.__version__}, {torch.get_num_threads()} threads"


def transforms() -> str:
    """A transform between three points and two frequencies, and the sum that it stands for."""
    import finufft
    import numpy as np

    x, xi, strengths = np.array([-1.0, 0.5, 2.0]), np.array([0.3, -7.0]), np.array([1.0, 2.0j, -0.5])
    found = finufft.nufft1d3(x, strengths, xi, isign=-1, eps=1e-12)
    if np.abs(found - np.exp(-1j * np.outer(xi, x)) @ strengths).max() > 1e-9:
        raise ProbeError(f"finufft {finufft.__version__} does not give the sum that it stands for")
    return f"finufft {finufft.__version__}"


def gpu() -> str:
    """A product on the first GPU."""
    import torch

    if not torch.cuda.is_available():
        built = "without CUDA" if torch.version.cuda is None else f"for CUDA {torch.version.cuda}"
        raise NotThereError(f"torch {torch.__version__} (built {built}) sees no GPU")
    ones = torch.ones(64, 64, device="cuda", dtype=torch.float64)
    if (ones @ ones).sum().item() != 64.0**3:
        raise ProbeError("the GPU multiplies wrongly")
    free, whole = torch.cuda.mem_get_info()
    return f"{torch.cuda.get_device_name()}, {free / 2**30:.0f} of {whole / 2**30:.0f} GiB free"


def gpu_transforms() -> str:
    """A transform on the first GPU."""
    import torch

    if not torch.cuda.is_available():
        raise NotThereError("no GPU")
    try:
        import cufinufft
    except ImportError as error:
        raise NotThereError(f"cufinufft cannot be imported: {error}") from error
    x = torch.tensor([-1.0, 0.5, 2.0], device="cuda", dtype=torch.float64)
    strengths = torch.tensor([1.0, 2.0, -0.5], device="cuda", dtype=torch.complex128)
    found = cufinufft.nufft1d3(x, strengths, x, isign=-1, eps=1e-9)
    if not torch.allclose(found, torch.exp(-1j * torch.outer(x, x)) @ strengths, atol=1e-6):
        raise ProbeError(f"cufinufft {cufinufft.__version__} does not give the sum that it stands for")
    return f"cufinufft {cufinufft.__version__}"


def drawing() -> str:
    """A picture of a small spectrum in space."""
    import numpy as np

    from freqbias.meshes import box_mesh
    from freqbias.visualization.offscreen import draw_offscreen

    mesh = box_mesh([1.0] * 3, [2] * 3, 1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "probe.png"
        draw_offscreen(path, "png", mesh, np.exp(-(mesh.nodes**2).sum(axis=1)), "probe")
        if path.stat().st_size == 0:
            raise ProbeError("the picture is empty")
    import pyvista

    return f"pyvista {pyvista.__version__}"


def chromium() -> str:
    """The browser in which the tests open reports."""
    for name in ("chromium", "chromium-browser", "google-chrome", "chrome"):
        if path := shutil.which(name):
            return path
    raise NotThereError("not in PATH")


def disk() -> str:
    """Room where results, compiled forms and temporary files go."""
    from freqbias.resources import free_disk, in_words

    folders = {"here": Path.cwd(), "temporary files": Path(tempfile.gettempdir())}
    free = {name: free_disk(folder) for name, folder in folders.items()}
    for name, size in free.items():
        if size < _LEAST_DISK:
            raise ProbeError(f"{in_words(size)} are free in {folders[name]}, {in_words(_LEAST_DISK)} are needed")
    return ", ".join(f"{in_words(size)} free ({name})" for name, size in free.items())


def memory() -> str:
    """Room for the libraries and a small problem."""
    from freqbias.resources import free_memory, in_words

    free = free_memory()
    if free < _LEAST_MEMORY:
        raise ProbeError(f"{in_words(free)} are free, {in_words(_LEAST_MEMORY)} are needed")
    return f"{in_words(free)} free, {os.cpu_count()} cores"


def main(name: str) -> int:
    """Run the probe ``name`` and print what it says; the exit status is for ``freqbias.doctor.checks``."""
    try:
        print(globals()[name](), flush=True)
    except NotThereError as missing:
        print(missing, flush=True)
        return NOT_THERE
    except ProbeError as error:
        print(error, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
