"""Time evolution: rational Krylov against a fixed choice of poles and against PETSc TS, at equal error, in one run.

The case is two-dimensional: degree 2, 128 x 128 cells, 66 049 unknowns on [-4, 4]^2, D = c = exp(-|xi|^2 / 2),
25 outputs over t = 1e-2 .. 1e4, one real vector. Errors are against rational Krylov at tolerance 1e-11, relative to
the norm of u(0), the worst over all outputs. *12 poles x 6* is the textbook way: poles spread evenly over the output
times, six solves each, an M-orthonormal basis, the projection of (M + gamma A)^{-1}. *Folded*: the vector is split
into its four parts that are even or odd in each coordinate, each solved on a quarter of the box (fem/symmetry.py).
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import time
from collections.abc import Callable

import numpy as np
from mpi4py import MPI
from tables import Row, markdown

from freqbias import fem
from freqbias.fem.rational_krylov import RationalKrylovSpace
from freqbias.fem.shifted_systems import ShiftedSystems
from freqbias.fem.symmetry import Folding
from freqbias.meshes import BoxMesh, box_mesh

TIMES = np.geomspace(1e-2, 1e4, 25)
SCHEMES = (("es8516sal", 3e-4), ("es8516sal", 1e-4), ("arkimex5", 1e-6), ("bdf5", 1e-6))
TOLERANCES = (1e-4, 1e-6, 1e-7, 1e-8, 1e-9)


def gaussian(xi: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * (xi**2).sum(axis=1))


def start(xi: np.ndarray) -> np.ndarray:
    return np.exp(-((xi - 0.5) ** 2).sum(axis=1)) * np.cos(3 * xi[:, 0])


def fixed_poles(operator: fem.ErrorOperator, initial: np.ndarray, poles: int = 12, repeats: int = 6) -> np.ndarray:
    """u (T, n_local) from poles spread evenly in the logarithm over the output times."""
    systems = ShiftedSystems(operator, "cholesky")
    space = RationalKrylovSpace(operator, initial)
    for gamma in np.geomspace(TIMES[0], TIMES[-1], poles):
        systems.shift(gamma)
        for _ in range(repeats):
            space.extend(systems.solve(space.mass_last[:, None])[:, 0])
    mass_basis = np.column_stack([operator.apply(operator.M, column) for column in space.basis.T])
    solutions = np.column_stack([systems.solve(mass_basis[:, k : k + 16]) for k in range(0, space.dimension, 16)])
    eigenvalues, vectors = np.linalg.eigh(operator.inner(mass_basis, solutions))
    rates = (1 / eigenvalues - 1).clip(min=0) / systems.gamma
    systems.destroy()
    return space.start_norm * (np.exp(-np.outer(TIMES, rates)) * vectors[0]) @ vectors.T @ space.basis.T


class FoldedCase:
    """The same case on a quarter of the box; set-up is not timed, as for the others."""

    def __init__(self, mesh: BoxMesh):
        quarter = BoxMesh(tuple(axis[axis >= 0] for axis in mesh.axes), mesh.degree)
        self.folding = Folding((0, 1), mesh, quarter)
        self.operator = fem.ErrorOperator(quarter, gaussian, gaussian, 1.0, MPI.COMM_WORLD)
        nodes = self.operator.space.nodes
        # A real vector: its odd parts are real as well, unlike those of the spectrum of a real target.
        self.parts = [
            sum(
                (-1) ** (odd[0] * flips[0] + odd[1] * flips[1]) * start(nodes * factor)
                for flips, factor in zip(self.folding.parities, self.folding.signs(), strict=True)
            )
            / 4
            for odd in self.folding.parities
        ]
        for odd, part in zip(self.folding.parities, self.parts, strict=True):
            part[np.any((nodes == 0) & np.array(odd, dtype=bool), axis=1)] = 0.0

    def evolve(self, tolerance: float) -> tuple[np.ndarray, list[fem.Evolution]]:
        """u (T, n) in the numbering of the whole mesh."""
        norm = np.sqrt(sum(p @ self.operator.apply(self.operator.M, p) for p in self.parts))
        evolutions, whole = [], 0.0
        for odd, part in zip(self.folding.parities, self.parts, strict=True):
            operator = self.operator.vanishing([axis for axis in (0, 1) if odd[axis]])
            evolution = fem.evolve(operator, part[:, None], TIMES, tolerance=tolerance / 2, norm=norm)
            evolutions.append(evolution)
            values = self.operator.space.gather(evolution.values[:, :, 0].T).T.reshape(
                len(TIMES), *self.folding.mesh.shape
            )
            for axis in (1, 2):
                mirrored = np.flip(values, axis)[(slice(None),) * axis + (slice(None, -1),)]
                values = np.concatenate([-mirrored if odd[axis - 1] else mirrored, values], axis=axis)
            whole = whole + values.reshape(len(TIMES), -1)
        return whole, evolutions


def timed(work: Callable):
    began = time.perf_counter()
    result = work()
    return result, time.perf_counter() - began


def measure(cells: int = 128) -> str:
    """The table, in Markdown."""
    mesh = box_mesh([4.0, 4.0], [cells, cells], 2)
    operator = fem.ErrorOperator(mesh, gaussian, gaussian, 1.0, MPI.COMM_WORLD)
    initial = start(operator.space.nodes)
    reference = fem.evolve(operator, initial[:, None], TIMES, tolerance=1e-11).values[:, :, 0]
    whole_reference = operator.space.gather(reference.T).T

    def worst(values: np.ndarray) -> float:
        return float((mesh.norm(values - whole_reference) / mesh.norm(start(mesh.nodes))).max())

    rows: list[Row] = []
    krylov: list[tuple[float, float]] = []
    for tolerance in TOLERANCES:
        result, seconds = timed(
            lambda tolerance=tolerance: fem.evolve(operator, initial[:, None], TIMES, tolerance=tolerance)
        )
        error = worst(operator.space.gather(result.values[:, :, 0].T).T)
        krylov.append((error, seconds))
        cost = f"{result.factorizations} factorizations, {result.solves} solves"
        rows.append((f"rational Krylov, tolerance {tolerance:g}", f"{seconds:.2f}", f"{error:.1e}", cost, ""))
    folded = FoldedCase(mesh)
    folded_times: list[tuple[float, float]] = []
    for tolerance in TOLERANCES:
        (values, evolutions), seconds = timed(lambda tolerance=tolerance: folded.evolve(tolerance))
        error = worst(values)
        folded_times.append((error, seconds))
        cost = (
            f"{sum(e.factorizations for e in evolutions)} factorizations, {sum(e.solves for e in evolutions)} solves "
            "of a quarter of the size"
        )
        rows.append((f"the same, folded, tolerance {tolerance:g}", f"{seconds:.2f}", f"{error:.1e}", cost, ""))

    def ratio(error: float, seconds: float) -> str:
        shares = []
        for runs in (krylov, folded_times):
            equal = [s for e, s in runs if e <= error]
            shares.append(f"{seconds / min(equal):.1f}" if equal else "more accurate than all")
        return " / ".join(shares)

    values, seconds = timed(lambda: fixed_poles(operator, initial))
    error = worst(operator.space.gather(values.T).T)
    cost = "12 factorizations, 145 solves"
    rows.append(("12 poles × 6", f"{seconds:.2f}", f"{error:.1e}", cost, ratio(error, seconds)))
    for scheme, tolerance in SCHEMES:
        values, seconds = timed(
            lambda scheme=scheme, tolerance=tolerance: fem.step(operator, initial, TIMES, tolerance, scheme)
        )
        error = worst(operator.space.gather(values.T).T)
        rows.append(
            (f"PETSc TS {scheme}, tolerance {tolerance:g}", f"{seconds:.2f}", f"{error:.1e}", "", ratio(error, seconds))
        )
    head = (
        "method",
        "seconds",
        "worst error",
        "cost",
        "times slower than rational Krylov / folded at equal or smaller error",
    )
    return markdown(head, rows)


if __name__ == "__main__":
    print(measure())
