"""Compare the levels of the theory: PDE, kernel flow, network.

``compare_spectra`` gives a ``Comparison``; ``write_metrics`` and ``write_report`` write it as ``metrics.json`` and
``report.html``, ``summary_table`` shows it in a terminal. Importing this loads neither torch nor DOLFINx, and the
drawing libraries only when a report is written.
"""

from freqbias.compare.alignment.alignment import Aligned, Alignment, align
from freqbias.compare.alignment.comparable import check_comparable
from freqbias.compare.metrics import Comparison, compare_spectra, relative_errors
from freqbias.compare.metrics_file import metrics, write_metrics
from freqbias.compare.pairs import PAIRS
from freqbias.compare.quantities.emergence import emergence_times, frozen_emergence_times
from freqbias.compare.quantities.loss import parseval_losses
from freqbias.compare.reading import reading, verdict
from freqbias.compare.report import write_report
from freqbias.compare.summary import summary_table

__all__ = [
    "PAIRS",
    "Aligned",
    "Alignment",
    "Comparison",
    "align",
    "check_comparable",
    "compare_spectra",
    "emergence_times",
    "frozen_emergence_times",
    "metrics",
    "parseval_losses",
    "reading",
    "relative_errors",
    "summary_table",
    "verdict",
    "write_metrics",
    "write_report",
]
