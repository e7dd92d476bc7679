"""The empirical tangent kernel, that of a network's own parameters at the start of training, and its flow."""

import time
from functools import reduce

import numpy as np
import torch
from torch.func import functional_call, grad, vmap

from freqbias.nn.matrix_flow import matrix_flow
from freqbias.nn.networks import Network, network_for
from freqbias.nn.threads import torch_threads
from freqbias.problem import Problem
from freqbias.progress import Progress, silent
from freqbias.spectra import ErrorSpectra
from freqbias.transforms import error_spectrum

#: Bytes that derivatives by the parameters may take.
_MEMORY = 2**30
#: Arrays of the size of a block's derivatives that exist at once: two blocks, and what computing one of them takes.
_COPIES = 4


def empirical_kernel_flow(problem: Problem, progress: Progress = silent) -> ErrorSpectra:
    """Solve e' = -K W e with the empirical kernel of every seed, from its own initial error (level "kernel").

    This is training linearised at the start of the network: what it leaves out is the change of the kernel.
    ``problem.optimizer`` responds in closed form, as in the kernel flow of infinite width. In double precision.

    Raises DivergenceError if the largest decay rate is not stable at the learning rate.
    """
    started = time.perf_counter()
    training = problem.settings.training
    seeds = training.all_seeds
    # A spectrum file of one run records its initial error, without the data that it was computed from.
    starts = problem.initial_errors if len(seeds) > 1 else problem.initial_error[None]
    network = network_for(problem).double()
    values, losses, rates = [], [], []
    for number, start in enumerate(starts):
        with torch_threads(training.threads or torch.get_num_threads()):
            kernel = empirical_kernel(network, problem.points, number)
        progress((number + 0.8) / len(seeds))
        errors, rate = matrix_flow(kernel, problem, start)
        rates.append(rate)
        values.append(
            error_spectrum(problem.points, errors, problem.weights, problem.mesh.nodes, threads=training.threads)
        )
        losses.append(0.5 * errors**2 @ problem.weights)
        progress((number + 1) / len(seeds))
    info = {
        "wall_time_seconds": time.perf_counter() - started,
        "kernel": "empirical",
        "method": "eigenvectors",
        "largest_rate": max(rates),
        "parameters": sum(parameter[0].numel() for parameter in network.trained),
    }
    return ErrorSpectra.of_ensemble("kernel", problem, problem.times, np.array(values), np.array(losses), seeds, info)


def empirical_kernel(network: Network, points: np.ndarray, seed: int = 0) -> np.ndarray:
    """K(x_i, x_j) = sum_p r_p df(x_i)/dtheta_p df(x_j)/dtheta_p of one of the networks in ``network``: (N, N).

    Symmetric, in the precision of the parameters; r_p is ``Network.learning_rate_ratio``, so that
    e' = -K W e with the weights W of the samples is training linearised at the parameters as they are.
    ``seed`` = 0, …, S - 1 says which network; ``points`` (N, d). The derivatives of blocks of points are computed
    again for every pair of blocks, so that they fit into about a GiB: time N^2 P / 2 for P parameters.
    """
    chosen = {name: parameter[seed : seed + 1].detach() for name, parameter in network.named_parameters()}
    fixed = {name: buffer[seed : seed + 1] for name, buffer in network.named_buffers()}
    ratios = {name: network.learning_rate_ratio(parameter) for name, parameter in network.named_parameters()}
    trained = {name: chosen[name] for name, ratio in ratios.items() if ratio > 0}
    fixed |= {name: chosen[name] for name, ratio in ratios.items() if ratio == 0}

    def output(parameters: dict[str, torch.Tensor], point: torch.Tensor) -> torch.Tensor:
        return functional_call(network, parameters | fixed, (point[None],))[0, 0]

    derivatives = vmap(grad(output), in_dims=(None, 0))

    def weighted(block: torch.Tensor) -> list[torch.Tensor]:
        """The derivatives times r_p^(1/2), a matrix (B, …) for each parameter."""
        found = derivatives(trained, block)
        return [found[name].flatten(1) * ratios[name] ** 0.5 for name in trained]

    count = sum(parameter.numel() for parameter in trained.values())
    like = next(iter(trained.values()))
    blocks = torch.tensor(points, dtype=like.dtype, device=like.device).split(
        max(1, _MEMORY // (_COPIES * count * like.element_size()))
    )
    kernel = np.empty((len(points), len(points)))
    start = 0
    for number, block in enumerate(blocks):
        rows = slice(start, start + len(block))
        left, first = weighted(block), start
        for other in blocks[number:]:
            columns = slice(first, first + len(other))
            right = left if other is block else weighted(other)
            values = reduce(torch.add, (a @ b.T for a, b in zip(left, right, strict=True))).cpu().numpy()
            kernel[rows, columns] = values
            kernel[columns, rows] = values.T
            first = columns.stop
        start = rows.stop
    return (kernel + kernel.T) / 2
