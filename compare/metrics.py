"""Numbers that say how well the levels of the theory agree."""

from dataclasses import dataclass

import numpy as np

from freqbias.compare.alignment import check_comparable
from freqbias.compare.decay import DecayCurves, chosen_nodes, decay_ratio
from freqbias.compare.learning_time import learning_times
from freqbias.compare.loss import parseval_loss
from freqbias.compare.pairs import LEVEL_NAMES, PAIRS
from freqbias.compare.profile import RadialProfile
from freqbias.errors import InputError
from freqbias.problem import Problem
from freqbias.spectra import ErrorSpectra


@dataclass(frozen=True)
class Profiles:
    """Magnitudes over one frequency axis (k,), in radians per unit of x; ``kind`` as in ``RadialProfile``.

    ``magnitude[level]`` and ``difference[pair]`` are (T, k), ``learning_time[level]`` is (k,), NaN where a frequency
    is never learned; None for what is missing.
    """

    kind: str
    frequencies: np.ndarray
    magnitude: dict[str, np.ndarray | None]
    difference: dict[str, np.ndarray | None]
    learning_time: dict[str, np.ndarray | None]


@dataclass(frozen=True)
class Comparison:
    """Up to three levels of one problem, compared.

    ``spectra`` holds the levels that are there. All dictionaries below have a key for every level or pair; what a
    missing level leaves open is None. ``times`` (T,) are learning times (learning rate times steps).
    ``relative_error[pair]`` (T,): L2 norm over frequency of the difference, divided by the norm of the second of the
    pair at time 0. ``remaining[level]`` (T,): norm of the spectrum divided by its initial norm. ``loss[level]``
    (T,): by Parseval. ``measured_loss[level]`` (T,): at the samples, where the level knows it.
    """

    spectra: dict[str, ErrorSpectra]
    times: np.ndarray
    relative_error: dict[str, np.ndarray | None]
    remaining: dict[str, np.ndarray | None]
    loss: dict[str, np.ndarray | None]
    measured_loss: dict[str, np.ndarray | None]
    decay: DecayCurves
    profiles: Profiles

    @property
    def problem(self) -> Problem:
        """The problem of the network, or of the level nearest to it."""
        return _reported_problem(self.spectra)

    @property
    def theory(self) -> str | None:
        """The level that the network is held against: the PDE, else the kernel flow."""
        return next((level for level in ("pde", "kernel") if level in self.spectra), None)

    @property
    def headline(self) -> str | None:
        """The key of the pair that decides: network against theory, else the only pair there is."""
        return next((key for key, error in self.relative_error.items() if error is not None), None)

    @property
    def max_relative_error(self) -> dict[str, float | None]:
        """The largest relative error over time of each pair."""
        return {key: None if error is None else float(error.max()) for key, error in self.relative_error.items()}

    @property
    def worst_time(self) -> dict[str, float | None]:
        """The learning time of the largest relative error of each pair."""
        return {
            key: None if error is None else float(self.times[error.argmax()])
            for key, error in self.relative_error.items()
        }


def compare_spectra(
    pde: ErrorSpectra | None, network: ErrorSpectra | None, kernel: ErrorSpectra | None = None
) -> Comparison:
    """Compare the levels that are given (at least one).

    Raises InputError if they do not belong to one setting (see ``check_comparable``), if none is given or one is
    given in another's place; NumericalError if a spectrum is not finite.
    """
    given = {"pde": pde, "kernel": kernel, "network": network}
    spectra = {level: one for level, one in given.items() if one is not None}
    if not spectra:
        raise InputError("there is nothing to compare: neither pde nor network nor kernel is given")
    for level, one in spectra.items():
        if one.level != level:
            raise InputError(f"{one.problem.source}: holds the level {one.level}, must hold the level {level}")
    check_comparable(list(spectra.values()))
    loss = {level: parseval_loss(one) for level, one in spectra.items()}
    return Comparison(
        spectra=spectra,
        times=next(iter(spectra.values())).times,
        relative_error=_by_pair(spectra, relative_error),
        remaining=_by_level({level: np.sqrt(values / values[0]) for level, values in loss.items()}),
        loss=_by_level(loss),
        measured_loss=_by_level({level: one.loss for level, one in spectra.items()}),
        decay=_decay_curves(spectra),
        profiles=_profiles(spectra),
    )


def relative_error(spectra: ErrorSpectra, reference: ErrorSpectra) -> np.ndarray:
    """||v_a(t) - v_b(t)|| / ||v_b(0)|| (T,) with b the reference and the L2 norm over the mesh.

    The spectra are complex, so an error of phase counts as well as one of magnitude.
    """
    mesh = reference.mesh
    difference = [mesh.norm(a - b) for a, b in zip(spectra.values, reference.values, strict=True)]
    return np.array(difference) / mesh.norm(reference.values[0])


def _by_level(found: dict) -> dict:
    return {level: found.get(level) for level in LEVEL_NAMES}


def _by_pair(spectra: dict[str, ErrorSpectra], measure) -> dict[str, np.ndarray | None]:
    """``measure(level, reference)`` for each pair of which both levels are there, else None."""
    return {
        pair.key: measure(spectra[pair.level], spectra[pair.reference])
        if pair.level in spectra and pair.reference in spectra
        else None
        for pair in PAIRS
    }


def _reported_problem(spectra: dict[str, ErrorSpectra]) -> Problem:
    return next(spectra[level].problem for level in ("network", "kernel", "pde") if level in spectra)


def _decay_curves(spectra: dict[str, ErrorSpectra]) -> DecayCurves:
    first, problem = next(iter(spectra.values())), _reported_problem(spectra)
    nodes, asked = chosen_nodes(problem, first.values[0])
    ratio = {level: decay_ratio(one, nodes) for level, one in spectra.items()}
    threshold = problem.settings.report.threshold
    learned = {level: learning_times(first.times, np.nan_to_num(curves), threshold) for level, curves in ratio.items()}
    return DecayCurves(nodes, first.frequencies[nodes], asked, _by_level(ratio), _by_level(learned))


def _profiles(spectra: dict[str, ErrorSpectra]) -> Profiles:
    first = next(iter(spectra.values()))
    profile = RadialProfile(first.mesh)
    threshold = _reported_problem(spectra).settings.report.threshold
    magnitude = {level: profile.magnitude(one.values) for level, one in spectra.items()}
    learned = {level: learning_times(first.times, values, threshold) for level, values in magnitude.items()}
    return Profiles(
        kind=profile.kind,
        frequencies=profile.frequencies,
        magnitude=_by_level(magnitude),
        difference=_by_pair(spectra, lambda a, b: profile.magnitude(map(np.subtract, a.values, b.values))),
        learning_time=_by_level(learned),
    )
