"""The controlled changes of the network: what separates it from the kernel flow of infinite width."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from freqbias.compare.budget.change import Change, Measurement, noise_of
from freqbias.compare.budget.laboratory import OutOfMemoryError, OutOfTimeError
from freqbias.compare.budget.variants import smaller_steps, trained, variant
from freqbias.compare.numbers import short
from freqbias.network_settings import FourierFeaturesSettings
from freqbias.problem import Problem

if TYPE_CHECKING:
    from freqbias.compare.budget.laboratory import Laboratory, Result

#: Up to this tolerance the error of gradient flow is no part of that of the width.
_CAREFUL_FLOW = 1e-3
#: The tolerance of the flow that flow is held against is smaller by this factor.
_FLOW_FACTOR, _LEAST_FLOW = 10, 1e-10
#: The network is widened until what is left is at most this part of the term, at most so often.
_SETTLED = 0.25
_MOST_WIDENINGS = 2
#: An error of 1/m leaves a third of what four times the width changes.
_EXTRAPOLATION = 1 / 3
#: The same training without the noise of choices and of single precision.
_WITHOUT_BATCHES = {"training.batch": None, "training.precision": "float64"}


def _flow(laboratory: "Laboratory") -> bool:
    return laboratory.problem("network").settings.training.optimizer == "gradient-flow"


class Width(Change):
    """The network has finitely many neurons, and, drawn at random, not quite the law's frequencies."""

    key = "width"
    name = "finite width"
    meaning = "the network has finitely many neurons"
    plan = "a wider network"

    def seconds(self, laboratory: "Laboratory") -> float:
        # A flow takes fewer steps the wider the network is.
        wide = laboratory.seconds("network-wide-4", "network", 2.5 if _flow(laboratory) else 4.0)
        if _flow(laboratory):
            return wide + (0.0 if self._careful(laboratory) else Step().seconds(laboratory))
        return wide + Step().seconds(laboratory)

    def _careful(self, laboratory: "Laboratory") -> bool:
        return laboratory.problem("network").settings.training.tolerance <= _CAREFUL_FLOW

    def measure(self, laboratory: "Laboratory") -> Measurement:
        problem = laboratory.problem("network")
        changes: dict[str, Any] = {}
        network = _without_batches(laboratory)
        if _flow(laboratory) and not self._careful(laboratory):
            changes, network = _finer_flow(problem), _fine(laboratory)
        settings = _two_layers(problem)
        if settings.sampling == "random":
            width = _multiple_of_four(4 * settings.width)
            changes |= _WITHOUT_BATCHES | {"network.width": width, "network.sampling": "quadrature"}
            wide = laboratory.result("network-wide-4", "network", trained(problem, changes))
            values = network.values - wide.values
            return Measurement(values, f"{width} neurons by quadrature instead of random ones", noise_of(wide.noise))
        widened = self._widened(laboratory, problem, network, changes | _WITHOUT_BATCHES)
        if _flow(laboratory):
            return widened
        # In the limit of infinite width steps are known exactly: what they add is a part of the width's effect.
        return replace(widened, values=widened.values - Step().measure(laboratory).values)

    def _widened(
        self, laboratory: "Laboratory", problem: Problem, network: "Result", changes: dict[str, Any]
    ) -> Measurement:
        """Widen until what is left to infinite width, the kernel flow, is small or extrapolation explains it."""
        before, kernel = _two_layers(problem).width, laboratory.level("kernel").values
        last, values, remaining = network, np.zeros_like(kernel), 0.0
        caveat: str | None = None
        for number in range(1, _MOST_WIDENINGS + 1):
            factor = 4**number
            wider = trained(problem, changes | {"network.width": factor * before})
            try:
                wide = laboratory.result(f"network-wide-{factor}", "network", wider)
            except (OutOfTimeError, OutOfMemoryError) as error:
                if number == 1:
                    raise
                caveat = laboratory.not_settled(remaining, error)
                break
            step, left = last.values - wide.values, wide.values - kernel
            # What is left may have another direction: only where it is that of the step an error of 1/m is behind it.
            part = np.clip(laboratory.inner(step, left) / max(laboratory.inner(step, step), 1e-300), 0, _EXTRAPOLATION)
            values = network.values - wide.values + part * step
            change = f"width {factor * before} instead of {before}"
            change += f", extrapolated by {100 * part:.0f} % of the last step" if part > 0.01 else ""
            last, remaining, caveat = wide, laboratory.size(left - part * step), None
            if remaining <= _SETTLED * laboratory.size(values) or number == _MOST_WIDENINGS:
                break
            if not laboratory.affords((2.0 if _flow(laboratory) else 4.0) * wide.seconds):
                caveat = laboratory.not_settled(remaining)
                break
        return Measurement(values, change, noise_of(network.noise, last.noise), caveat)


