"""Checkpoints of a training: from any of them it goes on, bit by bit as if it had never stopped.

A checkpoint is one ``.npz`` file without pickled objects, whose members carry checksums. Its member ``record`` is JSON
in UTF-8: schema, problem and digest, versions, and the numbers of the state. There is no generator's state: batches
follow from seed and step. It is written under a temporary name, synced, renamed: at any moment there is a whole one.
"""

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from freqbias.errors import InputError
from freqbias.files import atomic_file, remove_leftovers
from freqbias.input_files import require_file
from freqbias.problem import Problem
from freqbias.tables import read_archive
from freqbias.versions import versions

SCHEMA = "freqbias-training-checkpoint-1"


@dataclass(frozen=True)
class TrainingState:
    """All that a training depends on besides its problem, between two steps."""

    learning_time: float
    #: Gradients computed so far.
    evaluations: int
    #: Computing time so far.
    seconds: float
    #: The last bits depend on it: a training goes on with as many threads.
    threads: int
    #: Trained parameters, in the order of ``Network.trained``.
    parameters: list[np.ndarray]
    #: ``Stepper.state``.
    stepper: dict[str, np.ndarray]
    #: f - g at the samples at the output times passed so far, (P, S, N).
    errors: np.ndarray

    @property
    def steps(self) -> int:
        return int(self.stepper["steps"])

    @property
    def finite(self) -> bool:
        return all(np.isfinite(array).all() for array in self.parameters)


class Checkpoint:
    """The file ``path`` that keeps the last state of the training of ``problem``."""

    def __init__(self, path: Path, problem: Problem, seconds: float = 60.0):
        """``seconds``: least time between two states."""
        self.path = Path(path)
        self._seconds = seconds
        self._last = time.monotonic()
        self._inputs = {
            "schema": SCHEMA,
            "problem_digest": problem.digest,
            "versions": versions(),
            "problem": problem.to_toml(),
        }
        remove_leftovers(self.path)

    def due(self) -> bool:
        """Whether it is time to save."""
        return time.monotonic() - self._last >= self._seconds

    def save(self, state: TrainingState) -> None:
        """Keep ``state``. One that is not finite is of no use to anybody: the former one stays.

        Raises InputError or StorageError if the file cannot be written; the former one stays then as well.
        """
        if not state.finite:
            return
        record = self._inputs | {
            "steps": state.steps,
            "learning_time": state.learning_time,
            "gradient_evaluations": state.evaluations,
            "seconds": state.seconds,
            "threads": state.threads,
        }
        members = {"record": np.frombuffer(json.dumps(record).encode(), dtype=np.uint8), "errors": state.errors}
        members |= {f"parameter/{number}": array for number, array in enumerate(state.parameters)}
        members |= {f"stepper/{name}": array for name, array in state.stepper.items()}
        with atomic_file(self.path) as file:
            np.savez(file, allow_pickle=False, **members)
        self._last = time.monotonic()

    def load(self) -> TrainingState | None:
        """The last state, or None if there is none. Raises InputError if it is damaged or of another problem."""
        if not os.path.lexists(self.path):
            return None
        require_file(self.path)
        try:
            with self.path.open("rb") as opened:
                members = read_archive(opened)
            record = json.loads(members["record"].tobytes())
            schema, digest = record["schema"], record["problem_digest"]
        except Exception as error:  # damage shows in many ways
            raise InputError(f"{self.path}: is no complete checkpoint ({error}): remove it to start anew") from error
        if schema != SCHEMA:
            raise InputError(f"{self.path}: schema = {schema!r}: must be {SCHEMA!r}: remove the file to start anew")
        if digest != self._inputs["problem_digest"]:
            raise InputError(f"{self.path}: belongs to another problem: remove it, or start anew without --resume")
        return TrainingState(
            learning_time=record["learning_time"],
            evaluations=record["gradient_evaluations"],
            seconds=record["seconds"],
            threads=record["threads"],
            parameters=[members[f"parameter/{k}"] for k in range(len(_named(members, "parameter/")))],
            stepper=_named(members, "stepper/"),
            errors=members["errors"],
        )

    def remove(self) -> None:
        """Delete the file when the result is safe elsewhere."""
        self.path.unlink(missing_ok=True)


def _named(members: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): array for name, array in members.items() if name.startswith(prefix)}
