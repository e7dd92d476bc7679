"""The command reference as Markdown, from the command line itself."""

import typer
from typer.main import get_command

from freqbias.cli.main import app


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("*", "\\*").replace("<", "&lt;")


def _usage(path: str, command, context) -> str:
    return f"```text\n{path} {' '.join(command.collect_usage_pieces(context))}\n```"


def _options(command, context) -> list[str]:
    """A table of arguments and options, as ``--help`` shows them."""
    parameters = [parameter for parameter in command.get_params(context) if parameter.name != "help"]
    records = filter(None, (parameter.get_help_record(context) for parameter in parameters))
    rows = [f"| `{names.split(' <')[0].replace('|', ' or ')}` | {_cell(text)} |" for names, text in records]
    return ["| argument or option | meaning |", "|---|---|", *rows, ""]


def _section(name: str, command, parent) -> list[str]:
    path = f"freqbias {name}"
    context = typer.Context(command, info_name=name, parent=parent)
    return [f"## `{path}`", "", command.help or "", "", _usage(path, command, context), "", *_options(command, context)]


def commands() -> str:
    """A section for each command: what it does, how it is called, its options."""
    group = get_command(app)
    context = typer.Context(group, info_name="freqbias")
    lines = [_usage("freqbias", group, context), "", *_options(group, context)]
    for name in group.list_commands(context):
        lines += _section(name, group.get_command(context, name), context)
    return "\n".join(lines)
