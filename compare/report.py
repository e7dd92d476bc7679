"""``report.html``: one self-contained page that says whether theory and network agree, and shows why."""

import os
from typing import Any

from freqbias import __version__
from freqbias.compare.metrics import Comparison
from freqbias.compare.reading import verdict
from freqbias.files import write_text


def write_report(comparison: Comparison, path: str | os.PathLike, run: dict[str, Any] | None = None) -> None:
    """Write the report, atomically; nothing in it is loaded from elsewhere. Equal input gives equal bytes.

    ``run`` holds facts of the whole run, as in ``run.json``: ``wall_seconds`` (part → seconds), ``versions``
    (package → version) and any further plain values (seed, ranks), which are listed as they are.
    Raises InputError if the place cannot be written.
    """
    write_text(path, report_html(comparison, run or {}))


def report_html(comparison: Comparison, run: dict[str, Any]) -> str:
    """The page as text."""
    # Drawing libraries take longer to load than a comparison to compute.
    import jinja2
    from markupsafe import Markup

    from freqbias.compare.figure_style import PALETTE
    from freqbias.compare.panels import PANELS

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("freqbias.compare"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    # matplotlib escapes the texts inside its figures.
    environment.filters["figure"] = Markup
    panels = [panel for build in PANELS if (panel := build(comparison, run)) is not None]
    return environment.get_template("report.html").render(
        name=comparison.problem.settings.name,
        digest=comparison.problem.digest,
        verdict=verdict(comparison),
        panels=panels,
        palette=PALETTE,
        version=__version__,
    )
