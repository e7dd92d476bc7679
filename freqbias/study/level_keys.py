"""What each level of a problem depends on, as a key: points of a study with equal keys share the computation."""

import hashlib
import json
from typing import Any

import numpy as np

from freqbias import __version__
from freqbias.compare.ensemble import starts_at_random
from freqbias.problem import Problem
from freqbias.training_settings import TrainingSettings

#: Keys of a two-layer network that infinite width does not know; where it starts from is looked at by itself.
_OF_WIDTH = {"width", "sampling", "mirrored"}
#: Keys of the table training that change nothing but the time it takes, and those that stand in the key elsewhere.
_NOT_OF_TRAINING = {"threads", "times"}


def level_key(problem: Problem, level: str) -> str:
    """A digest of all that ``level`` (pde, kernel, network) of ``problem`` depends on, and of the version of freqbias.

    PDE and kernel flow of a two-layer network know neither its width nor how its neurons are drawn, but for the error
    that it starts from. The kernel flow of other networks is that of the network itself.
    """
    content, arrays = _CONTENT[level](problem)
    content |= {"level": level, "version": __version__, "box": [problem.lower.tolist(), problem.upper.tolist()]}
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode())
    # A network that starts from 0 does so up to rounding, which differs from one sampling rule to the other.
    start = problem.initial_error if starts_at_random(problem) else -problem.target_values
    for array in (problem.times, problem.points, problem.weights, start, problem.mesh.nodes, *arrays):
        digest.update(str(array.shape).encode())
        digest.update(np.ascontiguousarray(array, dtype="<f8").tobytes())
    return digest.hexdigest()[:16]


def _pde(problem: Problem) -> tuple[dict[str, Any], list[np.ndarray]]:
    kind, cells = problem.mesh.linear_cells()
    mesh = {"degree": problem.mesh.degree, "kind": kind}
    return _theory(problem) | {"solver": problem.settings.solver.model_dump(mode="json"), "mesh": mesh}, [cells]


def _kernel(problem: Problem) -> tuple[dict[str, Any], list[np.ndarray]]:
    content = _theory(problem) | {"tolerance": problem.settings.solver.tolerance}
    if problem.family is not None:
        return content, []
    training = problem.settings.training
    return content | {"seeds": training.all_seeds, "precision": training.precision}, []


def _network(problem: Problem) -> tuple[dict[str, Any], list[np.ndarray]]:
    training = problem.settings.training
    left_out = _NOT_OF_TRAINING | {"seed", "seeds"} | _unused(training)
    return {
        "network": problem.settings.network.model_dump(mode="json"),
        "seeds": training.all_seeds,
        "training": training.model_dump(mode="json", exclude=left_out),
    }, []


_CONTENT = {"pde": _pde, "kernel": _kernel, "network": _network}


def _theory(problem: Problem) -> dict[str, Any]:
    """What PDE and kernel flow see of network and training."""
    training = problem.settings.training
    left_out = _OF_WIDTH if problem.family is not None else set()
    used = {"optimizer", "learning_rate", "momentum"} - _unused(training)
    return {
        "network": problem.settings.network.model_dump(mode="json", exclude=left_out),
        "training": training.model_dump(mode="json", include=used),
    }


def _unused(training: TrainingSettings) -> set[str]:
    """Keys of the table training that its optimizer does not read."""
    unused = set()
    if training.optimizer == "gradient-flow":
        unused.add("learning_rate")
    else:
        unused.add("tolerance")
    if training.optimizer not in ("momentum", "nesterov"):
        unused.add("momentum")
    if training.optimizer != "adamw":
        unused.add("weight_decay")
    return unused
