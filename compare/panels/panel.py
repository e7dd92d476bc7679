"""What a panel of the report is made of: texts, tables, figures.

A panel is built by a function (comparison, run) → ``Panel``, or None where it has nothing to show.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from matplotlib.figure import Figure

from freqbias.compare.ensemble import band_in_words
from freqbias.compare.figures.page_figure import PageFigure, render_svg
from freqbias.compare.metrics import Comparison
from freqbias.compare.numbers import short, spread
from freqbias.compare.status import Status

#: Sizes of figures in inches: across the page, and several in a row.
WIDE, SMALL = (8.4, 4.4), (3.3, 2.9)

#: Status → symbol, and what it means; symbols differ as well as colours.
LEGEND = {
    Status.WITHIN_NOISE: ("≈", "smaller than its own uncertainty"),
    Status.SKIPPED: ("○", "was not computed"),
    Status.FAILED: ("✕", "its computation ended with an error"),
    Status.NOT_COMPARABLE: ("≠", "there is nothing to hold it against"),
}


@dataclass(frozen=True)
class Drawing:
    """One figure of a panel; ``function`` draws it on an empty matplotlib figure of ``size`` inches.

    ``identifier`` is unique in the page; ``description`` is for those who do not see it.
    """

    identifier: str
    description: str
    size: tuple[float, float]
    function: Callable[[Figure], None] = field(repr=False)

    @property
    def wide(self) -> bool:
        return self.size[0] > SMALL[0]

    @cached_property
    def rendered(self) -> PageFigure:
        """The figure as part of a page; drawn when it is asked for first."""
        return render_svg(self.identifier, self.size, self.function)

    @property
    def svg(self) -> str:
        return self.rendered.svg


@dataclass(frozen=True)
class Cell:
    """One entry of a table; ``value`` is the number behind ``text``, in full precision.

    ``status`` says what became of it where it is not a plain measured number.
    """

    text: str
    value: float | None = None
    status: Status | None = None

    @property
    def mark(self) -> str:
        """The symbol of the status; empty for a measured number."""
        return LEGEND[self.status][0] if self.status in LEGEND else ""

    @property
    def empty(self) -> bool:
        """Whether there is no more to show than why there is nothing."""
        return self.text in ("", "–")


@dataclass(frozen=True)
class Table:
    """``head`` (columns) and ``rows``; ``head`` empty: a list of key and value. The last ``numbers`` columns are."""

    head: list[str]
    rows: list[list[Cell]]
    numbers: int = 0

    @property
    def legend(self) -> list[tuple[Status, str, str]]:
        """Status, symbol and meaning of every status that occurs in the table."""
        present = {cell.status for row in self.rows for cell in row}
        return [(status, *LEGEND[status]) for status in LEGEND if status in present]


@dataclass(frozen=True)
class Panel:
    """One section of the report. Texts are plain: the template escapes them."""

    identifier: str
    title: str
    text: str = ""
    drawings: list[Drawing] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    details: str = ""


def draw(identifier: str, description: str, size: tuple[float, float], function: Callable[[Figure], None]) -> Drawing:
    """``function`` draws on an empty matplotlib figure of ``size`` inches; ``identifier`` is unique in the page."""
    return Drawing(identifier, description, size, function)


def number_cell(value: float, band: tuple[float, float] | None = None, status: Status | None = None) -> Cell:
    """A number with its band in parentheses."""
    return Cell(f"{short(float(value))}{spread(band)}", float(value), status)


def bands_in_words(comparison: Comparison) -> str:
    """What the light areas of a figure are, as a sentence; nothing without them."""
    return f" Light areas: {band_in_words(comparison.seed_count)}." if comparison.seed_count > 1 else ""


def unit_area(comparison: Comparison) -> str:
    """What a magnitude over one frequency axis is averaged over, as the end of a sentence."""
    return "" if comparison.problem.dimension == 1 else ", averaged over directions"
