"""``report.html`` of a study: the question, the answer, the figures that show it, and the numbers."""

from pathlib import Path

from freqbias.compare.numbers import short
from freqbias.compare.page import Page
from freqbias.compare.panels.panel import Cell, Panel, Table, draw
from freqbias.compare.runs.panels import decay_panel, emergence_panel, results_panel
from freqbias.compare.runs.report import write_page
from freqbias.compare.status import Status
from freqbias.study.answer import in_brackets, slope_text
from freqbias.study.axes import Column
from freqbias.study.figures import column_size, draw_column, drawn_quantities
from freqbias.study.quantities import in_words
from freqbias.study.results import StudyResults
from freqbias.study.slopes import FEWEST, Slope


def write_study_report(results: StudyResults, out: Path, style: str | None = None) -> None:
    """Write ``report.html`` into ``out``, and with a ``style`` (report, paper) its figures as SVG and PDF.

    Raises InputError if the place cannot be written.
    """
    write_page(study_page(results), out, style)


def study_page(results: StudyResults) -> Page:
    """Question, answer, figures, numbers."""
    study, summaries = results.study, results.summaries
    columns = {column.name: column.short_name.capitalize() for column in study.columns}
    panels = [
        *(_column_panel(results, column) for column in study.columns if drawn_quantities(results)),
        _slopes_panel(results),
        decay_panel(summaries),
        results_panel(summaries, columns),
        emergence_panel(summaries, "Point"),
        Panel("study", "Problem files", _problems(results), details=summaries[0].problem.to_toml()),
    ]
    return Page(
        name=study.name,
        kicker=study.question or f"A study of {', '.join(column.short_name for column in study.columns)}",
        grade="unknown",  # agreement is not the question
        verdict=results.answer[0],
        panels=[panel for panel in panels if panel is not None],
        notes={"In numbers": results.answer[1:]} if results.answer[1:] else {},
        footer="Frequencies are in radians per unit of x, times are learning rate × steps.",
    )


def _column_panel(results: StudyResults, column: Column) -> Panel:
    text = "Each mark is one point of the study"
    if any(one.seed_count > 1 for one in results.summaries):
        text += ", the mean over its seeds" + ("; light areas" if column.numeric else "; lines") + " are their bands"
    if any(isinstance(one.result, Slope) and one.column.name == column.name for one in results.slopes):
        text += ". Lines are fitted powers, with their exponents and 95 % intervals"
    identifier = f"along-{list(results.study.columns).index(column)}"
    figure = draw(
        identifier,
        f"The numbers of the study against {column.short_name}",
        column_size(results, column),
        lambda figure: draw_column(figure, results, column),
    )
    return Panel(identifier, f"Against {column.short_name}", f"{text}.", [figure])


def _slopes_panel(results: StudyResults) -> Panel | None:
    """All slopes that there are; why there is none only for what the figures show."""
    drawn = drawn_quantities(results)
    rows = []
    for one in results.slopes:
        result = one.result
        cells = [Cell(in_words(one.quantity)), Cell(one.column.short_name), Cell(in_brackets(one.others) or "–")]
        if isinstance(result, Slope):
            few = f" ({FEWEST} values: wide)" if result.count == FEWEST else ""
            local = ", ".join(short(value, 2).replace("-", "−") for value in result.local)
            rows.append([*cells, Cell(local), Cell(f"{slope_text(result)}{few}", result.exponent)])
        elif one.quantity in drawn:
            rows.append([*cells, Cell("–"), Cell(f"no slope: {result.reason}", status=Status.WITHIN_NOISE)])
    if not rows:
        return None
    text = (
        "Exponents of powers of what varies, fitted to the logarithms by least squares, with 95 % intervals (Student's "
        "t). From value to value: the slopes between neighbours, which show whether the line is bent."
    )
    head = ["Quantity", "Against", "With", "From value to value", "Exponent"]
    return Panel("slopes", "Slopes", text, tables=[Table(head, rows, numbers=1)])


def _problems(results: StudyResults) -> str:
    axes = "; ".join(f"{column.name} = {', '.join(map(str, column.labels))}" for column in results.study.columns)
    return f"The resolved problem file of the first of {len(results.summaries)} points. What varies: {axes}."
