"""The report as a document: what stands in it, and that it loads nothing from elsewhere."""

import base64
import hashlib
import json
import re
import zlib
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from compare_cases import (
    RUN,
    deep_comparison,
    deep_page,
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
from freqbias.compare.budget.terms import ErrorBudget
from freqbias.compare.figures.packed import packed
from freqbias.compare.numbers import short
from freqbias.compare.panels import PANELS
from freqbias.compare.report import report_html
from freqbias.compare.setting import setting_rows
from freqbias.problem import Problem

PANEL_IDS = [
    "decay",
    "differences",
    "phase",
    "spectra",
    "heat-maps",
    "emergence",
    "rates",
    "bias",
    "split",
    "loss",
    "setting",
    "computation",
    "problem",
]
VOID = {"meta", "link", "img", "br", "hr", "input"}


class Document(HTMLParser):
    """Tags with their attributes, texts, scripts, and the tables of a page; fails on tags that are not closed."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self.open, self.panels, self.rows, self.scripts = [], [], [], [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "section":
            self.panels.append(dict(attrs)["id"].removeprefix("panel-"))
        if tag == "script":
            self.scripts.append((dict(attrs).get("type"), ""))
        if tag == "tr":
            self.rows.append((self.panels[-1] if self.panels else "bar", []))
        if tag in ("td", "th"):
            self.rows[-1][1].append(["", dict(attrs).get("data-value")])

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            kind, text = self.scripts[-1]
            self.scripts[-1] = (kind, text + data)
            return
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
    """Nothing is loaded, no script runs but the page's own, which alone the policy allows by its digest."""
    document = Document(text)
    for tag, attributes in document.tags:
        assert tag not in ("link", "iframe", "object", "embed", "base", "form")
        for key, value in attributes.items():
            if key in ("src", "href", "xlink:href", "srcset", "data", "action"):
                assert value.startswith(("data:image/png;base64,", "#")), f"{tag} {key} = {value[:60]}"
            assert not key.startswith("on")
    for target in re.findall(r"url\(\s*['\"]?(.)", text):
        assert target in "#$"  # $: a reference that the script makes
    assert "@import" not in text
    kinds = [kind for kind, _ in document.scripts]
    assert kinds == ["application/json", None]
    json.loads(document.scripts[0][1])
    script = document.scripts[1][1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = [found["content"] for _, found in document.tags if "http-equiv" in found]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules == {
        "default-src": "'none'",
        "style-src": "'unsafe-inline'",
        "img-src": "data:",
        "script-src": f"'sha256-{digest}'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert not re.search(r"fetch\(|XMLHttpRequest|import\(|eval|http://(?!www\.w3\.org/)|https://", script)


def data_of(text):
    """The JSON block of a page."""
    return json.loads(Document(text).scripts[0][1])


def unpacked(content):
    """What ``freqbias.compare.figures.packed`` wrote, decoded on its own: NaN where nothing is known."""
    planes = np.frombuffer(zlib.decompress(base64.b64decode(content["zlib"])), dtype=np.uint8).astype(int)
    high, low = planes.reshape(2, *content["shape"])
    codes = np.cumsum(256 * high + low, axis=-1) % 65536
    part = (codes - 1) / (content["steps"] - 1)
    values = content["ends"][0] + part * (content["ends"][1] - content["ends"][0])
    return np.where(codes == 0, np.nan, 10.0**values if content["log"] else values)


def test_the_page_holds_all_panels_in_order(page):
    document = Document(page)
    assert document.panels == PANEL_IDS
    assert len(PANELS) == len(PANEL_IDS) + 3  # maps and cuts are for two and three dimensions, the budget is asked for
    figures = [attributes for tag, attributes in document.tags if tag == "figure"]
    assert len(figures) == page.count("<figure") == 15
    assert all(attributes["role"] == "img" and attributes["aria-label"] for attributes in figures)
    assert set(data_of(page)["figures"]) == {attributes["id"].removeprefix("figure-") for attributes in figures}


def test_the_verdict_comes_first(page, comparison):
    texts = [text.strip() for text in Document(page).texts]
    sentence = verdict(comparison).sentence
    assert texts.index(sentence) < texts.index("Decay of single frequencies")
    assert 'data-grade="agree"' in page


def test_findings_and_budget_follow_the_verdict():
    """A network that runs 1.4 times as fast as the theory; a budget."""
    problem = three_tones()
    fast, size = three_tones_pde(problem, 1.4), len(problem.times)
    found = compare_spectra(spectra("pde", three_tones_pde(problem), problem), spectra("network", fast, problem), None)
    zero = np.zeros(size)
    found = replace(found, budget=ErrorBudget(found.times, zero, zero, ()))
    assert found.findings
    texts = [text.strip() for text in Document(report_html(found, {})).texts if text.strip()]
    start = texts.index(verdict(found).sentence)
    wanted = ["It looks like", *(one.sentence for one in found.findings)]
    wanted += ["What makes the difference", found.budget.sentence]
    assert texts[start + 1 : start + 1 + len(wanted)] == wanted
    assert texts.index("Decay of single frequencies") > start + len(wanted)


def test_packed_arrays_keep_what_they_promise():
    values = np.concatenate([[0.0, np.nan, 1e-9, 1e9], np.logspace(-5, 1, 996)]).reshape(4, 250)
    found = unpacked(packed(values, 1e-4, 10.0, 40_000, True))
    known = np.clip(np.where(values > 0, values, 1e-4), 1e-4, 10.0)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(values))
    np.testing.assert_allclose(found[~np.isnan(values)], known[~np.isnan(values)], rtol=1.5e-4)
    found = unpacked(packed(np.ma.masked_greater(np.array([[-1.0, 0.5, 2.0]]), 1), -1.0, 1.0, 201, False))
    np.testing.assert_allclose(found, [[-1.0, 0.5, np.nan]], atol=1e-12)


def test_the_data_are_those_of_the_comparison(page, comparison):
    data = data_of(page)
    np.testing.assert_allclose(data["times"], comparison.times, rtol=1e-5)
    (axes,) = data["figures"]["spectra"]
    step = -(-len(comparison.profiles.frequencies) // 400)
    np.testing.assert_allclose(axes["xs"][0], comparison.profiles.frequencies[::step], atol=1e-12)
    for level, curve in zip(("pde", "kernel", "network"), axes["curves"], strict=True):
        assert curve["label"] == comparison.names[level]
        exact = comparison.profiles.magnitude[level][:, ::step]
        np.testing.assert_allclose(unpacked(curve["frames"]), exact, rtol=1e-3, atol=1e-15 * exact.max())
    main, below = data["figures"]["decay"]
    assert [axes["x"]["time"] for axes in (main, below)] == [True, True]
    curves = {curve["label"]: curve["y"] for curve in main["curves"]}
    exact = comparison.decay.ratio["network"][1:, 0]
    np.testing.assert_allclose(curves[f"ξ = {short(comparison.decay.frequencies[0, 0])}, network"], exact, rtol=1e-4)
    (axes,) = data["figures"]["heat-kernel"]
    (image,) = axes["images"]
    rows = [int(np.abs(comparison.profiles.frequencies - y).argmin()) for y in image["y"]]
    exact = comparison.profiles.magnitude["kernel"][1:, rows].T
    np.testing.assert_allclose(image["x"], comparison.times[1:], rtol=1e-4)
    largest = max(values.max() for values in comparison.profiles.magnitude.values())
    np.testing.assert_allclose(unpacked(image["values"]), np.maximum(exact, largest * 1e-5), rtol=1e-3)


def test_nothing_is_loaded_from_elsewhere(page):
    assert_self_contained(page)
    assert "default-src 'none'" in page
    assert len(page.encode()) < 3_000_000


def test_ids_are_unique_and_references_resolve(page):
    attributes = [attributes for _, attributes in Document(page).tags]
    ids = [found["id"] for found in attributes if "id" in found]
    assert len(ids) == len(set(ids))
    references = re.findall(r"url\(#([^)$]*)\)", page)
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
        _, isolates, largest, when, final, noise, of_mean = rows[name]
        assert noise[0] == "–"
        assert isolates[0]
        assert float(largest[1]) == found["max_relative_error"][key]
        assert float(when[1]) == found["worst_time"][key]
        assert float(final[1]) == found["relative_error"][key][-1]
        if key == "kernel_vs_pde":
            assert of_mean == ["–", None]
        else:
            assert float(of_mean[1]) == max(found["relative_error_of_mean"][key])
    learned = [cells for panel, cells in Document(page).rows if panel == "emergence"][1:]
    assert [float(cells[1][1]) for cells in learned] == found["decay_curves"]["emergence_times"]["pde"]


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
    assert text.count("learning time t") >= 15
    assert text.count("(unit of the target)") >= 7


def test_colours_follow_the_theme(page):
    assert "prefers-color-scheme: dark" in page
    for svg in re.findall(r"<figure.*?(<svg.*?</svg>)", page, flags=re.DOTALL):
        colours = re.findall(r"(?:fill|stroke): ?(#[0-9a-f]{6})", re.sub(r"base64,[^\"]*", "", svg))
        # Below the scale of a heat map: the lowest colours of its colormap.
        assert set(colours) <= {"#440154", "#000004"}
        assert "var(--ink)" in svg


def test_equal_input_gives_equal_bytes(tmp_path):
    write_report(deep_comparison(), tmp_path / "report.html", RUN)
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == deep_page()


def test_texts_of_the_user_cannot_become_markup():
    evil = "</title><script>alert(1)</script><img src=x onerror=alert(2)>"
    problem = Problem.create(settings(name=evil))
    exact = three_tones_pde(problem)
    text = report_html(
        compare_spectra(None, spectra("network", exact, problem, info={evil: evil})),
        {evil: evil, "versions": {evil: evil}, "wall_seconds": {evil: 1.0}},
    )
    assert "<script>alert" not in text
    assert "<img" not in text
    assert_self_contained(text)
    assert evil in "".join(Document(text).texts)


def test_missing_levels_leave_gaps_not_errors():
    kernel = spectra("kernel", three_tones_pde(three_tones()), three_tones())
    document = Document(report_html(compare_spectra(None, None, kernel), {}))
    assert document.panels == [name for name in PANEL_IDS if name not in ("computation", "phase")]
    assert "not compared: no network and no PDE" in " ".join(document.texts)


def test_bands_are_drawn_and_explained(page):
    """One light area for every mean of the network; the other levels have one run."""
    figures = dict(re.findall(r'<figure id="figure-([^"]*)"[^>]*>(<svg.*?</svg>)', page, flags=re.DOTALL))
    areas = {name: len(re.findall(r'id="[^"]*(?:FillBetween|-band")', svg)) for name, svg in figures.items()}
    wanted = {"decay": 3, "errors": 2, "phase": 4, "spectra": 5, "emergence": 1, "bias": 2, "split": 2, "loss": 1}
    assert {name: count for name, count in areas.items() if count} == wanted
    explained = {name for name, svg in figures.items() if "smallest to largest of 3 seeds" in svg}
    assert explained == {"decay", "errors", "emergence", "split", "loss"}
    text = " ".join(Document(page).texts)
    assert text.count("Light areas: smallest to largest of 3 seeds.") == len(wanted)
    assert "Means over 3 seeds." in text


def test_a_deep_network_is_reported_without_a_pde():
    document = Document(deep_page())
    assert document.panels == PANEL_IDS
    rows = {cells[0][0]: cells[1][0] for panel, cells in document.rows if panel == "setting"}
    assert rows["Levels"] == "empirical kernel flow (2 seeds), network (2 seeds)"
    assert rows["No PDE"] == 'network.family = "multilayer-perceptron" has no PDE, only two-layer networks have'
    assert rows["Network"] == "multilayer-perceptron, hidden layers 2 × 64, tanh, centred"
    assert rows["Training"] == "gradient-descent, learning rate 0.5, batches of 64"
    assert "Law of the frequencies" not in rows
    text = " ".join(document.texts)
    assert "network vs empirical kernel flow" in text
    assert "damping alone" not in text


@pytest.mark.parametrize(
    ("network", "training", "rows"),
    [
        (
            {
                "family": "deep-fourier-features",
                "width": 128,
                "hidden": [64, 32],
                "law": {"family": "normal", "scale": 6.0},
            },
            {"optimizer": "adamw", "schedule": {"family": "cosine", "warmup": 0.1}, "precision": "float32"},
            {
                "Network": "deep-fourier-features, 128 features, hidden layers 64, 32, relu, not centred",
                "Rate of frequencies / weights": "1",
                "Training": "adamw, learning rate 0.5, weight decay 0.01, "
                "cosine schedule to 0.01, warm-up over 0.1 of the steps, float32",
                "No PDE": 'network.family = "deep-fourier-features" has no PDE, only two-layer networks have',
                "No empirical kernel flow": "training.schedule changes the learning rate, "
                "which PDE and kernel flow do not follow",
            },
        ),
        (
            {"family": "siren", "hidden": [32], "omega": 10.0},
            {"optimizer": "momentum"},
            {
                "Network": "siren, hidden layer 32, ω = 10, hidden layers 30, not centred",
                "Training": "momentum, learning rate 0.5, momentum 0.9",
                "No empirical kernel flow": "was not computed",
            },
        ),
        (
            {"width": 40, "sampling": "random", "law": {"family": "uniform", "scale": 20.0}},
            {"optimizer": "gradient-flow"},
            {
                "Network": "fourier-features, width 40, random, mirrored",
                "Training": "gradient-flow",
                "Levels": "network",
            },
        ),
    ],
)
def test_the_setting_names_what_the_family_knows(network, training, rows):
    data = settings()
    problem = Problem.create(data | {"network": network, "training": data["training"] | training})
    values = np.ones((len(problem.times), len(problem.mesh.nodes)), dtype=complex)
    assert setting_rows(compare_spectra(None, spectra("network", values, problem))).items() >= rows.items()


def test_two_dimensions():
    text = plane_page()
    assert_self_contained(text)
    texts = " ".join(Document(text).texts)
    assert "Maps of the frequency plane" in texts
    assert "frequency |ξ| (radians per unit of x)" in texts
    # Three levels and a difference, five times of three levels, two bars of their scales, six heat maps with theirs.
    assert text.count("data:image/png") == 4 + 15 + 2 + 12
    assert "average over directions" in texts
    assert "along the diagonal" in texts


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
    initial = problem.initial_spectrum(problem.mesh.nodes)
    text = report_html(compare_spectra(spectra("pde", frozen(problem, initial), problem), None), {})
    assert "central plane ξ₃ = 0" in text


def test_a_single_output_time_is_enough():
    problem = Problem.create(settings(training__times={"last": 10.0, "first": 10.0, "count": 1}))
    exact = three_tones_pde(problem)
    report_html(compare_spectra(spectra("pde", exact, problem), spectra("network", exact, problem)), {})
