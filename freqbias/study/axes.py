"""The axes of a study: what is varied, and the values that it takes."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from freqbias.changes import parse_change, parse_value, split_values
from freqbias.compare.numbers import plain
from freqbias.errors import InputError
from freqbias.study.settings import VarySettings


@dataclass(frozen=True)
class Choice:
    """One value of an axis: ``labels`` name it, one for each column; ``changes`` are dotted keys and their values."""

    labels: tuple[Any, ...]
    changes: dict[str, Any]


@dataclass(frozen=True)
class Axis:
    """``columns`` are the names of what varies along the axis; mostly one: a dotted key of the problem file."""

    columns: tuple[str, ...]
    choices: tuple[Choice, ...]


@dataclass(frozen=True)
class Column:
    """One varied thing and the different labels that it takes, in their order."""

    name: str
    labels: tuple[Any, ...]

    @cached_property
    def numeric(self) -> bool:
        """Whether all labels are numbers."""
        return all(isinstance(label, int | float) and not isinstance(label, bool) for label in self.labels)

    @property
    def short_name(self) -> str:
        """The last part of a dotted key."""
        return self.name.rsplit(".", 1)[-1].replace("_", " ")


def label_text(label: Any) -> str:
    """A label as people read it."""
    return plain(label)


def axis_of_option(text: str) -> Axis:
    """The axis of ``--vary KEY=VALUE,VALUE,…``. Raises InputError if it is none.

    >>> [choice.changes for choice in axis_of_option("network.width=250,1000").choices]
    [{'network.width': 250}, {'network.width': 1000}]
    """
    key, values = parse_change(text, "--vary")
    parts = split_values(values)
    if not all(parts):
        raise InputError(f"--vary {text}: a value is empty, must be KEY=VALUE,VALUE,…")
    return axis_of_values(key, [parse_value(part) for part in parts], f"--vary {text}")


def axis_of_values(key: str, values: list[Any], source: str) -> Axis:
    """The axis on which ``key`` takes ``values``; raises InputError with ``source`` in front if one comes twice."""
    return _checked(Axis((key,), tuple(Choice((_hashable(value),), {key: value}) for value in values)), source)


def axis_of_settings(vary: VarySettings, source: str) -> Axis:
    """The axis of a ``[[vary]]`` table. Raises InputError with ``source`` in front."""
    if vary.key is not None and vary.values is not None:
        return axis_of_values(vary.key, vary.values, source)
    columns = tuple(vary.name) if isinstance(vary.name, list) else (vary.name or "",)
    choices = []
    for number, given in enumerate(vary.changes or []):
        changes = dict(given)
        label = changes.pop("label", None)
        labels = tuple(label) if isinstance(label, list) else (label,)
        if len(labels) != len(columns) or any(not isinstance(one, str | int | float) for one in labels):
            wanted = "a text or number" if len(columns) == 1 else f"a list of {len(columns)} texts or numbers"
            raise InputError(f"{source}: changes[{number}].label = {label!r}: must be {wanted}")
        choices.append(Choice(labels, flat_changes(changes)))
    return _checked(Axis(columns, tuple(choices)), source)


def flat_changes(changes: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Changes in nested tables as dotted keys; a table that names its ``family`` stays whole, since it replaces one."""
    found: dict[str, Any] = {}
    for key, value in changes.items():
        nested = isinstance(value, dict) and "family" not in value
        found |= flat_changes(value, f"{prefix}{key}.") if nested else {f"{prefix}{key}": value}
    return found


def _checked(axis: Axis, source: str) -> Axis:
    seen = [choice.labels for choice in axis.choices]
    for labels in seen:
        if seen.count(labels) > 1:
            raise InputError(f"{source}: {', '.join(map(label_text, labels))} is given twice")
    return axis


def _hashable(value: Any) -> Any:
    """A value as a label: lists become tuples, tables texts."""
    if isinstance(value, list):
        return tuple(map(_hashable, value))
    return plain(value) if isinstance(value, dict) else value
