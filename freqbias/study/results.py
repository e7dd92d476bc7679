"""Carrying out a study: levels, comparisons, one table, and the files that keep it all."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from freqbias import nn
from freqbias.compare import compare_spectra, write_metrics
from freqbias.compare.metrics_file import json_types
from freqbias.compare.runs.summary import COLUMNS, RunSummary, results_table, summarize
from freqbias.compare.status import Status
from freqbias.errors import FreqbiasError
from freqbias.files import write_text
from freqbias.problem import Problem
from freqbias.progress import Progress, silent
from freqbias.spectra import LEVELS, ErrorSpectra
from freqbias.study.analysis import Effect, FittedSlope, effects, fitted_slopes
from freqbias.study.answer import answer
from freqbias.study.plan import Point, Study
from freqbias.study.slopes import CONFIDENCE, Slope
from freqbias.study.tasks import Compute, LevelTask, compute_level, level_task, run_tasks

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = "freqbias-study-1"


@dataclass(frozen=True)
class StudyResults:
    """A study and what became of its points, in their order."""

    study: Study
    summaries: list[RunSummary]

    @cached_property
    def table(self) -> "pd.DataFrame":
        """One row for each point: its labels and its numbers; see ``freqbias.compare.runs.summary.COLUMNS``."""
        return results_table(self.summaries)

    @cached_property
    def slopes(self) -> list[FittedSlope]:
        """Slopes of all quantities along every column of numbers."""
        return fitted_slopes(self.table, self.study.columns)

    @cached_property
    def effects(self) -> list[Effect]:
        """How much every column changes every quantity."""
        return effects(self.table, self.study.columns)

    @cached_property
    def answer(self) -> list[str]:
        """What the study found, in sentences."""
        return answer(self.study, self.table, self.slopes, self.effects)

    def content(self) -> dict[str, Any]:
        """The content of ``study.json``."""
        return json_types(
            {
                "schema": SCHEMA,
                "name": self.study.name,
                "question": self.study.question,
                "answer": self.answer,
                "varied": {column.name: column.labels for column in self.study.columns},
                "points": self.table.to_dict("records"),
                "slopes": [_slope(one) for one in self.slopes],
                "effects": [
                    {"column": one.column.name, "quantity": one.quantity, "factor": one.factor} for one in self.effects
                ],
                "definitions": COLUMNS
                | {
                    "slopes": "quantity = factor * column^exponent by least squares of the logarithms; exponent is 1; "
                    f"half_width: half of its {CONFIDENCE:.0%} interval (Student's t, count - 2 degrees of freedom);"
                    " local: slopes between neighbouring values; no_slope: why there is none",
                    "effects": "1; factor: largest / smallest quantity along the column, the others held, geometric "
                    "mean over these",
                },
            }
        )

    def write(self, out: Path) -> None:
        """Write ``study.csv`` and ``study.json`` into ``out``."""
        write_text(out / "study.csv", self.table.to_csv(index=False))
        text = json.dumps(self.content(), indent=1, allow_nan=False, ensure_ascii=False)
        write_text(out / "study.json", text + "\n")


def _slope(fitted: FittedSlope) -> dict[str, Any]:
    found = {"column": fitted.column.name, "others": fitted.others, "quantity": fitted.quantity}
    if not isinstance(fitted.result, Slope):
        return found | {"no_slope": fitted.result.reason}
    result = fitted.result
    return found | {
        "exponent": result.exponent,
        "half_width": result.half_width,
        "factor": result.factor,
        "count": result.count,
        "local": result.local,
    }


def wanted_levels(problem: Problem) -> list[str]:
    """The levels that ``problem`` has."""
    refused = {"pde": problem.unpredicted, "kernel": nn.kernel_flow_refusal(problem), "network": None}
    return [level for level in LEVELS if refused[level] is None]


def point_tasks(points: Sequence[Point], folder: Path) -> list[dict[str, LevelTask]]:
    """For every point the task of each level that it has; equal levels have equal files in ``folder``."""
    return [
        {level: level_task(point.problem, level, folder) for level in wanted_levels(point.problem)} for point in points
    ]


def run_study(
    study: Study, out: Path, jobs: int = 0, progress: Progress = silent, compute: Compute = compute_level
) -> StudyResults:
    """Compute what is not there yet, compare every point, and write tables and metrics into ``out``.

    ``jobs``: processes beside each other; 0: none but this one. A point whose levels fail is marked as failed, the
    others go on. Raises InputError for a mistake in any point, before any work, and Interrupted (see ``run_tasks``).
    """
    points = study.points
    tasks = point_tasks(points, out / "levels")
    failures = run_tasks([task for one in tasks for task in one.values()], jobs, progress, compute)
    summaries = [_compared(point, one, failures, out) for point, one in zip(points, tasks, strict=True)]
    results = StudyResults(study, summaries)
    results.write(out)
    return results


def _compared(point: Point, tasks: dict[str, LevelTask], failures: dict[Path, str], out: Path) -> RunSummary:
    messages = [f"{level}: {failures[task.path]}" for level, task in tasks.items() if task.path in failures]
    try:
        # The file may be another point's that shares the level: its key says that it is this point's as well.
        levels = {
            level: replace(ErrorSpectra.read(task.path), problem=point.problem)
            for level, task in tasks.items()
            if task.path not in failures
        }
        failure = "; ".join(messages) or None
        if not levels:
            return RunSummary(point.name, point.labels, point.problem, Status.FAILED, failure)
        comparison = compare_spectra(levels.get("pde"), levels.get("network"), levels.get("kernel"))
        write_metrics(comparison, out / "metrics" / f"{point.file_name}.json")
    except FreqbiasError as error:
        return RunSummary(point.name, point.labels, point.problem, Status.FAILED, str(error))
    return summarize(comparison, point.name, point.labels, failure)
