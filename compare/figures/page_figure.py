"""A figure as part of a page: its SVG element, and what the page must know to show values and to move with time."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from freqbias.compare.figures.data import axes_data
from freqbias.compare.figures.style import IMAGE_DPI, PALETTE, figure_style, lay_out

_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"


@dataclass(frozen=True)
class PageFigure:
    """``svg``: the element; ``axes``: for every axes of the figure what ``figure_data.axes_data`` says of it."""

    svg: str
    axes: list[dict[str, Any]]


def render_svg(identifier: str, size: tuple[float, float], draw: Callable[[Figure], None]) -> PageFigure:
    """The figure that ``draw`` makes, ``size`` in inches, for a page.

    ``identifier`` must be unique in the page: it keeps the ids of its figures apart and makes them reproducible.
    """
    with figure_style("page", identifier):
        figure = Figure(figsize=size, dpi=IMAGE_DPI)
        canvas = FigureCanvasSVG(figure)
        draw(figure)
        # Lay out once, then draw once: savefig would do both twice, which is most of the time of a report.
        lay_out(figure)
        buffer = io.BytesIO()
        canvas.print_svg(buffer, metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
        data = axes_data(figure)
    return PageFigure(_for_page(buffer.getvalue(), identifier), data)


def _for_page(svg: bytes, prefix: str) -> str:
    """Ids that are unique in the page, no style that leaks out of the figure, colours of the page's theme."""
    root = ElementTree.fromstring(svg)
    root.attrib.pop("width", None)
    root.attrib.pop("height", None)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag.removeprefix(f"{{{_SVG}}}") in ("style", "metadata"):
                parent.remove(child)
    references = {f"{{{_XLINK}}}href", "clip-path", "style"}
    for element in root.iter():
        if "id" in element.attrib:
            element.set("id", f"{prefix}-{element.get('id')}")
        for key in references & element.attrib.keys():
            value = element.attrib[key].replace("url(#", f"url(#{prefix}-")
            element.set(key, f"#{prefix}-{value[1:]}" if value.startswith("#") else value)
        if "style" in element.attrib:
            element.set("style", _themed(element.attrib["style"]))
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _XLINK)
    return ElementTree.tostring(root, encoding="unicode")


def _themed(style: str) -> str:
    for name, (light, _) in PALETTE.items():
        style = style.replace(light, f"var(--{name})")
    return style