class Step(Change):
    """Training moves by finite steps, or follows the gradient flow up to a tolerance.

    The response of the kernel flow knows the steps: what is left of them is theirs in a network of finite width.
    """

    key = "step"
    name = "the finite step"
    meaning = "training moves in steps"
    plan = "smaller steps"

    def in_words(self, laboratory: "Laboratory") -> tuple[str, str]:
        if _flow(laboratory):
            return "the tolerance of the flow", "training follows gradient flow up to training.tolerance"
        return self.name, self.meaning

    def seconds(self, laboratory: "Laboratory") -> float:
        if _flow(laboratory):
            return laboratory.seconds("network-fine", "network", 2.5)
        return laboratory.seconds("network-half", "network", 2.0) + laboratory.seconds("kernel-half", "kernel", 1.0)

    def refusal(self, laboratory: "Laboratory") -> str | None:
        training = laboratory.problem("network").settings.training
        if _flow(laboratory) and training.tolerance <= _LEAST_FLOW:
            return f"training.tolerance = {training.tolerance:.2g} is the smallest one"
        return None

    def measure(self, laboratory: "Laboratory") -> Measurement:
        problem = laboratory.problem("network")
        if _flow(laboratory):
            fine = _fine(laboratory)
            tolerance = problem.settings.training.tolerance
            smaller = _finer_flow(problem)["training.tolerance"]
            change = f"training.tolerance {short(smaller, 1)} instead of {short(tolerance, 1)}"
            network = laboratory.level("network")
            values = network.values - fine.values
            # Both estimates are bounds; how far this one is from the truth says the same of the other.
            truth = min(1.0, laboratory.size(values) / network.noise) if network.noise > 0 else 1.0
            rounding = 2 * problem.settings.training.nufft_tolerance
            return Measurement(values, change, noise_of(truth * fine.noise, rounding))
        network, kernel = _without_batches(laboratory), laboratory.level("kernel")
        changes, times = smaller_steps(problem)
        half = laboratory.result("network-half", "network", trained(problem, changes | _WITHOUT_BATCHES, times))
        kernel_problem = laboratory.problem("kernel")
        response = laboratory.result("kernel-half", "kernel", variant(kernel_problem, changes, times=times))
        # An error of first order: half of the step leaves half of it.
        values = 2 * ((network.values - kernel.values) - (half.values - response.values))
        rate = problem.settings.training.step_size
        change = f"steps of half the size (learning rate {short(changes['training.learning_rate'])} instead of "
        change += f"{short(rate)}), extrapolated"
        return Measurement(values, change, noise_of(2 * network.noise, 2 * half.noise))


def _finer_flow(problem: Problem) -> dict[str, Any]:
    return {"training.tolerance": max(_LEAST_FLOW, problem.settings.training.tolerance / _FLOW_FACTOR)}


def _fine(laboratory: "Laboratory") -> "Result":
    """The network with a smaller tolerance of its flow."""
    problem = laboratory.problem("network")
    changes = _finer_flow(problem) | {"training.precision": "float64"}
    return laboratory.result("network-fine", "network", trained(problem, changes))


class Batches(Change):
    """Training sees some of the samples in a step, or computes in single precision."""

    key = "batches"
    name = "the choice of batches"
    meaning = "a step sees some of the samples"
    plan = "all samples in every step, in double precision"

    def in_words(self, laboratory: "Laboratory") -> tuple[str, str]:
        if laboratory.problem("network").settings.training.batch is None:
            return "single precision", "training rounds to single precision"
        return self.name, self.meaning

    def refusal(self, laboratory: "Laboratory") -> str | None:
        return None if has_batches(laboratory) else "every step sees all samples, in double precision"

    def seconds(self, laboratory: "Laboratory") -> float:
        training, count = laboratory.problem("network").settings.training, len(laboratory.problem("network").points)
        return laboratory.seconds("network-full", "network", max(1.0, count / (training.batch or count)))

    def measure(self, laboratory: "Laboratory") -> Measurement:
        full = _without_batches(laboratory)
        return Measurement(laboratory.level("network").values - full.values, self.plan, noise_of(full.noise))


def has_batches(laboratory: "Laboratory") -> bool:
    """Whether steps see some of the samples, or round to single precision."""
    training = laboratory.problem("network").settings.training
    return not _flow(laboratory) and (training.batch is not None or training.precision != "float64")


def _without_batches(laboratory: "Laboratory") -> "Result":
    """The network of the run, trained with all samples in every step and in double precision."""
    if not has_batches(laboratory):
        return laboratory.level("network")
    return laboratory.result("network-full", "network", trained(laboratory.problem("network"), _WITHOUT_BATCHES))


def _two_layers(problem: Problem) -> FourierFeaturesSettings:
    """The settings of the network. Raises InputError if it is of a family without a limit of infinite width."""
    network = problem.settings.network
    if not isinstance(network, FourierFeaturesSettings):
        raise problem.fail(f'network.family = "{network.family}" has no limit of infinite width here')
    return network


def _multiple_of_four(width: int) -> int:
    return max(4, 4 * round(width / 4))
