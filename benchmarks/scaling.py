"""How the PDE scales: time and memory against nodes, folding, MPI ranks, and preconditioners of conjugate gradients.

Normal law of standard deviation 6; [-12, 12]^2 with degree 2 and [-20, 20]^3 with degree 1; data on [-pi, pi]^d;
targets without parity; 25 output times over 6 decades, t = 1 .. 1e6; tolerance 1e-6. Every case runs in a process of
its own; its seconds are those of ``fem.solve``, its memory is the peak of all ranks together above that before it.

``python benchmarks/scaling.py [PART ...]`` runs some of the parts nodes, folding, ranks, preconditioners;
``FREQBIAS_SCALING_LARGEST`` (default 1e6) bounds the nodes of all of them.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("UCX_TLS", "self,sm,tcp")

import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from tables import Row, markdown

LARGEST = float(os.environ.get("FREQBIAS_SCALING_LARGEST", "1e6"))
SIZES = {2: (1e4, 3e4, 1e5, 3e5, 1e6), 3: (1e4, 3e4, 1e5, 3e5, 1e6)}
#: Middle sizes, at which folding and strong scaling are measured.
MIDDLE = {2: 1e5, 3: 1e5}
DEGREE = {2: 2, 3: 1}
CUTOFF = {2: 12.0, 3: 20.0}
TARGETS = {
    2: "exp(-2*((x-0.4)**2+(y-0.3)**2))*cos(4*x+2*y)+0.5*exp(-2*((x+0.5)**2+(y+0.2)**2))*sin(3*x-5*y)",
    3: "exp(-2*((x-0.4)**2+(y-0.3)**2+(z-0.2)**2))+0.5*exp(-3*((x+0.5)**2+(y+0.2)**2+(z-0.6)**2))",
}
GAMMAS = (1e-2, 1.0, 1e2, 1e4, 1e6)
PRECONDITIONERS = {
    "incomplete Cholesky": {},
    "Jacobi": {"pc_type": "jacobi"},
    "SSOR (Eisenstat)": {"pc_type": "eisenstat"},
    "GAMG": {"pc_type": "gamg"},
}


def problem(dimension: int, nodes: float):
    """The case with about ``nodes`` nodes."""
    from freqbias import Problem

    degree = DEGREE[dimension]
    cells = 2 * round((nodes ** (1 / dimension) - 1) / degree / 2)
    return Problem.create(
        {
            "network": {"width": 400, "law": {"family": "normal", "scale": 6.0}},
            "target": {"expression": TARGETS[dimension]},
            "data": {
                "lower": [-np.pi] * dimension,
                "upper": [np.pi] * dimension,
                "points": [48] if dimension == 3 else [64],
            },
            "training": {"learning_rate": 0.5, "times": {"first": 1.0, "last": 1e6, "count": 25}},
            "mesh": {"cutoff": CUTOFF[dimension], "cells": [cells], "degree": degree},
            "solver": {"tolerance": 1e-6},
        }
    )


def coarse_mesh(dimension: int, nodes: float):
    """A box mesh of about ``nodes`` nodes, however poorly it resolves the spectrum."""
    from freqbias.meshes import box_mesh

    cells = 2 * round((nodes ** (1 / dimension) - 1) / DEGREE[dimension] / 2)
    return box_mesh([CUTOFF[dimension]] * dimension, [cells] * dimension, DEGREE[dimension])


# Cases: what runs in a process, or a job, of its own


def solve(dimension: int, nodes: float, symmetric: bool = True) -> dict[str, Any] | None:
    """One solve and what it cost."""
    from mpi4py import MPI

    from freqbias import fem

    comm = MPI.COMM_WORLD
    case = problem(dimension, nodes)
    case.mesh = coarse_mesh(dimension, nodes)
    _ = case.initial_error, case.mesh.nodes
    phases = {"assembly": 0.0, "solve": 0.0, "gather": 0.0}
    halo = _clocked(phases)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    comm.Barrier()
    began = time.perf_counter()
    spectra = fem.solve(case, symmetric=symmetric)
    seconds = time.perf_counter() - began
    memory = comm.reduce((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20)
    ghosts = comm.reduce(halo[0], MPI.MAX)
    if spectra is None:
        return None
    found = {key: spectra.info[key] for key in spectra.info if key != "evolution_error_estimates"}
    return found | {"nodes": len(case.mesh.nodes), "seconds": seconds, "gib": memory, "ghosts": ghosts, **phases}


def _clocked(phases: dict[str, float]) -> list[int]:
    """Add the seconds of assembly, evolution and gathering to ``phases``; returns a list that gets the ghosts."""
    from freqbias.fem import error_operator, solve, space

    halo = []

    def clocked(owner, name: str, phase: str, note=None):
        original = getattr(owner, name)

        def timed(*arguments, **options):
            began = time.perf_counter()
            result = original(*arguments, **options)
            phases[phase] += time.perf_counter() - began
            if note is not None:
                note(*arguments)
            return result

        setattr(owner, name, timed)

    clocked(
        error_operator.ErrorOperator,
        "__init__",
        "assembly",
        lambda operator, *_: halo.append(operator.space.V.dofmap.index_map.num_ghosts),
    )
    clocked(sys.modules[solve.__module__], "evolve", "solve")
    clocked(space.Space, "gather", "gather")
    return halo


def preconditioners(nodes: float) -> list[dict[str, Any]]:
    """Set-up, solve and iterations of the shifted systems in 3D, to 1e-8."""
    from mpi4py import MPI

    from freqbias import fem
    from freqbias.fem.shifted_systems import ShiftedSystems

    case = problem(3, nodes)
    family = case.family
    operator = fem.ErrorOperator(coarse_mesh(3, nodes), family.damping, family.diffusion, case.density, MPI.COMM_WORLD)
    xi = operator.space.nodes
    right = operator.apply(operator.M, np.exp(-((xi - 3) ** 2).sum(axis=1) / 8))[:, None]
    found = []
    for name, options in PRECONDITIONERS.items():
        for gamma in GAMMAS:
            systems = ShiftedSystems(operator, "cg", 1e-8, petsc=options)
            began = time.perf_counter()
            systems.shift(gamma)
            ready = time.perf_counter()
            systems.solve(right)
            done = time.perf_counter()
            row = {"name": name, "gamma": gamma, "setup": ready - began, "solve": done - ready}
            found.append(row | {"iterations": systems.iterations, "unknowns": operator.space.size})
            systems.destroy()
    return found


CASES = {"solve": solve, "preconditioners": preconditioners}


def case(name: str, *arguments, ranks: int = 1) -> Any:
    """What a case in a process of its own, or on some ranks, found."""
    launch = [str(Path(sys.executable).parent / "mpirun"), "-n", str(ranks)] if ranks > 1 else []
    words = [*launch, sys.executable, "-m", "mpi4py", __file__, "--case", json.dumps([name, *arguments])]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    result = json.loads(done.stdout.splitlines()[-1])
    print(name, arguments, ranks, result, file=sys.stderr, flush=True)
    return result


# Parts: tables


def nodes_part() -> str:
    """Time and memory against nodes."""
    rows: list[Row] = []
    lines = []
    for dimension, sizes in SIZES.items():
        found = [case("solve", dimension, size) for size in sizes if size <= LARGEST]
        for one in found:
            counts = (one["factorizations"], one["solves"], one["iterations"])
            rows.append(
                (
                    f"{dimension}D",
                    *(f"{one['nodes']}", f"{one['unknowns']}", one["linear_solver"]),
                    *map(str, counts),
                    *(f"{one['seconds']:.1f}", f"{one['gib']:.2f}"),
                )
            )
        last = [one for one in found if one["nodes"] >= 0.08 * found[-1]["nodes"]]
        slopes = ", ".join(f"{_slope(some):.2f} {where}" for some, where in ((last, "last decade"), (found, "overall")))
        lines.append(f"{dimension}D: seconds grow as nodes to the power {slopes}.")
    head = ("", "nodes", "unknowns", "linear solver", "poles", "solves", "iterations", "seconds", "peak memory [GiB]")
    return markdown(head, rows) + "\n\n" + " ".join(lines)


def _slope(found: list[dict]) -> float:
    if len(found) < 2:
        return float("nan")
    nodes, seconds = (np.log([one[key] for one in found]) for key in ("nodes", "seconds"))
    return float(np.polyfit(nodes, seconds, 1)[0])


def folding_part() -> str:
    """Solves on the part of the box where law and mesh are even, and on all of it."""
    rows: list[Row] = []
    for dimension, size in MIDDLE.items():
        size = min(size, LARGEST)
        folded, whole = case("solve", dimension, size), case("solve", dimension, size, False)
        ratio = f"{whole['seconds'] / folded['seconds']:.1f}"
        seconds = (f"{folded['seconds']:.1f}", f"{whole['seconds']:.1f}")
        gib = (f"{folded['gib']:.2f}", f"{whole['gib']:.2f}")
        rows.append((f"{dimension}D", str(whole["nodes"]), *seconds, ratio, *gib))
    head = ("", "nodes", "folded [s]", "whole [s]", "whole / folded", "folded [GiB]", "whole [GiB]")
    return markdown(head, rows)


def ranks_part() -> str:
    """One and two ranks: the same problem (strong), and twice the nodes on two (weak)."""
    rows: list[Row] = []
    for dimension, size in MIDDLE.items():
        size = min(size, LARGEST)
        one = case("solve", dimension, size)
        for kind, nodes in (("one rank", None), ("strong, 2 ranks", size), ("weak, 2 ranks", 2 * size)):
            now = one if nodes is None else case("solve", dimension, nodes, ranks=2)
            speed = one["seconds"] / now["seconds"]
            efficiency = speed / 2 if kind.startswith("strong") else speed
            phases = tuple(f"{now[key]:.1f}" for key in ("assembly", "solve", "gather"))
            halo = f"{8e-3 * now['ghosts']:.0f}" if now["ranks"] > 1 else "0"
            rows.append(
                (
                    *(f"{dimension}D, {kind}", str(now["unknowns"]), f"{now['seconds']:.1f}"),
                    *(f"{speed:.2f}", f"{efficiency:.2f}" if nodes else "", *phases, halo),
                )
            )
    head = ("", "unknowns", "seconds", "one rank / this", "efficiency", "assembly [s]", "solve [s]", "gather [s]")
    text = "Halo: bytes that a rank receives for one product with a matrix. An iteration of conjugate gradients needs "
    text += "one product and three reductions of one number (two inner products, one norm)."
    return markdown((*head, "halo [kB]"), rows) + "\n\n" + text


def preconditioners_part() -> str:
    """Why incomplete Cholesky is the default: one system M + gamma A in 3D, residual 1e-8, one rank."""
    found = case("preconditioners", min(3e5, LARGEST))
    rows: list[Row] = []
    for name in PRECONDITIONERS:
        cells = [
            f"{one['setup']:.2f} + {one['solve']:.2f} ({one['iterations']})" for one in found if one["name"] == name
        ]
        rows.append((name, *cells))
    head = ("set-up + solve [s] (iterations)", *(f"γ = {gamma:g}" for gamma in GAMMAS))
    return f"{found[0]['unknowns']} unknowns.\n\n" + markdown(head, rows)


PARTS = {
    "nodes": nodes_part,
    "folding": folding_part,
    "ranks": ranks_part,
    "preconditioners": preconditioners_part,
}


def measure(parts: list[str]) -> str:
    """The tables, in Markdown."""
    return "\n\n".join(f"**{part.capitalize()}.** {PARTS[part].__doc__}\n\n{PARTS[part]()}" for part in parts or PARTS)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--case"]:
        name, *arguments = json.loads(sys.argv[2])
        result = CASES[name](*arguments)
        if result is not None:
            print(json.dumps(result))
    else:
        print(measure(sys.argv[1:]))
