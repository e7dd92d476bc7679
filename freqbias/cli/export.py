"""``freqbias export``: a spectrum file for looking at, in ParaView or as a picture."""

from pathlib import Path
from typing import Annotated

import typer


def export(
    file: Annotated[Path, typer.Argument(metavar="SPECTRA.nc", help="Spectrum file.", show_default=False)],
    out: Annotated[
        Path | None, typer.Option(metavar="SERIES.vtkhdf", help="Time series for ParaView and pyvista.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Picture of one time (.png, .svg, .pdf).")
    ] = None,
    time: Annotated[
        float | None,
        typer.Option(metavar="T", help="Learning time of the picture: the nearest output time, else the last one."),
    ] = None,
) -> None:
    """Export spectra to ParaView, or draw them at one time."""
    from freqbias.errors import InputError
    from freqbias.files import require_place
    from freqbias.progress import progress_bar
    from freqbias.spectra import stored_spectra
    from freqbias.visualization.time_series import check_suffix, write_series

    if out is None and picture is None:
        raise InputError("export: give --out SERIES.vtkhdf, --picture FILE, or both")
    if time is not None and picture is None:
        raise InputError(f"--time {time:g}: is for --picture; a time series holds all times")
    if out is not None:
        check_suffix(out)
        require_place(out)
    if picture is not None:
        from freqbias.visualization.pictures import check_kind, draw_picture, picture_title

        check_kind(picture)
        require_place(picture)
    with stored_spectra(file) as spectra:
        if picture is not None:
            number = spectra.nearest(time)
            title = picture_title(spectra.problem.settings.name, spectra.level, spectra.times[number])
            draw_picture(picture, spectra.mesh, spectra.at(number), title)
            typer.echo(picture)
        if out is not None:
            with progress_bar("time series") as progress:
                write_series(out, spectra.mesh, spectra.times, spectra.snapshots(), progress)
            typer.echo(out)
