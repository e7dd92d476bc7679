"""The controlled changes of the theory: what separates the kernel flow on samples in a box from the PDE on a mesh."""

from typing import TYPE_CHECKING, Any

from freqbias.compare.budget.change import Change, Measurement, noise_of
from freqbias.compare.budget.laboratory import OutOfMemoryError, OutOfTimeError
from freqbias.compare.budget.variants import finer_mesh, larger_box, more_samples, variant
from freqbias.compare.numbers import short
from freqbias.errors import InputError
from freqbias.problem import Problem

if TYPE_CHECKING:
    from freqbias.compare.budget.laboratory import Laboratory, Result

#: Up to this tolerance the PDE's evolution is no part of the other terms.
_CAREFUL_EVOLUTION = 1e-8
#: The tolerance of the solve that evolution is held against is smaller by this factor.
_EVOLUTION_FACTOR, _LEAST_EVOLUTION = 100, 1e-12
#: The box grows until the last growth makes at most this part of the term, up to these factors (1D, 2D, 3D) and so
#: many samples.
_SETTLED = 0.1
_LARGEST_BOX = (32.0, 16.0, 4.0)
_MOST_SAMPLES = 2**18
#: Samples up to which the kernel flow takes eigenvectors.
_DENSE = 2000


class Evolution(Change):
    """The PDE's own evolution in time."""

    key = "evolution"
    name = "time evolution"
    meaning = "the PDE is followed in time up to solver.tolerance"
    plan = "a smaller solver.tolerance"

    def seconds(self, laboratory: "Laboratory") -> float:
        return laboratory.seconds("pde-tight", "pde", 1.5)

    def measure(self, laboratory: "Laboratory") -> Measurement:
        tolerance = laboratory.problem("pde").settings.solver.tolerance
        tight = _tight(laboratory)
        change = f"solver.tolerance {short(_smaller(tolerance), 1)} instead of {short(tolerance, 1)}"
        return Measurement(tight.values - laboratory.level("pde").values, change, noise_of(tight.noise))

    def refusal(self, laboratory: "Laboratory") -> str | None:
        tolerance = laboratory.problem("pde").settings.solver.tolerance
        return None if _smaller(tolerance) < tolerance else f"solver.tolerance = {tolerance:.2g} is the smallest one"


def _smaller(tolerance: float) -> float:
    return max(_LEAST_EVOLUTION, tolerance / _EVOLUTION_FACTOR)


def _tight(laboratory: "Laboratory") -> "Result":
    problem = laboratory.problem("pde")
    return laboratory.result("pde-tight", "pde", variant(problem, _tolerance(problem)))


def _tolerance(problem: Problem) -> dict[str, Any]:
    return {"solver.tolerance": _smaller(problem.settings.solver.tolerance)}


def _careful(laboratory: "Laboratory") -> tuple["Result", dict[str, Any]]:
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

    def seconds(self, laboratory: "Laboratory") -> float:
        dimension = laboratory.problem("pde").dimension
        return laboratory.seconds("pde-fine", "pde", (2.5, 6.5, 10.0)[dimension - 1])

    def measure(self, laboratory: "Laboratory") -> Measurement:
        coarse, changes = _careful(laboratory)
        problem = laboratory.problem("pde")
        mesh, change = finer_mesh(problem)
        fine = laboratory.result("pde-fine", "pde", variant(problem, changes, mesh=mesh))
        return Measurement(fine.values - coarse.values, change, noise_of(fine.noise, coarse.noise))

    def refusal(self, laboratory: "Laboratory") -> str | None:
        problem = laboratory.problem("pde")
        if len(finer_mesh(problem)[0].nodes) == len(problem.mesh.nodes):
            return f"mesh.degree = {problem.mesh.degree} is the largest one"
        return None


class Sampling(Change):
    """Samples stand for the whole box."""

    key = "sampling"
    name = "the sampling"
    meaning = "the network sees the box at its samples only"
    plan = "more samples"

    def refusal(self, laboratory: "Laboratory") -> str | None:
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

    def seconds(self, laboratory: "Laboratory") -> float:
        problem = laboratory.problem("kernel")
        more = 2**problem.dimension
        dense = more * len(problem.points) <= _DENSE
        return laboratory.seconds("kernel-dense", "kernel", more**3 if dense else 2 * more) + laboratory.seconds(
            "pde-dense", "pde", 1.0
        )

    def measure(self, laboratory: "Laboratory") -> Measurement:
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
        return Measurement(values, change, noise_of(before.noise, coarse.noise, kernel.noise, pde.noise))


class Window(Change):
    """The PDE treats the error as a function on all of space."""

    key = "window"
    name = "the window"
    meaning = "the box is not all of space"
    plan = "a larger box, beyond which the initial error is 0"

    def seconds(self, laboratory: "Laboratory") -> float:
        problem = laboratory.problem("kernel")
        more = 2**problem.dimension
        dense = more * len(problem.points) <= _DENSE
        return laboratory.seconds("kernel-box-2", "kernel", more**3 if dense else 3 * more)

    def measure(self, laboratory: "Laboratory") -> Measurement:
        problem, before = laboratory.problem("kernel"), laboratory.level("kernel")
        on_grid = problem.grid_shape is not None
        last, noise, factor, step, caveat = before.values, before.noise, 1.0, 0.0, None
        while True:
            larger, ratio = larger_box(problem, 2 * factor, before.largest_rate)
            try:
                result = laboratory.result(f"kernel-box-{2 * factor:g}", "kernel", larger)
            except (OutOfTimeError, OutOfMemoryError) as error:
                if factor == 1:
                    raise
                caveat = laboratory.not_settled(step, error)
                break
            factor *= 2
            values = ratio * result.values
            step, whole = laboratory.size(last - values), laboratory.size(before.values - values)
            last, noise = values, before.noise + result.noise
            settled = (factor > 2 and step <= _SETTLED * whole) or whole <= noise_of(noise)
            count = len(problem.points) * (2 * factor) ** problem.dimension
            if settled or not on_grid or 2 * factor > _LARGEST_BOX[problem.dimension - 1] or count > _MOST_SAMPLES:
                break
            if not laboratory.affords(4 * 2**problem.dimension * result.seconds):
                caveat = laboratory.not_settled(step)
                break
        change = f"a box {factor:g} times as wide, with an initial error of 0 in what is added"
        return Measurement(before.values - last, change, noise_of(noise), caveat)
