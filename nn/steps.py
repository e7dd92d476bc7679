"""How training moves the parameters. A new optimizer is one new class here, named in ``nn/optimizers.py``.

If it is linear, its response goes to ``freqbias.optimizers``, and both solvers predict it.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from math import inf

import numpy as np
import torch

from freqbias.nn.mini_batches import MiniBatches
from freqbias.nn.objective import Objective
from freqbias.nn.schedules import schedule_factor
from freqbias.optimizers import steps_to
from freqbias.training_settings import TrainingSettings


class Stepper(ABC):
    """Moves the parameters of an objective through learning time."""

    #: Step times largest decay rate up to which steps do not amplify any mode, where ``freqbias.optimizers`` has no
    #: such bound; infinite if none is known or the step adapts itself.
    stability_limit = inf

    def __init__(self, objective: Objective, training: TrainingSettings, last: float):
        """``last``: the learning time at which training ends."""
        self.objective = objective
        self.training = training
        self.last = last
        #: Steps taken so far.
        self.steps = 0
        #: What the schedule multiplied the learning rate of the last step by.
        self.factor = 1.0

    @abstractmethod
    def step(self, now: float, end: float) -> tuple[float, torch.Tensor]:
        """One step from learning time ``now``, at most to ``end``: the time then, and the losses (S,) before it.

        After an exception everything is as before the step.
        """

    @abstractmethod
    def state(self) -> dict[str, np.ndarray]:
        """All that later steps depend on besides the parameters."""

    @abstractmethod
    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Go on from what ``state`` returned."""

    def facts(self) -> dict[str, float]:
        """What the method says of its own work, by names for people."""
        return {}


class TorchStepper(Stepper):
    """The update rules of torch.optim, with a parameter group for each parameter."""

    @abstractmethod
    def optimizer(self, groups: list[dict]) -> torch.optim.Optimizer:
        """The optimizer of the parameter groups, whose learning rates are set."""

    def __init__(self, objective: Objective, training: TrainingSettings, last: float):
        super().__init__(objective, training, last)
        ratio = objective.network.learning_rate_ratio
        self._rates = [training.step_size * ratio(p) for p in objective.network.trained]
        parameters = zip(objective.network.trained, self._rates, strict=True)
        self._optimizer = self.optimizer([{"params": [parameter], "lr": rate} for parameter, rate in parameters])
        self._all_steps = int(steps_to(last, training.step_size))
        self._batches = None
        if training.batch is not None:
            self._batches = MiniBatches(objective.samples, training.batch, training.all_seeds)

    def step(self, now: float, end: float) -> tuple[float, torch.Tensor]:
        if not self.training.schedule.constant:
            self.factor = schedule_factor(self.training.schedule, self.steps, self._all_steps)
            for group, rate in zip(self._optimizer.param_groups, self._rates, strict=True):
                group["lr"] = self.factor * rate
        rows = None
        if self._batches is not None:
            rows = torch.from_numpy(self._batches.indices(self.steps)).to(self.objective.network.trained[0].device)
        loss = self.objective.gradient(rows)
        self._optimizer.step()
        self.steps += 1
        return self.steps * self.training.step_size, loss

    def state(self) -> dict[str, np.ndarray]:
        gather = self.objective.processes.gather
        entries = {
            f"{number}.{key}": (gather(tensor) if tensor.ndim else tensor).cpu().numpy()
            for number, key, tensor in self._entries()
        }
        return entries | {"steps": np.array(self.steps)}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        self.steps = int(state["steps"])
        parameters, share = self.objective.network.trained, self.objective.processes.share
        for name, array in state.items():
            number, _, key = name.partition(".")
            if key:
                parameter = parameters[int(number)]
                # Counters of steps are on the CPU and the same on all processes.
                tensor = torch.tensor(array)
                if tensor.ndim:
                    tensor = tensor[:, share(tensor.shape[1])].contiguous().to(parameter.device)
                self._optimizer.state[parameter][key] = tensor

    def _entries(self) -> Iterator[tuple[int, str, torch.Tensor]]:
        for number, parameter in enumerate(self.objective.network.trained):
            for key, value in self._optimizer.state[parameter].items():
                if value is not None:
                    yield number, key, value


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


class AdamW(TorchStepper):
    """Adam with weight decay apart from the gradient (Loshchilov and Hutter, arXiv:1711.05101)."""

    def optimizer(self, groups: list[dict]) -> torch.optim.Optimizer:
        return torch.optim.AdamW(groups, weight_decay=self.training.weight_decay)
