"""Ways to evaluate a network at the sample points. A new one is one new file with a class derived from Evaluator."""

import torch

from freqbias.nn.evaluators.cost import dense_time, nufft_time
from freqbias.nn.evaluators.dense import DenseEvaluator
from freqbias.nn.evaluators.evaluator import Evaluator
from freqbias.nn.evaluators.nufft import NufftEvaluator
from freqbias.problem import Problem

__all__ = ["DenseEvaluator", "Evaluator", "NufftEvaluator", "evaluator_for"]


def evaluator_for(problem: Problem) -> Evaluator:
    """The evaluator that ``training.evaluator`` names; "auto" takes the one of the lower estimated cost."""
    training = problem.settings.training
    points = problem.points
    wanted = training.evaluator
    if wanted == "auto":
        given = points, problem.neurons.frequencies
        wanted = "nufft" if nufft_time(*given, training.nufft_tolerance) < dense_time(*given) else "dense"
    if wanted == "dense":
        return DenseEvaluator(points)
    return NufftEvaluator(points, training.nufft_tolerance, training.threads or torch.get_num_threads())
