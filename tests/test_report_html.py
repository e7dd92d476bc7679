"""The report as a document: what stands in it, and that it loads nothing from elsewhere."""

import re
from html.parser import HTMLParser

import pytest
from compare_cases import (
    RUN,
    frozen,
    line_comparison,
    line_page,
    plane_page,
    settings,
    spectra,
    three_tones,
    three_tones_pde,
)

from freqbias.compare import compare_spectra, metrics, verdict, write_report
from freqbias.compare.panels import PANELS
from freqbias.compare.report import report_html
from freqbias.problem import Problem
from freqbias.transforms import error_spectrum

PANEL_IDS = [
    "decay",
    "setting",
    "differences",
    "heat-maps",
    "spectra",
    "learning-time",
    "loss",
    "computation",
    "problem",
]
VOID = {"meta", "link", "img", "br", "hr", "input"}


class Document(HTMLParser):
    """Tags with their attributes, texts, and the tables of a page; fails on tags that are not closed."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self.open, self.panels, self.rows = [], [], [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "section":
            self.panels.append(dict(attrs)["id"].removeprefix("panel-"))
        if tag == "tr":
            self.rows.append((self.panels[-1], []))
        if tag in ("td", "th"):
            self.rows[-1][1].append(["", dict(attrs).get("data-value")])

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][1][-1][0] += data


@pytest.fixture(scope="module")
def comparison():
    return line_comparison()


@pytest.fixture(scope="module")
def page():
    return line_page()


def assert_self_contained(text):
    for tag, attributes in Document(text).tags:
        assert tag not in ("script", "link", "iframe", "object", "embed", "base")
        for key, value in attributes.items():
            if key in ("src", "href", "xlink:href", "srcset", "data", "action"):
                assert value.startswith(("data:image/png;base64,", "#")), f"{tag} {key} = {value[:60]}"
            assert not key.startswith("on")
    for target in re.findall(r"url\(\s*['\"]?(.)", text):
        assert target == "#"
    assert "@import" not in text


def test_the_page_holds_all_panels_in_order(page):
    document = Document(page)
    assert document.panels == PANEL_IDS
    assert len(PANELS) == len(PANEL_IDS)
    figures = [attributes for tag, attributes in document.tags if tag == "figure"]
    assert len(figures) == sum(tag == "svg" for tag, _ in document.tags) == 11
    assert all(attributes["role"] == "img" and attributes["aria-label"] for attributes in figures)


def test_the_verdict_comes_first(page, comparison):
    texts = [text.strip() for text in Document(page).texts]
    sentence = verdict(comparison).sentence
    assert texts.index(sentence) < texts.index("Decay of single frequencies")
    assert 'data-grade="agree"' in page


def test_nothing_is_loaded_from_elsewhere(page):
    assert_self_contained(page)
    assert "default-src 'none'" in page
    assert len(page.encode()) < 3_000_000


def test_ids_are_unique_and_references_resolve(page):
    attributes = [attributes for _, attributes in Document(page).tags]
    ids = [found["id"] for found in attributes if "id" in found]
    assert len(ids) == len(set(ids))
    references = re.findall(r"url\(#([^)]*)\)", page)
    references += [found["xlink:href"][1:] for found in attributes if found.get("xlink:href", "").startswith("#")]
    assert references
    assert set(references) <= set(ids)


def test_the_table_shows_the_metrics(page, comparison):
    found = metrics(comparison)
    rows = {cells[0][0]: cells for panel, cells in Document(page).rows if panel == "differences"}
    names = {
        "network_vs_pde": "network vs PDE",
        "network_vs_kernel": "network vs kernel flow",
        "kernel_vs_pde": "kernel flow vs PDE",
    }
    for key, name in names.items():
        _, isolates, largest, when, final = rows[name]
        assert isolates[0]
        assert float(largest[1]) == found["max_relative_error"][key]
        assert float(when[1]) == found["worst_time"][key]
        assert float(final[1]) == found["relative_error"][key][-1]
    learned = [cells for panel, cells in Document(page).rows if panel == "learning-time"][1:]
    assert [float(cells[1][1]) for cells in learned] == found["decay_curves"]["learning_times"]["pde"]


def test_the_run_and_the_problem_are_told(page, comparison):
    rows = {cells[0][0]: cells[1][0] for panel, cells in Document(page).rows if panel in ("computation", "setting")}
    assert rows["wall time of PDE"] == "1.25 s"
    assert rows["PDE: solves"] == "44"
    assert rows["ranks"] == "2"
    assert rows["version of torch"] == "2.9.1"
    assert rows["Network"] == "fourier-features, width 4000, quadrature"
    assert comparison.problem.to_toml().strip() in "".join(Document(page).texts)


def test_axes_have_labels_with_units(page):
    text = " ".join(" ".join(Document(page).texts).split())
    assert text.count("frequency ξ (radians per unit of x)") >= 8
    assert text.count("learning time t") >= 9
    assert text.count("(unit of the target)") >= 7


def test_colours_follow_the_theme(page):
    assert "prefers-color-scheme: dark" in page
    for svg in re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL):
        colours = re.findall(r"(?:fill|stroke): ?(#[0-9a-f]{6})", re.sub(r"base64,[^\"]*", "", svg))
        # Below the scale of a heat map: the lowest colours of its colormap.
        assert set(colours) <= {"#440154", "#000004"}
        assert "var(--ink)" in svg


def test_equal_input_gives_equal_bytes(tmp_path):
    problem = three_tones()
    for name in ("a.html", "b.html"):
        comparison = compare_spectra(None, spectra("network", three_tones_pde(problem), problem))
        write_report(comparison, tmp_path / name, RUN)
    first, second = sorted(tmp_path.iterdir())
    assert first.read_bytes() == second.read_bytes()


def test_texts_of_the_user_cannot_become_markup():
    evil = "</title><script>alert(1)</script><img src=x onerror=alert(2)>"
    problem = Problem.create(settings(name=evil))
    exact = three_tones_pde(problem)
    text = report_html(
        compare_spectra(None, spectra("network", exact, problem, info={evil: evil})),
        {evil: evil, "versions": {evil: evil}, "wall_seconds": {evil: 1.0}},
    )
    assert "<script" not in text
    assert "<img" not in text
    assert_self_contained(text)
    assert evil in "".join(Document(text).texts)


@pytest.mark.parametrize("levels", [("kernel",), ("pde", "network")])
def test_missing_levels_leave_gaps_not_errors(levels):
    problem = three_tones()
    exact = three_tones_pde(problem)
    given = dict.fromkeys(("pde", "network")) | {level: spectra(level, exact, problem) for level in levels}
    document = Document(report_html(compare_spectra(**given), {}))
    assert document.panels == [name for name in PANEL_IDS if name != "computation"]
    assert "not compared: no" in " ".join(document.texts)


def test_two_dimensions():
    text = plane_page()
    assert_self_contained(text)
    texts = " ".join(Document(text).texts)
    assert "Maps at a few times" in texts
    assert "frequency |ξ| (radians per unit of x)" in texts
    # Five times of three levels, the bar of their scale, and six heat maps with theirs.
    assert text.count("data:image/png") == 15 + 1 + 12


def test_three_dimensions():
    data = {"lower": [-1.0] * 3, "upper": [1.0] * 3, "points": [8]}
    problem = Problem.create(
        settings(
            network__law={"family": "normal", "scale": 3.0},
            target__expression="exp(-4*x**2-4*y**2-4*z**2)*cos(3*x)",
            data=data,
            mesh={"cutoff": [8.0], "cells": [6], "degree": 2},
            training__times__count=4,
        )
    )
    initial = error_spectrum(problem.points, problem.initial_error, problem.mesh.nodes)
    text = report_html(compare_spectra(spectra("pde", frozen(problem, initial), problem), None), {})
    assert "central plane ξ₃ = 0" in text


def test_a_single_output_time_is_enough():
    problem = Problem.create(settings(training__times={"last": 10.0, "first": 10.0, "count": 1}))
    exact = three_tones_pde(problem)
    report_html(compare_spectra(spectra("pde", exact, problem), spectra("network", exact, problem)), {})
