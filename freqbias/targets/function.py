"""Targets given as Python callables."""

from collections.abc import Callable

import numpy as np

from freqbias.errors import InputError


class FunctionTarget:
    """A Python callable as a target."""

    grid_shape = None
    points = None
    weights = None

    def __init__(self, function: Callable[[np.ndarray], np.ndarray]):
        self._function = function

    def __call__(self, x: np.ndarray) -> np.ndarray:
        values = np.asarray(self._function(x), dtype=float)
        if values.shape != (len(x),):
            raise InputError(f"target: the function returned the shape {values.shape} for {len(x)} points (n, d)")
        return values
