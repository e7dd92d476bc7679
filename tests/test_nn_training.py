"""Training as a program: optimizers by hand, seeds, batches, precision, determinism, divergence."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from training_cases import LARGEST_RATE, difference, small, three_tones

import freqbias.nn
from freqbias.errors import DivergenceError, NumericalError
from freqbias.nn.mini_batches import MiniBatches
from freqbias.nn.networks import network_for
from freqbias.nn.optimizers import STEPPERS
from freqbias.nn.schedules import schedule_factor
from freqbias.nn.training import Training, train


@pytest.mark.parametrize("optimizer", ["gradient-flow", "nesterov", "adam"])
@pytest.mark.parametrize("evaluator", ["dense", "nufft"])
def test_seeds_are_trained_at_once_as_each_alone(optimizer, evaluator):
    """The steps of gradient flow are shared, so there the difference is within its tolerance."""
    network = {"sampling": "random", "mirrored": False}
    several = {"optimizer": optimizer, "evaluator": evaluator, "learning_rate": 0.02, "times": {"last": 2.0}}
    together = train(small(network, seeds=[5, 2, 9], **several))
    assert together.seeds == (5, 2, 9)
    bound = 1e-5 if optimizer == "gradient-flow" else 1e-7
    for number, seed in enumerate(together.seeds):
        alone = train(small(network, seed=seed, **several))
        scale = np.abs(alone.values).max()
        np.testing.assert_allclose(together.ensemble[number], alone.values, atol=bound * scale)
        np.testing.assert_allclose(together.ensemble_loss[number], alone.loss, rtol=10 * bound)
    np.testing.assert_allclose(together.values, together.ensemble.mean(axis=0), atol=1e-15)
    assert np.abs(together.ensemble[0] - together.ensemble[1]).max() > 1e-2


def test_a_number_of_seeds_counts_from_seed():
    assert small(seed=7, seeds=3).settings.training.all_seeds == [7, 8, 9]
    assert small(seed=7).settings.training.all_seeds == [7]


def adam_by_hand(problem, steps):
    """Adam (arXiv:1412.6980, algorithm 1) on the plain formula with gradients by hand; the loss at every step."""
    neurons, rate = problem.initial_networks[0], problem.settings.training.learning_rate
    x, g, s = problem.points[:, 0], problem.target_values, neurons.scale
    theta = np.array([neurons.frequencies[:, 0], neurons.cosine, neurons.sine])
    first, second, losses = np.zeros_like(theta), np.zeros_like(theta), []
    rates = rate * np.array([[problem.settings.network.frequency_rate_ratio], [1], [1]])
    for step in range(steps + 1):
        w, a, b = theta
        cos, sin = np.cos(np.outer(x, w)), np.sin(np.outer(x, w))
        residual = cos @ (s * a) + sin @ (s * b) - g
        losses.append(0.5 * np.mean(residual**2))
        r = residual / len(x)
        by_w = s * (b * ((r * x) @ cos) - a * ((r * x) @ sin))
        gradient = np.array([by_w, s * (r @ cos), s * (r @ sin)])
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        debiased = first / (1 - 0.9 ** (step + 1)), second / (1 - 0.999 ** (step + 1))
        theta = theta - rates * debiased[0] / (np.sqrt(debiased[1]) + 1e-8)
    return np.array(losses)


@pytest.mark.parametrize("evaluator", ["dense", "nufft"])
def test_adam_against_adam_by_hand(evaluator):
    """Random amplitudes: gradients that vanish by symmetry would leave Adam's direction to rounding."""
    network = {"sampling": "random", "mirrored": False, "frequency_rate_ratio": 0.5}
    problem = small(network, optimizer="adam", learning_rate=0.05, evaluator=evaluator, times={"last": 1.0, "count": 1})
    problem.times = 0.05 * np.arange(9)
    np.testing.assert_allclose(train(problem).loss, adam_by_hand(problem, 8), rtol=1e-6)


