"""The panels of the report. A new panel is one module here, its function named in ``PANELS``."""

from collections.abc import Callable
from typing import Any

from freqbias.compare.metrics import Comparison
from freqbias.compare.panels.bias import bias
from freqbias.compare.panels.budget import budget
from freqbias.compare.panels.cuts import cuts
from freqbias.compare.panels.decay import decay
from freqbias.compare.panels.differences import differences
from freqbias.compare.panels.emergence import emergence
from freqbias.compare.panels.facts import computation, problem_file, setting
from freqbias.compare.panels.heat_maps import heat_maps
from freqbias.compare.panels.loss import loss
from freqbias.compare.panels.maps import maps
from freqbias.compare.panels.panel import Cell, Drawing, Panel, Table, draw
from freqbias.compare.panels.phase import phase
from freqbias.compare.panels.rates import rates
from freqbias.compare.panels.spectra import spectra
from freqbias.compare.panels.split import split

#: The report from top to bottom, below its verdict.
PANELS: list[Callable[[Comparison, dict[str, Any]], Panel | None]] = [
    decay,
    differences,
    budget,
    phase,
    spectra,
    maps,
    heat_maps,
    emergence,
    rates,
    bias,
    split,
    cuts,
    loss,
    setting,
    computation,
    problem_file,
]

__all__ = ["PANELS", "Cell", "Drawing", "Panel", "Table", "draw"]
