"""Evolution of the error spectrum to all output times, for any linear optimizer."""

from dataclasses import dataclass

import numpy as np

from freqbias.errors import ConvergenceError, NumericalError
from freqbias.fem.checkpoint import Kept, NoCheckpoint, Store
from freqbias.fem.error_operator import ErrorOperator
from freqbias.fem.shifted_systems import ShiftedSystems
from freqbias.fem.window import MOST_VECTORS, Limits, Window
from freqbias.optimizers import GradientFlow, LinearOptimizer
from freqbias.progress import Progress, silent

#: Rates above the largest one that the box allows are bent below this many times that rate.
_CEILING = 4.0
#: Part of the error that is left that one window of several may make.
_SHARE = 0.25
#: After so many windows that led nowhere the basis is too small for the tolerance.
_MOST_FAILURES = 10


@dataclass(frozen=True)
class Evolution:
    """Result of ``evolve``: local arrays at the output times, and what it cost.

    ``values`` (T, n_local, k); ``error_estimates`` (T,) relative to the norm of u(0) over all k columns; ``dimension``:
    vectors of the largest space; ``windows``: 1 plus the number of restarts.
    """

    values: np.ndarray
    error_estimates: np.ndarray
    dimension: int
    windows: int = 1
    factorizations: int = 0
    solves: int = 0
    iterations: int = 0
    method: str = "none"


def evolve(
    operator: ErrorOperator,
    initial: np.ndarray,
    times: np.ndarray,
    optimizer: LinearOptimizer | None = None,
    tolerance: float = 1e-9,
    largest_rate: float = np.inf,
    norm: float | None = None,
    most_vectors: int = MOST_VECTORS,
    systems: ShiftedSystems | None = None,
    store: Store | None = None,
    progress: Progress = silent,
) -> Evolution:
    """u(t) for M u' = -A u, or for the same operator under another linear optimizer (default: gradient flow).

    ``initial`` (n_local, k) holds k real local vectors, for instance real and imaginary part, which share every
    factorization; ``times`` (T,) learning times, increasing, 0 allowed. Stops when the estimated error is below
    ``tolerance`` at every time, relative to ``norm`` (default: that of u(0)). At most ``most_vectors`` basis vectors
    are held at a time: if they do not reach to the last time, the evolution starts anew from the last time reached.
    ``largest_rate``: no error on the box of x decays faster; for an optimizer with steps, faster modes, which only
    the mesh holds, get a stable rate instead. ``systems`` solves (default: chosen automatically). ``store`` keeps the
    state of the computation after every pole and gives it back to a later call with the same arguments.
    Raises ConvergenceError, or DivergenceError if the optimizer is unstable at its learning rate.
    """
    optimizer = optimizer or GradientFlow()
    store = store or NoCheckpoint()
    times = np.asarray(times, dtype=float)
    own_norm = np.sqrt(sum(operator.inner(u, operator.apply(operator.M, u)) for u in initial.T))
    norm = norm or float(own_norm)
    if not np.isfinite(norm):
        raise NumericalError("the initial spectrum is not finite")
    count = len(times)
    values = np.empty((count, *initial.shape))
    estimates = np.zeros(count)
    resting = times == 0 if own_norm > 0 else np.ones(count, dtype=bool)
    values[resting] = initial
    if resting.all():
        return Evolution(values, estimates, 1)
    stable_rate = optimizer.largest_stable_rate()

    def transition(rates: np.ndarray, at: np.ndarray) -> np.ndarray:
        return optimizer.transition(_saturated(rates, largest_rate, stable_rate), at)

    own_systems = systems is None
    systems = systems or ShiftedSystems(operator, tolerance=min(1e-8, 1e-2 * tolerance))
    present = _Present(state=np.zeros((*initial.shape, optimizer.states)), done=int(resting.sum()))
    present.state[:, :, 0] = initial
    kept = store.load()
    if kept is not None:
        present = _restore(kept, values, estimates, present.state.shape)
    while present.done < count:
        limits = Limits(
            tolerance=(1.0 if most_vectors >= MOST_VECTORS else _SHARE) * (tolerance - present.spent),
            norm=norm,
            vectors=most_vectors,
            stable_rate=stable_rate,
            largest_rate=largest_rate,
            acceleration=optimizer.acceleration(),
        )
        goals = times[present.done : present.done + present.span]
        if present.waypoint is not None:
            goals = np.array([present.waypoint])
        window = Window(operator, systems, present.state, goals - present.now, transition, limits)
        if kept is not None and f"basis-{present.windows}-0" in kept.fields:
            window.restore(_spaces(kept, present.windows), kept.facts["shifts"])
        kept = None

        def keep(window: Window = window) -> None:
            if store.due():
                store.save(_kept(present, window, values, estimates))

        reached = window.grow(keep, progress)
        if reached == 0:
            _aim_lower(present, window, goals, optimizer, tolerance)
            continue
        if present.waypoint is None:
            new = slice(present.done, present.done + reached)
            values[new] = window.values(reached)
            estimates[new] = present.spent + window.estimates[:reached]
            present.done += reached
            # What was within reach once will be so again, from one start to the next, or nearly.
            present.span = reached + 1 if present.span < count or reached < len(goals) else count
        present.windows += 1
        present.failures = 0
        present.dimension = max(present.dimension, window.dimension)
        if present.done < count:
            present.spent += float(window.estimates[reached - 1])
            present.now = float(goals[reached - 1])
            present.state = window.state_at(reached - 1)
        present.waypoint = None
    progress(1.0)
    cost = (systems.factorizations, systems.solves, systems.iterations, systems.method)
    if own_systems:
        systems.destroy()
    return Evolution(values, estimates, present.dimension, present.windows, *cost)


