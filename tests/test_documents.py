"""What the documents and examples show is run, and one number of each is pinned."""

import re
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import scipy.integrate
from conftest import EXAMPLES
from document_blocks import COMMANDS, COPIED, DOCUMENTS, ROOT, blocks, copy_examples, options, run_page

from freqbias import Problem, compare, fem, nn

PAGES = [page for page in DOCUMENTS if any(block.runs for block in blocks(page))]


def code_blocks(document):
    return [block.text for block in blocks(ROOT / document) if block.language == "python"]


@pytest.fixture(scope="module")
def finished_run(tmp_path_factory):
    """A small run of all three levels, as ``freqbias run`` leaves it, with all figures."""
    from freqbias.cli.main import app

    folder = tmp_path_factory.mktemp("finished")
    copy_examples(folder / "examples")
    words = ["run", str(folder / "examples/three_tones.toml"), "--out", str(folder / "run"), "--budget", "0"]
    app(words, standalone_mode=False)
    return folder / "run"


@pytest.fixture
def lean(monkeypatch):
    """Reports of few figures, and studies in this process: the work of commands, not of what they have in common."""
    from freqbias.compare import panels
    from freqbias.study import tasks

    few = [panel for panel in panels.PANELS if panel.__name__ in ("decay", "setting")]
    monkeypatch.setattr(panels, "PANELS", few)
    outcomes = tasks._outcomes
    monkeypatch.setattr(tasks, "_outcomes", lambda levels, jobs, compute: outcomes(levels, 0, compute))


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "README.md"], ids=lambda page: page.stem)
def test_what_a_page_shows_runs(page, tmp_path, monkeypatch, command, finished_run, lean):
    monkeypatch.chdir(tmp_path)
    run_page(page, tmp_path, command, finished_run)


def test_python_example_of_the_readme(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = run_page(ROOT / "README.md", tmp_path, None, None)
    assert names["result"].max_relative_error["network_vs_kernel"] < 1e-3
    assert capsys.readouterr().out.startswith("Theory and network agree")
    assert (tmp_path / "report.html").stat().st_size > 100_000


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: page.stem)
def test_every_block_runs_or_says_why_not(page):
    for block in blocks(page):
        if block.language not in COPIED or block.runs or "file" in block.marks:
            continue
        assert {"run by", "not run"} & set(block.marks), f"{page.name}: {block.text}"
        if place := block.marks.get("run by"):
            others = blocks(ROOT / place) if place.endswith(".md") else []
            same = any(other.runs and other.text == block.text for other in others)
            text = (ROOT / place).read_text(encoding="utf-8")
            assert same or (place.startswith("tests/") and names_of(block, page) <= set(re.findall(r"[\w.-]+", text)))


def names_of(block, page):
    """What a file of tests that runs a block must name: its commands, or the page that it reads the block from."""
    return {words[0] for words in block.commands} or {page.name}


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: page.stem)
def test_commands_of_the_documents_exist(page):
    """Also those that are not run: the command, its options, and that nothing required is left out."""
    for block in blocks(page):
        for words in block.commands:
            COMMANDS[words[0]].make_context(f"freqbias {words[0]}", list(words[1:]))
    known = {option for name in COMMANDS for option in options(name)} | {"--version", "--help"}
    for option in re.findall(r"`(?:freqbias \w+ )?(--[a-z-]+)[^`]*`", page.read_text(encoding="utf-8")):
        assert option in known, f"{page.name}: {option}"


def test_marks_of_blocks_are_read():
    """A page of which nothing ran would pass as well."""
    names = {page.stem: blocks(page) for page in DOCUMENTS}
    run = {words[0] for found in names.values() for block in found if block.runs for words in block.commands}
    assert run == set(COMMANDS) - {"doctor"}
    assert sum(len(block.commands) for found in names.values() for block in found if block.runs) >= 40
    assert {block.marks["file"] for block in names["tutorial-own-data"] if "file" in block.marks} == {
        "tide.toml",
        "rings.toml",
    }
    for page in DOCUMENTS:
        assert not re.findall(r"<!-- (?:tested|with|file|page|run|not)\b(?![\w ]*: )", page.read_text()), page.name


