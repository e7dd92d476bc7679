"""The controlled changes of the error budget. A new term is one class here, named in ``CHANGES``.

The terms telescope: each is a difference between two computations of which the next one starts from the second, so
that exact terms would add up to network minus PDE exactly.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from freqbias.compare.budget_variants import finer_mesh, larger_box, more_samples, smaller_steps, trained, variant
from freqbias.compare.ensemble import starts_at_random
from freqbias.compare.numbers import short
from freqbias.errors import InputError
from freqbias.meshes import UnstructuredMesh

if TYPE_CHECKING:
    from freqbias.compare.budget_run import Laboratory

#: Everything is uncertain by this part of the initial error.
NOISE_FLOOR = 1e-10
#: Up to this tolerance the error of gradient flow is no part of that of the width.
_CAREFUL_FLOW = 1e-3
#: Up to this tolerance the PDE's evolution is no part of the other terms.
_CAREFUL_EVOLUTION = 1e-8
#: The tolerances of the runs against which flow and evolution are held are smaller by these factors.
_FLOW_FACTOR, _EVOLUTION_FACTOR = 10, 100
_LEAST_FLOW, _LEAST_EVOLUTION = 1e-10, 1e-12
#: Widths and boxes grow until the last growth leaves at most this part of the term, …
_SETTLED_WIDTH, _SETTLED_BOX = 0.25, 0.1
#: … widths at most so often, boxes up to these factors (1D, 2D, 3D) and so many samples.
_MOST_WIDENINGS = 2
_LARGEST_BOX = (32.0, 16.0, 4.0)
_MOST_SAMPLES = 2**18
#: An error of 1/m leaves a third of what four times the width changes.
_EXTRAPOLATION = 1 / 3
#: Samples up to which the kernel flow takes eigenvectors.
_DENSE = 2000


@dataclass(frozen=True)
class Measurement:
    """``values`` (T, n): the term's part of network minus PDE; ``change`` in words; ``noise`` relative to the start.

    ``caveat``: why the number is not the last word, if it is not.
    """

    values: np.ndarray
    change: str
    noise: float
    caveat: str | None = None


class Change(ABC):
    """One controlled change."""

    key: str
    name: str
    meaning: str
    #: What is changed, in words, before it is measured.
    plan: str

    def refusal(self, laboratory: "Laboratory") -> str | None:
        """Why the change cannot be made for this run, whatever time there is; None if it can."""
        return None

    @abstractmethod
    def seconds(self, laboratory: "Laboratory") -> float:
        """About how long it will take."""

    @abstractmethod
    def measure(self, laboratory: "Laboratory") -> Measurement:
        """Make the change. Raises FreqbiasError as the computations do."""


def _flow(laboratory: "Laboratory") -> bool:
    return laboratory.problem("network").settings.training.optimizer == "gradient-flow"


def _noise(*uncertain: float) -> float:
    return max(NOISE_FLOOR, sum(uncertain))


class Evolution(Change):
    """The PDE's own evolution in time."""

    key = "evolution"
    name = "time evolution"
    meaning = "the PDE is followed in time up to solver.tolerance"
    plan = "a smaller solver.tolerance"

    def seconds(self, laboratory):
        return laboratory.seconds("pde-tight", "pde", 1.5)

    def measure(self, laboratory):
        tolerance = laboratory.problem("pde").settings.solver.tolerance
        tight = _tight(laboratory)
        change = f"solver.tolerance {_smaller(tolerance):.2g} instead of {tolerance:.2g}"
        return Measurement(tight.values - laboratory.level("pde").values, change, _noise(tight.noise))

    def refusal(self, laboratory):
        tolerance = laboratory.problem("pde").settings.solver.tolerance
        return None if _smaller(tolerance) < tolerance else f"solver.tolerance = {tolerance:.2g} is the smallest one"


def _smaller(tolerance: float) -> float:
    return max(_LEAST_EVOLUTION, tolerance / _EVOLUTION_FACTOR)


def _tight(laboratory: "Laboratory"):
    problem = laboratory.problem("pde")
    return laboratory.result("pde-tight", "pde", variant(problem, _tolerance(problem)))


def _tolerance(problem) -> dict[str, Any]:
    return {"solver.tolerance": _smaller(problem.settings.solver.tolerance)}


