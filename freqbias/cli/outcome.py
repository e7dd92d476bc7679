"""What a command does with a comparison besides writing it: print it for programs, end with a failure, keep figures."""

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from freqbias.errors import InputError, LimitExceededError

if TYPE_CHECKING:
    from freqbias.compare import Comparison

FailAboveOption = Annotated[
    list[str] | None,
    typer.Option(
        "--fail-above",
        metavar="PAIR=LIMIT",
        help="End with status 1 if the largest relative error of a pair, e.g. network_vs_pde=1e-2, exceeds the limit; "
        "repeatable.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print metrics.json on standard output, and nothing else.")]
StyleOption = Annotated[
    str | None,
    typer.Option(
        "--style",
        metavar="STYLE",
        help="Keep every figure as SVG and PDF in DIR/figures too: report (as on the page) or paper (for a column).",
    ),
]

Style = Literal["report", "paper"]
_STYLES: dict[str, Style] = {"report": "report", "paper": "paper"}


@dataclass(frozen=True)
class Outcome:
    """``limits``: pair → largest error allowed; ``as_json``: metrics on standard output; ``style`` of figures."""

    limits: dict[str, float] = field(default_factory=dict)
    as_json: bool = False
    style: Style | None = None

    @classmethod
    def of(cls, fail_above: list[str] | None, as_json: bool, style: str | None) -> "Outcome":
        """From the options as a user wrote them. Raises InputError naming the option."""
        if style is not None and style not in _STYLES:
            raise InputError(f"--style {style}: must be {' or '.join(_STYLES)}")
        return cls(dict(map(_limit, fail_above or [])), as_json, None if style is None else _STYLES[style])

    def print(self, comparison: "Comparison") -> None:
        """The metrics, or the verdict and the short table for people."""
        from freqbias.compare import metrics, summary_table, verdict

        if self.as_json:
            typer.echo(json.dumps(metrics(comparison), allow_nan=False, ensure_ascii=False))
            return
        from rich.console import Console

        sentences = [verdict(comparison).sentence, *(finding.sentence for finding in comparison.findings)]
        if comparison.budget is not None:
            sentences.append(comparison.budget.sentence)
        console = Console()
        console.print(*sentences, sep="\n", markup=False, highlight=False)
        console.print(summary_table(comparison))

    def check(self, comparison: "Comparison") -> None:
        """Raises LimitExceededError if an error is above its limit, InputError if there is no such error."""
        from freqbias.compare.presence import why_missing

        exceeded = []
        for pair, limit in self.limits.items():
            largest = comparison.max_relative_error[pair]
            if largest is None:
                raise InputError(f"--fail-above {pair}={limit:g}: {why_missing(comparison, pair)}")
            if not largest <= limit:
                exceeded.append(f"{pair} = {largest:.3g} at t = {comparison.worst_time[pair]:.3g} exceeds {limit:g}")
        if exceeded:
            raise LimitExceededError("; ".join(exceeded))


def _limit(text: str) -> tuple[str, float]:
    from freqbias.compare import PAIRS

    pair, equals, value = text.partition("=")
    keys = [one.key for one in PAIRS]
    if not equals or pair.strip() not in keys:
        raise InputError(f"--fail-above {text}: must be PAIR=LIMIT, PAIR one of {', '.join(keys)}")
    try:
        limit = float(value)
    except ValueError:
        limit = -1.0
    if not limit >= 0:
        raise InputError(f"--fail-above {text}: the limit must be a number that is at least 0")
    return pair.strip(), limit
