"""Nodes that graded and uniform meshes need for the same true error of the PDE solution, both of degree 2.

The true error is the L2 norm over the box of the difference to a solution on a much finer mesh of higher degree, at the
worst of all output times, relative to the initial norm. Uniform meshes have the same number of cells along every axis,
lines on the jumps of the law, and as few cells as make them as accurate (in 1D to 2 %, in 2D to 2 cells).
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from mpi4py import MPI
from tables import Row, markdown

from freqbias import Problem, fem
from freqbias.meshes import BoxMesh, box_mesh
from freqbias.meshes.grading import graded_mesh
from freqbias.meshes.indicator import interpolation_error
from freqbias.meshes.interpolation import evaluate
from freqbias.meshes.local_solution import LocalSolution

DEGREE = 2
#: Targets of graded meshes in one and two dimensions.
ERRORS = ((1e-2, 1e-3, 1e-4), (3e-2, 1e-2, 3e-3))
#: The reference interpolates with this error, its degree is this one, and its cells are no longer than this.
REFERENCE = ((3e-5, 5, 0.5), (1e-3, 4, 1.0))
#: Cells along an axis of uniform meshes.
UNIFORM = (np.geomspace(10, 3000, 250), np.arange(10, 162, 2))
PACKETS = (
    "exp(-2*(x-0.5)**2)*sin(4*x)+0.5*exp(-2*(x+0.5)**2)*cos(17*x)",
    "exp(-2*((x-0.5)**2+y**2))*sin(4*x+2*y)+0.5*exp(-2*((x+0.5)**2+y**2))*cos(13*x-9*y)",
)
LAWS = {
    "uniform": {"family": "uniform", "scale": 8.0},
    "normal": {"family": "normal", "scale": 6.0},
    "Student t": {"family": "student-t", "scale": 6.0, "dof": 3.0},
}
EXAMPLES = Path(__file__).parent.parent / "examples"


NOTE = (
    "Where the law has no jump inside of the spectrum the worst time is mostly 0, when the error is that of "
    "interpolating the initial spectrum: there indicator and true error agree by definition, and laws do not differ. "
    "The column after true error is the largest true error after time 0 over the largest indicator after time 0."
)


def packets(law: dict, dimension: int, optimizer: str = "gradient-flow") -> Problem:
    """Two wave packets, in 2D off the axes."""
    return Problem.create(
        {
            "network": {"width": 400, "law": law},
            "target": {"expression": PACKETS[dimension - 1]},
            "data": {"lower": [-np.pi] * dimension, "upper": [np.pi] * dimension, "points": [256 // dimension**2]},
            "training": {
                "optimizer": optimizer,
                "learning_rate": 0.5,
                "times": {"first": 1.0, "last": 100.0 if optimizer == "momentum" else 300.0, "count": 12},
            },
            "mesh": {"cutoff": 25.0},
        }
    )


def solve(problem: Problem, mesh: BoxMesh) -> np.ndarray:
    """The PDE of ``problem`` on another mesh: spectra (T, n)."""
    other = Problem(problem.settings, source=problem.source)
    other.set_samples(problem.points, problem.weights, problem.initial_error)
    other.mesh = mesh
    return fem.solve(other, MPI.COMM_SELF).values


class Truth:
    """The reference solution of a problem."""

    def __init__(self, problem: Problem):
        self.problem = problem
        self.cutoff = problem.mesh.bounds[1]
        self.breakpoints = problem.settings.network.law.breakpoints()
        self.local = LocalSolution.of(problem)
        error, degree, longest = REFERENCE[problem.dimension - 1]
        graded = graded_mesh(self.local, self.cutoff, degree, error, self.breakpoints)
        self.mesh = BoxMesh(tuple(_bisected(lines, longest) for lines in graded.axes), degree)
        self.values = solve(problem, self.mesh)

    def error(self, mesh: BoxMesh) -> float:
        return float(self.errors(mesh).max())

    def errors(self, mesh: BoxMesh) -> np.ndarray:
        """At every output time (T,)."""
        difference = evaluate(mesh, solve(self.problem, mesh), self.mesh.axis_nodes) - self.values
        return self.mesh.norm(difference) / self.mesh.norm(self.values[0])

    def uniform(self, error: float) -> tuple[BoxMesh, float]:
        """The smallest uniform mesh with at most ``error``, or the largest one that is tried, and its error."""
        counts = np.unique(2 * np.rint(UNIFORM[self.problem.dimension - 1] / 2).astype(int))
        low, high, found = -1, len(counts) - 1, None
        while low + 1 < high or found is None:
            middle = high if found is None else (low + high) // 2
            cells = [int(counts[middle])] * self.problem.dimension
            mesh = box_mesh(self.cutoff, cells, DEGREE, self.breakpoints)
            reached = self.error(mesh)
            if found is None or reached <= error:
                found, high = (mesh, reached), middle
            else:
                low = middle
            if reached > error and middle == len(counts) - 1:
                break
        return found


def _bisected(lines: np.ndarray, longest: float) -> np.ndarray:
    while np.diff(lines).max() > longest:
        long = np.diff(lines) > longest
        lines = np.sort(np.concatenate([lines, 0.5 * (lines[1:] + lines[:-1])[long]]))
    return lines


def measure() -> str:
    """The table, in Markdown."""
    problems = {f"{d}D, two packets, {name} law": packets(law, d) for d in (1, 2) for name, law in LAWS.items()}
    problems["1D, two packets, normal law, heavy ball"] = packets(LAWS["normal"], 1, "momentum")
    for name in ("three_tones", "elevation_profile", "elevation_map"):
        problem = Problem.from_file(EXAMPLES / f"{name}.toml")
        problems[f"{problem.dimension}D, {problem.settings.name}"] = problem
    rows: list[Row] = []
    for name, problem in problems.items():
        truth = Truth(problem)
        for goal in ERRORS[problem.dimension - 1]:
            graded = graded_mesh(truth.local, truth.cutoff, DEGREE, goal, truth.breakpoints)
            indicator = interpolation_error(graded, replace(truth.local, times=problem.times))
            errors = truth.errors(graded)
            error = float(errors.max())
            later = errors[1:].max() / np.sqrt(indicator.total[1:].max() / indicator.norm)
            uniform, reached = truth.uniform(error)
            more = "" if reached <= error else "> "
            ratio = f"{more}{len(uniform.nodes) / len(graded.nodes):.1f}"
            nodes = f"{more}{len(uniform.nodes)} ({reached:.1e})"
            rows.append(
                (
                    name,
                    f"{indicator.relative:.1e}",
                    f"{error:.1e}",
                    f"{later:.2f}",
                    str(len(graded.nodes)),
                    nodes,
                    ratio,
                )
            )
            print(" | ".join(rows[-1]), file=sys.stderr, flush=True)
    head = (
        "problem",
        "indicator",
        "true error",
        "true / indicator, t > 0",
        "nodes, graded",
        "nodes, uniform (true error)",
        "uniform / graded",
    )
    return f"{NOTE}\n\n{markdown(head, rows)}"


if __name__ == "__main__":
    print(measure())