def _careful(laboratory: "Laboratory") -> tuple[Any, dict[str, Any]]:
    """The PDE without an error of evolution that counts, and the changes that make such ones."""
    problem = laboratory.problem("pde")
    if problem.settings.solver.tolerance <= _CAREFUL_EVOLUTION:
        return laboratory.level("pde"), {}
    return _tight(laboratory), _tolerance(problem)


class Mesh(Change):
    """The PDE's mesh: its cells, and how far it reaches."""

    key = "mesh"
    name = "the mesh"
    meaning = "the PDE is solved on cells of finite size and reach"
    plan = "a finer mesh"

    def seconds(self, laboratory):
        dimension = laboratory.problem("pde").dimension
        return laboratory.seconds("pde-fine", "pde", (2.5, 6.5, 10.0)[dimension - 1])

    def measure(self, laboratory):
        coarse, changes = _careful(laboratory)
        problem = laboratory.problem("pde")
        mesh, change = finer_mesh(problem)
        fine = laboratory.result("pde-fine", "pde", variant(problem, changes, mesh=mesh))
        return Measurement(fine.values - coarse.values, change, _noise(fine.noise, coarse.noise))

    def refusal(self, laboratory):
        mesh = laboratory.problem("pde").mesh
        if finer_mesh(laboratory.problem("pde"))[0].degree == mesh.degree and (
            isinstance(mesh, UnstructuredMesh) or mesh.dimension == 3
        ):
            return f"mesh.degree = {mesh.degree} is the largest one"
        return None


class Sampling(Change):
    """Samples stand for the whole box."""

    key = "sampling"
    name = "the sampling"
    meaning = "the network sees the box at its samples only"
    plan = "more samples"

    def refusal(self, laboratory):
        problem = laboratory.problem("kernel")
        data = problem.settings.data
        if data.sampling == "file":
            return "the samples are those of the file: there are no more"
        if data.weights == "file":
            return "the weights are given for these samples only"
        try:
            _ = problem.target
        except InputError:
            return "the target is not at hand: there are no more samples of it"
        return None

    def seconds(self, laboratory):
        problem = laboratory.problem("kernel")
        more = 2**problem.dimension
        dense = more * len(problem.points) <= _DENSE
        return laboratory.seconds("kernel-dense", "kernel", more**3 if dense else 2 * more) + laboratory.seconds(
            "pde-dense", "pde", 1.0
        )

    def measure(self, laboratory):
        coarse, changes = _careful(laboratory)
        # Each level with its own solver settings; the samples and where the spectra start are the same.
        problem = laboratory.problem("kernel")
        more = more_samples(problem)
        kernel = laboratory.result("kernel-dense", "kernel", more)
        samples = (more.points, more.weights, more.initial_error)
        tolerance = laboratory.problem("pde").settings.solver.tolerance
        changes = {"data.points": more.settings.data.points, "solver.tolerance": tolerance, **changes}
        pde = laboratory.result("pde-dense", "pde", variant(problem, changes, samples))
        before = laboratory.level("kernel")
        values = (before.values - coarse.values) - (kernel.values - pde.values)
        change = f"{len(more.points)} samples instead of {len(problem.points)}"
        return Measurement(values, change, _noise(before.noise, coarse.noise, kernel.noise, pde.noise))


class Window(Change):
    """The PDE treats the error as a function on all of space."""

    key = "window"
    name = "the window"
    meaning = "the box is not all of space"
    plan = "a larger box, beyond which the initial error is 0"

    def seconds(self, laboratory):
        problem = laboratory.problem("kernel")
        more = 2**problem.dimension
        dense = more * len(problem.points) <= _DENSE
        return laboratory.seconds("kernel-box-2", "kernel", more**3 if dense else 3 * more)

    def measure(self, laboratory):
        problem, before = laboratory.problem("kernel"), laboratory.level("kernel")
        on_grid = problem.grid_shape is not None
        last, noise, factor, seconds = before.values, before.noise, 1.0, 0.0
        while True:
            factor *= 2
            larger, ratio = larger_box(problem, factor, before.largest_rate)
            result = laboratory.result(f"kernel-box-{factor:g}", "kernel", larger)
            values = ratio * result.values
            step, whole = laboratory.size(last - values), laboratory.size(before.values - values)
            last, noise, seconds = values, before.noise + result.noise, max(seconds, result.seconds)
            next_count = len(problem.points) * (2 * factor) ** problem.dimension
            if (
                (factor > 2 and step <= _SETTLED_BOX * whole)
                or whole <= _noise(noise)
                or not on_grid
                or 2 * factor > _LARGEST_BOX[problem.dimension - 1]
                or next_count > _MOST_SAMPLES
                or not laboratory.affords(4 * 2**problem.dimension * seconds)
            ):
                break
        change = f"a box {factor:g} times as wide, with an initial error of 0 in what is added"
        return Measurement(before.values - last, change, _noise(noise))


