"""Studies: one problem over a grid of changes, and how its numbers follow them.

``Study.read`` reads a study file or a problem file, ``run_study`` carries it out, ``write_study_report`` writes the
page. Importing this loads neither torch nor DOLFINx, and the drawing libraries only when a report is written.
"""

from typing import TYPE_CHECKING

from freqbias.study.axes import axis_of_option
from freqbias.study.plan import Study
from freqbias.study.results import StudyResults, point_tasks, run_study

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Study", "StudyResults", "axis_of_option", "point_tasks", "run_study", "write_study_report"]


def write_study_report(results: StudyResults, out: "Path", style: str | None = None) -> None:
    """Write ``report.html`` of a study into ``out``, and its figures; see ``freqbias.study.report``."""
    from freqbias.study.report import write_study_report as write

    write(results, out, style)
