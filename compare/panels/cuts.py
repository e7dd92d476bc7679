"""Magnitude along lines through frequency 0 beside the average over directions: in two and three dimensions."""

from typing import Any

from matplotlib.figure import Figure

from freqbias.compare.figures.curves import limit_magnitudes
from freqbias.compare.figures.style import UNIT
from freqbias.compare.metrics import Comparison
from freqbias.compare.panels.panel import Panel, draw
from freqbias.compare.panels.spectra import draw_milestones


def cuts(comparison: Comparison, run: dict[str, Any]) -> Panel | None:
    """What an average over directions hides."""
    if not comparison.cuts:
        return None
    text = "Magnitude of the error spectrum averaged over directions, then along straight lines through frequency 0: "
    text += "theory as lines, network as markers."
    if comparison.seed_count > 1:
        text += f" Means over {comparison.seed_count} seeds."
    rows = -(-(1 + len(comparison.cuts)) // 2)
    figure = draw("cuts", text, (8.4, 2.8 * rows + 0.3), lambda figure: _draw(figure, comparison, rows))
    return Panel("cuts", "Average and cuts through frequency space", text, [figure])


def _draw(figure: Figure, comparison: Comparison, rows: int) -> None:
    profiles = comparison.profiles
    lines = [("average over directions", profiles.frequencies, profiles.magnitude)]
    lines += [(f"along the {cut.name}", cut.distance, cut.magnitude) for cut in comparison.cuts]
    grid = figure.subplots(rows, 2, sharey=True, squeeze=False)
    shown = []
    for axes, (name, xi, magnitude) in zip(grid.flat, lines, strict=False):
        shown += draw_milestones(axes, comparison, xi, magnitude, {})
        axes.set_title(name)
        axes.set_xlabel(f"|ξ| ({UNIT})")
    for axes in grid.flat[len(lines) :]:
        axes.remove()
    for row in grid:
        row[0].set_ylabel("|v̂(ξ,t)| (unit of the target)")
    limit_magnitudes(grid[0, 0], shown, decades=5)
    grid[0, 0].legend(loc="best")
