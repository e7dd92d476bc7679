"""``freqbias mesh``: what a frequency mesh is and how well it resolves; writing it for other programs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from freqbias.cli.problem_file import Plan, SetOption, read_problem
from freqbias.errors import InputError

if TYPE_CHECKING:
    from freqbias.meshes import FrequencyMesh


def mesh(
    file: Annotated[
        Path, typer.Argument(metavar="PROBLEM.toml|MESH", help="A problem file or a mesh file.", show_default=False)
    ],
    picture: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw mesh, law and initial error of a problem (.png, .svg, .pdf)."),
    ] = None,
    convert: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the cells as a mesh file (.msh, .vtu, .vtk, .xdmf, .inp, .mesh)."),
    ] = None,
    changes: SetOption = None,
) -> None:
    """Inspect the frequency mesh of a problem, or a mesh file alone: cells, sizes, quality, resolution."""
    if picture is not None:
        from freqbias.files import require_place
        from freqbias.visualization.pictures import check_kind

        check_kind(picture)
        require_place(picture)
    if convert is not None:
        from freqbias.meshes.files import require_kind

        require_kind(convert)
    if file.suffix.lower() == ".toml":
        _of_problem(file, picture, convert, changes)
        return
    for option, value in (("--picture", picture), ("--set", changes)):
        if value:
            raise InputError(f"{file}: {option} needs a problem file (.toml), not a mesh file")

    from rich.console import Console

    from freqbias.meshes.files import read_mesh
    from freqbias.meshes.quality import measure, quality_table

    imported = read_mesh(file)
    Console().print(quality_table(measure(imported)))
    _write(imported, convert)


def _of_problem(file: Path, picture: Path | None, convert: Path | None, changes: list[str] | None) -> None:
    problem = read_problem(file, changes, Plan())

    from rich.console import Console

    from freqbias.meshes import BoxMesh
    from freqbias.meshes.grading import grading_summary
    from freqbias.meshes.inspection import draw, inspect, table
    from freqbias.meshes.local_solution import LocalSolution
    from freqbias.meshes.quality import measure, quality_table

    if problem.imported_mesh is not None:
        Console().print(quality_table(measure(problem.imported_mesh)))
    Console().print(table(inspect(problem.mesh, problem.half_widths, problem.nyquist)))
    if isinstance(problem.mesh, BoxMesh) and problem.resolved.mesh.lines is not None:
        typer.echo(grading_summary(problem.mesh, LocalSolution.of(problem)))
    if picture is not None:
        draw(problem, picture)
        typer.echo(picture)
    _write(problem.mesh, convert)


def _write(mesh: "FrequencyMesh", path: Path | None) -> None:
    from freqbias.meshes.files import write_mesh

    if path is not None:
        write_mesh(mesh, path)
        typer.echo(path)
