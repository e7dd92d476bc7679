"""Evolution of the error spectrum to all output times, for any linear optimizer."""

from dataclasses import dataclass

import numpy as np

from freqbias.errors import ConvergenceError, DivergenceError, NumericalError
from freqbias.fem.error_operator import ErrorOperator
from freqbias.fem.rational_krylov import RationalKrylovSpace, Response, next_shift
from freqbias.fem.shifted_systems import ShiftedSystems
from freqbias.optimizers import GradientFlow, LinearOptimizer
from freqbias.progress import Progress, silent

#: Solves with one factorization before the next shift: a factorization costs about as much as this many solves.
_SOLVES_PER_SHIFT = 6
_MAX_DIMENSION = 800
#: A change is taken for the error only if the change before it was less than this many times the tolerance.
_DOUBT = 100.0
#: Rates above the largest one that the box allows are bent below this many times that rate.
_CEILING = 4.0
#: A mode with less than this part of the initial norm may be unstable: it is below what anybody resolves.
_NEGLIGIBLE = 1e-7


@dataclass(frozen=True)
class Evolution:
    """Result of ``evolve``: local arrays at the output times, and what it cost.

    ``values`` (T, n_local, k); ``error_estimates`` (T,) relative to the norm of u(0) over all k columns.
    """

    values: np.ndarray
    error_estimates: np.ndarray
    dimension: int
    factorizations: int
    solves: int


def evolve(
    operator: ErrorOperator,
    initial: np.ndarray,
    times: np.ndarray,
    optimizer: LinearOptimizer | None = None,
    tolerance: float = 1e-9,
    largest_rate: float = np.inf,
    progress: Progress = silent,
) -> Evolution:
    """u(t) for M u' = -A u, or for the same operator under another linear optimizer (default: gradient flow).

    ``initial`` (n_local, k) holds k real local vectors, for instance real and imaginary part, which share every
    factorization; ``times`` (T,) learning times, 0 allowed. Stops when the last extension of the Krylov spaces changed
    u by less than ``tolerance``, relative to u(0), at every time, and the one before by less than 100 times that.
    ``largest_rate``: no error on the box of x decays faster; for an optimizer with steps, faster modes, which only
    the mesh holds, get a stable rate instead.
    Raises ConvergenceError, or DivergenceError if the optimizer is unstable at its learning rate.
    """
    optimizer = optimizer or GradientFlow()
    times = np.asarray(times, dtype=float)

    def response(rates: np.ndarray) -> np.ndarray:
        return optimizer.response(_saturated(rates, largest_rate, optimizer.largest_stable_rate()), times)

    spaces = [RationalKrylovSpace(operator, initial[:, column].copy()) for column in range(initial.shape[1])]
    norm = np.sqrt(sum(space.start_norm**2 for space in spaces))
    if not np.isfinite(norm):
        raise NumericalError("the initial spectrum is not finite")
    growing = [space for space in spaces if not space.invariant]
    if not growing or not times.any():
        values = np.broadcast_to(initial, (len(times), *initial.shape)).copy()
        return Evolution(values, np.zeros(len(times)), 1, 0, 0)
    systems = ShiftedSystems(operator)
    try:
        estimates = _grow(growing, systems, response, times, optimizer, largest_rate, norm, tolerance, progress)
        values = np.zeros((len(times), *initial.shape))
        for column, space in enumerate(spaces):
            if space.dimension:
                values[:, :, column] = space.accurate_coefficients(response) @ space.basis.T
        values[times == 0] = initial
        dimension = max(space.dimension for space in spaces)
        return Evolution(values, estimates, dimension, systems.factorizations, systems.solves)
    finally:
        systems.destroy()


