"""The error budget: which approximation makes how much of the difference between network and PDE."""

from dataclasses import dataclass

import numpy as np

from freqbias.compare.status import Status


@dataclass(frozen=True)
class BudgetTerm:
    """One approximation, measured by a controlled change of it alone.

    ``key``: width, step, sampling, window, mesh or evolution; ``name`` in words; ``change`` says what was changed, as
    in "width 16000 instead of 4000". ``error`` (T,): L2 norm over frequency of what the change did to the spectrum,
    relative to the initial error; None where ``status`` says why, with ``reason`` in words.
    """

    key: str
    name: str
    change: str
    status: Status
    reason: str | None
    error: np.ndarray | None


@dataclass(frozen=True)
class ErrorBudget:
    """``total`` (T,): the difference between network and PDE; ``unexplained`` (T,): what the terms' sum leaves of it.

    All norms are relative to the initial error, at learning times ``times`` (T,).
    """

    times: np.ndarray
    total: np.ndarray
    unexplained: np.ndarray
    terms: tuple[BudgetTerm, ...]
