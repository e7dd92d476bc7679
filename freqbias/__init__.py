"""freqbias: predict the frequency bias of wide neural networks and check the prediction by training.

Frequencies are in radians per unit of x, times in learning time (learning rate times steps).
The parts are imported where they are used: ``freqbias.fem`` (PDE over frequency space, DOLFINx),
``freqbias.nn`` (the real network, torch, and its infinite-width kernel flow), ``freqbias.compare``.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from freqbias.problem import Problem
    from freqbias.spectra import ErrorSpectra

__all__ = ["ErrorSpectra", "Problem"]


def __getattr__(name: str) -> Any:
    """Import on first use, so that ``freqbias --help`` loads no numerical library."""
    if name == "Problem":
        from freqbias.problem import Problem

        return Problem
    if name == "ErrorSpectra":
        from freqbias.spectra import ErrorSpectra

        return ErrorSpectra
    if name == "__version__":
        from importlib.metadata import version

        return version("freqbias")
    raise AttributeError(f"module 'freqbias' has no attribute {name!r}")