def test_adamw_decays_weights_apart_from_the_gradient():
    """One step of AdamW is one of Adam from parameters that have shrunk by eta times the weight decay."""
    network = {"sampling": "random", "mirrored": False}
    runs = {}
    for optimizer, decay in (("adam", 0.0), ("adamw", 0.0), ("adamw", 0.5)):
        problem = small(network, optimizer=optimizer, weight_decay=decay, times={"first": 0.5, "last": 0.5, "count": 1})
        training = Training(problem)
        start = [parameter.detach().clone() for parameter in training.objective.network.trained]
        training.run()
        runs[optimizer, decay] = training.objective.network.trained
    for plain, same, decayed, first in zip(*runs.values(), start, strict=True):
        torch.testing.assert_close(same, plain, rtol=0, atol=1e-14)
        torch.testing.assert_close(decayed, plain - 0.5 * 0.5 * first, rtol=1e-12, atol=1e-12)


def test_schedule_multiplies_the_learning_rate():
    """Gradient descent by hand with the factors of a cosine."""
    problem = small(schedule={"family": "cosine", "warmup": 0.2, "final": 0.1}, evaluator="dense")
    factors = [schedule_factor(problem.settings.training.schedule, k, 10) for k in range(10)]
    assert problem.optimizer is None
    training = Training(problem)
    network, points = network_for(problem), torch.from_numpy(problem.points)
    for factor in factors:
        loss = 0.5 * (network(points) - torch.from_numpy(problem.target_values)).square().mean()
        gradients = torch.autograd.grad(loss, network.trained)
        for parameter, gradient in zip(network.trained, gradients, strict=True):
            parameter.data -= 0.5 * factor * gradient
    training.run()
    for mine, by_hand in zip(training.objective.network.trained, network.trained, strict=True):
        torch.testing.assert_close(mine, by_hand, rtol=1e-12, atol=1e-13)


def test_batches_by_hand():
    """Gradient descent with mini-batches of two seeds, on samples that are weighted."""
    problem = small({"sampling": "random"}, batch=8, seeds=2)
    problem.weights = np.linspace(1, 2, 30) / 45
    batches = MiniBatches(30, 8, problem.settings.training.all_seeds)
    training = Training(problem)
    network, points = network_for(problem), torch.from_numpy(problem.points)
    targets, weights = torch.from_numpy(problem.target_values), torch.from_numpy(problem.weights)
    for step in range(10):
        rows = torch.from_numpy(batches.indices(step))
        residual = network(points[rows]) - targets[rows]
        loss = 0.5 * (weights[rows] * residual.square()).sum() * 30 / 8
        for parameter, gradient in zip(network.trained, torch.autograd.grad(loss, network.trained), strict=True):
            parameter.data -= 0.5 * gradient
    training.run()
    assert training.objective.evaluator.name == "dense"
    for mine, by_hand in zip(training.objective.network.trained, network.trained, strict=True):
        torch.testing.assert_close(mine, by_hand, rtol=1e-11, atol=1e-12)


def test_single_precision_is_close_to_double():
    network, exact = (train(small(precision=precision, evaluator="dense")) for precision in ("float32", "float64"))
    distance = difference(network, exact)
    assert 1e-9 < distance < 1e-5


def test_adam_learns():
    problem = small({"sampling": "random"}, optimizer="adam", learning_rate=0.02, times={"last": 4.0, "count": 3})
    loss = train(problem).loss
    assert loss[-1] < 0.05 * loss[0]


@pytest.mark.parametrize("optimizer", STEPPERS)
@pytest.mark.parametrize("evaluator", ["dense", "nufft"])
def test_runs_are_bitwise_equal(optimizer, evaluator):
    first, second = (train(small(optimizer=optimizer, evaluator=evaluator)) for _ in range(2))
    np.testing.assert_array_equal(first.values, second.values)
    np.testing.assert_array_equal(first.loss, second.loss)


