"""Time evolution: adaptive rational Krylov against the PETSc TS schemes at equal error, in one run.

The case is two-dimensional: degree 2, 128 x 128 cells, 66 049 unknowns on [-4, 4]^2, D = c = exp(-|xi|^2 / 2),
25 outputs over t = 1e-2 .. 1e4, one real vector. Errors are against rational Krylov at tolerance 1e-11, relative to
the norm of u(0), the worst over all outputs.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import time

import numpy as np
from mpi4py import MPI
from tables import Row, markdown

from freqbias import fem
from freqbias.meshes import box_mesh

TIMES = np.geomspace(1e-2, 1e4, 25)
SCHEMES = (("es8516sal", 1e-6), ("es8516sal", 1e-4), ("arkimex5", 1e-6), ("bdf5", 1e-6))
TOLERANCES = (1e-4, 1e-6, 1e-8)


def gaussian(xi: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * (xi**2).sum(axis=1))


def measure(cells: int = 128) -> str:
    """The table, in Markdown."""
    operator = fem.ErrorOperator(box_mesh([4.0, 4.0], [cells, cells], 2), gaussian, gaussian, 1.0, MPI.COMM_WORLD)
    x = operator.space.nodes
    start = np.exp(-((x - 0.5) ** 2).sum(axis=1)) * np.cos(3 * x[:, 0])
    reference = fem.evolve(operator, start[:, None], TIMES, tolerance=1e-11).values[:, :, 0]

    def norm(u: np.ndarray) -> float:
        return float(np.sqrt(operator.inner(u, operator.apply(operator.M, u))))

    def worst(values: np.ndarray) -> float:
        return max(norm(a - b) for a, b in zip(values, reference, strict=True)) / norm(start)

    rows: list[Row] = []
    krylov: list[tuple[float, float]] = []
    for tolerance in TOLERANCES:
        began = time.perf_counter()
        result = fem.evolve(operator, start[:, None], TIMES, tolerance=tolerance)
        seconds = time.perf_counter() - began
        error = worst(result.values[:, :, 0])
        krylov.append((error, seconds))
        cost = f"{result.factorizations} factorizations, {result.solves} solves"
        rows.append((f"rational Krylov, tolerance {tolerance:g}", f"{seconds:.2f}", f"{error:.1e}", cost, ""))
    for scheme, tolerance in SCHEMES:
        began = time.perf_counter()
        values = fem.step(operator, start, TIMES, tolerance, scheme)
        seconds = time.perf_counter() - began
        error = worst(values)
        # The slowest Krylov run that is needed to be at least as accurate.
        equal = [s for e, s in krylov if e <= error]
        ratio = f"{seconds / min(equal):.1f}" if equal else "more accurate than any run above"
        rows.append((f"PETSc TS {scheme}, tolerance {tolerance:g}", f"{seconds:.2f}", f"{error:.1e}", "", ratio))
    head = ("method", "seconds", "worst error", "cost", "times slower than rational Krylov at equal or smaller error")
    return markdown(head, rows)


if __name__ == "__main__":
    print(measure())
