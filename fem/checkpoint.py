"""Checkpoints of a solve: from any of them it goes on, on any number of ranks.

A checkpoint is a folder. ``state.json`` names the schema, the problem (its digest), facts, and blocks: ``.npy`` files
with some columns each of a field over all nodes in the numbering of the mesh, with their checksums. Fields only grow:
what is on disk already is not written again. New files come first, ``state.json`` last, each written under a temporary
name, synced, renamed; files that it no longer names are removed after that. So there is a complete state at any moment.
"""

import json
import os
import shutil
import time
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from freqbias.errors import InputError, InputErrorOnEveryRank
from freqbias.fem.space import Space
from freqbias.files import atomic_path, write_text
from freqbias.input_files import require_file

SCHEMA = "freqbias-checkpoint-1"


@dataclass
class Kept:
    """What a store gives back: facts, local fields (n_local, m), arrays that are the same on every rank."""

    facts: dict[str, Any]
    fields: dict[str, np.ndarray] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)


class Store(Protocol):
    """Where ``evolve`` leaves its state."""

    def due(self) -> bool:
        """Whether it is time to save; the same on every rank."""

    def save(self, kept: Kept) -> None:
        """Keep a state. A field of a former state only gets further columns, unless it is gone."""

    def load(self) -> Kept | None:
        """The last state that was kept."""


class NoCheckpoint:
    """Keeps nothing."""

    def due(self) -> bool:
        return False

    def save(self, kept: Kept) -> None:
        """Nothing to do."""

    def load(self) -> None:
        return None


def remove(folder: Path) -> None:
    """Delete a checkpoint whose result is safe elsewhere."""
    shutil.rmtree(folder, ignore_errors=True)


class Checkpoint:
    """A folder that keeps states at most every ``seconds``; made on the first save. ``key``: what it belongs to."""

    def __init__(self, folder: Path, key: str, space: Space, seconds: float = 60.0):
        self.folder, self.key = folder, key
        self._space, self._comm, self._seconds = space, space.comm, seconds
        self._last = time.monotonic()
        self._number = 0
        self._blocks: dict[str, list[dict]] = {}

    def due(self) -> bool:
        return self._comm.bcast(time.monotonic() - self._last >= self._seconds)

    def save(self, kept: Kept) -> None:
        """Write what is new. Raises InputError on rank 0 if the folder cannot be written."""
        self._number += 1
        blocks = {name: list(self._blocks.get(name, [])) for name in kept.fields}
        for name, values in kept.fields.items():
            known = sum(block["columns"] for block in blocks[name])
            if values.shape[1] > known:
                whole = self._space.gather(values[:, known:])
                if whole is not None:
                    blocks[name].append(self._write(f"{name}-{known}-{self._number}", whole))
        if self._comm.rank == 0:
            arrays = {name: self._write(f"{name}-{self._number}", values) for name, values in kept.arrays.items()}
            state = {"schema": SCHEMA, "key": self.key, "number": self._number, "nodes": self._space.size}
            state |= {"facts": kept.facts, "fields": blocks, "arrays": arrays}
            write_text(self.folder / "state.json", json.dumps(state, indent=1))
            named = {block["file"] for group in blocks.values() for block in group}
            named |= {block["file"] for block in arrays.values()} | {"state.json"}
            for path in self.folder.iterdir():
                if path.name not in named:
                    path.unlink(missing_ok=True)
        self._blocks = self._comm.bcast(blocks)
        self._last = time.monotonic()

    def load(self) -> Kept | None:
        """The state in the folder, or None if there is none.

        Raises InputError, on every rank, if it belongs to another problem or is damaged.
        """
        state: dict | str | None = None
        if self._comm.rank == 0:
            try:
                state = self._read_state()
            except InputError as error:
                state = str(error)
        state = self._comm.bcast(state)
        if state is None:
            return None
        if isinstance(state, str):
            raise InputErrorOnEveryRank(state)
        self._number, self._blocks = state["number"], state["fields"]
        fields = {}
        for name, blocks in state["fields"].items():
            fields[name] = np.concatenate([self._space.scatter(self._read(block)) for block in blocks], axis=1)
        arrays = {name: self._comm.bcast(self._read(block)) for name, block in state["arrays"].items()}
        return Kept(state["facts"], fields, arrays)

    def _write(self, name: str, values: np.ndarray) -> dict[str, Any]:
        path = self.folder / f"{name}.npy"
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.save(file, values, allow_pickle=False)
        return {"file": path.name, "columns": int(values.shape[-1]), "crc32": zlib.crc32(np.ascontiguousarray(values))}

    def _read_state(self) -> dict | None:
        path = self.folder / "state.json"
        if not os.path.lexists(path):
            if self.folder.exists() and not self.folder.is_dir():
                raise InputError(f"{self.folder}: is no folder: remove it to start anew")
            return None
        require_file(path)
        try:
            state = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise InputError(f"{path}: cannot be read ({error}): remove the folder to start anew") from error
        if not isinstance(state, dict) or state.get("schema") != SCHEMA:
            raise InputError(f"{path}: schema must be {SCHEMA!r}: remove the folder to start anew")
        if state.get("key") != self.key:
            raise InputError(f"{path}: belongs to another problem or other solver settings: remove it to start anew")
        for block in [*(b for group in state["fields"].values() for b in group), *state["arrays"].values()]:
            if self._damaged(block):
                raise InputError(f"{self.folder / block['file']}: is missing or damaged: remove the folder")
        return state

    def _damaged(self, block: dict) -> bool:
        try:
            values = np.load(self.folder / block["file"], allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return True
        return zlib.crc32(np.ascontiguousarray(values)) != block["crc32"]

    def _read(self, block: dict) -> np.ndarray | None:
        return np.load(self.folder / block["file"], allow_pickle=False) if self._comm.rank == 0 else None
