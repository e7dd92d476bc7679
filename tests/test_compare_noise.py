"""What is within its noise, not computed, or without anything to compare to: in numbers and in the report."""

import re

import numpy as np
import pytest
from compare_cases import deep_comparison, ripple, spectra, three_tones, three_tones_pde

from freqbias.compare import compare_spectra
from freqbias.compare.alignment.alignment import Alignment
from freqbias.compare.noise import noise, pair_status
from freqbias.compare.panels import Cell, Table, differences
from freqbias.compare.status import Status

PAIR = "network_vs_pde"


def comparison(size, pde=None, network=None, kernel=True):
    """Network and kernel flow ``size`` and 3 ``size`` away from the PDE, with estimates of their own errors."""
    problem = three_tones()
    exact = three_tones_pde(problem)
    scale = np.abs(exact).max()
    return compare_spectra(
        spectra("pde", exact, problem, info=pde or {}),
        spectra("network", exact + ripple(problem, size * scale, 1.0), problem, info=network or {}),
        spectra("kernel", exact + ripple(problem, 3 * size * scale, 1.0), problem) if kernel else None,
    )


def test_noise_is_the_root_of_the_sum_of_squares():
    found = comparison(1e-4, {"evolution_error_estimate": 3e-6}, {"flow_error_estimate": 4e-6})
    assert noise(found, PAIR) == pytest.approx(5e-6)
    assert noise(found, "network_vs_kernel") == pytest.approx(4e-6)
    assert noise(found, "kernel_vs_pde") == pytest.approx(3e-6)
    assert noise(comparison(1e-4), PAIR) == 0


def test_noise_of_an_alignment_counts():
    found = comparison(1e-4, {"evolution_error_estimate": 3e-6})
    found.alignment["network"] = Alignment((), np.array([0.0, 4e-6, 1e-6]), 0.0)
    assert noise(found, PAIR) == pytest.approx(5e-6)


def test_a_number_below_its_noise_is_marked():
    found = comparison(1e-4, {}, {"flow_error_estimate": 1e-2})
    assert found.max_relative_error[PAIR] < 1e-2
    assert pair_status(found, PAIR, 9.9e-3) is Status.WITHIN_NOISE
    assert pair_status(found, PAIR, 1.01e-2) is Status.MEASURED
    (table,) = differences(found, {}).tables
    rows = {row[0].text: row for row in table.rows}
    assert [cell.status for cell in rows["network vs PDE"][2:5:2]] == [Status.WITHIN_NOISE] * 2
    assert rows["kernel flow vs PDE"][2].status is Status.MEASURED
    assert table.legend == [(Status.WITHIN_NOISE, "≈", "smaller than its own uncertainty")]


def test_why_a_pair_is_missing():
    (table,) = differences(comparison(1e-4, kernel=False), {}).tables
    rows = {row[0].text: row for row in table.rows}
    assert {cell.status for cell in rows["kernel flow vs PDE"][1:]} == {Status.SKIPPED}
    assert pair_status(deep_comparison(), PAIR) is Status.NOT_COMPARABLE  # a deep network has no PDE
    assert pair_status(deep_comparison(), "network_vs_kernel") is Status.MEASURED


def test_statuses_look_different():
    """Not by colour alone: every status that is no plain number has a symbol of its own."""
    statuses = [status for status in Status if status is not Status.MEASURED]
    table = Table(["a", "b"], [[Cell(status), Cell("–", status=status)] for status in Status], numbers=1)
    marks = [row[1].mark for row in table.rows]
    assert marks[0] == ""
    assert len(set(marks)) == len(Status)
    assert {status for status, _, _ in table.legend} == set(statuses)


def test_the_page_shows_status_symbols_with_a_legend():
    from freqbias.compare.page import Page, page_html
    from freqbias.compare.panels import Panel

    cells = [[Cell(status), Cell("–", status=status)] for status in Status] + [
        [Cell("x"), Cell("1", 1.0, Status.WITHIN_NOISE)]
    ]
    text = page_html(Page("n", "k", "unknown", "v", [Panel("p", "P", tables=[Table(["a", "b"], cells, numbers=1)])]))
    assert 'id="time-bar"' not in text
    for status, symbol in (("failed", "✕"), ("skipped", "○"), ("not comparable", "≠"), ("within noise", "≈")):
        marks = re.findall(rf'<span class="status" data-status="{status}"[^>]*>(.)</span>', text)
        assert set(marks) == {symbol}
        assert len(marks) == (3 if status == "within noise" else 2)  # in the table, and in its legend
        assert f'.status[data-status="{status}"]' in text
    assert ">≈</span> 1</td>" in text
    assert ">✕</span></td>" in text
