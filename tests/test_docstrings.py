"""The examples in docstrings of the package, run as they stand, from the top of the repository."""

import doctest
import re
from importlib import import_module
from pathlib import Path

import pytest
from document_blocks import ROOT

#: Parts of the package that lie in folders of their own.
PARTS = ("compare", "fem", "meshes", "nn")
#: Modules with examples.
MODULES = (
    "freqbias.compare.alignment.alignment",
    "freqbias.compare.metrics",
    "freqbias.compare.quantities.emergence",
    "freqbias.compare.quantities.loss",
    "freqbias.compare.reading",
    "freqbias.decay_rate",
    "freqbias.fem.solve",
    "freqbias.laws.law",
    "freqbias.meshes.box",
    "freqbias.meshes.resolution",
    "freqbias.nn.infinite_width",
    "freqbias.nn.training",
    "freqbias.problem",
    "freqbias.spectra",
    "freqbias.study.axes",
    "freqbias.study.plan",
    "freqbias.study.slopes",
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    module = import_module(name)
    examples = [test for test in doctest.DocTestFinder().find(module) if test.examples]
    assert examples
    for test in examples:
        said = []
        result = doctest.DocTestRunner().run(test, out=said.append)
        assert result.failed == 0, "".join(said)


def test_no_example_is_left_out():
    package = Path(import_module("freqbias").__file__).parent
    places = [package] + [Path(import_module(f"freqbias.{part}").__file__).parent for part in PARTS]
    found = {file for place in places for file in place.rglob("*.py") if re.search(r"^ *>>> ", file.read_text(), re.M)}
    assert found == {Path(import_module(name).__file__) for name in MODULES}
