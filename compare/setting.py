"""The setting of a comparison in words: one row for each thing that a reader asks about."""

from typing import Any

import numpy as np

from freqbias.compare.figures.style import UNIT
from freqbias.compare.metrics import Comparison
from freqbias.compare.numbers import plain, short, vector
from freqbias.compare.presence import absences, present
from freqbias.network_settings import NetworkSettings
from freqbias.training_settings import TrainingSettings


def setting_rows(comparison: Comparison) -> dict[str, str]:
    """Name → text; rows that the network's family does not know are left out."""
    problem, mesh = comparison.problem, comparison.problem.mesh
    network, target, data = problem.settings.network, problem.settings.target, problem.settings.data
    box = " × ".join(f"[{short(a)}, {short(b)}]" for a, b in zip(problem.lower, problem.upper, strict=True))
    rows = {"Levels": ", ".join(present(comparison))}
    rows |= {f"No {comparison.names[level]}": reason for level, reason in absences(comparison).items()}
    rows["Network"] = _network(network)
    given: dict[str, Any] = network.model_dump(mode="json", exclude_none=True)
    if law := given.get("law"):
        family = law.pop("family")
        parts = ", ".join(f"{key} {plain(value)}" for key, value in law.items())
        rows["Law of the frequencies"] = f"{family}: {parts} ({UNIT})"
    if "amplitude_std" in given:
        rows["Amplitudes"] = f"standard deviation σ = {short(given['amplitude_std'])}"
    if "frequency_rate_ratio" in given:
        others = "amplitudes" if "amplitude_std" in given else "weights"
        rows[f"Rate of frequencies / {others}"] = short(given["frequency_rate_ratio"])
    return rows | {
        "Target": str(target.expression or target.file or target.function),
        "Data": f"{len(problem.points)} points ({data.sampling}, weights: {data.weights}) in {box}",
        "Training": _training(problem.settings.training),
        "Learning times": f"{len(comparison.times)} outputs from 0 to {short(comparison.times[-1])}",
        "Frequency mesh": (
            f"{_reach(*mesh.bounds)} {UNIT}, {mesh.cells_in_words} of degree {mesh.degree}, {len(mesh.nodes)} nodes"
        ),
    }


def _network(network: NetworkSettings) -> str:
    parts: list[str] = [network.family]
    match network.family:
        case "fourier-features":
            parts += [f"width {network.width}", network.sampling]
            if network.sampling == "random":
                parts.append("mirrored" if network.mirrored else "not mirrored")
            return ", ".join(parts)
        case "deep-fourier-features":
            parts += [f"{network.width} features", _hidden(network.hidden), network.activation]
        case "multilayer-perceptron":
            parts += [_hidden(network.hidden), network.activation]
        case "siren":
            factors = f"ω = {short(network.omega)}, hidden layers {short(network.hidden_omega)}"
            parts += [_hidden(network.hidden), factors]
    return ", ".join([*parts, "centred" if network.centred else "not centred"])


def _hidden(widths: list[int]) -> str:
    """Widths of the hidden layers: 3 × 64 where they are equal, else one by one."""
    if len(set(widths)) == 1:
        return f"hidden layers {len(widths)} × {widths[0]}" if len(widths) > 1 else f"hidden layer {widths[0]}"
    return f"hidden layers {', '.join(map(str, widths))}"


def _training(training: TrainingSettings) -> str:
    parts: list[str] = [training.optimizer]
    if training.optimizer != "gradient-flow":
        parts.append(f"learning rate {short(training.learning_rate)}")
    if training.optimizer in ("momentum", "nesterov"):
        parts.append(f"momentum {short(training.momentum)}")
    if training.optimizer == "adamw":
        parts.append(f"weight decay {short(training.weight_decay)}")
    if not training.schedule.constant:
        schedule = training.schedule
        warmup = f", warm-up over {short(schedule.warmup)} of the steps" if schedule.warmup else ""
        last = f" to {short(schedule.final)}" if schedule.family != "constant" else ""
        parts.append(f"{schedule.family} schedule{last}{warmup}")
    if training.batch is not None:
        parts.append(f"batches of {training.batch}")
    if training.precision != "float64":
        parts.append(training.precision)
    return ", ".join(parts)


def _reach(lower: np.ndarray, upper: np.ndarray) -> str:
    if np.allclose(lower, -upper):
        return f"|ξ| ≤ {vector(upper)}"
    return f"ξ from {vector(lower)} to {vector(upper)}"
