"""Two spectra whose x is measured from different points: v(xi) against v(xi) exp(-i xi.a)."""

import numpy as np
from scipy.optimize import minimize

from freqbias.laws.product import grid_points
from freqbias.problem import Problem
from freqbias.transforms import fourier_transform

#: Most shifts along an axis that are tried first.
_MOST_SHIFTS = {1: 4000, 2: 160, 3: 48}
#: What a shift as long as the box costs against none, relative to the highest wave there can be.
_SHORTER = 1e-3
#: A shift has a name within this part of itself.
_NEAR = 0.02


def best_shift(strengths: np.ndarray, frequencies: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """The a (d,), up to ``widths`` (d,), that maximises G(a) = Re sum ``strengths`` exp(i xi.a).

    With strengths (n,) = network conj(theory) it brings theory exp(-i xi.a) nearest to the network. First on a grid
    that no wave of G slips through, then by the BFGS method. Of waves of one height that with the shortest shift is
    taken.
    """
    dimension = frequencies.shape[1]
    size = np.abs(strengths).sum()
    spacing = np.pi / (4 * np.sqrt((np.abs(strengths) @ frequencies**2) / size))
    counts = np.minimum(np.ceil(widths / spacing), _MOST_SHIFTS[dimension] // 2).astype(int)
    shifts = grid_points([np.linspace(-w, w, 2 * n + 1) for w, n in zip(widths, counts, strict=True)])
    heights = fourier_transform(frequencies, strengths, shifts, sign=1, tolerance=1e-6).real
    start = shifts[np.argmax(heights - _SHORTER * size * np.linalg.norm(shifts / widths, axis=1))]

    def lost(shift: np.ndarray) -> tuple[float, np.ndarray]:
        turned = strengths * np.exp(1j * frequencies @ shift) / size
        return -turned.sum().real, turned.imag @ frequencies

    return minimize(lost, start, jac=True, method="BFGS", options={"gtol": 1e-10}).x


def named_shift(shift: np.ndarray, problem: Problem) -> str:
    """What a shift of the origin is: half a sample spacing, a corner of the box; "" if it is nothing known."""
    lower, upper = problem.lower, problem.upper
    names = {
        "the middle of the box against its corner": 0.5 * (upper - lower),
        "x = 0 against the lower corner of the box": lower,
        "x = 0 against the upper corner of the box": upper,
        "x = 0 against the middle of the box": 0.5 * (lower + upper),
    }
    if problem.grid_shape is not None:
        spacing = (upper - lower) / np.array(problem.grid_shape)
        names = {
            "half a sample spacing: middles of cells against their corners": 0.5 * spacing,
            "a sample spacing: an index off by one": spacing,
        } | names
    size = np.abs(shift).max()
    moved = np.abs(shift) > _NEAR * size
    for name, known in names.items():
        if known.any() and np.all(np.abs(np.abs(shift) - np.abs(known))[moved] <= _NEAR * np.abs(known[moved])):
            return f" ({name})"
    return ""
