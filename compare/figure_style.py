"""The look of all figures, and how they become part of a page.

Figures are drawn with the light palette, so that they also stand alone; inside a page every colour of the palette
becomes a CSS variable, which the page sets for light and dark. Only matplotlib's object-oriented interface is used.
"""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from xml.etree import ElementTree

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from freqbias.compare.numbers import superscript

#: name: (light, dark). Series s1…s5 are told apart with any kind of colour vision (after Okabe and Ito).
PALETTE = {
    "ink": ("#1b2026", "#e9e7e2"),
    "muted": ("#5c6670", "#a3abb3"),
    "rule": ("#d5d9dd", "#3a4148"),
    "card": ("#fefefd", "#1d2126"),
    "page": ("#f6f6f3", "#14171a"),
    "s1": ("#0571b0", "#5db5ea"),
    "s2": ("#d1570b", "#ff9350"),
    "s3": ("#078a66", "#35c79f"),
    "s4": ("#a34f92", "#e29fd4"),
    "s5": ("#846b02", "#e3cf4a"),
}
INK, MUTED, RULE = (PALETTE[name][0] for name in ("ink", "muted", "rule"))
SERIES = tuple(PALETTE[f"s{i}"][0] for i in range(1, 6))
MARKERS = ("o", "s", "^", "D", "v")
LEVEL_COLOURS = {"pde": SERIES[0], "kernel": SERIES[1], "network": SERIES[2]}
#: Of the areas that show the band over several seeds.
BAND_OPACITY = 0.16
#: Perceptually uniform colormaps of magnitudes and of differences.
MAGNITUDE_MAP, DIFFERENCE_MAP = "viridis", "magma"

TIME_LABEL = "learning time t = learning rate × steps"
UNIT = "radians per unit of x"

#: Resolution of what is an image inside a figure.
_IMAGE_DPI = 160
_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_STYLE = {
    "figure.facecolor": "none",
    "figure.constrained_layout.use": True,
    "axes.facecolor": "none",
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.labelsize": 9.5,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "text.color": INK,
    "font.size": 9,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.7,
    "lines.markersize": 4.5,
    "svg.fonttype": "none",
    "image.composite_image": False,
}


def render_svg(identifier: str, size: tuple[float, float], draw: Callable[[Figure], None]) -> str:
    """The figure that ``draw`` makes, ``size`` in inches, as an SVG element for a page.

    ``identifier`` must be unique in the page: it keeps the ids of its figures apart and makes them reproducible.
    """
    with _style(identifier):
        figure = Figure(figsize=size, dpi=_IMAGE_DPI)
        canvas = FigureCanvasSVG(figure)
        draw(figure)
        # Lay out once, then draw once: savefig would do both twice, which is most of the time of a report.
        figure.get_layout_engine().execute(figure)
        figure.set_layout_engine("none")
        buffer = io.BytesIO()
        canvas.print_svg(buffer, metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    return _for_page(buffer.getvalue(), identifier)


@contextmanager
def _style(salt: str) -> Iterator[None]:
    with matplotlib.rc_context():
        matplotlib.rcdefaults()  # a user's matplotlibrc must not change the report
        matplotlib.rcParams.update({**_STYLE, "svg.hashsalt": salt})
        yield


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
            value = element.get(key).replace("url(#", f"url(#{prefix}-")
            element.set(key, f"#{prefix}-{value[1:]}" if value.startswith("#") else value)
        if "style" in element.attrib:
            element.set("style", _themed(element.get("style")))
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _XLINK)
    return ElementTree.tostring(root, encoding="unicode")


def _themed(style: str) -> str:
    for name, (light, _) in PALETTE.items():
        style = style.replace(light, f"var(--{name})")
    return style


def power_of_ten(value: float, _position: int | None = None) -> str:
    """Tick label: plain between 0.01 and 1000, else as a power of ten."""
    if 0.0099 < value < 10001:
        return f"{value:.4g}"
    mantissa, exponent = f"{value:.0e}".split("e")
    power = "10" + superscript(int(exponent))
    return power if mantissa == "1" else f"{mantissa}·{power}"


def logarithmic(axis, low: float, high: float) -> None:
    """Make ``axis`` (axes.xaxis or axes.yaxis) logarithmic from ``low`` to ``high`` with labels that people read."""
    axes: Axes = axis.axes
    name = axis.axis_name
    # Limits first: the change of scale would otherwise look for limits in data that may have none.
    getattr(axes, f"set_{name}lim")(low, high)
    getattr(axes, f"set_{name}scale")("log")
    few = high / low < 100
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if few else (1,), numticks=8))
    axis.set_minor_locator(LogLocator(subs=range(2, 10), numticks=50))
    axis.set_major_formatter(FuncFormatter(power_of_ten))
    axis.set_minor_formatter(NullFormatter())
