"""Sphinx configuration: pages in Markdown, formulas as MathML, reference pages made from the code when built."""

import re
import sys
from importlib.metadata import version as installed_version
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import mathml  # noqa: E402
from generate_commands import commands  # noqa: E402
from generate_problem_keys import problem_keys  # noqa: E402
from pygments.lexers.special import TextLexer  # noqa: E402

project = "freqbias"
author = copyright = "freqbias developers"
version = release = installed_version("freqbias")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_copybutton"]
exclude_patterns = ["build"]
html_theme = "furo"
html_title = f"freqbias {release}"
html_static_path = ["freqbias.css"]
html_css_files = ["freqbias.css"]
html_math_renderer = "mathml"

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 100

# Types of other packages, and of ours below the public ones, have no page to lead to.
_OTHERS = "collections|dict|mpi4py|numpy|os|pathlib|pd|petsc4py|scipy|tuple|xr|Path$|Table$"
_INTERNAL = r"(compare|families|fem|initialization|laws|meshes|nn|optimizers|plain_spectra|settings|study)\..*"
nitpick_ignore_regex = [("py:class", rf"({_OTHERS}).*"), ("py:class", rf"freqbias\.{_INTERNAL}")]

#: Pages with a marker that is replaced by Markdown made from the code, so that no copy of it can grow stale.
GENERATED = {"command-reference": commands, "problem-file": problem_keys}


def _generate(app, page, source) -> None:
    if page in GENERATED:
        text, marker = source[0], "<!-- generated from the code -->"
        if marker not in text:
            raise ValueError(f"{page}.md: the line {marker} is missing")
        source[0] = text.replace(marker, GENERATED[page]())


def _plain_text(app, what, name, thing, options, lines) -> None:
    """Docstrings are prose: bars and stars in them are those of formulas, not of reStructuredText; not in examples."""
    example = False
    for number, line in enumerate(lines):
        example = line.lstrip().startswith(">>> ") or (example and bool(line.strip()))
        if example:
            continue
        parts = line.split("``")
        parts[::2] = [re.sub(r"([|*])", r"\\\1", part) for part in parts[::2]]
        lines[number] = "``".join(parts)


def setup(app) -> None:
    app.connect("source-read", _generate)
    app.connect("autodoc-process-docstring", _plain_text)
    app.add_lexer("csv", TextLexer)
    mathml.setup(app)
