"""Mini-batches: every sample once an epoch, unbiased gradients, the same order wherever training goes on."""

import numpy as np
import pytest

from freqbias.nn.mini_batches import MiniBatches


def stream(batches, steps):
    """The samples in the order in which each seed sees them (S, steps B)."""
    return np.concatenate([batches.indices(step) for step in range(steps)], axis=1)


@pytest.mark.parametrize(("samples", "batch"), [(12, 4), (10, 3), (7, 7), (5, 4), (6, 1)])
def test_every_sample_is_seen_once_an_epoch(samples, batch):
    epochs = batch  # so that a whole number of batches makes them
    order = stream(MiniBatches(samples, batch, [0, 5]), samples)
    assert order.dtype == np.int64
    assert order.shape == (2, samples * batch)
    for epoch in order.reshape(2, epochs, samples).transpose(1, 0, 2):
        assert np.array_equal(np.sort(epoch, axis=1), np.tile(np.arange(samples), (2, 1)))


def test_epochs_and_seeds_differ():
    order = stream(MiniBatches(50, 10, [0, 1]), 15).reshape(2 * 3, 50)
    assert len({tuple(epoch) for epoch in order}) == 6


def test_any_step_can_be_asked_for_at_any_time():
    """A resumed run has seen nothing of the steps before."""
    expected = [MiniBatches(10, 3, [2, 7]).indices(step) for step in range(12)]
    batches = MiniBatches(10, 3, [2, 7])
    for step in (11, 3, 4, 0, 6, 7, 3):
        assert np.array_equal(batches.indices(step), expected[step])


def test_a_seed_has_its_order_whatever_the_others_are():
    together, alone = MiniBatches(9, 2, [4, 8, 1]), MiniBatches(9, 2, [8])
    for step in range(10):
        assert np.array_equal(together.indices(step)[1], alone.indices(step)[0])


def test_the_mean_gradient_of_an_epoch_is_the_whole_gradient():
    rng = np.random.default_rng(0)
    design, residual = rng.standard_normal((24, 3)), rng.standard_normal(24)
    whole = design.T @ residual / 24
    order = stream(MiniBatches(24, 6, [3]), 4)[0].reshape(4, 6)
    parts = np.array([design[rows].T @ residual[rows] / 6 for rows in order])
    assert parts.mean(axis=0) == pytest.approx(whole, rel=1e-13)
    assert np.abs(parts - whole).max() > 0.1


def test_every_place_of_a_batch_holds_every_sample_as_often():
    """Also in batches that straddle two epochs: counts over 4000 seeds, within 5 standard deviations."""
    rows = MiniBatches(5, 3, range(4000)).indices(1)
    counts = np.array([np.bincount(rows[:, place], minlength=5) for place in range(3)])
    assert np.abs(counts - 800).max() < 5 * np.sqrt(4000 * 0.2 * 0.8)


@pytest.mark.parametrize("batch", [0, 6])
def test_a_batch_that_cannot_be_drawn_is_refused(batch):
    with pytest.raises(ValueError, match=f"batch of {batch} samples must lie between 1 and the 5 samples"):
        MiniBatches(5, batch, [0])
