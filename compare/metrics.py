"""Numbers that say how well the levels of the theory agree."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from freqbias.compare.alignment.alignment import Alignment, Level, align
from freqbias.compare.arrays import to_dataset, to_frame
from freqbias.compare.budget.terms import ErrorBudget
from freqbias.compare.diagnosis.diagnosis import Finding, diagnose
from freqbias.compare.ensemble import as_compared, matched_runs, means_and_bands
from freqbias.compare.pairs import EMPIRICAL_NAMES, LEVEL_NAMES, Found, Pair, by_level, by_pair, level_pairs
from freqbias.compare.quantities.bias import Bias, bias
from freqbias.compare.quantities.cuts import Cut, directional_cuts
from freqbias.compare.quantities.decay import DecayCurves, decay_curves
from freqbias.compare.quantities.loss import parseval_losses
from freqbias.compare.quantities.phase import PhaseError, phase_error
from freqbias.compare.quantities.profile import Profiles, frequency_profiles
from freqbias.compare.quantities.residual_split import ResidualSplit, median_frequency, residual_split
from freqbias.errors import InputError
from freqbias.problem import Problem
from freqbias.spectra import ErrorSpectra

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


@dataclass(frozen=True)
class Comparison:
    """Up to three levels of one problem, compared.

    ``spectra`` holds the levels that are there. All dictionaries below have a key for every level or pair; what a
    missing level leaves open is None. ``times`` (T,) are learning times (learning rate times steps).
    ``relative_error[pair]`` (T,): L2 norm over frequency of the difference, divided by the norm of the second of the
    pair at time 0. ``remaining[level]`` (T,): norm of the spectrum divided by its initial norm. ``loss[level]``
    (T,): by Parseval. ``measured_loss[level]`` (T,): at the samples, where the level knows it.

    With several runs each is taken by itself: these are the means over the runs, and ``…_band`` (2, T) the ends of
    their band (see ``mean_and_band``). ``relative_error_of_mean[pair]`` (T,) is the error of the mean spectra, what
    does not average out. Both are None for levels of one run, and where the theory starts from the mean of the runs:
    then this mean is what is compared (see ``as_compared``).
    """

    spectra: dict[str, ErrorSpectra]
    times: np.ndarray
    relative_error: Found
    relative_error_band: Found
    relative_error_of_mean: Found
    remaining: Found
    remaining_band: Found
    loss: Found
    loss_band: Found
    measured_loss: Found
    measured_loss_band: Found
    decay: DecayCurves
    profiles: Profiles
    budget: ErrorBudget | None = None
    alignment: dict[str, Alignment] = field(default_factory=dict)

    def to_xarray(self) -> "xr.Dataset":
        """All quantities as arrays with names, see ``freqbias.compare.arrays.to_dataset``."""
        return to_dataset(self)

    def to_pandas(self) -> "pd.DataFrame":
        """The errors of all pairs over time as a table, see ``freqbias.compare.arrays.to_frame``."""
        return to_frame(self)

    @cached_property
    def phase(self) -> dict[str, PhaseError | None]:
        """The relative error of each pair, split into an error of magnitude and one of phase."""
        return by_pair(self.spectra, lambda one, other: phase_error(one, other, relative_errors(one, other)))

    @cached_property
    def bias(self) -> dict[str, Bias | None]:
        """The bias index of each level."""
        threshold = self.problem.settings.report.threshold
        return by_level({level: bias(one, threshold) for level, one in self.compared.items()})

    @cached_property
    def split_frequency(self) -> float:
        """The |ξ| between low and high: that of the problem file, else below it lies half of the initial error."""
        return self.problem.settings.report.split or median_frequency(next(iter(self.spectra.values())))

    @cached_property
    def split(self) -> dict[str, ResidualSplit | None]:
        """What is left of each level below and above ``split_frequency``."""
        return by_level({level: residual_split(one, self.split_frequency) for level, one in self.compared.items()})

    @cached_property
    def cuts(self) -> list[Cut]:
        """Magnitudes along the axes and the diagonal of frequency space, in 2D and 3D."""
        return directional_cuts(self.compared)

    @property
    def loss_ratio(self) -> Found:
        """The loss by Parseval over that at the samples, for every level that knows both."""
        return {
            level: None
            if loss is None or (measured := self.measured_loss[level]) is None
            else np.divide(loss, measured, out=np.full_like(loss, np.nan), where=measured > 0)
            for level, loss in self.loss.items()
        }

    @property
    def emergence_ratio(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Emergence times of the network over those of the theory, NaN where either is never learned.

        At the frequencies that are followed (k,), and over the profile (l,); None without both levels.
        """
        if self.theory is None or "network" not in self.spectra:
            return None
        decay, profiles = self.decay.emergence_time, self.profiles.emergence_time
        return decay["network"] / decay[self.theory], profiles["network"] / profiles[self.theory]

    @cached_property
    def findings(self) -> list[Finding]:
        """Mistakes that the difference between network and theory looks like."""
        return diagnose(self)

    @property
    def problem(self) -> Problem:
        """The problem of the network, or of the level nearest to it."""
        return _reported_problem(self.spectra)

    @property
    def empirical(self) -> bool:
        """Whether the kernel flow is the network linearised at its start instead of the infinite width."""
        if "kernel" in self.spectra:
            return self.spectra["kernel"].info.get("kernel") == "empirical"
        return self.problem.family is None

    @property
    def names(self) -> dict[str, str]:
        """The name of every level in texts and figures."""
        return EMPIRICAL_NAMES if self.empirical else LEVEL_NAMES

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """All pairs, with their names and what they isolate here."""
        return level_pairs(self.empirical, self.problem.settings.training.batch is not None)

    @property
    def compared(self) -> dict[str, ErrorSpectra]:
        """The levels that are there as they are shown beside the theory (see ``as_compared``)."""
        return _as_compared(self.spectra)

    @property
    def seed_count(self) -> int:
        """The most runs of a level, 1 if there are no bands."""
        bands = any(band is not None for band in self.relative_error_band.values())
        banded = (self.spectra if bands else self.compared).values()
        return max(len(one.runs) for one in banded)

    @property
    def theory(self) -> str | None:
        """The level that the network is held against: the PDE, else the kernel flow."""
        return _theory(self.spectra)

    @property
    def headline(self) -> str | None:
        """The key of the pair that decides: network against theory, else the only pair there is."""
        return next((key for key, error in self.relative_error.items() if error is not None), None)

    @property
    def max_relative_error(self) -> Found:
        """The largest relative error over time of each pair."""
        return {key: None if error is None else float(error.max()) for key, error in self.relative_error.items()}

    @property
    def max_relative_error_band(self) -> Found:
        """The band of the relative error at the time at which its mean is largest."""
        return {
            key: None if band is None else tuple(band[:, self.relative_error[key].argmax()].tolist())
            for key, band in self.relative_error_band.items()
        }

    @property
    def worst_time(self) -> Found:
        """The learning time of the largest relative error of each pair."""
        return {
            key: None if error is None else float(self.times[error.argmax()])
            for key, error in self.relative_error.items()
        }


