"""The documentation as pages: built without a warning, with references that are those of the code."""

import re
import subprocess
import sys
from html import unescape

import pytest
from document_blocks import COMMANDS, ROOT, options

from freqbias import compare, errors, fem, meshes, nn, study
from freqbias.settings import DataSettings, MeshSettings, SolverSettings, TargetSettings
from freqbias.training_settings import ScheduleSettings, TrainingSettings


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Build with what ``make docs`` runs: warnings and names that lead nowhere are errors."""
    folder = tmp_path_factory.mktemp("docs")
    (rule,) = re.findall(r"^docs:.*\n\t\$\(BIN\)/python (.*)$", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    words = (
        rule.replace("build/docs-cache", str(folder / "cache")).replace(" build/docs", f" {folder / 'pages'}").split()
    )
    assert {"-W", "--keep-going", "-n"} <= set(words)
    done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert (done.returncode, done.stderr) == (0, "")
    return folder / "pages"


def text(page):
    """The words of a page, without tags."""
    return unescape(re.sub(r"<[^>]*>", "", page.read_text(encoding="utf-8")))


def test_every_page_is_in_the_tree_and_needs_no_network(pages):
    sources = {source.stem for source in (ROOT / "docs").glob("*.md")}
    index = (pages / "index.html").read_text(encoding="utf-8")
    for name in sources - {"index"}:
        assert f'href="{name}.html"' in index, name
    for page in pages.glob("*.html"):
        loaded = re.findall(r'<(?:script|img|link)[^>]*(?:src|href)="(https?:[^"]*)"', page.read_text(encoding="utf-8"))
        assert not loaded, page.name


def test_formulas_are_drawn(pages):
    theory = (pages / "theory.html").read_text(encoding="utf-8")
    source = (ROOT / "docs" / "theory.md").read_text(encoding="utf-8")
    assert theory.count('display="block"') == source.count("\n$$\n") / 2
    shown = re.sub(r"<code.*?</code>|<pre.*?</pre>|<script.*?</script>", "", theory, flags=re.DOTALL)
    assert "$" not in re.sub(r"<[^>]*>", "", shown)
    assert "\\" not in re.sub(r"<[^>]*>", "", shown)


def test_command_reference_has_every_command_and_option(pages):
    found = text(pages / "command-reference.html")
    for name, command in COMMANDS.items():
        assert f"freqbias {name} [OPTIONS]" in found
        assert " ".join(command.help.split())[:60] in " ".join(found.split())
        assert options(name) - {"--help", "-h"} <= set(re.findall(r"--[a-z-]+|-\w\b", found)), name


def test_problem_file_has_every_key_with_its_limits(pages):
    typographic = str.maketrans({"“": '"', "”": '"', "’": "'", "…": "..."})
    found = " ".join(text(pages / "problem-file.html").split()).translate(typographic)
    for settings in (TargetSettings, DataSettings, MeshSettings, SolverSettings, TrainingSettings, ScheduleSettings):
        for key, field in settings.model_fields.items():
            if key == "function":  # not for problem files: Problem.create sets it
                continue
            assert f" {key} " in found or f".{key}]" in found, key
            assert not field.description or field.description.translate(typographic) in found, key
    assert "taper number at least 0, at most 1 0.0 part of each half-width" in found
    assert "degree whole number at least 1, at most 8 2 of the elements" in found
    for law in ("uniform", "normal", "laplace", "student-t", "mixture", "tabulated"):
        assert f'family = "{law}"' in found


@pytest.mark.parametrize("package", [compare, errors, fem, meshes, nn, study], ids=lambda package: package.__name__)
def test_python_reference_has_every_public_name(pages, package):
    found = (pages / "api.html").read_text(encoding="utf-8")
    names = getattr(package, "__all__", None) or [name for name in vars(package) if name.endswith("Error")]
    for name in names:
        assert f'id="{package.__name__}.{name}"' in found, name


def test_examples_of_the_python_reference_are_those_of_the_docstrings(pages):
    """To be copied: stars are escaped in prose alone."""
    shown = text(pages / "api.html")
    assert "points: np.exp(-(points[:, 0] ** 2)) * np.sin(3 * points[:, 0])" in shown
