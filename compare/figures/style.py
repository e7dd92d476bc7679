"""The look of all figures: in the report, in files of their own, and in a paper.

Figures are drawn with the light palette, so that they also stand alone; inside a page every colour of the palette
becomes a CSS variable, which the page sets for light and dark. Only matplotlib's object-oriented interface is used.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib
from matplotlib.axis import XAxis, YAxis
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
    "bad": ("#b3261e", "#ff8a80"),
    "s1": ("#0571b0", "#5db5ea"),
    "s2": ("#d1570b", "#ff9350"),
    "s3": ("#078a66", "#35c79f"),
    "s4": ("#a34f92", "#e29fd4"),
    "s5": ("#846b02", "#e3cf4a"),
}
INK, MUTED, RULE = (PALETTE[name][0] for name in ("ink", "muted", "rule"))
SERIES = tuple(PALETTE[f"s{i}"][0] for i in range(1, 6))
MARKERS = ("o", "s", "^", "D", "v")
#: Of lines, so that series differ without colour as well.
DASHES = ("-", (0, (5, 1.6)), (0, (5, 1.4, 1, 1.4)), (0, (1.2, 1.3)), (0, (8, 1.6, 1, 1.4, 1, 1.4)))
LEVEL_COLOURS = {"pde": SERIES[0], "kernel": SERIES[1], "network": SERIES[2]}
LEVEL_DASHES = {"pde": "-", "kernel": (0, (5, 1.6)), "network": (0, (1.2, 1.3))}
#: Of the areas that show the band over several seeds.
BAND_OPACITY = 0.16
#: Perceptually uniform colormaps of magnitudes and of differences.
MAGNITUDE_MAP, DIFFERENCE_MAP = "viridis", "magma"

#: An axis whose label begins so shows learning time: in a page, a cursor follows the slider on it.
TIME = "learning time"
TIME_LABEL = f"{TIME} t = learning rate × steps"
UNIT = "radians per unit of x"

#: Resolution of what is an image inside a figure.
IMAGE_DPI = 160
_STYLE: dict[str, Any] = {
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
#: What a figure of its own has instead: a background, letters as shapes or embedded fonts.
_FILE = {
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.fonttype": "path",
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
}
#: For the columns of a journal: letters with serifs, 8 points, thin lines in black.
_PAPER = {
    "font.family": ["STIXGeneral", "DejaVu Serif", "DejaVu Sans"],
    "mathtext.fontset": "stix",
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.title_fontsize": 7,
    "legend.handlelength": 2.4,
    "legend.labelspacing": 0.3,
    "axes.edgecolor": "black",
    "axes.linewidth": 0.5,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5,
    "xtick.color": "black",
    "ytick.color": "black",
    "xtick.direction": "in",
    "ytick.direction": "in",
    "axes.grid": False,
    "lines.linewidth": 0.9,
    "lines.markersize": 3,
    "lines.markeredgewidth": 0.6,
    "patch.linewidth": 0.5,
    "hatch.linewidth": 0.5,
}
_STYLES = {"page": _STYLE, "report": _STYLE | _FILE, "paper": _STYLE | _FILE | _PAPER}


@contextmanager
def figure_style(name: str, salt: str) -> Iterator[None]:
    """matplotlib's settings for a figure of the style ``name``: page, report (files) or paper.

    ``salt`` makes the ids inside an SVG reproducible. A user's matplotlibrc does not count.
    """
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        settings: Any = _STYLES[name] | {"svg.hashsalt": salt}  # the names of all settings are a type of matplotlib's
        matplotlib.rcParams.update(settings)
        yield


def lay_out(figure: Figure) -> None:
    """Give everything in ``figure`` its place now, and for good."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
    figure.set_layout_engine("none")


def power_of_ten(value: float, _position: int | None = None) -> str:
    """Tick label: plain between 0.01 and 1000, else as a power of ten."""
    if 0.0099 < value < 10001:
        return f"{value:.4g}"
    mantissa, exponent = f"{value:.0e}".split("e")
    power = "10" + superscript(int(exponent))
    return power if mantissa == "1" else f"{mantissa}·{power}"


def logarithmic(axis: XAxis | YAxis, low: float, high: float) -> None:
    """Make ``axis`` (axes.xaxis or axes.yaxis) logarithmic from ``low`` to ``high`` with labels that people read."""
    axes = axis.axes
    name = axis.axis_name
    # Limits first: the change of scale would otherwise look for limits in data that may have none.
    getattr(axes, f"set_{name}lim")(low, high)
    getattr(axes, f"set_{name}scale")("log")
    few = high / low < 100
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if few else (1,), numticks=8))
    axis.set_minor_locator(LogLocator(subs=range(2, 10), numticks=50))
    axis.set_major_formatter(FuncFormatter(power_of_ten))
    axis.set_minor_formatter(NullFormatter())
