"""Evolution from one state to later output times, in rational Krylov spaces that share their poles."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from freqbias.errors import DivergenceError
from freqbias.fem.error_operator import ErrorOperator
from freqbias.fem.pole_selection import MOST_TIMES, SpectralSurrogate
from freqbias.fem.rational_krylov import RationalKrylovSpace
from freqbias.fem.shifted_systems import ShiftedSystems

#: More basis vectors than this are not a solution but a sign that something is wrong.
MOST_VECTORS = 1200
#: The surrogate's errors are right to a factor of about 2 (tests/test_fem_evolution.py): this much is allowed for.
_CAUTION = 3.0
#: Poles are chosen to bring all errors below this part of the tolerance.
_GOAL = 0.2
#: exp(-_GONE) is below any tolerance.
_GONE = 30.0
#: A mode with less than this part of the initial norm may be unstable: it is below what anybody resolves.
_NEGLIGIBLE = 1e-7

#: Factors (S, S, T, n) that take the states of a mode at time 0 to its states at times (T,), for rates (n,).
Transition = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass
class _Part:
    """One start vector: a state of one column, and the space grown from it."""

    column: int
    state: int
    space: RationalKrylovSpace
    #: The surrogate after this many solves.
    surrogate: SpectralSurrogate | None = None
    surrogate_solves: int = -1


@dataclass(frozen=True)
class Limits:
    """What a window must meet: error and sizes.

    ``tolerance`` and ``norm``: an error is small enough below ``tolerance`` times ``norm``; ``vectors``: basis vectors
    over all parts; ``stable_rate``, ``largest_rate``: see ``evolve``.
    """

    tolerance: float
    norm: float
    vectors: int
    stable_rate: float
    largest_rate: float
    acceleration: float


class Window:
    """States of an optimizer at increasing ``times`` (T,) after it had ``state`` (n_local, k, S).

    ``grow`` extends the spaces pole by pole until all times, or as many of the first as the bounded basis can hold,
    meet the tolerance.
    """

    def __init__(
        self,
        operator: ErrorOperator,
        systems: ShiftedSystems,
        state: np.ndarray,
        times: np.ndarray,
        transition: Transition,
        limits: Limits,
    ):
        self._systems, self._transition, self._limits = systems, transition, limits
        self.times = times
        self.shape = state.shape
        self.shifts: list[float] = []
        self.estimates = np.full(len(times), np.inf)
        self._refined = False
        self.parts = [
            _Part(column, number, RationalKrylovSpace(operator, np.ascontiguousarray(state[:, column, number])))
            for column in range(state.shape[1])
            for number in range(state.shape[2])
        ]
        self.parts = [part for part in self.parts if not part.space.invariant]
        reached = times * limits.acceleration
        # Modes slower than 1/t_last hardly move; those much faster than 1/t_first are gone at the first output.
        # Faster modes than the stable ones must not be there (see _check_stability).
        self._interval = (0.03 / reached.max(), min(100 / reached.min(), limits.stable_rate))
        self._former: list[np.ndarray] = []
        self._changes = np.full(len(times), np.inf)

    @property
    def dimension(self) -> int:
        return max((part.space.dimension for part in self.parts), default=0)

    def grow(self, after_pole: Callable[[], None], progress: Callable[[float], None]) -> int:
        """Extend the spaces; returns how many of the first times meet the tolerance: all, unless the basis is full.

        ``after_pole`` is called with every completed pole. Raises DivergenceError if the optimizer is unstable.
        """
        while not self._finished():
            repeats = max(self._systems.solves_per_pole, len(self.shifts) // 8)
            room = (self._limits.vectors - sum(part.space.dimension for part in self.parts)) // len(self.parts)
            if room < 1:
                return self._reached()
            worst = max(self.parts, key=lambda part: part.space.start_norm * self._surrogate(part).errors().max())
            self._solve(self._surrogate(worst).best_shift(repeats), min(repeats, room))
            self._report(progress)
            after_pole()
        return len(self.times)

    def _solve(self, shift: float, repeats: int) -> None:
        """Up to ``repeats`` solves at one pole; fewer if all times meet the tolerance before."""
        every = max(2, len(self.shifts) // 16)
        for solve in range(1, repeats + 1):
            growing = [part.space for part in self.parts if not part.space.invariant]
            if not growing:
                return
            self._systems.shift(1 / shift)
            right = np.column_stack([space.mass_last for space in growing])
            for space, vector in zip(growing, self._systems.solve(right).T, strict=True):
                space.extend(np.ascontiguousarray(vector))
            self.shifts.append(shift)
            if solve % every == 0 or solve == repeats:
                self._check_stability()
                self._note_changes()
                if solve < repeats and self._finished():
                    return

    def restore(self, spaces: list[tuple[np.ndarray, np.ndarray]], shifts: list[float]) -> None:
        """Take the bases (n_local, m) and projections (m, m) of all parts, and the shifts, of an earlier run."""
        for part, (basis, projected) in zip(self.parts, spaces, strict=True):
            part.space.restore(basis, projected)
        self.shifts = list(shifts)
        self._note_changes()

    # Errors

    def _response(self, part: _Part, times: np.ndarray | None = None) -> Callable[[np.ndarray], np.ndarray]:
        """How the part acts on the first state, which is u."""
        return lambda rates: self._transition(rates, self.times if times is None else times)[0, part.state]

    def _surrogate(self, part: _Part) -> SpectralSurrogate:
        if part.surrogate is not None and part.surrogate_solves == len(self.shifts):
            return part.surrogate
        rates, weights = part.space.rates_and_weights()
        times = self.times[_sample(len(self.times))]
        low, high = self._interval
        top = min(high, 3 * max(rates.max(), 30 * low)) if self.shifts else high
        floor = _GOAL * self._limits.tolerance * self._limits.norm / part.space.start_norm / len(self.parts)
        part.surrogate = SpectralSurrogate(
            rates, weights, self._response(part, times), (low, top), list(self.shifts), min(floor, 1.0)
        )
        part.surrogate_solves = len(self.shifts)
        return part.surrogate

    def _note_changes(self) -> None:
        """How much the solves since the last call changed u at every time."""
        present = [part.space.coefficients(self._response(part)) for part in self.parts]
        former = self._former or [coefficients[:, :1] for coefficients in present]
        squares = sum(difference(new, old) ** 2 for new, old in zip(present, former, strict=True))
        self._former = present
        self._changes = np.sqrt(squares) / self._limits.norm

    def _noise(self) -> np.ndarray:
        """Effect (T,) of rounding in V* A V on u, which grows with time."""
        rounding = max(part.space.asymmetry for part in self.parts)
        floor = np.finfo(float).eps * max(np.abs(part.space.projected).max() for part in self.parts)
        return 2 * max(rounding, floor) * self.times * self._limits.acceleration

    def _surrogate_errors(self) -> np.ndarray:
        """Estimated errors (T,) from the surrogates, relative to the norm of u(0)."""
        squares = np.zeros(len(self.times))
        for part in self.parts:
            if not part.space.invariant:
                errors = self._surrogate(part).errors()
                errors = np.interp(np.arange(len(self.times)), _sample(len(self.times)), errors)
                squares += (errors * part.space.start_norm) ** 2
        return np.sqrt(squares) / self._limits.norm

    def _finished(self) -> bool:
        """Whether every time meets the tolerance; sets ``estimates``: the surrogate's, and what solves still change."""
        if not self.parts:
            self.estimates = np.zeros(len(self.times))
            return True
        noise, tolerance = self._noise(), self._limits.tolerance
        # Where rounding hides the changes, only the surrogate tells; the final projection is free of it.
        changes = np.where(noise > tolerance / 3, np.maximum(self._changes - noise, 0), self._changes)
        surrogate = _CAUTION * self._surrogate_errors()
        self.estimates = np.maximum(surrogate, changes)
        if all(part.space.invariant for part in self.parts):
            self.estimates = np.zeros(len(self.times))
        return bool(np.all(self.estimates <= tolerance))

    def _refine(self) -> None:
        """Free the slow modes, as far as late times feel it, of the rounding in V* A V."""
        tolerance, noise = self._limits.tolerance, self._noise()
        if self._refined or not self.parts or not np.any(noise > tolerance / 3):
            return
        self._refined = True
        last = self.times[-1] * self._limits.acceleration
        # gamma large enough for eps t/gamma, small enough for the square of gamma/t times the noise.
        low = 30 * np.finfo(float).eps * last / tolerance
        high = max(last * np.sqrt(0.1 * tolerance / noise[-1]), low)
        ready = self._systems.gamma
        if ready is None or not low <= ready <= high:
            self._systems.shift(float(np.sqrt(low * high)))
        # Faster modes are gone before the first time that feels the noise.
        first = self.times[noise > tolerance / 3][0] * self._limits.acceleration
        for part in self.parts:
            part.space.refine(self._systems, _GONE / first)

    def _reached(self) -> int:
        """How many of the first times meet the tolerance, now that the basis is full."""
        good = self.estimates <= self._limits.tolerance
        return len(good) if good.all() else int(np.argmin(good))

    # Results

    def state_at(self, index: int) -> np.ndarray:
        """All states (n_local, k, S) at one of the times."""
        self._refine()
        states = np.zeros(self.shape)
        time = self.times[index : index + 1]
        for part in self.parts:
            for target in range(self.shape[2]):

                def response(rates: np.ndarray, target: int = target, part: _Part = part) -> np.ndarray:
                    return self._transition(rates, time)[target, part.state]

                states[:, part.column, target] += part.space.basis @ part.space.coefficients(response)[0]
        return states

    def values(self, count: int) -> np.ndarray:
        """u (count, n_local, k) at the first ``count`` times."""
        self._refine()
        values = np.zeros((count, *self.shape[:2]))
        for part in self.parts:
            coefficients = part.space.coefficients(self._response(part, self.times[:count]))
            values[:, :, part.column] += coefficients @ part.space.basis.T
        return values

    def _check_stability(self) -> None:
        limits = self._limits
        for part in self.parts:
            rates, weights = part.space.rates_and_weights()
            present = weights * part.space.start_norm > _NEGLIGIBLE * limits.norm
            unstable = (rates > limits.stable_rate) & (rates <= limits.largest_rate) & present
            if unstable.any():
                fastest = rates[unstable].max()
                raise DivergenceError(
                    f"training.learning_rate is too large: errors that decay at the rate {fastest:.4g} grow, the "
                    f"optimizer is stable up to {limits.stable_rate:.4g}; a learning rate "
                    f"{limits.stable_rate / fastest:.3g} times as large is stable"
                )

    def _report(self, progress: Callable[[float], None]) -> None:
        error = float(self.estimates.max())
        if 0 < error < 1:
            progress(min(0.95, np.log(error) / np.log(self._limits.tolerance)))


def _sample(count: int) -> np.ndarray:
    """At most MOST_TIMES of the indices below ``count``, the first and the last one among them."""
    return np.unique(np.linspace(0, count - 1, min(count, MOST_TIMES)).round().astype(int))


def difference(new: np.ndarray, old: np.ndarray) -> np.ndarray:
    """Norms (T,) of the differences of coefficients (T, k) and (T, j <= k) in one orthonormal basis."""
    change = new.copy()
    change[:, : old.shape[1]] -= old
    return np.sqrt(np.sum(change**2, axis=1))
