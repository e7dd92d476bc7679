"""Learning-rate schedules: the factor of the learning rate at every step.

Learning time stays ``training.learning_rate`` times the number of steps, whatever the factors are.
"""

from collections.abc import Callable
from math import ceil, cos, pi

from freqbias.training_settings import ScheduleSettings

#: The factor between 1 and ``final`` when a part s in [0, 1] of the steps after the warm-up is done: (s, final).
_DECAYS: dict[str, Callable[[float, float], float]] = {
    "constant": lambda s, final: 1.0,
    "linear": lambda s, final: 1 + (final - 1) * s,
    "cosine": lambda s, final: final + (1 - final) * (1 + cos(pi * s)) / 2,
    "exponential": lambda s, final: final**s,
}


def schedule_factor(schedule: ScheduleSettings, step: int, steps: int) -> float:
    """The factor of the learning rate at step number ``step`` = 0, …, ``steps`` - 1.

    The first W = ceil(warmup steps) steps rise as (step + 1) / (W + 1), so that none is lost; step W takes the whole
    rate, and from there the factor goes to ``final`` at the last step ("constant": it stays 1). "cosine" is that of
    Loshchilov and Hutter, arXiv:1608.03983, without restarts.
    """
    # Less a rounding error, or a warm-up over 0.07 of 100 steps would take 8.
    warmup = ceil(schedule.warmup * steps - 1e-9)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    done = (step - warmup) / max(1, steps - 1 - warmup)
    return _DECAYS[schedule.family](done, schedule.final)
