"""Tables to the letter: what a person sees in the terminal, and the kinds of everything in metrics.json.

After a change that is wanted, write the new text with FREQBIAS_WRITE_GOLDEN=1 and read the difference.
"""

import os
from pathlib import Path

import pytest
from compare_cases import deep_comparison, line_comparison, plane_comparison
from rich.console import Console

from freqbias.compare import metrics, summary_table

GOLDEN = Path(__file__).parent / "golden"
CASES = {"line": line_comparison, "deep": deep_comparison, "plane": plane_comparison}


def check(name, text):
    path = GOLDEN / name
    if os.environ.get("FREQBIAS_WRITE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("case", CASES)
def test_the_table_for_the_terminal(case):
    console = Console(width=140)
    with console.capture() as capture:
        console.print(summary_table(CASES[case]()))
    check(f"summary_{case}.txt", "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n")


@pytest.mark.parametrize("case", CASES)
def test_the_kinds_of_everything_in_the_metrics(case):
    check(f"metrics_{case}.txt", "\n".join(kinds("", metrics(CASES[case]()))) + "\n")


def kinds(key, value):
    """Lines ``key: kind``, a list by its length and the kind of its first element that is something."""
    match value:
        case dict():
            return [line for name, item in value.items() for line in kinds(f"{key}.{name}".lstrip("."), item)]
        case list():
            first = next((item for item in value if item is not None), None)
            return [f"{line} × {len(value)}" for line in kinds(f"{key}[]", first)]
    return [f"{key}: {'null' if value is None else type(value).__name__}"]
