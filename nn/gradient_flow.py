"""Gradient flow by an exponential integrator with error control.

Near its start a wide network is linear in its parameters: the integrator solves the linear part exactly, in Krylov
spaces of the tangent kernel, so that its steps are limited by what is not linear, and not by the fastest mode.
"""

from math import log1p, sqrt

import numpy as np
import torch

from freqbias.errors import DivergenceError, NumericalError
from freqbias.nn.batched_lanczos import LanczosSpace
from freqbias.nn.objective import Objective
from freqbias.nn.phi_functions import phi
from freqbias.nn.steps import Stepper
from freqbias.nn.tangent_kernel import TangentKernel, largest_rate
from freqbias.training_settings import TrainingSettings

#: Most vectors of a Krylov space; a step for which they are not enough is made shorter.
_MOST_VECTORS = 200
#: Part of a step's error that Krylov spaces may make.
_KRYLOV_PART = 0.05
#: The flow of a narrow network, whose kernel changes, may amplify errors a little.
_CAUTION = 2.0
#: A step aims at this part of the error it may make; its size changes at most by these factors.
_SAFETY, _SMALLEST_CHANGE, _LARGEST_CHANGE = 0.7, 0.1, 10.0
#: Rejections in a row after which the flow cannot be followed.
_MOST_REJECTIONS = 25
#: A step of less than this part of all learning time is none.
_SHORTEST = 1e-9
#: In single precision an estimate of an error is at most so many times what rounding changes in a velocity.
_ROUNDING = 8.0
#: Place of the second and the third stage in a step.
_SECOND, _THIRD = 0.5, 2 / 3