def test_the_seed_and_nothing_global_decides():
    network = {"sampling": "random"}
    first = train(small(network, seed=1))
    torch.manual_seed(99)
    np.testing.assert_array_equal(train(small(network, seed=1)).values, first.values)
    assert np.abs(train(small(network, seed=2)).values - first.values).max() > 1e-3


def test_zero_momentum_is_gradient_descent():
    plain = train(small())
    for optimizer in ("momentum", "nesterov"):
        np.testing.assert_allclose(train(small(optimizer=optimizer, momentum=0.0)).values, plain.values, atol=1e-14)


@pytest.mark.parametrize(
    ("optimizer", "limit"),
    [("gradient-descent", 2), ("momentum", 2 * 1.9), ("nesterov", 2 * 1.9 / 2.8)],
)
def test_divergence_names_the_largest_stable_learning_rate(optimizer, limit):
    """Below it training is stable, above it the error says what to do, in one sentence."""
    stable = limit / LARGEST_RATE
    times = {"first": 10 * stable, "last": 200 * stable, "count": 3}
    settled = train(three_tones({"width": 400}, optimizer=optimizer, learning_rate=0.95 * stable, times=times))
    assert settled.loss[-1] < 1e-3 * settled.loss[0]
    with pytest.raises(DivergenceError) as caught:
        train(three_tones({"width": 400}, optimizer=optimizer, learning_rate=2 * stable, times=times))
    text = str(caught.value)
    assert "\n" not in text
    assert f"training.learning_rate = {2 * stable:.6g}" in text
    assert f"steps of {optimizer}" in text
    named = float(text.split("learning rate is about ")[1].split()[0])
    assert named == pytest.approx(stable, rel=0.01)


def test_divergence_to_infinity_is_caught():
    """Parameters that overflow at once never reach the transforms or the result."""
    for evaluator in ("dense", "nufft"):
        with pytest.raises(DivergenceError, match="training diverged"):
            train(small(learning_rate=1e200, evaluator=evaluator, times={"first": 1e200, "last": 3e201, "count": 3}))


def test_divergence_of_adam_has_no_linear_bound():
    with pytest.raises(DivergenceError, match=r"adam has no known bound, try 1e\+04"):
        train(small(optimizer="adam", learning_rate=1e5, times={"first": 1e5, "last": 1e7, "count": 3}))


def test_other_samples_than_the_initial_error_are_refused():
    problem = small()
    problem.set_samples(problem.points, problem.weights, problem.initial_error + 0.01)
    with pytest.raises(NumericalError, match="initial error"):
        train(problem)


def test_result_and_progress(tmp_path):
    seen = []
    problem = small()
    spectra = train(problem, seen.append)
    assert spectra.level == "network"
    assert np.all(np.diff(seen) > 0)
    assert seen[-1] == pytest.approx(1)
    assert len(seen) == spectra.info["steps"] == spectra.info["gradient_evaluations"] == 10
    assert spectra.loss.shape == spectra.times.shape
    assert spectra.loss[0] == pytest.approx(0.5 * np.mean(problem.target_values**2), rel=1e-8)
    assert all(isinstance(value, int | float | str) for value in spectra.info.values())
    expected = {"wall_time_seconds", "evaluator", "sampling_rule", "threads", "torch_version"}
    assert expected < set(spectra.info)
    spectra.write(tmp_path / "network.nc")
    np.testing.assert_array_equal(type(spectra).read(tmp_path / "network.nc").values, spectra.values)


def test_thread_count_is_restored():
    before = torch.get_num_threads()
    train(small(threads=1))
    assert torch.get_num_threads() == before


def test_training_through_the_package():
    np.testing.assert_array_equal(freqbias.nn.train(small()).values, train(small()).values)


def test_network_side_knows_nothing_of_finite_elements():
    for path in Path(freqbias.nn.__file__).parent.rglob("*.py"):
        assert not re.search("dolfinx|petsc|freqbias.fem", path.read_text(encoding="utf-8")), path
