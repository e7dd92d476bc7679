"""Ways to evaluate a network at the sample points. A new one is one new file with a class derived from Evaluator."""

import torch

from freqbias.initialization import Neurons
from freqbias.nn.evaluators.autograd import AutogradEvaluator
from freqbias.nn.evaluators.cost import dense_time, nufft_time
from freqbias.nn.evaluators.dense import DenseEvaluator
from freqbias.nn.evaluators.evaluator import Evaluator, Linearization
from freqbias.nn.evaluators.fused import FusedEvaluator
from freqbias.nn.evaluators.gpu_nufft import GpuNufftEvaluator
from freqbias.nn.evaluators.nufft import NufftEvaluator
from freqbias.problem import Problem

__all__ = [
    "AutogradEvaluator",
    "DenseEvaluator",
    "Evaluator",
    "FusedEvaluator",
    "GpuNufftEvaluator",
    "Linearization",
    "NufftEvaluator",
    "evaluator_for",
]


def evaluator_for(problem: Problem, threads: int = 1, device: torch.device | str = "cpu") -> Evaluator:
    """The evaluator that ``training.evaluator`` names; "auto" takes the one of the lower estimated cost.

    On a GPU that is always the plain formula.
    """
    settings, points = problem.settings, problem.points
    dtype = getattr(torch, settings.training.precision)
    if settings.network.family != "fourier-features":
        return AutogradEvaluator(points, device, dtype)
    on_cpu = torch.device(device).type == "cpu"
    if _uses_transforms(problem, on_cpu):
        tolerance = settings.training.nufft_tolerance
        return NufftEvaluator(points, tolerance, threads) if on_cpu else GpuNufftEvaluator(points, tolerance, device)
    return DenseEvaluator(points, device, dtype) if on_cpu else FusedEvaluator(points, device, dtype)


def _uses_transforms(problem: Problem, on_cpu: bool) -> bool:
    training = problem.settings.training
    if training.evaluator != "auto":
        return training.evaluator == "nufft"
    if training.batch is not None or training.precision != "float64" or not on_cpu:
        return False
    neurons = problem.initial_networks[0]
    if not isinstance(neurons, Neurons):
        return False
    given = problem.points, neurons.frequencies
    return nufft_time(*given, training.nufft_tolerance) < dense_time(*given)
