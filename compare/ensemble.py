"""Several runs of one level: their mean and their band, and which runs of two levels belong together."""

from dataclasses import replace

import numpy as np

from freqbias.problem import Problem
from freqbias.spectra import ErrorSpectra

#: From so many runs on the band leaves out the lowest and the highest tenth of them.
MANY_RUNS = 10
_OUTER_PERCENTAGES = (10.0, 90.0)


def mean_and_band(runs: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Mean (...) over the first axis of ``runs`` (S, ...) and the two ends (2, ...) of their band.

    The band reaches from the smallest to the largest, of MANY_RUNS and more from the 10th to the 90th percentile.
    One run has no band.
    """
    if len(runs) == 1:
        return runs[0], None
    if len(runs) < MANY_RUNS:
        return runs.mean(axis=0), np.stack([runs.min(axis=0), runs.max(axis=0)])
    # The nearest run itself: between runs that never learn a frequency, of time inf, there is nothing to interpolate.
    return runs.mean(axis=0), np.percentile(runs, _OUTER_PERCENTAGES, axis=0, method="nearest")


def means_and_bands(found: dict[str, np.ndarray | None]) -> tuple[dict, dict]:
    """``mean_and_band`` of each entry, None for one that is missing."""
    split = {key: (None, None) if runs is None else mean_and_band(runs) for key, runs in found.items()}
    return {key: mean for key, (mean, _) in split.items()}, {key: band for key, (_, band) in split.items()}


def band_in_words(count: int) -> str:
    """What the band of ``count`` runs is."""
    if count < MANY_RUNS:
        return f"smallest to largest of {count} seeds"
    return f"10th to 90th percentile of {count} seeds"


def starts_at_random(problem: Problem) -> bool:
    """Whether every seed starts from an error of its own."""
    network = problem.settings.network
    if network.family == "fourier-features":
        return network.sampling == "random" and not network.mirrored
    return not network.centred


def as_compared(spectra: ErrorSpectra, theory: ErrorSpectra | None) -> ErrorSpectra:
    """``spectra`` as they stand beside ``theory``: only the mean of their runs where the theory starts from it.

    That is so where every run starts from an error of its own and the theory does not know the seeds. It is linear
    in the error, so that it predicts the mean.
    """
    if not starts_at_random(spectra.problem) or theory is None or set(spectra.seeds) == set(theory.seeds):
        return spectra
    return replace(spectra, seeds=(), ensemble=None, ensemble_loss=None)


def matched_runs(spectra: ErrorSpectra, reference: ErrorSpectra) -> list[tuple[np.ndarray, np.ndarray]]:
    """Runs (T, n) of ``spectra``, each with the one of ``reference`` that it is to be held against.

    Runs of equal seeds belong together; a single run belongs to all. Where the seeds are others, every run is held
    against the mean of the reference; see also ``as_compared``.
    """
    spectra = as_compared(spectra, reference)
    runs, others = spectra.runs, reference.runs
    if spectra.seeds and reference.seeds:
        if set(spectra.seeds) != set(reference.seeds):
            return [(run, reference.values) for run in runs]
        return [(run, others[reference.seeds.index(seed)]) for run, seed in zip(runs, spectra.seeds, strict=True)]
    return [(runs[k % len(runs)], others[k % len(others)]) for k in range(max(len(runs), len(others)))]
