"""The optimizers by their names in a problem file."""

from freqbias.nn.gradient_flow import ExponentialRungeKutta
from freqbias.nn.steps import Adam, AdamW, GradientDescent, Momentum, Nesterov, Stepper

#: By training.optimizer.
STEPPERS: dict[str, type[Stepper]] = {
    "gradient-flow": ExponentialRungeKutta,
    "gradient-descent": GradientDescent,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "adam": Adam,
    "adamw": AdamW,
}
