"""The figures of the report as files of their own: SVG and PDF, for slides or for the columns of a journal."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from freqbias.compare.metrics import Comparison
from freqbias.errors import InputError
from freqbias.files import atomic_path

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from freqbias.compare.panels import Drawing

STYLES = ("report", "paper")
FORMATS = ("svg", "pdf", "png")
#: Widths of one and of two columns of a journal, and the least height of a figure in one column, in inches.
COLUMN, TWO_COLUMNS = 3.4, 7.0
_LEAST_HEIGHT = 2.5
#: Of what is an image, in dots per inch.
_RESOLUTION = {"report": 200, "paper": 600}


def write_figures(
    comparison: Comparison,
    folder: str | os.PathLike,
    style: str = "report",
    formats: Sequence[str] = ("svg", "pdf"),
) -> list[Path]:
    """Write every figure of the report into ``folder``, each atomically, and return the paths.

    Files are called by the figure: ``decay.svg``. All have a white background. ``style`` "paper": letters with serifs
    of 8 points, thin lines, one column (3.4 in) or two (7 in) wide, fonts embedded as TrueType; curves differ by dashes
    and markers as well as by colour. Raises InputError for another style or format, and if the place cannot be written.
    """
    from freqbias.compare.panels import PANELS

    if style not in STYLES:
        raise InputError(f"style = {style!r}: must be one of {', '.join(STYLES)}")
    if wrong := next((one for one in formats if one not in FORMATS), None):
        raise InputError(f"format = {wrong!r}: must be one of {', '.join(FORMATS)}")
    panels = [panel for build in PANELS if (panel := build(comparison, {})) is not None]
    return [
        path
        for panel in panels
        for drawing in panel.drawings
        for path in write_figure(drawing, Path(folder), style, formats)
    ]


def write_figure(drawing: "Drawing", folder: Path, style: str, formats: Sequence[str]) -> list[Path]:
    """Write one figure in all ``formats``; see ``write_figures``."""
    from matplotlib.figure import Figure

    from freqbias.compare.figures.style import figure_style, lay_out

    paths = []
    with figure_style(style, drawing.identifier):
        figure = Figure(figsize=drawing.size, dpi=_RESOLUTION[style])
        drawing.function(figure)
        if style == "paper":
            figure.set_size_inches(*_paper_size(figure, drawing.size))
        lay_out(figure)  # once for all formats
        for form in formats:
            path = folder / f"{drawing.identifier}.{form}"
            with atomic_path(path) as temporary:
                figure.savefig(temporary, format=form, metadata=_metadata(form, drawing.description))
            paths.append(path)
    return paths


def _paper_size(figure: "Figure", size: tuple[float, float]) -> tuple[float, float]:
    """One column for a figure with one axes beside each other, two columns for the others."""
    grids = [place.get_gridspec() for axes in figure.axes if (place := axes.get_subplotspec()) is not None]
    width, height = size
    if any(grid.ncols > 1 for grid in grids):
        return TWO_COLUMNS, TWO_COLUMNS * height / width
    rows = max((grid.nrows for grid in grids), default=1)
    return COLUMN, max(COLUMN * height / width, _LEAST_HEIGHT * (1 + 0.2 * (rows - 1)))


def _metadata(form: str, description: str) -> dict[str, Any]:
    """A title, and nothing that changes from day to day."""
    match form:
        case "svg":
            return {"Title": description, "Date": None}
        case "pdf":
            return {"Title": description, "CreationDate": None}
    return {"Title": description}
