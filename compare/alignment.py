"""Can spectra be compared? They must stem from the same setting, mesh, times, samples and initial error.

What may differ is how a level was computed: width and sampling rule of two-layer networks (if the initial errors
agree), solver, evaluator, precision, threads, seeds; and mini-batches, of which the theory is the mean.
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
        _check_mesh(first, second)
        _check_times(first, second)
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
    found = {}
    for key, value in sorted(settings.items(), key=lambda item: item[0] != "family"):
        found |= _flat(f"{prefix}.{key}", value) if isinstance(value, dict) else {f"{prefix}.{key}": value}
    return found


def _check_mesh(first: ErrorSpectra, second: ErrorSpectra) -> None:
    a, b = first.mesh, second.mesh
    cutoffs = [np.abs(mesh.bounds).max(axis=0) for mesh in (a, b)]
    if not np.allclose(*cutoffs, rtol=_TOLERANCE, atol=0):
        ratio = cutoffs[0] / cutoffs[1]
        hint = ""
        if np.allclose(ratio, 2 * np.pi, rtol=1e-3) or np.allclose(1 / ratio, 2 * np.pi, rtol=1e-3):
            hint = "a factor 2 pi: frequencies must be in radians per unit of x"
        raise _mismatch("mesh.cutoff", first, _short(cutoffs[0]), second, _short(cutoffs[1]), hint)
    if a.degree != b.degree:
        raise _mismatch("mesh.degree", first, a.degree, second, b.degree)
    texts = [f"{mesh.cells_in_words} with {len(mesh.nodes)} nodes" for mesh in (a, b)]
    if texts[0] != texts[1]:
        raise _mismatch("mesh", first, texts[0], second, texts[1])
    difference = np.abs(a.nodes - b.nodes).max(axis=1)
    k = int(np.argmax(difference))
    if difference[k] > _TOLERANCE * cutoffs[0].max():
        raise _mismatch(f"mesh nodes differ: node {k}", first, _short(a.nodes[k]), second, _short(b.nodes[k]))


def _check_times(first: ErrorSpectra, second: ErrorSpectra) -> None:
    a, b = first.times, second.times
    if len(a) == len(b) and np.allclose(a, b, rtol=_TOLERANCE, atol=0):
        return
    texts = [f"{len(times)} from 0 to {times[-1]:g}" for times in (a, b)]
    if texts[0] == texts[1]:
        k = int(np.argmax(~np.isclose(a, b, rtol=_TOLERANCE, atol=0)))
        texts = [f"t = {times[k]:.10g} as number {k}" for times in (a, b)]
    raise _mismatch("times differ", first, texts[0], second, texts[1])


def _check_samples(first: ErrorSpectra, second: ErrorSpectra) -> None:
    a, b = first.problem, second.problem
    if len(a.points) != len(b.points):
        texts = [f"{len(problem.points)} samples" for problem in (a, b)]
        raise _mismatch("data.points", first, texts[0], second, texts[1])
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
