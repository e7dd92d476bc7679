"""How training moves the parameters. A new optimizer is one new class here, named in ``STEPPERS``.

If it is linear, its response goes to ``freqbias.optimizers``, and both solvers predict it.
"""

from abc import ABC, abstractmethod
from math import inf

import numpy as np
import torch

from freqbias.nn.evaluators import Evaluator
from freqbias.nn.fourier_features import FourierFeatureNetwork
from freqbias.training_settings import TrainingSettings


class Objective:
    """L = 1/(2N) sum_i (f(x_i) - g(x_i))^2 of a network, and its gradients in the ``grad`` of the parameters."""

    def __init__(self, network: FourierFeatureNetwork, evaluator: Evaluator, targets: np.ndarray):
        """``targets``: g (N,) at the points of ``evaluator``."""
        self.network = network
        self.evaluations = 0
        self._evaluator = evaluator
        self._targets = torch.tensor(targets, dtype=torch.float64)

    @property
    def parameters(self) -> list[torch.nn.Parameter]:
        """The parameters that are trained."""
        return [parameter for parameter in self.network.parameters() if parameter.requires_grad]

    def residual(self) -> np.ndarray:
        """f - g at the points (N,)."""
        with torch.no_grad():
            return (self._evaluator(self.network) - self._targets).numpy()

    def gradient(self) -> float:
        """Set the gradients and return the loss."""
        self.evaluations += 1
        self.network.zero_grad()
        outputs = self._evaluator(self.network)
        residual = outputs.detach() - self._targets
        # dL/df by hand: letting autograd find it takes longer than all else but the transforms.
        outputs.backward(residual / len(residual))
        return 0.5 * float(residual @ residual) / len(residual)


class Stepper(ABC):
    """Moves the parameters of an objective by one step."""

    #: Step times largest decay rate up to which steps do not amplify any mode, where ``freqbias.optimizers`` has no
    #: such bound; infinite if none is known.
    stability_limit = inf

    def __init__(self, objective: Objective, training: TrainingSettings, frequency_rate_ratio: float):
        self.objective = objective
        self.training = training
        self.frequency_rate_ratio = frequency_rate_ratio

    @abstractmethod
    def step(self, size: float) -> float:
        """One step of learning time ``size``; returns the loss before it."""

    def rate_of(self, parameter: torch.nn.Parameter) -> float:
        """The parameter's learning rate in units of that of the amplitudes."""
        return self.frequency_rate_ratio if parameter is self.objective.network.frequencies else 1.0


class RungeKutta4(Stepper):
    """theta' = -grad L by the classical Runge-Kutta method of order 4 (Hairer, Norsett and Wanner, table II.1.2)."""

    #: Where |1 + z + z^2/2 + z^3/6 + z^4/24| leaves 1 on the negative axis.
    stability_limit = 2.785

    #: Weight of each slope, and how far along it the next one is taken.
    _STAGES = ((1 / 6, 0.5), (1 / 3, 0.5), (1 / 3, 1.0), (1 / 6, None))

    def step(self, size: float) -> float:
        parameters = self.objective.parameters
        rates = [self.rate_of(parameter) for parameter in parameters]
        start = [parameter.detach().clone() for parameter in parameters]
        total = [torch.zeros_like(values) for values in start]
        losses = []
        for weight, along in self._STAGES:
            losses.append(self.objective.gradient())
            with torch.no_grad():
                for parameter, rate, first, moved in zip(parameters, rates, start, total, strict=True):
                    moved.sub_(parameter.grad, alpha=size * rate * weight)
                    if along is not None:
                        torch.sub(first, parameter.grad, alpha=size * rate * along, out=parameter.data)
        with torch.no_grad():
            for parameter, first, moved in zip(parameters, start, total, strict=True):
                torch.add(first, moved, out=parameter.data)
        return losses[0]


class TorchStepper(Stepper):
    """The update rules of torch.optim, with a parameter group for each learning rate."""

    @abstractmethod
    def optimizer(self, groups: list[dict]) -> torch.optim.Optimizer:
        """The optimizer of the parameter groups, whose learning rates are set."""

    def __init__(self, objective: Objective, training: TrainingSettings, frequency_rate_ratio: float):
        super().__init__(objective, training, frequency_rate_ratio)
        groups = [{"params": [p], "lr": training.learning_rate * self.rate_of(p)} for p in objective.parameters]
        self._optimizer = self.optimizer(groups)

    def step(self, size: float) -> float:
        loss = self.objective.gradient()
        self._optimizer.step()
        return loss


class GradientDescent(TorchStepper):
    """theta <- theta - eta grad L."""

    def optimizer(self, groups: list[dict]) -> torch.optim.Optimizer:
        return torch.optim.SGD(groups)


class Momentum(TorchStepper):
    """Heavy ball: s <- mu s + grad L, theta <- theta - eta s."""

    def optimizer(self, groups: list[dict]) -> torch.optim.Optimizer:
        return torch.optim.SGD(groups, momentum=self.training.momentum)


class Nesterov(TorchStepper):
    """s <- mu s + grad L, theta <- theta - eta (grad L + mu s)."""

    def optimizer(self, groups: list[dict]) -> torch.optim.Optimizer:
        # PyTorch refuses Nesterov without momentum, which is gradient descent.
        return torch.optim.SGD(groups, momentum=self.training.momentum, nesterov=self.training.momentum > 0)


class Adam(TorchStepper):
    """Adam with PyTorch's defaults, betas 0.9 and 0.999, eps 1e-8 (Kingma and Ba, arXiv:1412.6980)."""

    def optimizer(self, groups: list[dict]) -> torch.optim.Optimizer:
        return torch.optim.Adam(groups)


#: By training.optimizer of the problem file.
STEPPERS: dict[str, type[Stepper]] = {
    "gradient-flow": RungeKutta4,
    "gradient-descent": GradientDescent,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "adam": Adam,
}