@dataclass
class _Present:
    """Where the evolution stands: ``state`` (n_local, k, S) at learning time ``now``, from which the window starts."""

    state: np.ndarray
    done: int
    now: float = 0.0
    spent: float = 0.0
    windows: int = 0
    dimension: int = 1
    #: Output times to aim at, and a time before the next one to go to first.
    span: int = 1_000_000
    waypoint: float | None = None
    #: Attempts in vain.
    failures: int = 0


_FACTS = ("done", "now", "spent", "windows", "dimension", "span", "waypoint", "failures")


def _aim_lower(
    present: _Present, window: Window, goals: np.ndarray, optimizer: LinearOptimizer, tolerance: float
) -> None:
    """The basis is full and no goal within reach: aim at fewer or nearer ones, for which fewer poles will do."""
    present.failures += 1
    if len(goals) > 1:
        present.span = len(goals) // 2
        return
    nearer = optimizer.reachable(present.now + (goals[0] - present.now) / 4)
    if nearer <= present.now or present.failures > _MOST_FAILURES:
        raise ConvergenceError(
            f"the time evolution reached an error of {window.estimates[0]:.1e} with {window.dimension} basis vectors, "
            f"too few for solver.tolerance = {tolerance:g}: ask for less, for a finer mesh, or give it more memory"
        )
    present.waypoint = nearer


def _kept(present: _Present, window: Window, values: np.ndarray, estimates: np.ndarray) -> Kept:
    facts = {key: getattr(present, key) for key in _FACTS}
    facts |= {"estimates": estimates[: present.done].tolist(), "shifts": window.shifts}
    n_local = len(present.state)
    fields = {
        "values": np.moveaxis(values[: present.done], 0, 1).reshape(n_local, -1),
        f"state-{present.windows}": present.state.reshape(n_local, -1),
    }
    arrays = {}
    for number, part in enumerate(window.parts):
        fields[f"basis-{present.windows}-{number}"] = part.space.basis
        arrays[f"projected-{number}"] = part.space.projected
    return Kept(facts, fields, arrays)


def _restore(kept: Kept, values: np.ndarray, estimates: np.ndarray, shape: tuple[int, ...]) -> _Present:
    facts = {key: kept.facts[key] for key in _FACTS}
    done = facts["done"]
    values[:done] = np.moveaxis(kept.fields["values"].reshape(shape[0], done, shape[1]), 1, 0)
    estimates[:done] = kept.facts["estimates"]
    return _Present(state=kept.fields[f"state-{facts['windows']}"].reshape(shape), **facts)


def _spaces(kept: Kept, window: int) -> list[tuple[np.ndarray, np.ndarray]]:
    count = len(kept.arrays)
    return [(kept.fields[f"basis-{window}-{i}"], kept.arrays[f"projected-{i}"]) for i in range(count)]


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
