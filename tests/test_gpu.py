"""Training on a GPU. Its formulas are tested everywhere; what needs a CUDA device is skipped without one."""

import os
import subprocess
import sys

import finufft
import numpy as np
import pytest
import tomli_w
import torch

from freqbias import ErrorSpectra, Problem
from freqbias.errors import InputError, NumericalError
from freqbias.nn.devices import device_for
from freqbias.nn.evaluators import DenseEvaluator, FusedEvaluator, GpuNufftEvaluator, evaluator_for
from freqbias.nn.evaluators.fused import gradients, outputs
from freqbias.nn.networks import FourierFeatureNetwork
from freqbias.nn.training import train

cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
no_cuda = pytest.mark.skipif(torch.cuda.is_available(), reason="is about machines without a CUDA device")


class PlanOnCpu:
    """finufft's type 3 in the words of cufinufft: tensors instead of arrays, and a dtype."""

    def __init__(self, kind, dimension, transforms=1, eps=1e-6, isign=None, dtype="complex64"):
        self._plan = finufft.Plan(kind, dimension, transforms, eps, isign, dtype=dtype, nthreads=1)

    def setpts(self, **coordinates):
        self._plan.setpts(**{name: tensor.numpy() for name, tensor in coordinates.items()})

    def execute(self, data):
        return torch.from_numpy(self._plan.execute(data.numpy().squeeze()))


def random_network(dimension, width=23, seeds=2, frozen=False):
    generator = np.random.default_rng(0)

    def normal(*shape):
        return torch.tensor(generator.standard_normal(shape))

    ratio = 0.0 if frozen else 1.0
    network = FourierFeatureNetwork(
        4 * normal(seeds, width, dimension) + 0.3,
        normal(seeds, width),
        normal(seeds, width),
        normal(seeds, width).abs(),
        ratio,
    )
    return network.freeze(), generator.uniform(-1.0, 2.0, (17, dimension))


def everything(evaluator, network, rows=None):
    """Outputs, gradients and changes for one upstream gradient and one direction, the same for all evaluators."""
    generator = np.random.default_rng(1)
    like = network.trained[-1]
    linearization = evaluator.linearize(network, rows)
    upstream = torch.tensor(generator.standard_normal(linearization.outputs.shape)).to(like)
    directions = [torch.tensor(generator.standard_normal(p.shape)).to(p) for p in network.trained]
    found = [linearization.outputs, *linearization.pullback(upstream), linearization.pushforward(directions)]
    return found if rows is not None else [*found, evaluator.values(network)]


def assert_same(found, expected, tolerance):
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        assert (one.cpu().double() - other.double()).abs().max() <= tolerance * other.abs().max()


# The formulas, on any machine


@pytest.mark.parametrize("frozen", [False, True], ids=["moved", "frozen"])
@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_the_formulas_of_the_compiled_loops_are_those_of_the_dense_evaluator(dimension, frozen):
    network, points = random_network(dimension, frozen=frozen)
    fused = FusedEvaluator(points, "cpu", compiled=False)
    dense = DenseEvaluator(points)
    assert_same(everything(fused, network), everything(dense, network), 1e-13)
    rows = torch.tensor([[3, 1, 16, 1], [0, 2, 5, 9]])
    assert_same(everything(fused, network, rows), everything(dense, network, rows), 1e-13)


@pytest.mark.parametrize("function", [outputs, gradients])
def test_a_loop_is_one_graph(function):
    """Nothing in it falls back to Python, so that it can become one kernel."""
    network, points = random_network(2)
    parameters = [p.detach() for p in (network.frequencies, network.scale, network.cosine, network.sine)]
    if function is outputs:
        arguments = [*parameters[:3], torch.tensor(points)]
    else:
        arguments = [*parameters, torch.tensor(points), torch.ones(2, len(points), dtype=torch.float64)]
    found = torch.compile(function, fullgraph=True, dynamic=False, backend="eager")(*arguments)
    assert_same([*found], [*function(*arguments)], 1e-15)


@pytest.mark.parametrize("frozen", [False, True], ids=["moved", "frozen"])
@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_transforms_with_two_plans_are_the_sums(dimension, frozen):
    network, points = random_network(dimension, frozen=frozen)
    transforms = GpuNufftEvaluator(points, 1e-13, "cpu", PlanOnCpu)
    dense = DenseEvaluator(points)
    assert_same(everything(transforms, network), everything(dense, network), 1e-11)
    with torch.no_grad():
        network.frequencies.mul_(1.1)
    assert_same(everything(transforms, network), everything(dense, network), 1e-11)


