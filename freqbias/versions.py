"""Versions of what the numbers depend on."""

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version

_PACKAGES = (
    *("freqbias", "numpy", "scipy", "torch", "finufft", "dolfinx-solver-real", "fenics-dolfinx", "mpi4py", "mpich"),
    *("xarray", "h5netcdf", "matplotlib"),
)


@cache
def versions() -> dict[str, str]:
    """Versions of Python and of the packages that the numbers depend on, as far as they are installed."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
