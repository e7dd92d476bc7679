"""Which samples each step of training sees."""

from collections.abc import Sequence

import numpy as np


class MiniBatches:
    """Batches without replacement: every epoch is a new permutation of all samples, for each seed its own.

    The permutations of the epochs follow each other without a gap: where the number of samples is no multiple of the
    batch, one batch holds the end of an epoch and the beginning of the next (a sample may then be in it twice). So
    every sample is seen once an epoch, and each place of each batch holds every sample with the same probability:
    the mean of a batch is an unbiased estimate of the mean over all samples.

    The order follows from seed and epoch alone: training can go on at any step without a generator's state.
    """

    def __init__(self, samples: int, batch: int, seeds: Sequence[int]):
        """``batch`` of ``samples`` at a step. Raises ValueError if the batch is larger."""
        if not 1 <= batch <= samples:
            raise ValueError(f"a batch of {batch} samples must lie between 1 and the {samples} samples there are")
        self._samples = samples
        self._batch = batch
        self._seeds = tuple(seeds)
        self._epoch = -1
        self._permutations = np.empty((len(self._seeds), 0), dtype=np.int64)

    def indices(self, step: int) -> np.ndarray:
        """The numbers of the samples of step number ``step`` = 0, 1, …: (S, B) int64, a row for each seed."""
        epoch, start = divmod(step * self._batch, self._samples)
        self._go_to(epoch)
        end = start + self._batch
        if end <= self._samples:
            return self._permutations[:, start:end]
        rest = self._permutations[:, start:]
        self._go_to(epoch + 1)
        return np.concatenate([rest, self._permutations[:, : end - self._samples]], axis=1)

    def _go_to(self, epoch: int) -> None:
        if epoch != self._epoch:
            self._epoch = epoch
            self._permutations = np.array([self._permutation(seed, epoch) for seed in self._seeds])

    def _permutation(self, seed: int, epoch: int) -> np.ndarray:
        """[seed, 1] and [seed, 3] generate the samples and the layers."""
        return np.random.default_rng([seed, 2, epoch]).permutation(self._samples)
