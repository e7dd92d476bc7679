"""``freqbias doctor``: what this machine has, what it lacks, and how to mend that."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

JsonOption = Annotated[bool, typer.Option("--json", help="Print what was found as JSON on standard output.")]


def doctor(as_json: JsonOption = False) -> None:
    """Check compiler, solver, MPI, PyTorch, GPU, drawing, cache, disk and memory; say how to mend what is broken.

    Ends with status 1 if something is broken that freqbias cannot do without.
    """
    from freqbias.doctor import CHECKS, examine
    from freqbias.progress import progress_bar

    findings = []
    with progress_bar("checks") as progress:
        for finding in examine():
            findings.append(finding)
            progress(len(findings) / len(CHECKS))
    broken = [finding for finding in findings if finding.state == "broken"]
    if as_json:
        record = {"schema": "freqbias-doctor-1", "broken": len(broken), "checks": [asdict(one) for one in findings]}
        typer.echo(json.dumps(record, indent=2, ensure_ascii=False))
    else:
        _print(findings)
        typer.echo(
            "Nothing that freqbias needs is broken." if not broken else f"{len(broken)} broken: mend them as above."
        )
    if broken:
        raise typer.Exit(1)


def _print(findings: list) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    looks = {"ok": ("ok", "green"), "missing": ("missing, optional", "yellow"), "broken": ("BROKEN", "bold red")}
    table = Table(box=None, pad_edge=False)
    for heading in ("check", "state", "found, and how to mend it"):
        table.add_column(heading, overflow="fold")
    for finding in findings:
        said = Text(finding.text)
        if finding.mend is not None:
            said.append(f"\n→ {finding.mend}", style="dim" if finding.state == "missing" else "bold")
        table.add_row(finding.name, Text(*looks[finding.state]), said)
    Console().print(table)