def test_law_of_the_extending_page():
    from freqbias.laws import Normal

    names = {}
    exec(code_blocks("docs/extending.md")[0], names)
    law = names["Logistic"](scale=[1.5]).in_dimension(1)
    assert isinstance(law, type(Normal(scale=[1.0])).__mro__[1])
    for z in (0.0, 0.3, 1.1):
        exact = scipy.integrate.quad(lambda w: law.density(np.array([[w]]))[0] * np.cos(w * z), -60, 60, limit=200)[0]  # noqa: B023
        assert law.characteristic(np.array([[z]]))[0] == pytest.approx(exact, abs=1e-8)


def test_panel_of_the_extending_page(settings):
    from freqbias.compare import panels

    problem = Problem.create(settings)
    result = compare.compare_spectra(fem.solve(problem), None, nn.kernel_flow(problem))
    names = vars(panels).copy()
    exec(code_blocks("docs/extending.md")[1], names)
    panel = names["energy"](result, {})
    assert panel.drawings[0].svg.startswith("<svg")


def heading_anchors(document):
    """The anchors of the headings of a page, as code hosts and MyST make them."""
    text = re.sub(r"^```.*?^```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    titles = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: page.stem)
def test_every_link_of_the_documents_leads_somewhere(page):
    without_formulas = re.sub(r"\$\$.*?\$\$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target, anchor in re.findall(r"\]\((?!http)([^)#]*)#?([^)]*)\)", without_formulas):
        place = page.parent / target if target else page
        assert place.exists(), target
        # The headings of generated pages are made when they are built, which looks for their anchors.
        if anchor and "generated from the code" not in place.read_text(encoding="utf-8"):
            assert anchor in heading_anchors(place), f"{target}#{anchor}"


def test_every_file_of_the_architecture_page_exists():
    for name in re.findall(
        r"`((?:freqbias|fem|nn|compare|meshes)/[\w/.]*)`", (ROOT / "docs/architecture.md").read_text()
    ):
        # Of the installed package: in the container, its sources are nowhere else.
        folder, _, rest = name.partition("/")
        package = "freqbias" if folder == "freqbias" else f"freqbias.{folder}"
        assert (Path(find_spec(package).origin).parent / rest).exists(), name


def test_elevation_profile_example():
    """A real recording under heavy ball: PDE and kernel flow agree to what the window and broad spectrum allow."""
    problem = Problem.from_file(EXAMPLES / "elevation_profile.toml")
    result = compare.compare_spectra(fem.solve(problem), None, nn.kernel_flow(problem))
    assert result.max_relative_error["kernel_vs_pde"] == pytest.approx(5.5e-3, rel=0.1)


def test_elevation_map_example_on_a_coarser_grid():
    """The real map, subsampled to 24 x 24 points: prediction, kernel flow and network in two dimensions."""
    given = Problem.from_file(EXAMPLES / "elevation_map.toml").settings.model_dump(mode="json", exclude_none=True)
    given["data"]["points"] = [24, 24]
    given["network"] |= {"width": 4096}
    given["mesh"] = {"cutoff": [12.0], "cells": [40], "degree": 2}
    given["training"]["times"] |= {"last": 300.0, "count": 5}
    problem = Problem.create(given)
    result = compare.compare_spectra(fem.solve(problem), nn.train(problem), nn.kernel_flow(problem))
    assert result.max_relative_error["kernel_vs_pde"] == pytest.approx(1.68e-2, rel=0.1)
    assert result.max_relative_error["network_vs_kernel"] < 0.03


def test_wave_packets_example_with_fewer_samples():
    """Three dimensions: PDE and kernel flow on 12 x 12 x 12 samples."""
    given = Problem.from_file(EXAMPLES / "wave_packets.toml").settings.model_dump(mode="json", exclude_none=True)
    given["data"]["points"] = [12]
    given["mesh"] = {"cells": [14], "degree": 2}
    given["training"]["times"] |= {"last": 3000.0, "count": 5}
    problem = Problem.create(given)
    result = compare.compare_spectra(fem.solve(problem), None, nn.kernel_flow(problem))
    assert result.max_relative_error["kernel_vs_pde"] == pytest.approx(6.65e-2, rel=0.1)
