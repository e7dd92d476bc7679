"""What was computed, and how: the setting, the computation, the problem file."""

from typing import Any

from freqbias.compare.metrics import Comparison
from freqbias.compare.numbers import plain, short
from freqbias.compare.panels.panel import Cell, Panel, Table
from freqbias.compare.setting import setting_rows


def setting(comparison: Comparison, run: dict[str, Any]) -> Panel:
    """The levels and the problem in short."""
    rows = [[Cell(key), Cell(text)] for key, text in setting_rows(comparison).items()]
    for level, facts in comparison.alignment.items():
        if facts.notes:
            text = "; ".join(facts.notes)
            text += f"; estimated error {short(float(facts.error.max()), 2)} of the norm of its initial spectrum"
            rows.append([Cell(f"Alignment of {comparison.names[level]}"), Cell(text)])
    return Panel("setting", "Setting", tables=[Table([], rows)])


def computation(comparison: Comparison, run: dict[str, Any]) -> Panel | None:
    """Run times, facts of each level, versions: what ``run`` and the spectra know."""
    rows = [
        [f"wall time of {comparison.names.get(part, part)}", f"{short(seconds)} s"]
        for part, seconds in run.get("wall_seconds", {}).items()
    ]
    for level, one in comparison.spectra.items():
        name = comparison.names[level]
        rows += [[f"{name}: {key.replace('_', ' ')}", plain(value)] for key, value in one.info.items()]
    rows += [[str(key), plain(value)] for key, value in run.items() if not isinstance(value, dict)]
    rows += [[f"version of {name}", str(version)] for name, version in run.get("versions", {}).items()]
    if not rows:
        return None
    return Panel("computation", "Computation", tables=[Table([], [[Cell(text) for text in row] for row in rows])])


def problem_file(comparison: Comparison, run: dict[str, Any]) -> Panel:
    """The resolved problem file."""
    text = "Every setting with its default filled in, enough to repeat the run."
    return Panel("problem", "Problem file", text, details=comparison.problem.to_toml())
