"""The functions of exponential integrators."""

from math import factorial

import torch

#: Below this magnitude the recurrence cancels and the series is used.
_SMALL = 1.0
_TERMS = 20


def phi(order: int, z: torch.Tensor) -> torch.Tensor:
    """phi_0 = exp, phi_{k+1}(z) = (phi_k(z) - 1/k!) / z, for real z <= 0 in double precision.

    h^k phi_k(-h a) is the solution at time h of y' = -a y + s^(k-1) / (k-1)!, y(0) = 0.
    """
    far = torch.where(z.abs() < _SMALL, -1.0, z)
    values = far.exp()
    for k in range(order):
        values = (values - 1 / factorial(k)) / far
    near = torch.where(z.abs() < _SMALL, z, 0.0)
    series = torch.zeros_like(z)
    for k in reversed(range(_TERMS)):
        series = series * near + 1 / factorial(k + order)
    return torch.where(z.abs() < _SMALL, series, values)
