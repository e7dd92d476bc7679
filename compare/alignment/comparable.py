"""Can spectra be compared? They must stem from the same setting, samples and initial error.

What may differ is how a level was computed: width and sampling rule of two-layer networks (if the initial errors
agree), solver, evaluator, precision, threads, seeds; and mini-batches, of which the theory is the mean. So may mesh
and times (see ``freqbias.compare.alignment.alignment``), and the number of samples if the initial spectra agree.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from freqbias.compare.ensemble import starts_at_random
from freqbias.errors import InputError, NumericalError
from freqbias.spectra import ErrorSpectra

#: Coordinates and initial errors agree up to rounding: files store them in double precision.
_TOLERANCE = 1e-8
#: Initial spectra of other samples, and of other tools, may differ by this part of their norm.
INITIAL_DIFFERENCE = 0.1
_OPTIMIZERS_WITH_MOMENTUM = ("momentum", "nesterov")
#: Keys of a network that do not change its infinite-width limit. Networks without a limit have none.
_FREE_KEYS = {"fourier-features": {"width", "sampling", "mirrored"}}


def check_comparable(spectra: Sequence[ErrorSpectra]) -> None:
    """Check that ``spectra`` (one to three levels) belong to one setting.

    Raises InputError naming the first key that differs, both values and both levels; NumericalError if a spectrum
    is not finite.
    """
    for one in spectra:
        _check_alone(one)
    for first, second in pairwise(spectra):
        _check_settings(first, second)
        _check_samples(first, second)


def _check_alone(spectra: ErrorSpectra) -> None:
    times = spectra.times
    if len(times) == 0 or times[0] != 0 or np.any(np.diff(times) <= 0):
        raise InputError(f"{spectra.problem.source}: times of {spectra.level} must start at 0 and increase")
    finite = np.isfinite(spectra.runs).all(axis=(0, 2))
    if not finite.all():
        raise NumericalError(
            f"the spectrum of {spectra.level} is not finite at t = {times[~finite][0]:g}; "
            "try a smaller training.learning_rate"
        )
    if not spectra.values[0].any() or not spectra.runs[:, 0].any(axis=1).all():
        raise InputError(f"{spectra.problem.source}: the initial error of {spectra.level} is 0, nothing to compare")


def _check_settings(first: ErrorSpectra, second: ErrorSpectra) -> None:
    a, b = _physical_settings(first), _physical_settings(second)
    for key in {**a, **b}:
        if a.get(key) != b.get(key):
            raise _mismatch(key, first, _short(a.get(key)), second, _short(b.get(key)))


def _physical_settings(spectra: ErrorSpectra) -> dict[str, Any]:
    """The settings on which the theory depends, under their keys in the problem file."""
    settings = spectra.problem.settings
    network, training, data = settings.network, settings.training, settings.data
    free = _FREE_KEYS.get(network.family, set())
    found = _flat("network", network.model_dump(mode="json", exclude_none=True, exclude=free))
    found |= {"data.lower": data.lower, "data.upper": data.upper, "training.optimizer": training.optimizer}
    if training.optimizer == "gradient-flow":
        return found
    found["training.learning_rate"] = training.learning_rate
    if training.optimizer in _OPTIMIZERS_WITH_MOMENTUM:
        found["training.momentum"] = training.momentum
    if training.optimizer == "adamw":
        found["training.weight_decay"] = training.weight_decay
    schedule = training.schedule
    if not schedule.constant:
        return found | _flat("training.schedule", schedule.model_dump(mode="json"))
    return found | {"training.schedule.family": "constant"}


def _flat(prefix: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Nested settings under the keys of a problem file, the family of each table first."""
    found: dict[str, Any] = {}
    for key, value in sorted(settings.items(), key=lambda item: item[0] != "family"):
        found |= _flat(f"{prefix}.{key}", value) if isinstance(value, dict) else {f"{prefix}.{key}": value}
    return found


def _check_samples(first: ErrorSpectra, second: ErrorSpectra) -> None:
    a, b = first.problem, second.problem
    if len(a.points) != len(b.points):
        _check_initial_spectra(first, second)
        return
    for name, x, y in (
        ("sample points", a.points, b.points),
        ("sample weights", a.weights, b.weights),
        ("initial error", a.initial_error, b.initial_error),
    ):
        scale = max(np.abs(x).max(), np.abs(y).max())
        difference = np.abs(x - y).reshape(len(x), -1).max(axis=1)
        k = int(np.argmax(difference))
        if difference[k] > _TOLERANCE * scale:
            hint = ""
            if name == "initial error" and (starts_at_random(a) or starts_at_random(b)):
                hint = "a random network starts from its own error: use one problem, with its seeds, for all levels"
            raise _mismatch(f"{name} differ at sample {k}", first, _short(x[k]), second, _short(y[k]), hint)


def _check_initial_spectra(first: ErrorSpectra, second: ErrorSpectra) -> None:
    """Other samples of the same function have nearly the same spectrum, at the frequencies that both hold."""
    common = second.mesh.contains(first.frequencies)
    frequencies, volumes = first.frequencies[common], first.mesh.node_volumes[common]
    a, b = (one.problem.initial_spectrum(frequencies) for one in (first, second))
    difference = np.sqrt(np.sum(volumes * np.abs(a - b) ** 2))
    allowed = INITIAL_DIFFERENCE * np.sqrt(np.sum(volumes * np.abs(a) ** 2))
    if difference > allowed:
        percent = 100 * INITIAL_DIFFERENCE * difference / allowed if allowed > 0 else np.inf
        texts = [f"{len(one.problem.points)} samples" for one in (first, second)]
        hint = f"their initial spectra differ by {percent:.3g} %, {100 * INITIAL_DIFFERENCE:g} % is allowed"
        raise _mismatch("different targets", first, texts[0], second, texts[1], hint)


def _mismatch(key: str, first: ErrorSpectra, a: Any, second: ErrorSpectra, b: Any, hint: str = "") -> InputError:
    text = f"{key}: {first.level} has {a}, {second.level} has {b}"
    sources = [first.problem.source, second.problem.source]
    if sources[0] != sources[1]:
        text += f" ({sources[0]}, {sources[1]})"
    return InputError(f"{text}; {hint}" if hint else text)


def _short(value: Any) -> str:
    """A value as a user writes it: numbers without digits to spare, one-element lists as the element."""
    if value is None:
        return "none"
    if isinstance(value, np.ndarray | list | tuple):
        texts = [_short(item) for item in value]
        return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    text = f"{value:.10g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 80 else text[:77] + "..."
