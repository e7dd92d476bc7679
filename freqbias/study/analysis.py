"""What the table of a study says: slopes over numbers, and how much each thing that varies changes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from freqbias.study.axes import Column
from freqbias.study.quantities import quantities
from freqbias.study.slopes import FEWEST, NoSlope, Slope, fit_slope

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Series:
    """The rows of a table along ``column``, for one choice ``others`` (column name → label) of all other columns."""

    column: Column
    others: dict[str, Any]
    rows: "pd.DataFrame"


@dataclass(frozen=True)
class FittedSlope:
    """How ``quantity`` follows ``column`` for one choice ``others`` of all other columns."""

    column: Column
    others: dict[str, Any]
    quantity: str
    result: Slope | NoSlope


@dataclass(frozen=True)
class Effect:
    """``factor``: the largest over the smallest ``quantity`` along ``column``, with all others held.

    The geometric mean over the choices of the others; at least 1.
    """

    column: Column
    quantity: str
    factor: float


def series(table: "pd.DataFrame", columns: tuple[Column, ...], column: Column) -> Iterator[Series]:
    """All series of ``table`` along ``column``, in the order of its rows. ``columns`` are all that vary."""
    others = [one.name for one in columns if one.name != column.name]
    if not others:
        yield Series(column, {}, table)
        return
    for labels, rows in table.groupby(others, sort=False, dropna=False):
        yield Series(column, dict(zip(others, labels, strict=True)), rows)


def fitted_slopes(table: "pd.DataFrame", columns: tuple[Column, ...]) -> list[FittedSlope]:
    """Slopes of all quantities along every column with at least three positive numbers.

    Differences that are smaller than their noise are left out.
    """
    return [
        FittedSlope(column, one.others, quantity, fit_slope(one.rows[column.name], above_noise(one.rows, quantity)))
        for column in columns
        if column.numeric and sum(label > 0 for label in column.labels) >= FEWEST
        for quantity in quantities(table)
        for one in series(table, columns, column)
    ]


def above_noise(rows: "pd.DataFrame", quantity: str) -> "pd.Series":
    """The quantity of all rows, NaN where it is smaller than its noise."""
    noise = rows.get(f"{quantity}_noise")
    return rows[quantity] if noise is None else rows[quantity].where(rows[quantity] > noise)


def effects(table: "pd.DataFrame", columns: tuple[Column, ...]) -> list[Effect]:
    """How much every column changes every quantity."""
    found = []
    for column in columns:
        for quantity in quantities(table):
            ratios = []
            for one in series(table, columns, column):
                numbers = one.rows[quantity].dropna()
                if len(numbers) > 1 and numbers.min() > 0:
                    ratios.append(numbers.max() / numbers.min())
            if ratios:
                found.append(Effect(column, quantity, float(np.exp(np.mean(np.log(ratios))))))
    return found
