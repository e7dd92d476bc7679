"""Code blocks of the documents, and running them as a reader would: page by page, from top to bottom.

Every block of commands, Python, TOML or CSV is run or used. A block may be preceded by comments, which a reader does
not see:

- ``<!-- with: WORDS -->``: its commands of freqbias get these words as well, those that they take: they make them
  smaller;
- ``<!-- ends with: STATUS -->``: the status of its commands, else 0;
- ``<!-- file: NAME -->``: the block is the content of that file;
- ``<!-- tables of: NAME -->``: tables of a problem file, which take the place of those of the file NAME;
- ``<!-- page: NAME -->``: the files of another page are there, and its Python before its first command has run;
  ``<!-- page: runs -->``: ``problem.toml`` and finished runs of it are there;
- ``<!-- run by: FILE -->``: not here, but by a file of tests, or on another page that has the same block;
- ``<!-- not run: REASON -->``.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import tomli_w
from typer.main import get_command

from freqbias import Problem
from freqbias.cli.main import app

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMANDS = get_command(app).commands

#: Languages of blocks that a reader copies; others are what a command prints, or drawings.
COPIED = ("sh", "bash", "python", "toml", "csv")

_BLOCK = re.compile(r"((?:^<!--[^\n]*-->\n)*)^```(\w+)\n(.*?)^```", flags=re.DOTALL | re.MULTILINE)
_MARK = re.compile(r"<!-- (with|ends with|file|tables of|page|run by|not run): (.*?) -->")
#: Three tones made small: what is written about it holds for a smaller one as well.
_SMALLER = {
    "network": {"width": 320},
    "data": {"points": [64]},
    "mesh": {"cells": [240]},
    "training": {"tolerance": 1e-2, "times": {"count": 6, "last": 100.0}},
}


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text and the comments before it, name → value."""

    language: str
    text: str
    marks: dict[str, str] = field(default_factory=dict)

    @property
    def runs(self) -> bool:
        """Whether ``run_page`` runs or uses it."""
        elsewhere = {"run by", "not run"} & set(self.marks)
        return not elsewhere and (self.language in ("sh", "bash", "python") or "tables of" in self.marks)

    @property
    def lines(self) -> list[str]:
        """The lines of a shell block that are commands, each in one piece."""
        if self.language not in ("sh", "bash"):
            return []
        return [line for line in self.text.replace("\\\n", " ").splitlines() if shlex.split(line, comments=True)]

    @property
    def commands(self) -> list[list[str]]:
        """The words of every freqbias command of a shell block, without what launches it or takes its output."""
        return [words for line in self.lines if (words := freqbias_words(line))]


def freqbias_words(line: str) -> list[str]:
    """What follows freqbias, at the start of a line or behind mpirun, srun, torchrun or python -m."""
    words = shlex.split(line, comments=True)
    launched = bool({"mpirun", "srun", "torchrun"} & set(words)) or words[:2] == ["python", "-m"]
    if "freqbias" not in words or not (words[0] == "freqbias" or launched):
        return []
    words = words[words.index("freqbias") + 1 :]
    return words[: min((words.index(end) for end in ("|", "&", "&&") if end in words), default=len(words))]


def blocks(document: Path) -> list[Block]:
    """All fenced blocks of a document, in order."""
    return [
        Block(language, text, dict(_MARK.findall(comments)))
        for comments, language, text in _BLOCK.findall(document.read_text(encoding="utf-8"))
    ]


def options(command: str) -> set[str]:
    """The names of all options of a command."""
    return {name for parameter in COMMANDS[command].params for name in parameter.opts if name.startswith("-")}


def run_page(document: Path, folder: Path, command, finished_run: Path) -> dict:
    """Run the blocks of a page in ``folder``, the current one; ``command`` is the fixture of that name.

    Returns what the Python of the page has defined.
    """
    copy_examples(folder / "examples")
    names = {"__name__": "__main__"}
    for block in blocks(document):
        if (page := block.marks.get("page")) == "runs":
            _copy_run(finished_run, folder)
        elif page is not None:
            _prepare(ROOT / "docs" / f"{page}.md", folder)
        if "file" in block.marks:
            (folder / block.marks["file"]).write_text(block.text, encoding="utf-8")
        if "tables of" in block.marks:
            base = folder / block.marks["tables of"]
            given = tomllib.loads(base.read_text(encoding="utf-8")) | tomllib.loads(block.text)
            Problem.create(given, directory=base.parent).check()
        elif block.runs and block.language == "python":
            exec(compile(block.text, f"block of {document.name}", "exec"), names)
        elif block.runs:
            for line in block.lines:
                _run_line(line, block.marks, command)
    return names


def copy_examples(folder: Path) -> None:
    """The examples, of which three tones are made small."""
    shutil.copytree(ROOT / "examples", folder)
    path = folder / "three_tones.toml"
    given = tomllib.loads(path.read_text(encoding="utf-8"))
    for name, keys in _SMALLER.items():
        times = given[name].get("times", {}) | keys.get("times", {})
        given[name] |= keys | ({"times": times} if times else {})
    path.write_text(tomli_w.dumps(given), encoding="utf-8")


def _copy_run(finished_run: Path, folder: Path) -> None:
    for place in ("run", "runs/three_tones"):
        shutil.copytree(finished_run, folder / place)
    shutil.copy(finished_run / "problem.toml", folder / "problem.toml")


def _prepare(document: Path, folder: Path) -> None:
    commands_seen = False
    for block in blocks(document):
        commands_seen |= bool(block.commands)
        if "file" in block.marks:
            (folder / block.marks["file"]).write_text(block.text, encoding="utf-8")
        elif block.language == "python" and not commands_seen:
            exec(compile(block.text, f"block of {document.name}", "exec"), {})


def _run_line(line: str, marks: dict[str, str], command) -> None:
    """One line of a shell: a command of freqbias in this process, all others by bash."""
    words, extra = freqbias_words(line), shlex.split(marks.get("with", ""))
    taken = [word for pair in pairwise(extra) if words and pair[0] in options(words[0]) for word in pair]
    if words and line.startswith("freqbias"):
        done = command(*words, *taken, timeout=240)
        assert done.returncode == int(marks.get("ends with", 0)), f"{line}: {done.stderr}"
        _, pipe, rest = line.partition(" | ")
        if pipe:
            _run_shell(rest, done.stdout)
    else:
        _run_shell(shlex.join(shlex.split(line, comments=True) + taken) if words else line)


def _run_shell(line: str, given: str = "") -> None:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PMI", "HYD", "MPI"))}
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    here = clean | {"PATH": programs, "OMP_NUM_THREADS": "1", "UCX_TLS": "self,sm,tcp"}
    done = subprocess.run(["bash", "-ec", line], input=given, env=here, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, f"{line}: {done.stderr}"
