"""A run once more, from its own folder: its problem, what may make its numbers differ, and whether they do."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from freqbias.errors import InputError
from freqbias.problem import Problem
from freqbias.spectra import LEVELS, ErrorSpectra, stored_spectra
from freqbias.versions import host, revision, thread_variables, versions


@dataclass(frozen=True)
class Agreement:
    """Whether two spectra of one level hold the same numbers.

    ``difference``: the largest over all runs and output times of |new - old| / |old|, norms over the mesh, and the
    learning ``time`` at which it is reached; both None if the spectra cannot be compared, for the ``reason``.
    """

    equal_bits: bool
    difference: float | None = None
    time: float | None = None
    reason: str | None = None

    @classmethod
    def of(cls, old: ErrorSpectra, new: ErrorSpectra) -> "Agreement":
        """That of ``new`` with ``old``."""
        if old.runs.shape != new.runs.shape:
            return cls(False, reason=f"{new.runs.shape} runs, times, nodes instead of {old.runs.shape}")
        if not np.array_equal(old.times, new.times):
            return cls(False, reason="other output times")
        if not np.array_equal(old.frequencies, new.frequencies):
            return cls(False, reason="another frequency mesh")
        if old.seeds != new.seeds:
            return cls(False, reason=f"seeds {list(new.seeds)} instead of {list(old.seeds)}")
        equal = np.array_equal(old.runs, new.runs) and _equal(old.run_losses, new.run_losses)
        changes = np.array([old.mesh.norm(after - before) for before, after in zip(old.runs, new.runs, strict=True)])
        norms = np.array([old.mesh.norm(run) for run in old.runs])
        relative = np.divide(changes, norms, out=np.where(changes > 0, np.inf, 0.0), where=norms > 0)
        which = int(np.argmax(relative.max(axis=0)))
        return cls(bool(equal), float(relative.max()), float(old.times[which]))

    def within(self, tolerance: float) -> bool:
        """Whether the numbers agree up to ``tolerance``."""
        return self.difference is not None and self.difference <= tolerance

    @property
    def words(self) -> str:
        """One sentence part."""
        if self.reason is not None:
            return f"cannot be compared: {self.reason}"
        if self.equal_bits:
            return "equal bit by bit"
        return f"differs by {self.difference:.2g} of its norm, at time {self.time:.4g}"


@dataclass(frozen=True)
class RecordedRun:
    """What the folder of a run says of it: ``files`` of its levels, its ``problem``, and its run.json if it is there.

    ``notes``: what a reader must know of how the problem was found, one sentence each.
    """

    folder: Path
    files: dict[str, Path]
    problem: Problem
    record: dict[str, Any] | None
    notes: tuple[str, ...]

    @classmethod
    def read(cls, folder: Path) -> "RecordedRun":
        """The run in ``folder``. Raises InputError if there is none, or if its files do not belong together.

        The problem is that of problem.toml. Where a data file that this needs is gone, or does not hold the samples of
        the run any more, the samples are those that the spectrum files hold.
        """
        files = {level: path for level in LEVELS if (path := folder / f"{level}.nc").exists()}
        if not files:
            raise InputError(f"{folder}: holds no run: none of {', '.join(f'{level}.nc' for level in LEVELS)}")
        stored = {}
        for level, path in files.items():
            with stored_spectra(path) as spectra:
                stored[level] = spectra.problem
        first, *others = stored.values()
        for other in others:
            if other.digest != first.digest:
                raise InputError(f"{other.source}: belongs to another problem than {first.source}")
        problem, notes = _problem(folder / "problem.toml", first)
        record = _read_record(folder / "run.json")
        if record is None:
            notes.append("run.json is missing: nothing is known of the versions and threads that made the numbers")
        return cls(folder, files, problem, record, tuple(notes))

    def differences(self) -> dict[str, dict[str, list[Any]]]:
        """What is not as it was: "versions", "revision", "threads", "host", "processes" → name → [then, now]."""
        if self.record is None:
            return {}
        then, threads = self.record, self.record.get("threads")
        found = {"versions": _changed(then.get("versions"), versions()), "host": _changed(then.get("host"), host())}
        if isinstance(threads, dict):
            found["threads"] = _changed(threads.get("variables"), thread_variables())
        if then.get("revision") is not None:
            found["revision"] = _changed(then["revision"], revision() or {})
        # A run is repeated by one process.
        found["processes"] = _changed({"ranks": then.get("ranks", 1)}, {"ranks": 1})
        return {name: changes for name, changes in found.items() if changes}


def _problem(file: Path, recorded: Problem) -> tuple[Problem, list[str]]:
    """The problem of ``file`` if it still is the one that a spectrum file has ``recorded``, else this."""
    if not file.exists():
        return _with_target(recorded), ["problem.toml is missing: settings and samples are those of the spectrum files"]
    text = file.read_bytes().decode("utf-8", "replace")
    gone = _missing(Problem.from_toml(text, file.parent, str(file), check_files=False))
    if gone:
        return _with_target(recorded), [
            f"{' and '.join(gone)}: the samples are those of the spectrum files, from which the target follows up to "
            "rounding"
        ]
    problem = Problem.from_toml(text, file.parent, str(file))
    if problem.digest == recorded.digest:
        return problem, []
    return _with_target(recorded), [
        f"{file.name} and its data do not give the samples of the run any more: those of the spectrum files are taken"
    ]


def _missing(problem: Problem) -> list[str]:
    """What the data of ``problem`` come from and is not there, in words."""
    settings = problem.settings
    named = {
        "target.file": settings.target.file,
        "data.weights_file": settings.data.weights_file,
        "mesh.file": settings.mesh.file,
    }
    missing = [
        f"{key} = {name!r} is not there any more"
        for key, name in named.items()
        if name is not None and not name.startswith("matplotlib:") and not Path(name).is_file()
    ]
    function = settings.target.function
    return missing if function is None else [*missing, f"target.function = {function!r} is known to its program only"]


def _with_target(recorded: Problem) -> Problem:
    """``recorded`` with the target at the samples from what it started with: the mean network minus the mean error."""
    networks = recorded.initial_networks
    mean = sum(network.evaluate(recorded.points) for network in networks) / len(networks)
    recorded.target_values = mean - recorded.initial_error
    return recorded


def _read_record(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as JSON: {error}") from error
    if not isinstance(record, dict):
        raise InputError(f"{path}: must hold one JSON object")
    return record


def _changed(then: Any, now: Mapping[str, Any]) -> dict[str, list[Any]]:
    if not isinstance(then, dict):
        return {}
    return {name: [then.get(name), now.get(name)] for name in {**then, **now} if then.get(name) != now.get(name)}


def _equal(old: np.ndarray | None, new: np.ndarray | None) -> bool:
    return old is new is None or (old is not None and new is not None and np.array_equal(old, new))