def _grow(
    spaces: list[RationalKrylovSpace],
    systems: ShiftedSystems,
    response: Response,
    times: np.ndarray,
    optimizer: LinearOptimizer,
    largest_rate: float,
    norm: float,
    tolerance: float,
    progress: Progress,
) -> np.ndarray:
    """Extend the spaces until the error estimates (T,), which it returns, meet ``tolerance``."""
    reached = times[times > 0] * optimizer.acceleration()
    # Modes slower than 1/t_last hardly move; those much faster than 1/t_first are gone at the first output.
    interval = (0.3 / reached.max(), 30 / reached.min())
    # The accurate projection loses eps gamma/t_first at the first time and eps t_last/gamma at the last one.
    middle = float(np.sqrt(reached.min() * reached.max()))
    shifts: list[float] = []
    sizes: list[list[int]] = []
    changes: list[np.ndarray] = []
    former = [space.coefficients(response) for space in spaces]
    worst = 0
    while True:
        rates, _ = spaces[worst].rates_and_weights()
        top = max(min(interval[1], 3 * max(rates.max(), interval[0])), 10 * interval[0]) if shifts else interval[1]
        shift = next_shift(rates, shifts, (interval[0], top))
        _extend(spaces, systems, 1 / shift)
        _check_stability(spaces, optimizer, largest_rate)
        shifts += [shift] * _SOLVES_PER_SHIFT
        sizes.append([space.dimension for space in spaces])
        present = [space.coefficients(response) for space in spaces]
        each = np.array([_difference(new, old) for new, old in zip(present, former, strict=True)])
        worst = int(np.argmax(each.max(axis=1)))
        changes.append(np.sqrt((each**2).sum(axis=0)) / norm)
        former = present
        # V* A V is known to rounding of its largest entry: changes below that say nothing.
        noise = 100 * np.finfo(float).eps * max(np.abs(space.projected).max() for space in spaces) * times
        done = all(space.invariant for space in spaces)
        if len(changes) >= 2:
            recent = np.maximum(changes[-1], changes[-2] / _DOUBT)
            progress(min(0.95, np.log(recent.max() + 1e-300) / np.log(tolerance)) if recent.max() < 1 else 0.0)
            done = done or bool(np.all(recent <= np.maximum(tolerance, noise)))
        if done:
            estimates = _verify(spaces, systems, middle, sizes, response, norm)
            if estimates.max() <= tolerance or all(space.invariant for space in spaces):
                progress(1.0)
                return estimates
        if max(space.dimension for space in spaces) >= _MAX_DIMENSION:
            raise ConvergenceError(
                f"the time evolution reached an error of {changes[-1].max():.1e} with {_MAX_DIMENSION} basis vectors, "
                f"not solver.tolerance = {tolerance:g}: ask for less, for fewer decades of times, or for a finer mesh"
            )


def _extend(spaces: list[RationalKrylovSpace], systems: ShiftedSystems, gamma: float) -> None:
    systems.shift(gamma)
    for _ in range(_SOLVES_PER_SHIFT):
        growing = [space for space in spaces if not space.invariant]
        if not growing:
            return
        right = np.column_stack([space.mass_last for space in growing])
        for space, vector in zip(growing, systems.solve(right).T, strict=True):
            space.extend(np.ascontiguousarray(vector))


def _verify(
    spaces: list[RationalKrylovSpace],
    systems: ShiftedSystems,
    gamma: float,
    sizes: list[list[int]],
    response: Response,
    norm: float,
) -> np.ndarray:
    """Error estimates (T,) from the accurate projection: the last change, or the one before over _DOUBT."""
    systems.shift(gamma)
    squares = 0.0
    for number, space in enumerate(spaces):
        space.project_inverse(systems)
        history = [size[number] for size in sizes[-3:]]
        results = [space.accurate_coefficients(response, size) for size in history]
        pairs = list(zip(results[1:], results[:-1], strict=True))
        differences = [_difference(new, old) for new, old in pairs] or [np.zeros(1)]
        squares = squares + np.maximum(differences[-1], differences[0] / _DOUBT) ** 2
    return np.sqrt(squares) / norm


def _saturated(rates: np.ndarray, largest_rate: float, stable_rate: float) -> np.ndarray:
    """``rates`` up to ``largest_rate`` as they are (to 1e-12), faster ones bent smoothly below a stable ceiling.

    The Krylov spaces need few vectors for a smooth function that oscillates little: so no kink at the largest rate,
    and no ceiling far above it.
    """
    if not np.isfinite(stable_rate) or largest_rate >= stable_rate:
        return np.minimum(rates, largest_rate)
    ceiling = min(stable_rate, _CEILING * largest_rate)
    sharpness = np.log(1e-12) / np.log(largest_rate / ceiling)
    relative = np.log(np.maximum(rates / ceiling, 1e-300))
    return rates * np.exp(-np.logaddexp(0, sharpness * relative) / sharpness)


def _difference(new: np.ndarray, old: np.ndarray) -> np.ndarray:
    """Norms (T,) of the differences of coefficients (T, k) and (T, j), j <= k."""
    difference = new.copy()
    difference[:, : old.shape[1]] -= old
    return np.linalg.norm(difference, axis=1)


def _check_stability(spaces: list[RationalKrylovSpace], optimizer: LinearOptimizer, largest_rate: float) -> None:
    limit = optimizer.largest_stable_rate()
    for space in spaces:
        rates, parts = space.rates_and_weights()
        unstable = (rates > limit) & (rates <= largest_rate) & (parts > _NEGLIGIBLE)
        if unstable.any():
            fastest = rates[unstable].max()
            raise DivergenceError(
                f"training.learning_rate is too large: errors that decay at the rate {fastest:.4g} grow, the optimizer "
                f"is stable up to {limit:.4g}; a learning rate {limit / fastest:.3g} times as large is stable"
            )
