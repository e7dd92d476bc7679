"""Learning-rate schedules: closed forms, ends, and what all of them share."""

import numpy as np
import pytest

from freqbias.nn.schedules import schedule_factor
from freqbias.training_settings import ScheduleSettings

FAMILIES = ("constant", "linear", "cosine", "exponential")


def factors(steps, **keys):
    schedule = ScheduleSettings(**keys)
    return np.array([schedule_factor(schedule, step, steps) for step in range(steps)])


def test_closed_forms():
    s = np.arange(101) / 100
    assert factors(101, family="constant") == pytest.approx(np.ones(101), abs=0)
    assert factors(101, family="linear", final=0.2) == pytest.approx(1 - 0.8 * s, rel=1e-14)
    assert factors(101, family="exponential", final=0.01) == pytest.approx(10 ** (-2 * s), rel=1e-14)
    assert factors(101, family="cosine", final=0.1) == pytest.approx(0.55 + 0.45 * np.cos(np.pi * s), rel=1e-13)


def test_warmup_rises_evenly_to_the_whole_rate_and_shortens_the_decay():
    """A fifth of 50 steps: 1/11, 2/11, …, 10/11, 1, and then the line to the last step."""
    found = factors(50, family="linear", final=0.5, warmup=0.2)
    assert found[:11] == pytest.approx(np.arange(1, 12) / 11, rel=1e-14)
    assert found[10:] == pytest.approx(np.linspace(1, 0.5, 40), rel=1e-14)


@pytest.mark.parametrize(("warmup", "steps", "peak"), [(0.07, 100, 7), (0.1, 30, 3), (0.011, 100, 2), (0.9, 10, 9)])
def test_the_whole_rate_comes_after_the_part_of_the_steps_that_was_asked_for(warmup, steps, peak):
    found = factors(steps, family="exponential", warmup=warmup)
    assert found[peak] == 1.0
    assert np.argmax(found) == peak


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("warmup", [0.0, 0.3, 0.99])
@pytest.mark.parametrize("steps", [1, 2, 3, 10, 101])
def test_every_schedule_stays_positive_and_at_most_1_and_falls_after_the_warmup(family, warmup, steps):
    found = factors(steps, family=family, warmup=warmup, final=0.05)
    peak = np.argmax(found)
    assert np.all(found > 0)
    assert np.all(found <= 1)
    assert np.all(np.diff(found[: peak + 1]) > 0)
    assert np.all(np.diff(found[peak:]) <= 0)
    if family != "constant" and steps >= 10 and warmup < 0.5:
        assert found[-1] == pytest.approx(0.05, rel=1e-12)
