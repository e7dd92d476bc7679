"""A page of panels: one self-contained HTML file with values under the pointer and, where it has times, a slider."""

import base64
import hashlib
import json
from dataclasses import dataclass, field
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

from freqbias import __version__
from freqbias.compare.numbers import short

if TYPE_CHECKING:
    from freqbias.compare.panels.panel import Panel


@dataclass(frozen=True)
class Readout:
    """Numbers that are shown beside the slider: ``columns`` maps a name to its texts at every output time."""

    title: str
    columns: dict[str, list[str]]


@dataclass(frozen=True)
class Page:
    """What a page says. Texts are plain: the template escapes them.

    ``grade`` is that of a ``Verdict``; ``notes`` follow the verdict, each a list of sentences under a title. ``times``
    (T,) are those of everything that moves; without them the page has no slider. ``start`` is where the slider begins.
    """

    name: str
    kicker: str
    grade: str
    verdict: str
    panels: list["Panel"]
    notes: dict[str, list[str]] = field(default_factory=dict)
    times: np.ndarray | None = None
    start: int = 0
    readouts: list[Readout] = field(default_factory=list)
    footer: str = ""


def page_html(page: Page) -> str:
    """The page as text. Nothing in it is loaded from elsewhere; equal input gives equal text."""
    import jinja2
    from markupsafe import Markup

    from freqbias.compare.figures.style import PALETTE

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
    script = files("freqbias.compare").joinpath("templates/report.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    return environment.get_template("report.html").render(
        page=page,
        time=None if page.times is None else short(float(page.times[page.start])),
        palette=PALETTE,
        version=__version__,
        script=Markup(script),
        script_hash=digest,
        data=Markup(_data(page)),
    )


def _data(page: Page) -> str:
    """What the script knows, as JSON that may stand in HTML: no tag can begin or end in it."""
    content = {
        "times": None if page.times is None else [float(f"{time:.6g}") for time in page.times],
        "readout": [texts for readout in page.readouts for texts in readout.columns.values()],
        "figures": {drawing.identifier: drawing.rendered.axes for panel in page.panels for drawing in panel.drawings},
    }
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
