"""Writing what a comparison leaves behind: metrics.json, report.html and run.json."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from freqbias.cli.outcome import Outcome
from freqbias.versions import host, revision, thread_variables, versions

if TYPE_CHECKING:
    from freqbias.compare import Comparison
    from freqbias.compare.alignment.alignment import Level
    from freqbias.compare.budget.terms import ErrorBudget
    from freqbias.spectra import ErrorSpectra


def run_record(levels: "dict[str, ErrorSpectra]", ranks: int) -> dict[str, Any]:
    """What made the numbers: problem, versions, host, threads, and each level's own facts (docs/file-formats.md)."""
    import psutil

    problem = next(iter(levels.values())).problem
    return {
        "schema": "freqbias-run-1",
        "command": " ".join(Path(word).name if n == 0 else word for n, word in enumerate(sys.argv)),
        "started": datetime.fromtimestamp(psutil.Process().create_time(), UTC).isoformat(timespec="seconds"),
        "problem_digest": problem.digest,
        "seeds": problem.settings.training.all_seeds,
        "ranks": ranks,
        "threads": {"training": problem.settings.training.threads, "variables": thread_variables()},
        "host": host(),
        "versions": versions(),
        "revision": revision(),
        "wall_seconds": {name: _plain(spectra.info.get("wall_time_seconds")) for name, spectra in levels.items()},
        "levels": {name: {k: _plain(v) for k, v in spectra.info.items()} for name, spectra in levels.items()},
    }


def write_comparison(
    levels: "Mapping[str, Level]",
    out: Path,
    outcome: Outcome,
    ranks: int = 1,
    budget: "Callable[[Comparison], ErrorBudget | None] | None" = None,
    record: dict[str, Any] | None = None,
) -> None:
    """Compare the levels at hand, write the artefacts into ``out``, print, and check the limits of ``outcome``.

    ``budget`` gives the error budget of the comparison; ``record`` is what made the levels, by default this command.
    """
    from freqbias.compare import compare_spectra, write_metrics, write_report
    from freqbias.files import write_text

    comparison = compare_spectra(levels.get("pde"), levels.get("network"), levels.get("kernel"))
    if budget is not None:
        comparison = replace(comparison, budget=budget(comparison))
    record = record or run_record(comparison.spectra, ranks)
    write_metrics(comparison, out / "metrics.json")
    write_report(comparison, out / "report.html", record)
    if outcome.style is not None:
        from freqbias.compare.figures.files import write_figures

        write_figures(comparison, out / "figures", outcome.style)
    write_text(out / "run.json", json.dumps(record, indent=2, allow_nan=False) + "\n")
    outcome.print(comparison)
    if not outcome.as_json:
        print(out / "report.html")
    outcome.check(comparison)


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value
