"""Several comparisons side by side: what each came to, where their problems differ, and one table of all."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from freqbias.compare.metrics import Comparison, compare_spectra
from freqbias.compare.noise import noise
from freqbias.compare.numbers import vector
from freqbias.compare.pairs import LEVEL_NAMES, PAIRS
from freqbias.compare.quantities.bias import Bias
from freqbias.compare.quantities.decay import DecayCurves
from freqbias.compare.reading import verdict
from freqbias.compare.status import Status
from freqbias.errors import InputError
from freqbias.problem import Problem
from freqbias.spectra import LEVELS, ErrorSpectra

if TYPE_CHECKING:
    import pandas as pd

#: Frequencies of two runs are the same one up to this part of the resolution 2 pi / length of the box.
_SAME_FREQUENCY = 0.25
#: Keys that say nothing of a run's numbers.
_NOT_SETTINGS = ("name", "report.")


@dataclass(frozen=True)
class LargestError:
    """The largest relative error of a pair over time: the mean over the seeds, its band, and when it is reached.

    ``noise``: what the two levels know of their own error.
    """

    value: float
    band: tuple[float, float] | None
    time: float
    noise: float

    @property
    def status(self) -> Status:
        return Status.WITHIN_NOISE if self.value < self.noise else Status.MEASURED


@dataclass(frozen=True)
class RunSummary:
    """What a comparison of one run came to, without its spectra: many of them fit into memory.

    ``values`` are what a table names the run by (column → label). ``status`` is MEASURED where network or kernel flow
    could be held against a theory; else ``reason`` says why not. ``largest``: for every pair that was compared its
    largest relative error over time. ``threshold``, ``decay`` and ``bias`` as in ``Comparison``; Without any
    level ``decay`` is None and ``times`` empty. ``seconds``: wall time of all levels.
    """

    name: str
    values: dict[str, Any]
    problem: Problem
    status: Status
    reason: str | None
    grade: str | None = None
    verdict: str | None = None
    largest: dict[str, "LargestError"] = field(default_factory=dict)
    times: np.ndarray = field(default_factory=lambda: np.empty(0))
    decay: DecayCurves | None = None
    bias: dict[str, Bias | None] = field(default_factory=dict)
    theory: str | None = None
    names: dict[str, str] = field(default_factory=lambda: LEVEL_NAMES)
    seed_count: int = 1
    seconds: float | None = None

    @property
    def threshold(self) -> float:
        """The part of its initial error below which a frequency counts as learned."""
        return self.problem.settings.report.threshold


def summarize(
    comparison: Comparison, name: str, values: dict[str, Any] | None = None, failure: str | None = None
) -> RunSummary:
    """The summary of ``comparison``; ``failure`` says which of its levels failed, and why."""
    problem = comparison.problem
    status, reason = Status.MEASURED, None
    if failure is not None:
        status, reason = Status.FAILED, failure
    elif comparison.headline is None:
        status, reason = Status.NOT_COMPARABLE, problem.unpredicted or "only one level was computed"
    found = verdict(comparison)
    seconds: list[Any] = [one.info.get("wall_time_seconds") for one in comparison.spectra.values()]
    return RunSummary(
        name,
        values or {},
        problem,
        status,
        reason,
        found.grade,
        found.sentence,
        {
            key: LargestError(
                error,
                comparison.max_relative_error_band[key],
                comparison.worst_time[key],
                noise(comparison, key),
            )
            for key, error in comparison.max_relative_error.items()
            if error is not None
        },
        comparison.times,
        comparison.decay,
        comparison.bias,
        comparison.theory,
        comparison.names,
        comparison.seed_count,
        None if None in seconds else float(sum(seconds)),
    )


def run_files(folder: Path) -> dict[str, Path]:
    """Level → spectrum file in a folder written by ``freqbias run``. Raises InputError if there is none."""
    files = {level: path for level in LEVELS if (path := folder / f"{level}.nc").exists()}
    if not files:
        raise InputError(f"{folder}: holds no run: none of {', '.join(f'{level}.nc' for level in LEVELS)}")
    return files


def read_runs(folders: Sequence[Path]) -> list[RunSummary]:
    """The runs in ``folders``, each compared level by level, under the shortest names that tell them apart.

    Raises InputError if a folder holds no run, or is given twice.
    """
    resolved = [folder.resolve() for folder in folders]
    for folder, place in zip(folders, resolved, strict=True):
        if resolved.count(place) > 1:
            raise InputError(f"{folder}: is given twice")
    depth = 1
    while len({folder.parts[-depth:] for folder in resolved}) < len(resolved):
        depth += 1
    summaries = []
    for folder, place in zip(folders, resolved, strict=True):
        levels = {level: ErrorSpectra.read(path) for level, path in run_files(folder).items()}
        comparison = compare_spectra(levels.get("pde"), levels.get("network"), levels.get("kernel"))
        summaries.append(summarize(comparison, "/".join(place.parts[-depth:])))
    return [
        replace(summary, values=values)
        for summary, values in zip(summaries, differing_settings([s.problem for s in summaries]), strict=True)
    ]


def differing_settings(problems: Sequence[Problem]) -> list[dict[str, Any]]:
    """For each problem the keys, as in a problem file, that are not the same in all, with their values there.

    None where a problem does not have the key.
    """
    flat = [_flat(problem.resolved.model_dump(mode="json", exclude_none=True)) for problem in problems]
    keys = list(dict.fromkeys(key for one in flat for key in one if not key.startswith(_NOT_SETTINGS)))
    differing = [key for key in keys if any(one.get(key) != flat[0].get(key) for one in flat)]
    return [{key: one.get(key) for key in differing} for one in flat]


def _flat(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        nested = isinstance(value, dict)
        found |= _flat(value, f"{prefix}{key}.") if nested else {f"{prefix}{key}": value}
    return found


def common_frequencies(summaries: Sequence[RunSummary]) -> tuple[np.ndarray, list[list[int]]]:
    """Frequencies (k, d) that all runs with decay curves follow, and for each run their numbers in its curves.

    Nodes of different meshes are the same frequency if they are a quarter of the resolution of the box apart at most.
    A run without decay curves has no numbers.
    """
    followed = [(one.problem, one.decay.frequencies) for one in summaries if one.decay is not None]
    if not followed:
        return np.empty((0, 1)), [[] for _ in summaries]
    (problem, first), *others = followed
    distance = _SAME_FREQUENCY * 2 * np.pi / (problem.upper - problem.lower)
    frequencies, numbers = [], []
    for wanted in first:
        row = [_nearest(other, wanted, distance) for _, other in others]
        if None not in row:
            frequencies.append(wanted)
            numbers.append([_nearest(first, wanted, distance), *row])
    places = iter(np.array(numbers, dtype=int).reshape(-1, len(followed)).T.tolist())
    found = [next(places) if one.decay is not None else [] for one in summaries]
    return np.array(frequencies).reshape(-1, problem.dimension), found


def _nearest(frequencies: np.ndarray, wanted: np.ndarray, distance: np.ndarray) -> int | None:
    if len(frequencies) == 0 or frequencies.shape[1] != len(wanted):
        return None
    apart = np.linalg.norm((frequencies - wanted) / distance, axis=1)
    return int(apart.argmin()) if apart.min() <= 1 else None


_NO_ERROR = LargestError(np.nan, None, np.nan, np.nan)


def results_table(summaries: Sequence[RunSummary]) -> "pd.DataFrame":
    """One row for each run: the values that name it, and its numbers (``column_units`` says what they are)."""
    import pandas as pd

    frequencies, numbers = common_frequencies(summaries)
    rows = []
    for one, places in zip(summaries, numbers, strict=True):
        row: dict[str, Any] = {"run": one.name, **one.values}
        for pair in PAIRS:
            error = one.largest.get(pair.key, _NO_ERROR)
            low, high = error.band or (np.nan, np.nan)
            row |= {pair.key: error.value, f"{pair.key}_low": low, f"{pair.key}_high": high}
            row |= {f"{pair.key}_worst_time": error.time, f"{pair.key}_noise": error.noise}
        for side, level in (("theory", one.theory), ("network", "network")):
            found = None if level is None else one.bias.get(level)
            row[f"bias_{side}"] = np.nan if found is None or found.at_threshold is None else found.at_threshold
            times = None if one.decay is None or level is None else one.decay.emergence_time[level]
            for k, frequency in enumerate(frequencies):
                value = float(times[places[k]]) if times is not None and places else np.nan
                row[f"emergence_{side}_{vector(frequency)}"] = value
        row |= {
            "grade": one.grade,
            "seconds": np.nan if one.seconds is None else one.seconds,
            "status": str(one.status),
            "reason": one.reason,
        }
        rows.append(row)
    return pd.DataFrame(rows)


#: What the columns of a table of results mean; a name in braces stands for several columns.
COLUMNS = {
    "run": "name of the run, or of the point of a study",
    "{level}_vs_{reference}": "1; largest relative error over time: L2 norm over frequency of the difference / norm of "
    "the second at time 0; of several seeds their mean",
    "{level}_vs_{reference}_low, _high": "1; ends of the band over the seeds at that time; empty for one seed",
    "{level}_vs_{reference}_worst_time": "learning time (learning rate times steps) at which it is reached",
    "{level}_vs_{reference}_noise": "1; what the two levels know of their own error; smaller ones say nothing",
    "bias_theory, bias_network": "1; bias index when the norm of the error has fallen to report.threshold of its "
    "start; 0: all frequencies decay alike; empty if it never falls so far",
    "emergence_{side}_{frequency}": "learning time at which the error at this frequency (radians per unit of x) first "
    "falls below report.threshold of its start; empty if never",
    "grade": "verdict: agree, roughly, disagree, unknown",
    "seconds": "seconds; wall time of the levels, those among them that several points share",
    "status": "measured, failed, or not comparable",
    "reason": "why the status is not measured",
}
