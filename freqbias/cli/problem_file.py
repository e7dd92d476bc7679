"""Reading the problem that a command works on."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from freqbias import torchrun
from freqbias.errors import InputError, InputErrorOnEveryRank

if TYPE_CHECKING:
    from mpi4py import MPI

    from freqbias.problem import Problem

ProblemArgument = Annotated[Path, typer.Argument(metavar="PROBLEM.toml", help="The problem file.", show_default=False)]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a key, e.g. network.width=1000; repeatable."),
]


ForceOption = Annotated[
    bool, typer.Option("--force", help="Start although the estimate says that memory, disk or time do not suffice.")
]


@dataclass(frozen=True)
class Plan:
    """What a command is about to do with a problem: compute ``levels`` and write them into ``folder``.

    ``memory``: bytes that the PDE may take, if that is bounded; ``force``: whatever the estimate says; ``device``:
    where the network is trained.
    """

    levels: tuple[str, ...] = ()
    folder: Path | None = None
    memory: float | None = None
    force: bool = False
    device: str = "cpu"


def read_problem(path: Path, changes: list[str] | None, plan: Plan) -> "Problem":
    """The problem in ``path`` with ``changes`` (key=value, value in TOML) applied, checked with its data.

    Raises InputError, before anything large is allocated, if ``plan`` cannot fit into memory, disk and time.
    """
    from freqbias.changes import apply_change, parse_change, parse_value
    from freqbias.cost import check_fits
    from freqbias.input_files import read_toml
    from freqbias.problem import Problem

    data = read_toml(path)
    for change in changes or []:
        key, value = parse_change(change)
        apply_change(data, key, parse_value(value), f"--set {change}")
    problem = Problem.create(data, directory=path.parent, source=str(path))
    if not plan.force:
        check_fits(problem, plan.levels, plan.folder, plan.memory, plan.device)
    problem.check()
    for warning in problem.mesh_warnings if torchrun.rank() == 0 else []:
        typer.echo(f"freqbias: warning: {path}: {warning}", err=True)
    return problem


def on_first_rank[T](comm: "MPI.Comm", work: Callable[[], T]) -> T | None:
    """What ``work`` gives on rank 0, None elsewhere. Its InputError is raised on all ranks, so that none waits."""
    result = mistake = None
    if comm.rank == 0:
        try:
            result = work()
        except InputError as error:
            mistake = str(error)
    mistake = comm.bcast(mistake)
    if mistake is not None:
        raise InputErrorOnEveryRank(mistake)
    return result


def read_problem_on_all_ranks(path: Path, changes: list[str] | None, plan: Plan, comm: "MPI.Comm") -> "Problem":
    """Rank 0 reads; all ranks get the problem, or all raise the same InputError.

    The PDE must fit into the memory of all hosts of the ranks.
    """
    from freqbias.problem import Problem
    from freqbias.resources import memory_of_ranks

    if plan.memory is None and comm.size > 1:
        plan = replace(plan, memory=memory_of_ranks(comm))
    problem = on_first_rank(comm, lambda: read_problem(path, changes, plan))
    record = None
    if problem is not None:
        record = (problem.to_toml(), problem.points, problem.weights, problem.initial_error, problem.imported_mesh)
    record = comm.bcast(record)
    if problem is not None:
        return problem
    toml, points, weights, initial_error, imported_mesh = record
    return Problem.from_record(toml, points, weights, initial_error, str(path), imported_mesh)
