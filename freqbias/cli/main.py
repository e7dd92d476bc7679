"""Entry point of ``freqbias``."""

import io
import os
import sys
from typing import Annotated

import typer

from freqbias.cli.budget import budget
from freqbias.cli.compare import compare
from freqbias.cli.doctor import doctor
from freqbias.cli.export import export
from freqbias.cli.failure import reported_failures
from freqbias.cli.kernel import kernel
from freqbias.cli.mesh import mesh
from freqbias.cli.rerun import rerun
from freqbias.cli.run import run
from freqbias.cli.solve import solve
from freqbias.cli.study import study
from freqbias.cli.train import train
from freqbias.errors import InputErrorOnEveryRank

app = typer.Typer(
    name="freqbias",
    help="Predict how the error of a wide network decays, frequency by frequency, and check it by training.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: importing rich would double the time of --help
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (run, solve, kernel, train, compare, budget, study, export, mesh, rerun, doctor):
    app.command()(command)


def _show_version(wanted: bool) -> None:
    if wanted:
        from freqbias import __version__

        typer.echo(f"freqbias {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; ends the process with 0, 1 (failure), 2 (user's mistake), 130 (Ctrl-C), 143 (SIGTERM)."""
    # PETSc's own handlers print banners on a closed pipe or Ctrl-C; UCX must not look for networks on one host.
    os.environ.setdefault("PETSC_OPTIONS", "-no_signal_handler")
    os.environ.setdefault("UCX_TLS", "self,sm,tcp")
    # The small dense problems in here run up to a hundred times slower on BLAS threads that share busy cores.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if not os.environ.get("XDG_CACHE_HOME"):  # DOLFINx would take an empty one for the working folder
        os.environ.pop("XDG_CACHE_HOME", None)
    if os.path.expanduser("~") == "~":  # a user of whom the system knows nothing: as logins do, for DOLFINx needs one
        os.environ["HOME"] = "/"
    _open_standard_streams()
    with reported_failures():
        for word in sys.argv[1:]:
            if any("\ud800" <= character <= "\udfff" for character in word):  # a byte that Python could not decode
                raise _mistake(f"{word}: file names and options must be UTF-8")
        try:
            status = app(sys.argv[1:] or ["--help"], standalone_mode=False)
        except typer.TyperException as error:  # of the command line: typer would say it in several lines
            raise _mistake(error.format_message()) from error
        sys.stdout.flush()  # here its failure can still be told
        sys.exit(status)


def _mistake(message: str) -> InputErrorOnEveryRank:
    """In the command line, which every rank reads: under mpirun, rank 0 alone speaks."""
    if int(os.environ.get("PMI_SIZE", "1")) > 1:
        from mpi4py import MPI  # noqa: F401 (who speaks is asked of MPI, if it is loaded)
    return InputErrorOnEveryRank(message)


def _open_standard_streams() -> None:
    """Standard streams that take what is written to them.

    Where one is closed (``>&-``), no file that is opened later may get its number. What its encoding lacks, as ASCII
    does Greek letters and arrows, is written as an escape.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


if __name__ == "__main__":
    main()
