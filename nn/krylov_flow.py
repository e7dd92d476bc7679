"""All output times of a linear optimizer from Krylov spaces of the decay-rate operator, with error bounds."""

from collections.abc import Iterator
from functools import reduce

import numpy as np

from freqbias.errors import ConvergenceError
from freqbias.nn.lanczos import LanczosBasis, SymmetricOperator
from freqbias.optimizers import DiscreteOptimizer, LinearOptimizer
from freqbias.progress import Progress, silent

#: Times per decade at which the defect is looked at, and the first one in units of 1 / largest rate.
_PER_DECADE = 20
_FIRST_TIME = 1e-2
#: Rounding in the eigenvectors of T.
_ROUNDING = 4 * np.finfo(float).eps
#: Part of the error that is left that one space of several may make, at least.
_LEAST_SHARE = 0.02
#: Numbers of a block of results.
_BLOCK = 2**24


class KrylovFlow:
    """s(t) for s' = -B s, or for B under another linear optimizer, at ``times`` (T,), the first one 0.

    B is symmetric and positive semi-definite. s(t) is taken as V f(T, t) V^T s(0), f the optimizer's response, on a
    Lanczos basis V of the start. This solves the equation with the defect beta_m q_m y_m(t), y_m the last component on
    the basis: since the optimizer does not amplify, the error is at most the defects up to t, times the largest
    response to one of them (Saad, SIAM J. Numer. Anal. 29, 1992; Botchev, Grimm and Hochbruck, SIAM J. Sci. Comput.
    35, 2013). The basis grows until this bound is below ``tolerance`` times the norm of s(0). When it is full, the
    flow starts anew from the last time that meets a share of the tolerance, with the optimizer's velocity if it has
    one, and the bounds add up.

    After ``run``: ``estimates`` (T,) bound the errors, rounding included, relative to the norm of s(0); ``vectors`` is
    the size of the largest basis, ``restarts`` their number less one.
    """

    def __init__(
        self,
        operator: SymmetricOperator,
        optimizer: LinearOptimizer,
        largest_rate: float,
        tolerance: float,
        most_vectors: int,
    ):
        """``largest_rate``: the largest eigenvalue of B, about; ``most_vectors`` are held at a time, at least 2."""
        self._operator, self._optimizer = operator, optimizer
        self._largest_rate = max(largest_rate, 1e-300)
        self._tolerance, self._most_vectors = tolerance, most_vectors
        self._gain = 1.0
        self.vectors, self.restarts = 0, 0
        self.estimates = np.zeros(0)

    def run(
        self, start: np.ndarray, times: np.ndarray, progress: Progress = silent
    ) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield numbers of output times and s (n, N) there, in order, from s(0) = ``start`` (N,).

        Raises ConvergenceError if a full basis does not lead to any later time.
        """
        self.estimates = np.zeros(len(times))
        norm = float(np.linalg.norm(start))
        states = np.zeros((self._optimizer.states, len(start)))
        states[0] = start
        self._gain = _largest_gain(self._optimizer, self._largest_rate, times[-1])
        now, spent, done = 0.0, 0.0, 0
        while done < len(times):
            if not states.any() or times[-1] <= now:
                yield slice(done, len(times)), np.tile(states[0], (len(times) - done, 1))
                return
            window = _Window(self, states, norm, times[done:] - now)
            window.grow(self._tolerance - spent, progress)
            self.vectors = max(self.vectors, window.dimension)
            reached = window.reached
            count = int(np.sum(times[done:] - now <= reached + 1e-12 * times[-1]))
            self.estimates[done : done + count] = spent + window.bounds_at(times[done : done + count] - now)
            rows = max(1, _BLOCK // len(start))
            for first in range(done, done + count, rows):
                block = slice(first, min(first + rows, done + count))
                yield block, window.states(times[block] - now, 0)
            done += count
            if done < len(times):
                if reached == 0:
                    raise ConvergenceError(
                        f"the kernel flow does not get from learning time {now:.4g} to a later one with "
                        f"{window.dimension} Lanczos vectors and an error of {self._tolerance:g}: free memory "
                        "for more, or ask for a larger solver.tolerance or fewer samples"
                    )
                spent += float(window.bounds_at(np.array([reached]))[0])
                at = np.array([reached])
                states = np.concatenate([window.states(at, state) for state in range(len(states))])
                now += reached
                self.restarts += 1
        progress(1.0)


class _Window:
    """Krylov spaces of the states (S, N) of an optimizer at learning time 0, to later ``times``."""

    def __init__(self, flow: KrylovFlow, states: np.ndarray, norm: float, times: np.ndarray):
        self._optimizer, self._norm = flow._optimizer, norm
        self.reached = 0.0
        present = [number for number, state in enumerate(states) if state.any()]
        room = max(2, flow._most_vectors // len(present))
        self._bases = {
            number: LanczosBasis(flow._operator, states[number], min(room, states.shape[1])) for number in present
        }
        self._grid, self._gain = self._times(times, flow._largest_rate), flow._gain
        self._bounds = np.full(len(self._grid), np.inf)
        # Rates are known to about the machine's precision times the largest one, which late times feel.
        self._rounding = np.finfo(float).eps * flow._largest_rate * flow._optimizer.acceleration()

    @property
    def dimension(self) -> int:
        """Vectors of all bases together."""
        return sum(basis.dimension for basis in self._bases.values())

    def grow(self, tolerance: float, progress: Progress) -> None:
        """Extend the bases until the last time meets ``tolerance`` or they are full; sets ``reached``."""
        next_look = 1
        while True:
            growing = [basis for basis in self._bases.values() if not (basis.full or basis.invariant)]
            for basis in growing:
                basis.extend()
            most = max(basis.dimension for basis in self._bases.values())
            if most < next_look and growing:
                continue
            next_look = most + max(3, most // 8)
            self._bounds = self._bound()
            worst = self._bounds[-1]
            if 0 < worst < 1:
                progress(min(0.95, np.log(worst) / np.log(tolerance)))
            if worst <= tolerance or all(basis.full or basis.invariant for basis in self._bases.values()):
                break
        share = np.maximum(self._grid / self._grid[-1], _LEAST_SHARE)
        good = self._bounds <= tolerance * share
        self.reached = float(self._grid[np.argmin(good) - 1 if not good.all() else -1])

    def bounds_at(self, times: np.ndarray) -> np.ndarray:
        """Bounds of the errors at ``times`` of the grid, with rounding, relative to the norm of the first start."""
        return np.interp(times, self._grid, self._bounds) + self._rounding * times

    def states(self, times: np.ndarray, state: int) -> np.ndarray:
        """State number ``state`` (T, N) at ``times`` (T,)."""
        return reduce(
            np.add,
            (
                basis.combine(self._optimizer.transition(basis.ritz()[0], times)[state, number])
                for number, basis in self._bases.items()
            ),
        )

    def _times(self, times: np.ndarray, largest_rate: float) -> np.ndarray:
        """0, times at which the defect is looked at, and the output times, none of them between two steps."""
        last = times[-1]
        first = min(_FIRST_TIME / largest_rate, last)
        count = 2 + int(_PER_DECADE * np.log10(last / first))
        between = np.geomspace(first, last, count)
        if not isinstance(self._optimizer, DiscreteOptimizer):
            return np.unique(np.concatenate([[0.0], between, times]))
        step = self._optimizer.learning_rate
        # Two neighbours each, since a mode may change its sign with every step.
        steps = np.rint(np.concatenate([between, times]) / step)
        steps = np.unique(np.concatenate([[0.0], steps, steps + 1]))
        return steps[steps <= np.rint(last / step)] * step

    def _bound(self) -> np.ndarray:
        """Bounds of the errors on the grid (n,): sums of the defects, each interval with its larger end."""
        defects = np.zeros(len(self._grid))
        for number, basis in self._bases.items():
            rates, first, last, beside = basis.ritz()
            if beside == 0:
                continue
            response = self._optimizer.transition(rates, self._grid)[0, number]
            components = np.maximum(np.abs(response @ (first * last)) - _ROUNDING, 0)
            defects += beside * basis.start_norm * components
        larger = np.maximum(defects[1:], defects[:-1])
        return np.concatenate([[0.0], self._gain * np.cumsum(larger * np.diff(self._grid))]) / self._norm


def _largest_gain(optimizer: LinearOptimizer, largest_rate: float, last: float) -> float:
    """The most that a defect of one step, divided by the learning rate, ever moves the error by, up to time ``last``.

    The defect enters a step as the gradient does, through the derivative of the step by the rate.
    """
    if not isinstance(optimizer, DiscreteOptimizer):
        return 1.0
    step = optimizer.learning_rate
    one = optimizer.transition(np.array([0.0, 1.0]), np.array([step]))[:, :, 0]
    impulse = (one[:, 0, 1] - one[:, 0, 0]) / step
    rates = np.linspace(0, min(largest_rate, optimizer.largest_stable_rate()), 101)
    later = np.unique(np.rint(np.geomspace(1, max(2, last / step), 100))) * step
    moved = np.einsum("jtn,j->tn", optimizer.transition(rates, np.concatenate([[0.0], later]))[0], impulse)
    return float(np.abs(moved).max())
