"""Responses of linear optimizers against the optimizers themselves, on a quadratic loss."""

import numpy as np
import pytest

from freqbias.optimizers import optimizer_for
from freqbias.training_settings import TrainingSettings

RATES = np.array([0.0, 0.01, 0.3, 1.0, 2.9, 3.9])


def training(**keys):
    times = {"first": 1.0, "last": 50.0, "count": 9}
    return TrainingSettings.model_validate({"learning_rate": 0.5, "times": times} | keys)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("gradient-descent", {}),
        ("momentum", {"momentum": 0.9}),
        ("nesterov", {"momentum": 0.9, "nesterov": True}),
        ("momentum", {"momentum": 0.3}),
    ],
)
def test_response_is_what_torch_does(name, options):
    import torch

    optimizer = optimizer_for(training(optimizer=name, momentum=options.get("momentum", 0.9)))
    y = torch.ones(len(RATES), dtype=torch.float64, requires_grad=True)
    rule = torch.optim.SGD([y], lr=0.5, **options)
    history = [y.detach().numpy().copy()]
    for _ in range(60):
        rule.zero_grad()
        (0.5 * torch.from_numpy(RATES) * y**2).sum().backward()
        rule.step()
        history.append(y.detach().numpy().copy())
    steps = np.array([0, 1, 2, 7, 60])
    np.testing.assert_allclose(optimizer.response(RATES, 0.5 * steps), np.array(history)[steps], rtol=1e-10, atol=1e-13)


def test_gradient_flow_is_the_limit_of_small_steps():
    flow = optimizer_for(training(optimizer="gradient-flow"))
    times = np.array([0.0, 1.0, 4.0])
    for rate, bound in ((1e-2, 2e-2), (1e-4, 2e-4)):
        descent = optimizer_for(training(optimizer="gradient-descent", learning_rate=rate))
        error = np.abs(descent.response(RATES, times) - flow.response(RATES, times)).max()
        assert bound / 20 < error < bound


@pytest.mark.parametrize("name", ["gradient-descent", "momentum", "nesterov"])
def test_largest_stable_rate_separates_decay_from_growth(name):
    optimizer = optimizer_for(training(optimizer=name))
    limit = optimizer.largest_stable_rate()
    response = optimizer.response(limit * np.array([0.99, 1.01]), np.array([2000.0]))[0]
    assert abs(response[0]) < 1e-3
    assert abs(response[1]) > 1e3


def test_adam_is_not_linear():
    assert optimizer_for(training(optimizer="adam")) is None