class ExponentialRungeKutta(Stepper):
    """theta' = -R grad L, so that the errors of all steps add to at most ``training.tolerance``.

    Order 3, three stages (Hochbruck and Ostermann, SIAM J. Numer. Anal. 43 (2005), 1069-1090, equation 5.8) for
    theta' = -A theta + g(theta) with the Gauss-Newton operator A = R J^T W J at the start of the step. Functions of A
    act on the predictions: psi(h A) R J^T = R J^T psi(h K W) with the tangent kernel K = J R J^T.

    The error of a step, that of the embedded method of order 2, is one of the predictions. Relative to the initial
    error, a step from t to t + h may add the tolerance times the part that it is of log(1 + lambda_max t): late
    steps, in which little happens, may be long. The flow does not amplify errors of the predictions where the kernel
    stays what it is, so the sum of all estimates bounds the error at the end. In single precision a step may add what
    rounding does to it as well (``_noise``), and the sum may exceed the tolerance.
    """

    def __init__(self, objective: Objective, training: TrainingSettings, last: float):
        super().__init__(objective, training, last)
        #: Sum of the error estimates of all steps, relative to the initial error: the largest over the seeds.
        self.error = 0.0
        self.largest_rate = 0.0
        self._rejections = 0
        self._vectors = 0
        self._products = 0
        self._size = last
        #: Norms (S,) of the initial errors; empty before the first step.
        self._scale = torch.empty(0)

    def step(self, now: float, end: float) -> tuple[float, torch.Tensor]:
        before = self.state()
        start = [parameter.detach().clone() for parameter in self.objective.network.trained]
        try:
            return self._step(start, now, end)
        except BaseException:  # also Ctrl-C: whoever goes on or keeps the state finds that of before the step
            self._move_to(start)
            self.restore(before)
            raise

    def _step(self, start: list[torch.Tensor], now: float, end: float) -> tuple[float, torch.Tensor]:
        objective = self.objective
        kernel = TangentKernel(objective)
        if not len(self._scale):
            self._scale = objective.norm(kernel.residual)
            self.largest_rate = largest_rate(kernel, objective, settled=1e-2)
        single = kernel.residual.dtype == torch.float32
        loss = 0.5 * objective.norm(kernel.residual).square()
        velocity = kernel.to_parameters(kernel.residual)
        size, remaining = self._size, end - now
        # Two equal steps instead of one that leaves a sliver.
        size = remaining if size >= remaining else min(size, max(remaining / 2, size / 2))
        space = self._space(kernel, kernel.residual)
        rounding = _ROUNDING * self._noise(kernel, start, velocity) if single else 0.0
        for _ in range(_MOST_REJECTIONS):
            try:
                size, error = self._attempt(kernel, space, start, velocity, size, now)
            except DivergenceError:
                raise
            except NumericalError:  # frequencies that no transform can take: far too long a step
                error = np.inf
            allowed = self._allowed(now, size) + rounding * min(size, sqrt(size / self.largest_rate))
            # The error grows as the third power, what is allowed as the first.
            change = _SAFETY * np.sqrt(allowed / error) if error > 0 else _LARGEST_CHANGE
            if error <= allowed:
                self.error += error
                self.steps += 1
                # A step cut short by an output time says little about what is possible.
                cut = self._size if size == remaining else 0.0
                self._size = max(size * min(change, _LARGEST_CHANGE), cut)
                return (end if size == remaining else now + size), loss
            self._rejections += 1
            self._move_to(start)
            self._size = size = size * min(max(change, _SMALLEST_CHANGE), 0.9)
            if size < _SHORTEST * self.last:
                break
        raise _stuck(now, size)

    def facts(self) -> dict[str, float]:
        return {
            "flow_error_estimate": self.error,
            "rejected_steps": self._rejections,
            "kernel_products": self._products,
            "largest_krylov_space": self._vectors,
            "largest_rate": self.largest_rate,
        }

    def state(self) -> dict[str, np.ndarray]:
        numbers = {key: np.array(getattr(self, name)) for key, name in _NUMBERS.items()}
        return numbers if not len(self._scale) else numbers | {"scale": self._scale.cpu().numpy()}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        for key, name in _NUMBERS.items():
            setattr(self, name, state[key].item())
        scale = state.get("scale", np.empty(0))
        self._scale = torch.tensor(scale, device=self.objective.network.trained[0].device)

    def _allowed(self, now: float, size: float) -> float:
        """The error that a step may make."""
        rate = self.largest_rate
        part = log1p(rate * (now + size)) - log1p(rate * now)
        return self.training.tolerance * part / log1p(rate * self.last)

    def _noise(self, kernel: TangentKernel, start: list[torch.Tensor], velocity: list[torch.Tensor]) -> float:
        """How much the velocity of the predictions changes, relative to the initial error, with the last bits of theta.

        The error of a step is estimated by differences of velocities. They do not become smaller than this however
        short the step is, so that a step that only rounding spoils must not be rejected. After a step h the rounding
        of a mode of rate a is min(h, 1/a) times that of its velocity; J R^T takes what is white in the parameters to
        modes as a^(1/2), so that all of them are at most min(h, (h/lambda_max)^(1/2)) times what is returned.
        """
        random = torch.Generator().manual_seed(self.steps)
        nearby = []
        for theta in start:
            signs = torch.randint(2, theta.shape, generator=random).to(theta)
            nearby.append(theta * (1 + (2 * signs - 1) * torch.finfo(theta.dtype).eps))
        self._move_to(nearby)
        here = TangentKernel(self.objective)
        changed = [a - b for a, b in zip(here.to_parameters(here.residual), velocity, strict=True)]
        self._move_to(start)
        rates = self.objective.norm(kernel.to_predictions(changed)) / self._scale
        return self.objective.processes.agreed(float(rates.max()))

    def _space(self, kernel: TangentKernel, start: torch.Tensor) -> LanczosSpace:
        return LanczosSpace(kernel, start, self.objective.weights, min(_MOST_VECTORS, start.shape[1]))

    def _move_to(self, values: list[torch.Tensor]) -> None:
        for parameter, value in zip(self.objective.network.trained, values, strict=True):
            # Behind autograd's back: linearizations hold for the start of the step, to which rejected steps return.
            parameter.data.copy_(value)

    def _attempt(
        self,
        kernel: TangentKernel,
        space: LanczosSpace,
        start: list[torch.Tensor],
        velocity: list[torch.Tensor],
        size: float,
        now: float,
    ) -> tuple[float, float]:
        """Move by one step of at most ``size``: what it was, and the estimated error, relative to the initial one.

        In the notation of the paper, with F = -``velocity`` and D_i = g(U_i) - g(theta).
        """
        objective = self.objective

        def grow(space: LanczosSpace, order: int, factor: float, size: float) -> float:
            """Until h^order phi_order is known well enough; a shorter size where the vectors are not enough."""
            while True:
                krylov = self._krylov_error(space, order, size) if space.size else np.inf
                if factor * krylov <= _KRYLOV_PART * self._allowed(now, size):
                    return size
                if space.full:
                    if order > 1:
                        return size  # shows up in the error estimate, of which it is a part
                    size *= 0.8
                    if size < _SHORTEST * self.last:
                        raise _stuck(now, size)
                else:
                    space.extend()
                    self._products += 1
                    self._vectors = max(self._vectors, space.size)

        size = grow(space, 1, 1.0, size)

        def nonlinear(place: float, correction: list[torch.Tensor] | None = None) -> tuple[LanczosSpace, list]:
            """D at the stage at ``place``, and the Krylov space of J D."""
            h = place * size
            change = kernel.to_parameters(self._function(space, 1, h))
            change = change if correction is None else [c + d for c, d in zip(change, correction, strict=True)]
            predicted = kernel.to_parameters(kernel.residual - kernel.to_predictions(change))
            self._move_to([theta - d for theta, d in zip(start, change, strict=True)])
            here = TangentKernel(objective)
            moved = here.to_parameters(here.residual)
            self._move_to(start)
            rest = [a - b for a, b in zip(predicted, moved, strict=True)]
            return self._space(kernel, kernel.to_predictions(rest)), rest

        second, rest2 = nonlinear(_SECOND)
        grow(second, 3, 1 / _SECOND, size)
        weight = 4 / (9 * _SECOND)
        h = _THIRD * size
        correction = [-weight * size / h**2 * v for v in self._phi2(kernel, second, rest2, h)]
        third, rest3 = nonlinear(_THIRD, correction)
        grow(third, 3, 1.5, size)
        final = [1.5 / size * v for v in self._phi2(kernel, third, rest3, size)]
        linear = kernel.to_parameters(self._function(space, 1, size))
        self._move_to([theta - a + b for theta, a, b in zip(start, linear, final, strict=True)])
        embedded = self._on_predictions(second, size) / _SECOND - 1.5 * self._on_predictions(third, size)
        error = objective.processes.agreed(float((objective.norm(embedded / size) / self._scale).max()))
        error = _CAUTION * (error + self._krylov_error(space, 1, size))
        return size, error if np.isfinite(error) else np.inf

    def _function(self, space: LanczosSpace, order: int, size: float) -> torch.Tensor:
        """h^k phi_k(-h K W) v of the start v of ``space`` (S, N), k = ``order``, h = ``size``."""
        rates, vectors = space.ritz()
        coefficients = (vectors * (phi(order, -size * rates) * vectors[:, 0])[:, None]).sum(dim=2)
        return space.combine(size**order * coefficients * space.length.double().cpu()[:, None])

    def _krylov_error(self, space: LanczosSpace, order: int, size: float) -> float:
        """Bound for the error of the predictions after a step that used h^k phi_k(-h K W) v, relative to the initial.

        The residual of y' = -K W y in the space is the coupling times the last coefficient of y, whose sign does not
        change: its integral is that of the next phi function.
        """
        rates, vectors = space.ritz()
        last = (vectors[:, -1] * phi(order, -size * rates) * vectors[:, 0]).sum(dim=1).abs()
        bound = size**order * last * space.coupling * space.length.double().cpu()
        return self.objective.processes.agreed(float((bound / self._scale.double().cpu()).max()))

    def _phi2(self, kernel: TangentKernel, space: LanczosSpace, vector: list[torch.Tensor], size: float) -> list:
        """h^2 phi_2(-h A) D = h^2 D / 2 - R J^T W h^3 phi_3(-h K W) J D."""
        back = kernel.to_parameters(self._function(space, 3, size))
        return [0.5 * size**2 * d - b for d, b in zip(vector, back, strict=True)]

    def _on_predictions(self, space: LanczosSpace, size: float) -> torch.Tensor:
        """h^2 phi_2(-h K W) J D."""
        return self._function(space, 2, size)


def _stuck(now: float, size: float) -> DivergenceError:
    return DivergenceError(
        f"gradient flow cannot be followed at learning time {now:.4g}: steps of {size:.3g} are still too long; "
        "try a larger training.tolerance"
    )


#: Names in a state of what are plain numbers.
_NUMBERS = {
    "steps": "steps",
    "error": "error",
    "largest_rate": "largest_rate",
    "rejections": "_rejections",
    "vectors": "_vectors",
    "products": "_products",
    "size": "_size",
}
