"""The log of a training, JSON lines that are appended while it runs.

The first line is the configuration. Every other line holds ``step`` and ``learning_time``; the ``loss`` of every seed
then, over the samples of the step's batch, or over all samples where ``output_time`` is true; ``gradient_evaluations``
so far, ``learning_rate_factor`` of the schedule, and ``seconds`` of computing so far. There is at most one line a
second, and one at every output time.
"""

import json
import time
from pathlib import Path
from typing import Any, Self

import numpy as np

from freqbias.errors import InputError
from freqbias.files import storage_error, write_text
from freqbias.problem import Problem
from freqbias.versions import versions

SCHEMA = "freqbias-training-log-1"


class RunLog:
    """An open log; lines are on their way to the disk when ``write`` returns."""

    def __init__(self, path: Path, problem: Problem, threads: int, resumed: int | None = None, interval: float = 1.0):
        """Start the log ``path`` anew, or, with ``resumed``, behind what it says up to that step.

        ``interval``: seconds between lines. Raises InputError or StorageError if it cannot be written.
        """
        self.path = Path(path)
        self._interval = interval
        self._last = time.monotonic()
        kept = [] if resumed is None else _lines_up_to(self.path, resumed, problem.digest)
        configuration = {
            "schema": SCHEMA,
            "problem_digest": problem.digest,
            "optimizer": problem.settings.training.optimizer,
            "seeds": problem.settings.training.all_seeds,
            "threads": threads,
            "versions": versions(),
            "problem": problem.to_toml(),
        }
        write_text(self.path, "".join(line + "\n" for line in kept or [json.dumps(configuration)]))
        try:
            self._file = self.path.open("ab", buffering=0)
        except OSError as error:
            raise InputError(f"{self.path}: cannot be written: {error.strerror}") from error

    def due(self) -> bool:
        """Whether it is time for a line."""
        return time.monotonic() - self._last >= self._interval

    def write(
        self,
        step: int,
        learning_time: float,
        losses: np.ndarray,
        output_time: bool,
        evaluations: int,
        factor: float,
        seconds: float,
    ) -> None:
        """Append a line with the finite ``losses`` (S,). Raises StorageError if there is no room for it."""
        line = {
            "step": step,
            "learning_time": float(learning_time),
            "loss": losses.tolist(),
            "output_time": output_time,
            "gradient_evaluations": evaluations,
            "learning_rate_factor": factor,
            "seconds": round(seconds, 3),
        }
        content = json.dumps(line, allow_nan=False).encode() + b"\n"
        try:
            while content:
                content = content[self._file.write(content) :]
        except OSError as error:
            raise storage_error(self.path, error) from error
        self._last = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()


def _lines_up_to(path: Path, step: int, digest: str) -> list[str]:
    """The configuration and the lines not after ``step`` of the log of a problem; none if it is not there."""
    try:
        first, *rest = path.read_text(encoding="utf-8").splitlines()
        configuration = json.loads(first)
        if (configuration["schema"], configuration["problem_digest"]) != (SCHEMA, digest):
            return []
    except (OSError, ValueError, KeyError, TypeError):
        return []
    kept = [first]
    for line in rest:
        entry = _entry(line)
        if entry is None or entry.get("step", step + 1) > step:
            break
        kept.append(line)
    return kept


def _entry(line: str) -> dict[str, Any] | None:
    """None for a line of which only a part was written."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None