def test_transforms_refuse_what_does_not_fit():
    network, points = random_network(1)
    transforms = GpuNufftEvaluator(points, 1e-9, "cpu", PlanOnCpu)
    for factor in (1e9, np.nan):
        with torch.no_grad():
            network.frequencies.mul_(factor)
        with pytest.raises(NumericalError, match="grid"):
            transforms.values(network)


# Mistakes


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "cuda:", "cpu:0"])
def test_a_device_has_one_of_three_names(name):
    with pytest.raises(InputError, match=rf'^--device {name}: must be "cpu", "cuda" or'):
        device_for(name)


@no_cuda
def test_a_missing_gpu_is_one_line(settings):
    with pytest.raises(InputError, match="finds no CUDA device here"):
        train(Problem.create(settings), device="cuda")


def test_missing_cufinufft_is_one_line(settings, monkeypatch):
    monkeypatch.setitem(sys.modules, "cufinufft", None)
    settings["training"]["evaluator"] = "nufft"
    with pytest.raises(InputError, match=r'training.evaluator = "nufft": on a GPU it needs cufinufft.*or take "dense"'):
        evaluator_for(Problem.create(settings), device="cuda")


# On a GPU


@cuda
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
@pytest.mark.parametrize("dimension", [1, 3])
def test_compiled_loops_are_those_of_the_cpu(dimension, dtype, tolerance):
    network, points = random_network(dimension, width=3000)
    expected = everything(DenseEvaluator(points), network)
    fused = FusedEvaluator(points, "cuda", dtype)
    assert_same(everything(fused, network.to("cuda", dtype)), expected, tolerance)


@cuda
def test_compiled_loops_hold_no_matrix():
    network, _ = random_network(1, width=20_000, seeds=1)
    points = np.linspace(-1, 1, 20_000)[:, None]
    fused = FusedEvaluator(points, "cuda")
    network = network.to("cuda")
    everything(fused, network)
    torch.cuda.reset_peak_memory_stats()
    everything(fused, network)
    assert torch.cuda.max_memory_allocated() < 20_000**2 * 8 / 10


@cuda
@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_cufinufft_is_finufft(dimension):
    pytest.importorskip("cufinufft", reason="needs the extra cufinufft")
    network, points = random_network(dimension)
    expected = everything(DenseEvaluator(points), network)
    found = everything(GpuNufftEvaluator(points, 1e-11, "cuda"), network.to("cuda"))
    assert_same(found, expected, 1e-9)


@cuda
@pytest.mark.parametrize(
    "training",
    [{"optimizer": "gradient-flow"}, {"optimizer": "nesterov"}, {"optimizer": "adam", "batch": 16, "seeds": 2}],
    ids=lambda training: training["optimizer"],
)
def test_training_on_the_gpu_is_training_on_the_cpu(settings, training):
    settings["training"] |= {"learning_rate": 0.1, "evaluator": "dense", **training}
    problem = Problem.create(settings)
    found, expected = train(problem, device="cuda"), train(problem)
    assert np.abs(found.values - expected.values).max() < 1e-9 * np.abs(expected.values).max()
    assert found.info["device"] == torch.cuda.get_device_name()


@cuda
def test_deep_networks_on_the_gpu(settings):
    settings["network"] = {"family": "siren", "hidden": [16, 16]}
    settings["training"] |= {"learning_rate": 1e-3, "times": {"last": 0.02, "first": 0.01, "count": 2}}
    settings["training"]["optimizer"] = "adam"
    problem = Problem.create(settings)
    found, expected = train(problem, device="cuda"), train(problem)
    assert np.abs(found.values - expected.values).max() < 1e-9 * np.abs(expected.values).max()


@cuda
def test_torchrun_sums_by_nccl(settings, tmp_path):
    settings["training"] |= {"evaluator": "dense"}
    (tmp_path / "p.toml").write_text(tomli_w.dumps(settings))
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "1", "-m", "freqbias"]
    words = ["train", str(tmp_path / "p.toml"), "--out", str(tmp_path / "n.nc"), "--device", "cuda"]
    done = subprocess.run([*launch, *words], capture_output=True, text=True, timeout=200, env=os.environ)
    assert done.returncode == 0, done.stderr
    expected = train(Problem.create(settings)).values
    found = ErrorSpectra.read(tmp_path / "n.nc").values
    assert np.abs(found - expected).max() < 1e-9 * np.abs(expected).max()