def compare_spectra(pde: Level | None, network: Level | None, kernel: Level | None = None) -> Comparison:
    """Compare the levels that are given (at least one), brought to common frequencies and times (see ``align``).

    Raises InputError if they do not belong to one setting or have too little in common, if none is given or one is
    given in another's place; NumericalError if a spectrum is not finite.

    >>> from freqbias import Problem, fem, nn
    >>> problem = Problem.from_file("examples/three_tones.toml").changed({"training.times.last": 10.0})
    >>> result = compare_spectra(fem.solve(problem), None, nn.kernel_flow(problem))
    >>> bool(1e-6 < result.max_relative_error["kernel_vs_pde"] < 1e-4)
    True
    >>> list(result.to_pandas().columns)
    ['pair', 'time', 'relative_error', 'magnitude_error', 'phase_error', 'phase_shift']
    """
    given = {"pde": pde, "kernel": kernel, "network": network}
    levels = {level: one for level, one in given.items() if one is not None}
    if not levels:
        raise InputError("there is nothing to compare: neither pde nor network nor kernel is given")
    for level, one in levels.items():
        if one.level != level:
            raise InputError(f"{one.source}: holds the level {one.level}, must hold the level {level}")
    aligned = align(levels)
    spectra = aligned.spectra
    compared = _as_compared(spectra)
    losses = {level: parseval_losses(one) for level, one in compared.items()}
    errors, error_bands = means_and_bands(by_pair(spectra, relative_errors))
    remaining, remaining_bands = means_and_bands(
        by_level({level: np.sqrt(values / values[:, :1]) for level, values in losses.items()})
    )
    loss, loss_bands = means_and_bands(by_level(losses))
    measured, measured_bands = means_and_bands(by_level({level: one.run_losses for level, one in compared.items()}))
    return Comparison(
        spectra=spectra,
        times=next(iter(spectra.values())).times,
        relative_error=errors,
        relative_error_band=error_bands,
        relative_error_of_mean=by_pair(spectra, _error_of_mean),
        remaining=remaining,
        remaining_band=remaining_bands,
        loss=loss,
        loss_band=loss_bands,
        measured_loss=measured,
        measured_loss_band=measured_bands,
        decay=decay_curves(compared, _reported_problem(spectra)),
        profiles=frequency_profiles(spectra, compared, _reported_problem(spectra).settings.report.threshold),
        alignment=aligned.facts,
    )


def relative_errors(spectra: ErrorSpectra, reference: ErrorSpectra) -> np.ndarray:
    """||v_a(t) - v_b(t)|| / ||v_b(0)|| of every run (S, T) with b the reference and the L2 norm over the mesh.

    The spectra are complex, so an error of phase counts as well as one of magnitude.

    >>> from freqbias import Problem, nn
    >>> problem = Problem.from_file("examples/three_tones.toml")
    >>> spectra = nn.kernel_flow(problem.changed({"training.times.last": 10.0}))
    >>> turned = ErrorSpectra("kernel", spectra.problem, spectra.times, 1j * spectra.values)
    >>> float(relative_errors(turned, spectra)[0, 0].round(12))  # |i - 1|
    1.414213562373
    """
    return np.array([_relative_error(reference, run, other) for run, other in matched_runs(spectra, reference)])


def _relative_error(reference: ErrorSpectra, run: np.ndarray, other: np.ndarray) -> np.ndarray:
    mesh = reference.mesh
    return np.array([mesh.norm(a - b) for a, b in zip(run, other, strict=True)]) / mesh.norm(other[0])


def _error_of_mean(spectra: ErrorSpectra, reference: ErrorSpectra) -> np.ndarray | None:
    if len(matched_runs(spectra, reference)) == 1:
        return None
    return _relative_error(reference, spectra.values, reference.values)


def _theory(spectra: dict[str, ErrorSpectra]) -> str | None:
    return next((level for level in ("pde", "kernel") if level in spectra), None)


def _as_compared(spectra: dict[str, ErrorSpectra]) -> dict[str, ErrorSpectra]:
    theory = _theory(spectra)
    reference = None if theory is None else spectra[theory]
    return {level: as_compared(one, reference) for level, one in spectra.items()}


def _reported_problem(spectra: dict[str, ErrorSpectra]) -> Problem:
    return next(spectra[level].problem for level in ("network", "kernel", "pde") if level in spectra)
