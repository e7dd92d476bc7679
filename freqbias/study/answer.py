"""What a study found, in a sentence or two: from its slopes and effects."""

from typing import TYPE_CHECKING

import numpy as np

from freqbias.compare.numbers import short
from freqbias.compare.status import Status
from freqbias.study.analysis import Effect, FittedSlope
from freqbias.study.axes import Column, label_text
from freqbias.study.plan import Study
from freqbias.study.quantities import BIAS_QUANTITIES, PAIR_QUANTITIES, in_words, quantities
from freqbias.study.slopes import FEWEST, Slope

if TYPE_CHECKING:
    import pandas as pd

#: What changes a quantity by less than this factor does not matter to it.
NO_MATTER = 1.05
#: A line is bent if the slopes between neighbours spread over more than this, absolutely and relative to its slope.
_BENT = 0.5


def answer(study: Study, table: "pd.DataFrame", slopes: list[FittedSlope], effects: list[Effect]) -> list[str]:
    """The answer of a study in sentences, with its numbers; the first one says the most."""
    quantity = leading_quantity(study, table, effects)
    if quantity is None:
        sentences = [_nothing(table), _failed(table)]
    else:
        of_quantity = [one for one in slopes if one.quantity == quantity]
        along = [_along_numbers(column, quantity, of_quantity) for column in study.columns]
        compared = [_what_matters(quantity, effects)]
        every_slope = of_quantity and all(isinstance(one.result, Slope) for one in of_quantity)
        sentences = along + compared if every_slope else compared + along
        sentences += [_range(study, table, quantity), _failed(table)]
    return [sentence for sentence in sentences if sentence]


def leading_quantity(study: Study, table: "pd.DataFrame", effects: list[Effect]) -> str | None:
    """What the study is about: as its file says, else the pair that changes most; None if that has no numbers.

    Where no pair was compared it is the bias index.
    """
    known = quantities(table)
    if study.quantity is not None:
        return study.quantity if study.quantity in known else None
    pairs = [one for one in effects if one.quantity in PAIR_QUANTITIES]
    if pairs:
        return max(pairs, key=lambda one: one.factor).quantity
    return next((name for name in known if name in (*PAIR_QUANTITIES, *BIAS_QUANTITIES)), None)


def in_brackets(others: dict) -> str:
    """The choice of the other columns, as a few words."""
    return ", ".join(f"{Column(name, ()).short_name} = {label_text(label)}" for name, label in others.items())


def slope_text(slope: Slope) -> str:
    """−1.02 ± 0.05: as many decimals as the interval is worth, at least two and at most four."""
    decimals = 4 if slope.half_width < 1e-4 else int(np.clip(-np.floor(np.log10(slope.half_width)), 2, 4))
    return f"{slope.exponent:.{decimals}f} ± {slope.half_width:.{decimals}f}".replace("-", "−")


def _along_numbers(column: Column, quantity: str, slopes: list[FittedSlope]) -> str:
    """How the quantity follows a column of numbers."""
    powers, others = [], []
    for one in slopes:
        if one.column.name != column.name:
            continue
        where = f" with {in_brackets(one.others)}" if one.others else ""
        if isinstance(one.result, Slope):
            powers.append(f"{slope_text(one.result)}{where}{_doubts(one.result)}")
        else:
            others.append(f"{where} no power fits ({one.result.reason})")
    if powers:
        text = f"The {in_words(quantity)} goes as {column.short_name} to the power {' and '.join(powers)}"
        return f"{text};{','.join(others)}." if others else f"{text}."
    return f"To the {in_words(quantity)} against {column.short_name}{','.join(others)}." if others else ""


def _doubts(slope: Slope) -> str:
    """In parentheses: few values, and slopes between neighbours that differ much."""
    doubts = []
    if slope.count == FEWEST:
        doubts.append("three values only, so the interval is wide")
    low, high = min(slope.local), max(slope.local)
    if high - low > max(_BENT, _BENT * abs(slope.exponent)):
        doubts.append(f"between neighbours from {low:.2g} to {high:.2g}".replace("-", "−"))
    return f" ({'; '.join(doubts)})" if doubts else ""


def _what_matters(quantity: str, effects: list[Effect]) -> str:
    """Which of several columns changes the quantity most."""
    found = sorted((one for one in effects if one.quantity == quantity), key=lambda one: -one.factor)
    if len(found) < 2:
        return ""
    texts = [
        f"{one.column.short_name} by a factor of {short(one.factor, 2)}"
        if one.factor > NO_MATTER
        else f"{one.column.short_name} by {100 * (one.factor - 1):.1g} %"
        for one in found
    ]
    name, rest = texts[0].split(" by ", 1)
    changes = f"{name[0].upper()}{name[1:]} changes the {in_words(quantity)} by {rest}"
    return f"{changes}, {', '.join(texts[1:])}, each with the others held."


def _range(study: Study, table: "pd.DataFrame", quantity: str) -> str:
    """From the smallest to the largest value of the whole grid."""
    known = table[table[quantity].notna()]
    low, high = known.loc[known[quantity].idxmin()], known.loc[known[quantity].idxmax()]
    names = [column.name for column in study.columns]
    where = [in_brackets({name: row[name] for name in names}) for row in (low, high)]
    numbers = [short(float(row[quantity])) for row in (low, high)]
    if len(known) == 1:
        return f"The {in_words(quantity)} is {numbers[0]} at the only point that has one, {where[0]}."
    if numbers[0] == numbers[1]:
        return f"The {in_words(quantity)} is {numbers[0]} everywhere."
    return f"The {in_words(quantity)} lies between {numbers[0]} ({where[0]}) and {numbers[1]} ({where[1]})."


def _failed(table: "pd.DataFrame") -> str:
    """How many points have no numbers."""
    counts = table["status"].value_counts()
    texts = [f"{counts[status]} {words}" for status, words in _LOST.items() if status in counts]
    return f"Of {len(table)} points {' and '.join(texts)}." if texts else ""


_LOST = {Status.FAILED: "failed", Status.NOT_COMPARABLE: "could not be compared"}


def _nothing(table: "pd.DataFrame") -> str:
    reasons = table["reason"].dropna()
    return f"No point has the number asked for: {reasons.iloc[0] if len(reasons) else 'it was not measured'}."
