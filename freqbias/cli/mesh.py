"""``freqbias mesh``: what the frequency mesh of a problem is and how well it resolves."""

from pathlib import Path
from typing import Annotated

import typer

from freqbias.cli.problem_file import ProblemArgument, SetOption, read_problem


def mesh(
    problem_file: ProblemArgument,
    picture: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw mesh, law and initial error (.png, .svg, .pdf)."),
    ] = None,
    changes: SetOption = None,
) -> None:
    """Inspect the frequency mesh: nodes, cell sizes, resolution."""
    problem = read_problem(problem_file, changes)

    from rich.console import Console

    from freqbias.meshes.inspection import draw, inspect, table

    found = inspect(problem.mesh, problem.half_widths, problem.nyquist)
    Console().print(table(found))
    if picture is not None:
        draw(problem, picture)
        typer.echo(picture)