class Width(Change):
    """The network has finitely many neurons, and, drawn at random, not quite the law's frequencies."""

    key = "width"
    name = "finite width"
    meaning = "the network has finitely many neurons"
    plan = "a wider network"

    def seconds(self, laboratory):
        wide = laboratory.seconds("network-wide-4", "network", 4.0)
        if _flow(laboratory):
            return wide + (0.0 if self._careful(laboratory) else Step().seconds(laboratory))
        return wide + Step().seconds(laboratory)

    def _careful(self, laboratory) -> bool:
        return laboratory.problem("network").settings.training.tolerance <= _CAREFUL_FLOW

    def measure(self, laboratory):
        problem = laboratory.problem("network")
        changes, network = {}, without_batches(laboratory)
        if _flow(laboratory) and not self._careful(laboratory):
            changes, network = _finer_flow(problem), _fine(laboratory)
        if problem.settings.network.sampling == "random":
            width = _multiple_of_four(4 * problem.settings.network.width)
            changes |= _WITHOUT_BATCHES | {"network.width": width, "network.sampling": "quadrature"}
            wide = laboratory.result("network-wide-4", "network", trained(problem, changes))
            values = network.values - wide.values
            return Measurement(values, f"{width} neurons by quadrature instead of random ones", _noise(wide.noise))
        widened = self._widened(laboratory, problem, network, changes | _WITHOUT_BATCHES)
        if _flow(laboratory):
            return widened
        # In the limit of infinite width steps are known exactly: what they add is a part of the width's effect.
        return replace(widened, values=widened.values - Step().measure(laboratory).values)

    def _widened(self, laboratory, problem, network, changes) -> Measurement:
        """Widen until what is left to infinite width, the kernel flow, is small or extrapolation explains it."""
        before, kernel = problem.settings.network.width, laboratory.level("kernel").values
        last, values, seconds = network, np.zeros_like(kernel), [laboratory.level("network").seconds]
        for number in range(1, _MOST_WIDENINGS + 1):
            factor = 4**number
            wide = laboratory.result(
                f"network-wide-{factor}", "network", trained(problem, changes | {"network.width": factor * before})
            )
            seconds.append(wide.seconds)
            step, left = last.values - wide.values, wide.values - kernel
            # What is left may have another direction: only where it is that of the step an error of 1/m is behind it.
            part = np.clip(laboratory.inner(step, left) / max(laboratory.inner(step, step), 1e-300), 0, _EXTRAPOLATION)
            values = network.values - wide.values + part * step
            change = f"width {factor * before} instead of {before}"
            change += f", extrapolated by {100 * part:.0f} % of the last step" if part > 0.01 else ""
            last, remaining, caveat = wide, laboratory.size(left - part * step), None
            if remaining <= _SETTLED_WIDTH * laboratory.size(values) or number == _MOST_WIDENINGS:
                break
            growth = 1.3 * seconds[-1] / seconds[-2] if seconds[-2] > 0 else 4.0
            if not laboratory.affords(seconds[-1] * float(np.clip(growth, 1.5, 4.0))):
                caveat = laboratory.not_settled(remaining)
                break
        return Measurement(values, change, _noise(network.noise, wide.noise), caveat)


#: The same training without the noise of choices and of single precision.
_WITHOUT_BATCHES = {"training.batch": None, "training.precision": "float64"}


