"""Code blocks of the documents, and running them as a reader would: page by page, from top to bottom.

A block may be preceded by comments, which a reader does not see:

- ``<!-- file: NAME -->``: the block is the content of that file;
- ``<!-- tested -->``, ``<!-- tested with: WORDS -->``, ``<!-- tested with 2 ranks -->``: the commands of freqbias are
  run, with those of WORDS behind them that they take, which make them smaller;
- ``<!-- page: NAME -->``: the files of another page are there, and its Python before its first command has run;
  ``<!-- page: runs -->``: ``problem.toml`` and finished runs of it are there.

Python blocks are run without being asked to. Commands without a mark are only held against the command line.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from typer.main import get_command

from freqbias.cli.main import app

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMANDS = get_command(app).commands

_BLOCK = re.compile(r"((?:^<!--[^\n]*-->\n)*)^```(\w+)\n(.*?)^```", flags=re.DOTALL | re.MULTILINE)
_MARK = re.compile(r"<!-- (file|page|tested)(?: with)?:?(.*?)-->")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text and the comments before it, name → value."""

    language: str
    text: str
    marks: dict[str, str] = field(default_factory=dict)

    @property
    def commands(self) -> list[list[str]]:
        """The words of every freqbias command of a shell block, without what launches it or takes its output."""
        if self.language not in ("sh", "bash"):
            return []
        lines = (shlex.split(line, comments=True) for line in self.text.replace("\\\n", " ").splitlines())
        return [words for line in lines if (words := _freqbias_words(line))]


def _freqbias_words(line: list[str]) -> list[str]:
    """What follows freqbias, at the start of a line or behind mpirun, srun, torchrun or python -m."""
    launched = bool({"mpirun", "srun", "torchrun"} & set(line)) or line[:2] == ["python", "-m"]
    if "freqbias" not in line or not (line[0] == "freqbias" or launched):
        return []
    words = line[line.index("freqbias") + 1 :]
    return words[: min((words.index(end) for end in ("|", "&", "&&") if end in words), default=len(words))]


def blocks(document: Path) -> list[Block]:
    """All fenced blocks of a document, in order."""
    return [
        Block(language, text, {name: value.strip() for name, value in _MARK.findall(comments)})
        for comments, language, text in _BLOCK.findall(document.read_text(encoding="utf-8"))
    ]


def options(command: str) -> set[str]:
    """The names of all options of a command."""
    return {name for parameter in COMMANDS[command].params for name in parameter.opts if name.startswith("-")}


def run_page(document: Path, folder: Path, command, finished_run: Path) -> None:
    """Run the blocks of a page in ``folder``, the current one; ``command`` is the fixture of that name."""
    _copy_examples(folder / "examples")
    names = {"__name__": "__page__"}
    for block in blocks(document):
        if (page := block.marks.get("page")) == "runs":
            _copy_run(finished_run, folder)
        elif page is not None:
            _prepare(ROOT / "docs" / f"{page}.md", folder)
        if "file" in block.marks:
            (folder / block.marks["file"]).write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            _run_python(block.text, names, folder)
        elif "tested" in block.marks:
            for words in block.commands:
                _run_command(words, block.marks["tested"], command)


def _copy_examples(folder: Path) -> None:
    """The examples, of which three tones are made small: what is written about it holds for a smaller one as well."""
    shutil.copytree(ROOT / "examples", folder)
    text = (folder / "three_tones.toml").read_text(encoding="utf-8")
    for large, small in (("width = 4000 ", "width = 200 "), ("[512]", "[128]"), ("[600]", "[200]"), ("= 25 ", "= 8 ")):
        assert large in text, large
        text = text.replace(large, small)
    (folder / "three_tones.toml").write_text(text, encoding="utf-8")


def _copy_run(finished_run: Path, folder: Path) -> None:
    for place in ("run", "runs/three_tones"):
        shutil.copytree(finished_run, folder / place)
    shutil.copy(finished_run / "problem.toml", folder / "problem.toml")


def _prepare(document: Path, folder: Path) -> None:
    commands_seen = False
    for block in blocks(document):
        commands_seen |= "tested" in block.marks
        if "file" in block.marks:
            (folder / block.marks["file"]).write_text(block.text, encoding="utf-8")
        elif block.language == "python" and not commands_seen:
            _run_python(block.text, {}, folder)


def _run_python(text: str, names: dict, folder: Path) -> None:
    """In this process, or as a script if the block starts processes that import it."""
    if "__main__" not in text:
        exec(compile(text, "block of a page", "exec"), names)
        return
    script = folder / "block.py"
    script.write_text(text, encoding="utf-8")
    few = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(script)], cwd=folder, env=few, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr


def _run_command(words: list[str], mark: str, command) -> None:
    ranks = int(mark.split()[0]) if mark.endswith("ranks") else None
    extra = [] if ranks else shlex.split(mark)
    taken = [pair for pair in pairwise(extra) if pair[0] in options(words[0])]
    done = command(*words, *(word for pair in taken for word in pair), ranks=ranks, timeout=240)
    assert done.returncode == 0, f"freqbias {shlex.join(words)}: {done.stderr}"
