"""A study: a problem file, the axes along which it is changed, and the points of their grid."""

import os
import re
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from freqbias.changes import apply_change
from freqbias.cost import check_fits
from freqbias.errors import InputError
from freqbias.input_files import read_toml
from freqbias.problem import Problem
from freqbias.settings_errors import describe
from freqbias.spectra import LEVELS
from freqbias.study.axes import Axis, Column, axis_of_settings, flat_changes, label_text
from freqbias.study.settings import StudySettings

#: A grid with more points is a mistake.
MOST_POINTS = 2000


@dataclass(frozen=True)
class Point:
    """One point of the grid: ``labels`` (column name → label) and its ``problem``."""

    number: int
    labels: dict[str, Any]
    problem: Problem

    @property
    def name(self) -> str:
        """Its labels in words."""
        return ", ".join(f"{Column(name, ()).short_name} = {label_text(label)}" for name, label in self.labels.items())

    @property
    def file_name(self) -> str:
        """A name for files: the number keeps names apart and in order."""
        words = re.sub(r"[^\w.=+-]+", "-", self.name.replace(" = ", "=")).strip("-")
        return f"{self.number + 1:03d}-{words[:80]}"


@dataclass(frozen=True)
class Study:
    """The grid of ``axes`` over ``base``, the content of a problem file whose files are relative to ``directory``.

    >>> study = Study.read("examples/studies/width.toml")
    >>> len(study.points), study.points[0].name
    (8, 'width = 256, sampling = quadrature')
    """

    name: str
    base: dict[str, Any]
    directory: Path
    source: str
    axes: tuple[Axis, ...]
    question: str | None = None
    quantity: str | None = None
    #: Whether to go on where the estimate says that memory or time do not suffice.
    force: bool = False

    @classmethod
    def read(cls, path: str | os.PathLike) -> "Study":
        """A study file, or a problem file without axes. Raises InputError with one line naming the mistake."""
        path = Path(path)
        data = read_toml(path)
        if "base" not in data:
            Problem.create(data, directory=path.parent, source=str(path))  # says what is wrong with it
            return cls(str(data.get("name", path.stem)), data, path.parent, str(path), ())
        try:
            given = StudySettings.model_validate(data, context={"directory": path.parent})
        except ValidationError as error:
            raise InputError(f"{path}: {describe(error, data, StudySettings)}") from error
        base = read_toml(given.base)
        axes = [axis_of_settings(one, f"{path}: vary[{number}]") for number, one in enumerate(given.vary)]
        directory = Path(given.base).parent
        study = cls(given.name or path.stem, base, directory, str(path), (), given.question, given.quantity)
        return study.changed(flat_changes(given.changes)).varied(axes)

    def changed(self, changes: dict[str, Any]) -> "Study":
        """The same study with dotted keys of the base changed."""
        base = deepcopy(self.base)
        for key, value in changes.items():
            apply_change(base, key, value, self.source)
        return replace(self, base=base)

    def varied(self, axes: Sequence[Axis]) -> "Study":
        """The same study with more axes; one with the columns of an axis that is there takes its place.

        Raises InputError if a column stands on two axes.
        """
        kept = [axis for axis in self.axes if axis.columns not in [one.columns for one in axes]]
        together = (*kept, *axes)
        columns = [column for axis in together for column in axis.columns]
        for column in columns:
            if columns.count(column) > 1:
                raise InputError(f"{self.source}: {column} is varied twice")
        return replace(self, axes=together)

    @property
    def columns(self) -> tuple[Column, ...]:
        """Everything that varies."""
        return tuple(
            Column(name, tuple(dict.fromkeys(choice.labels[k] for choice in axis.choices)))
            for axis in self.axes
            for k, name in enumerate(axis.columns)
        )

    @cached_property
    def points(self) -> list[Point]:
        """All points of the grid, the last axis running fastest; every problem has passed ``Problem.check``.

        One thread each: the processes of a study share the cores. Raises InputError naming point and key.
        """
        if not self.axes:
            raise InputError(f"{self.source}: nothing is varied: give --vary KEY=VALUE,VALUE,… or a study file")
        count = prod(len(axis.choices) for axis in self.axes)
        if count > MOST_POINTS:
            raise InputError(f"{self.source}: the grid has {count} points, must have at most {MOST_POINTS}")
        single = self.changed({"training.threads": 1})
        return [
            single._point(number, choices) for number, choices in enumerate(product(*(a.choices for a in self.axes)))
        ]

    def _point(self, number: int, choices: tuple) -> Point:
        data = deepcopy(self.base)
        labels: dict[str, Any] = {}
        for axis, choice in zip(self.axes, choices, strict=True):
            labels |= dict(zip(axis.columns, choice.labels, strict=True))
        source = f"{self.source} at {', '.join(f'{name} = {label_text(label)}' for name, label in labels.items())}"
        for choice in choices:
            for key, value in choice.changes.items():
                apply_change(data, key, deepcopy(value), source)
        problem = Problem.create(data, directory=self.directory, source=source)
        if not self.force:
            check_fits(problem, LEVELS)
        problem.check()
        return Point(number, labels, problem)
