"""The error budget: which approximation makes how much of the difference between network and PDE."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from freqbias.compare.numbers import short
from freqbias.compare.status import Status
from freqbias.errors import InputError
from freqbias.files import atomic_file
from freqbias.meshes import FrequencyMesh

SCHEMA = "freqbias-budget-1"
#: The terms add up if what they leave of the total is at most this part of it …
CLOSED = 0.3
#: … or at most this part of the initial error.
ROUNDING = 1e-9
#: A second term that is not this many times smaller than the first is named with it.
_DOMINATES = 2
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven")


@dataclass(frozen=True)
class Effect:
    """What one controlled change did: ``values`` (T, n) are its part of network minus PDE at the nodes.

    None where ``status`` says why. ``noise``: uncertainty relative to the initial error. Texts as in ``BudgetTerm``.
    """

    key: str
    name: str
    meaning: str
    change: str
    status: Status
    reason: str | None = None
    values: np.ndarray | None = None
    noise: float = 0.0


@dataclass(frozen=True)
class BudgetTerm:
    """One approximation, measured by a controlled change of it alone.

    ``key``: width, step, batches, sampling, window, mesh or evolution; ``name`` in words and ``meaning`` as a short
    clause; ``change`` says what was changed, as in "width 16000 instead of 4000". ``error`` (T,): L2 norm over
    frequency of what the change did to the spectrum, relative to the initial error; None where ``status`` says why.
    ``reason`` in words: why there is no number, or why it is not the last word. ``noise``: what ``error`` is uncertain
    by.
    """

    key: str
    name: str
    meaning: str
    change: str
    status: Status
    reason: str | None
    error: np.ndarray | None
    noise: float = 0.0

    @property
    def largest(self) -> float | None:
        """The largest error over time."""
        return None if self.error is None else float(self.error.max())

    @property
    def peak(self) -> float:
        """The same as a number, 0 where there is none."""
        return self.largest or 0.0


@dataclass(frozen=True)
class ErrorBudget:
    """``total`` (T,): the difference between network and PDE; ``unexplained`` (T,): what the terms' sum leaves of it.

    All norms are relative to the initial error, at learning times ``times`` (T,). Terms without a number are not in
    the sum.
    """

    times: np.ndarray
    total: np.ndarray
    unexplained: np.ndarray
    terms: tuple[BudgetTerm, ...]

    @property
    def measured(self) -> list[BudgetTerm]:
        """The terms with a number, the largest one first."""
        return sorted((term for term in self.terms if term.error is not None), key=lambda term: -term.peak)

    @property
    def missing(self) -> list[BudgetTerm]:
        """The terms without a number."""
        return [term for term in self.terms if term.error is None]

    @property
    def closure(self) -> float:
        """The largest unexplained difference over time divided by the largest total; 0 where there is no total."""
        total = self.total.max()
        return float(self.unexplained.max() / total) if total > 0 else 0.0

    @property
    def consistent(self) -> bool:
        """Whether the terms add up to the total, but for CLOSED of it or for rounding."""
        return self.closure <= CLOSED or float(self.unexplained.max()) <= ROUNDING

    @property
    def dominating(self) -> list[BudgetTerm]:
        """The largest term, and the second where it is not much smaller.

        None where all are within their noise, or where what they leave unexplained is larger.
        """
        terms = [term for term in self.measured if term.status is Status.MEASURED]
        if not self.consistent and terms and terms[0].peak < self.unexplained.max():
            return []
        return terms[:1] + [term for term in terms[1:2] if term.peak * _DOMINATES > terms[0].peak]

    @property
    def sentence(self) -> str:
        """What dominates, and whether the terms add up, for people."""
        if self.total.max() <= ROUNDING:
            return "Network and PDE differ by rounding only: there is nothing to split."
        if not self.measured:
            return f"No part of the difference was measured: {self.missing[0].reason}."
        return f"{self._leader()}; {self._sum()}."

    def _leader(self) -> str:
        terms = self.dominating
        known = [term for term in self.measured if term.status is Status.MEASURED]
        if not terms and known:
            first = known[0]
            return f"The largest measured term is {first.name} ({self._largest(first)}): it does not explain the total"
        if not terms:
            return "No term stands out from its own uncertainty"
        first = terms[0]
        if len(terms) == 1:
            start = first.name[0].upper() + first.name[1:]
            return f"{start} dominates: {first.meaning} ({self._largest(first)})"
        names = " and ".join(f"{term.name} ({self._largest(term)})" for term in terms)
        return f"{names[0].upper()}{names[1:]} make most of the difference"

    def _largest(self, term: BudgetTerm) -> str:
        size = f"{short(term.largest, 2)} of the initial error"
        return size if term.error is None else f"{size} at t = {short(float(self.times[term.error.argmax()]))}"

    def _sum(self) -> str:
        count, part = len(self.measured), f"{short(100 * self.closure, 2)} %"
        named = _NUMBERS[count] if count < len(_NUMBERS) else str(count)
        terms = f"the {named} terms" if not self.missing else f"the {named} measured term{'s' * (count > 1)}"
        verb = "add" if count > 1 else "adds"
        if self.consistent:
            text = f"{terms} {verb} up to the total within {part}"
        else:
            text = f"{terms} {'leave' if count > 1 else 'leaves'} {part} of the total unexplained"
        unsettled = [term.name for term in self.measured if term.reason is not None]
        notes = []
        if self.missing:
            notes.append(f"not measured: {', '.join(term.name for term in self.missing)}")
        if unsettled and not self.consistent:
            notes.append(f"not settled: {', '.join(unsettled)}; a larger --budget goes on")
        if notes:
            return f"{text} ({'; '.join(notes)})"
        return text if self.consistent else f"{text}, so something else is at work as well"


def error_budget(
    mesh: FrequencyMesh, times: np.ndarray, difference: np.ndarray, initial: float, effects: Sequence[Effect]
) -> ErrorBudget:
    """The budget of ``difference`` (T, n), network minus PDE at the nodes of ``mesh``, from ``effects``.

    ``initial`` is the norm of the initial error. Terms are summed as complex spectra.
    """
    rest, terms = difference.copy(), []
    for effect in effects:
        error, status = None, effect.status
        if effect.values is not None:
            rest -= effect.values
            error = mesh.norm(effect.values) / initial
            status = Status.WITHIN_NOISE if error.max() <= effect.noise else Status.MEASURED
        texts = (effect.key, effect.name, effect.meaning, effect.change)
        terms.append(BudgetTerm(*texts, status, effect.reason, error, effect.noise))
    return ErrorBudget(times, mesh.norm(difference) / initial, mesh.norm(rest) / initial, tuple(terms))


def budget_numbers(budget: ErrorBudget) -> dict[str, Any]:
    """The budget for ``metrics.json``: plain numbers, texts and lists; None for what is missing."""
    return {
        "sentence": budget.sentence,
        "dominating": [term.key for term in budget.dominating],
        "closure": budget.closure,
        "consistent": budget.consistent,
        "total": budget.total.tolist(),
        "unexplained": budget.unexplained.tolist(),
        "terms": {
            term.key: {
                "name": term.name,
                "change": term.change,
                "status": str(term.status),
                "reason": term.reason,
                "largest": term.largest,
                "worst_time": None if term.error is None else float(budget.times[term.error.argmax()]),
                "noise": term.noise,
                "error": None if term.error is None else term.error.tolist(),
            }
            for term in budget.terms
        },
    }


def write_budget(budget: ErrorBudget, path: str | os.PathLike) -> None:
    """Write the file that ``read_budget`` reads, atomically."""
    import xarray as xr

    relative = {"units": "1", "long_name": "relative to the initial error"}
    nothing = np.full(len(budget.times), np.nan)
    variables: dict[str, Any] = {
        name: (("term",), np.array([getattr(term, name) or "" for term in budget.terms], dtype=object))
        for name in ("name", "meaning", "change", "status", "reason")
    }
    variables |= {
        "total": (("time",), budget.total, relative),
        "unexplained": (("time",), budget.unexplained, relative),
        "error": (
            ("term", "time"),
            np.array([nothing if term.error is None else term.error for term in budget.terms]),
            relative,
        ),
        "noise": (("term",), np.array([term.noise for term in budget.terms]), relative),
    }
    coordinates = {
        "time": (("time",), budget.times, {"units": "1", "long_name": "learning time"}),
        "term": (("term",), np.array([term.key for term in budget.terms], dtype=object)),
    }
    with atomic_file(path) as file:
        xr.Dataset(variables, coordinates, {"schema": SCHEMA}).to_netcdf(file, engine="h5netcdf")


def read_budget(path: str | os.PathLike) -> ErrorBudget:
    """Read what ``write_budget`` wrote. Raises InputError naming the file if it is none or broken."""
    import xarray as xr

    try:
        with xr.open_dataset(path, engine="h5netcdf") as stored:
            if stored.attrs.get("schema") != SCHEMA:
                raise ValueError(f"schema = {stored.attrs.get('schema')!r}, must be {SCHEMA!r}")
            terms = []
            for number, key in enumerate(stored["term"].values):
                one = stored.isel(term=number)
                texts = {name: str(one[name].values) for name in ("name", "meaning", "change", "status", "reason")}
                error = one["error"].values
                terms.append(
                    BudgetTerm(
                        key=str(key),
                        name=texts["name"],
                        meaning=texts["meaning"],
                        change=texts["change"],
                        status=Status(texts["status"]),
                        reason=texts["reason"] or None,
                        error=None if np.isnan(error).any() else error,
                        noise=float(one["noise"].values),
                    )
                )
            times, total, unexplained = (stored[name].values for name in ("time", "total", "unexplained"))
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such file") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: is not a file of an error budget: {error}") from error
    return ErrorBudget(times, total, unexplained, tuple(terms))
