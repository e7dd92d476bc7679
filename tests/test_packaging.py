"""What is installed from the source tree: all packages and their data, licence, entry point; how to cite it."""

import contextlib
import re
import shutil
import tomllib
from email.parser import Parser
from zipfile import ZipFile

import pytest
from document_blocks import ROOT
from setuptools import build_meta

SOURCES = {part: ROOT / part for part in ("freqbias", "fem", "nn", "compare", "meshes")}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built without a network from a copy of the sources, which stay as they are."""
    if not SOURCES["fem"].is_dir():
        pytest.skip("no sources lie beside the tests, which are those of an installed package")
    tree = tmp_path_factory.mktemp("tree")
    for source in SOURCES.values():
        shutil.copytree(source, tree / source.name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "LICENSE.GPL"):
        shutil.copy(ROOT / name, tree)
    with contextlib.chdir(tree):
        name = build_meta.build_wheel(str(tree / "dist"))
    with ZipFile(tree / "dist" / name) as opened:
        yield opened


def test_the_wheel_holds_every_file_of_the_package(wheel):
    expected = set()
    for part, folder in SOURCES.items():
        place = "freqbias/" if part == "freqbias" else f"freqbias/{part}/"
        files = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        expected |= {place + path.relative_to(folder).as_posix() for path in files}
    assert {"freqbias/py.typed", "freqbias/compare/templates/report.html"} <= expected
    assert {name for name in wheel.namelist() if ".dist-info/" not in name} == expected


def test_its_metadata(wheel):
    (folder,) = {name.split("/")[0] for name in wheel.namelist() if ".dist-info/" in name}
    metadata = Parser().parsestr(wheel.read(f"{folder}/METADATA").decode())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert metadata["License-Expression"] == "LGPL-3.0-or-later"
    assert metadata.get_all("License-File") == ["LICENSE", "LICENSE.GPL"]
    for name in ("LICENSE", "LICENSE.GPL"):
        assert wheel.read(f"{folder}/licenses/{name}") == (ROOT / name).read_bytes()
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload().strip() == (ROOT / "README.md").read_text().strip()
    assert (metadata["Version"], metadata["Requires-Python"]) == (project["version"], project["requires-python"])
    assert "freqbias = freqbias.cli.main:main" in wheel.read(f"{folder}/entry_points.txt").decode()


def test_the_citation_is_that_of_this_version():
    """The keys that Citation File Format 1.2.0 requires, and what has to agree with the package."""
    text = (ROOT / "CITATION.cff").read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    top = dict(re.findall(r"^([a-z-]+): *(.*)$", text, flags=re.MULTILINE))
    assert {"cff-version", "message", "title", "authors"} <= set(top)
    assert (top["cff-version"], top["type"], top["license"]) == ("1.2.0", "software", project["license"])
    assert top["version"] == project["version"]