class Step(Change):
    """Training moves by finite steps, or follows the gradient flow up to a tolerance.

    The response of the kernel flow knows the steps: what is left of them is theirs in a network of finite width.
    """

    key = "step"
    name = "the finite step"
    meaning = "training moves by steps, or follows the flow up to training.tolerance"
    plan = "smaller steps"

    def seconds(self, laboratory):
        if _flow(laboratory):
            return laboratory.seconds("network-fine", "network", 2.5)
        return laboratory.seconds("network-half", "network", 2.0) + laboratory.seconds("kernel-half", "kernel", 1.0)

    def refusal(self, laboratory):
        training = laboratory.problem("network").settings.training
        if _flow(laboratory) and training.tolerance <= _LEAST_FLOW:
            return f"training.tolerance = {training.tolerance:.2g} is the smallest one"
        return None

    def measure(self, laboratory):
        problem = laboratory.problem("network")
        if _flow(laboratory):
            fine = _fine(laboratory)
            tolerance = problem.settings.training.tolerance
            smaller = _finer_flow(problem)["training.tolerance"]
            change = f"training.tolerance {smaller:.2g} instead of {tolerance:.2g}"
            return Measurement(laboratory.level("network").values - fine.values, change, _noise(fine.noise))
        network, kernel = without_batches(laboratory), laboratory.level("kernel")
        changes, times = smaller_steps(problem)
        half = laboratory.result("network-half", "network", trained(problem, changes | _WITHOUT_BATCHES, times))
        kernel_problem = laboratory.problem("kernel")
        response = laboratory.result("kernel-half", "kernel", variant(kernel_problem, changes, times=times))
        # An error of first order: half of the step leaves half of it.
        values = 2 * ((network.values - kernel.values) - (half.values - response.values))
        rate = problem.settings.training.learning_rate
        change = f"steps of half the size (learning rate {short(changes['training.learning_rate'])} instead of "
        change += f"{short(rate)}), extrapolated"
        return Measurement(values, change, _noise(2 * network.noise, 2 * half.noise))


def _finer_flow(problem) -> dict[str, Any]:
    return {"training.tolerance": max(_LEAST_FLOW, problem.settings.training.tolerance / _FLOW_FACTOR)}


def _fine(laboratory: "Laboratory"):
    """The network with a smaller tolerance of its flow."""
    problem = laboratory.problem("network")
    changes = _finer_flow(problem) | {"training.precision": "float64"}
    return laboratory.result("network-fine", "network", trained(problem, changes))


class Batches(Change):
    """Training sees some of the samples in a step, or computes in single precision."""

    key = "batches"
    name = "mini-batches and precision"
    meaning = "a step sees some of the samples, or rounds to single precision"
    plan = "all samples in every step, in double precision"

    def refusal(self, laboratory):
        return None if _noisy(laboratory) else "every step sees all samples, in double precision"

    def seconds(self, laboratory):
        training, count = laboratory.problem("network").settings.training, len(laboratory.problem("network").points)
        return laboratory.seconds("network-full", "network", max(1.0, count / (training.batch or count)))

    def measure(self, laboratory):
        full = without_batches(laboratory)
        return Measurement(laboratory.level("network").values - full.values, self.plan, _noise(full.noise))


def _noisy(laboratory: "Laboratory") -> bool:
    training = laboratory.problem("network").settings.training
    return not _flow(laboratory) and (training.batch is not None or training.precision != "float64")


def without_batches(laboratory: "Laboratory"):
    """The network of the run, trained with all samples in every step and in double precision."""
    if not _noisy(laboratory):
        return laboratory.level("network")
    return laboratory.result("network-full", "network", trained(laboratory.problem("network"), _WITHOUT_BATCHES))


def _multiple_of_four(width: int) -> int:
    return max(4, 4 * round(width / 4))


#: In the order of reports; batches are left out of runs without them.
CHANGES: tuple[type[Change], ...] = (Width, Step, Batches, Sampling, Window, Mesh, Evolution)
#: In the order in which they are made: the theory's side costs little.
ORDER = ("evolution", "mesh", "sampling", "window", "width", "step", "batches")


def changes_of(laboratory: "Laboratory") -> list[Change]:
    """The changes that a run can be asked about."""
    return [change() for change in CHANGES if change is not Batches or _noisy(laboratory)]


def refusal_of_all(problem) -> str | None:
    """Why no change of ``problem`` can be measured; None if some can."""
    if starts_at_random(problem) and len(problem.settings.training.all_seeds) > 1:
        return "every seed starts from an error of its own; a run of one seed can be split"
    return None
