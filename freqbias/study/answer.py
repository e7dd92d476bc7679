"""What a study found, in a sentence or two: from its slopes and effects."""

import pandas as pd

from freqbias.compare.numbers import short
from freqbias.compare.status import Status
from freqbias.study.analysis import Effect, FittedSlope
from freqbias.study.axes import Column, label_text
from freqbias.study.plan import Study
from freqbias.study.quantities import PAIR_QUANTITIES, in_words
from freqbias.study.slopes import FEWEST, Slope

#: What changes a quantity by less than this factor does not matter to it.
NO_MATTER = 1.05


def answer(study: Study, table: pd.DataFrame, slopes: list[FittedSlope], effects: list[Effect]) -> list[str]:
    """The answer of a study in sentences, with its numbers; the first one says the most."""
    quantity = leading_quantity(study, effects)
    if quantity is None:
        sentences = [_nothing(table), _failed(table)]
    else:
        along = [_along_numbers(column, quantity, slopes) for column in study.columns]
        sentences = [*along, _what_matters(quantity, effects), _range(study, table, quantity), _failed(table)]
    return [sentence for sentence in sentences if sentence]


def leading_quantity(study: Study, effects: list[Effect]) -> str | None:
    """What the study is about: as its file says, else the pair that changes most; None if nothing has numbers."""
    known = {one.quantity for one in effects}
    if study.quantity is not None:
        return study.quantity if study.quantity in known else None
    pairs = [one for one in effects if one.quantity in PAIR_QUANTITIES]
    return max(pairs, key=lambda one: one.factor).quantity if pairs else None


def in_brackets(others: dict) -> str:
    """The choice of the other columns, as a few words."""
    return ", ".join(f"{Column(name, ()).short_name} = {label_text(label)}" for name, label in others.items())


def slope_text(slope: Slope) -> str:
    """−1.02 ± 0.05."""
    return f"{slope.exponent:.2f} ± {_two_digits(slope.half_width)}".replace("-", "−")


def _two_digits(value: float) -> str:
    return f"{value:.2f}" if value >= 0.01 else f"{value:.1g}"


def _along_numbers(column: Column, quantity: str, slopes: list[FittedSlope]) -> str:
    """How the quantity follows a column of numbers."""
    found = [one for one in slopes if one.column.name == column.name and one.quantity == quantity]
    powers, others = [], []
    for one in found:
        where = f" with {in_brackets(one.others)}" if one.others else ""
        if isinstance(one.result, Slope):
            few = " (three values only, so the interval is wide)" if one.result.count == FEWEST else ""
            powers.append(f"{slope_text(one.result)}{where}{few}")
        else:
            others.append(f"{where} no power fits ({one.result.reason})")
    if not found:
        return ""
    if not powers:
        return f"To the {in_words(quantity)} against {column.short_name}{','.join(others)}."
    text = f"The {in_words(quantity)} goes as {column.short_name} to the power {' and '.join(powers)}"
    return f"{text};{','.join(others)}." if others else f"{text}."


def _what_matters(quantity: str, effects: list[Effect]) -> str:
    """Which of several columns changes the quantity most."""
    found = sorted((one for one in effects if one.quantity == quantity), key=lambda one: -one.factor)
    if len(found) < 2:
        return ""
    texts = [
        f"{one.column.short_name} changes it by a factor of {short(one.factor, 3)}"
        if one.factor > NO_MATTER
        else f"{one.column.short_name} hardly at all ({100 * (one.factor - 1):.1g} %)"
        for one in found
    ]
    start = texts[0][0].upper() + texts[0][1:]
    return f"{start}, {', '.join(texts[1:])}, with the others held."


def _range(study: Study, table: pd.DataFrame, quantity: str) -> str:
    """From the smallest to the largest value of the whole grid."""
    known = table[table[quantity].notna()]
    low, high = (known.loc[find(known[quantity])] for find in (pd.Series.idxmin, pd.Series.idxmax))
    names = [column.name for column in study.columns]
    where = [in_brackets({name: row[name] for name in names}) for row in (low, high)]
    numbers = [short(float(row[quantity])) for row in (low, high)]
    if numbers[0] == numbers[1]:
        return f"The {in_words(quantity)} is {numbers[0]} everywhere."
    return f"The {in_words(quantity)} lies between {numbers[0]} ({where[0]}) and {numbers[1]} ({where[1]})."


def _failed(table: pd.DataFrame) -> str:
    """How many points have no numbers."""
    counts = table["status"].value_counts()
    texts = [f"{counts[status]} {words}" for status, words in _LOST.items() if status in counts]
    return f"Of {len(table)} points {' and '.join(texts)}." if texts else ""


_LOST = {Status.FAILED: "failed", Status.NOT_COMPARABLE: "could not be compared"}


def _nothing(table: pd.DataFrame) -> str:
    reasons = table["reason"].dropna()
    return f"No point has the number asked for: {reasons.iloc[0] if len(reasons) else 'it was not measured'}."
