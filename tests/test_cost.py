"""The estimate before work: what cannot fit is refused in time and by name, whatever shares the memory or the GPU."""

import time
from copy import deepcopy

import numpy as np
import pytest
import tomli_w
from conftest import EXAMPLES

from freqbias import Problem, cost, resources
from freqbias.changes import apply_change
from freqbias.cost import check_fits, level_costs
from freqbias.errors import InputError
from freqbias.meshes import box_mesh
from freqbias.resources import free_disk, free_memory, in_words, seconds_in_words

LEVELS = ("pde", "kernel", "network")

DEEP = {"family": "multilayer-perceptron", "hidden": [64, 10**7, 10**7]}
RANDOM = {"lower": [-3.0], "upper": [3.0], "points": [10**10], "sampling": "random"}

#: Changes of the small problem, and the key that is to blame.
ABSURD = {
    "mesh in the plane": ({"mesh.cells": [10**13]}, "mesh.cells = [10000000000000]"),
    "mesh, beyond floats": ({"mesh.cells": [10**400]}, "mesh.cells"),
    "cutoff": ({"mesh": {"cutoff": 1e15}}, "mesh.cutoff = [1000000000000000.0]"),
    "grid": ({"data.points": [10**10]}, "data.points = [10000000000]"),
    "random points": ({"data": RANDOM}, "data.points = [10000000000]"),
    "width": ({"network.width": 10**13}, "network.width = 10000000000000"),
    "hidden layers": ({"network": DEEP}, "network.hidden = [64, 10000000, 10000000]"),
    "law": ({"network.law.scale": 1e13}, "network.law.scale = [10000000000000.0]"),
    "times and nodes": ({"training.times.count": 10_000, "mesh.cells": [5_000_000]}, "mesh.cells = [5000000]"),
    "seeds and samples": (
        {"training.seeds": 1000, "training.times.count": 10_000, "data.points": [20_000]},
        "training.seeds = 1000",
    ),
    "steps": ({"training.optimizer": "adam", "training.learning_rate": 1e-12}, "training.learning_rate = 1e-12"),
}


def changed(settings, changes):
    settings = deepcopy(settings)
    for key, value in changes.items():
        apply_change(settings, key, value, "test")
    return settings


@pytest.fixture
def no_arrays(monkeypatch):
    """A problem that starts to compute anything of its data fails the test."""

    def forbidden(problem):
        raise AssertionError("the estimate must come from the settings alone")

    for name in ("points", "initial_networks", "initial_error", "mesh", "weights", "target_values", "times"):
        monkeypatch.setattr(Problem, name, property(forbidden))


@pytest.mark.parametrize(("changes", "key"), ABSURD.values(), ids=ABSURD)
def test_what_cannot_fit_is_refused_from_the_settings_alone(settings, no_arrays, changes, key):
    problem = Problem.create(changed(settings, changes), source="big.toml")
    began = time.perf_counter()
    with pytest.raises(InputError) as refused:
        check_fits(problem, LEVELS)
    assert time.perf_counter() - began < 0.5
    assert str(refused.value).startswith(f"big.toml: {key}")
    assert "--force" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("words", [("solve", "x.nc"), ("train", "x.nc"), ("kernel", "x.nc"), ("run", "x")])
def test_commands_refuse_and_write_nothing(settings, command, tmp_path, words):
    file = tmp_path / "big.toml"
    file.write_text(tomli_w.dumps(changed(settings, {"data.points": [10**10]})))
    done = command(words[0], file, "--out", tmp_path / "out" / words[1])
    assert done.returncode == 2
    assert f"{file}: data.points = [10000000000]" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_study_refuses_the_point(settings, command, tmp_path):
    file = tmp_path / "small.toml"
    file.write_text(tomli_w.dumps(settings))
    done = command("study", file, "--vary", "network.width=400,40000000000000", "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "network.width = 40000000000000" in done.stderr
    assert not (tmp_path / "out").exists()


def test_the_mesh_command_refuses_too(settings, command, tmp_path):
    file = tmp_path / "big.toml"
    file.write_text(tomli_w.dumps(changed(settings, {"mesh.cells": [10**13]})))
    done = command("mesh", file)
    assert done.returncode == 2
    assert "mesh.cells = [10000000000000]" in done.stderr


def test_every_rank_refuses(settings, command, tmp_path):
    file = tmp_path / "big.toml"
    file.write_text(tomli_w.dumps(changed(settings, {"mesh.cells": [10**13]})))
    done = command("solve", file, "--out", tmp_path / "out.nc", ranks=2)
    assert done.returncode == 2
    assert "mesh.cells = [10000000000000]" in done.stderr
    assert not (tmp_path / "out.nc").exists()


def test_force_goes_on(settings, command, tmp_path, monkeypatch):
    monkeypatch.setattr(cost, "free_memory", lambda: 500.0)
    file = tmp_path / "small.toml"
    file.write_text(tomli_w.dumps(settings))
    refused = command("kernel", file, "--out", tmp_path / "kernel.nc")
    assert refused.returncode == 2
    assert "500 bytes are free" in refused.stderr
    assert command("kernel", file, "--out", tmp_path / "kernel.nc", "--force").returncode == 0
    assert (tmp_path / "kernel.nc").exists()


def test_a_full_disk_is_seen_before_work(settings, tmp_path, monkeypatch):
    monkeypatch.setattr(cost, "free_disk", lambda folder: 10_000.0)
    problem = Problem.create(changed(settings, {"training.times.count": 400}))
    check_fits(problem, LEVELS)
    with pytest.raises(InputError, match=r"training.times.count = 400: the spectrum files would take about .* KiB"):
        check_fits(problem, LEVELS, tmp_path)


def test_the_bound_of_the_solve_takes_the_place_of_free_memory(settings, monkeypatch):
    problem = Problem.create(settings)
    check_fits(problem, ("pde",), solve_memory=1e9)
    with pytest.raises(InputError, match="the PDE would take about"):
        check_fits(problem, ("pde",), solve_memory=1000.0)


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.toml")), ids=lambda file: file.stem)
def test_examples_fit_into_a_gibibyte(file, monkeypatch):
    monkeypatch.setattr(cost, "free_memory", lambda: 2.0**30)
    check_fits(Problem.from_file(file), LEVELS)


def test_costs_grow_as_what_they_count(settings):
    """Twice the cells, output times or seeds: the part that they fill doubles, and no other one shrinks."""

    def parts(level, **changes):
        problem = Problem.create(changed(settings, {key.replace("_", "."): value for key, value in changes.items()}))
        *_, found = level_costs(problem, (level,))
        return {part.words: part.size for part in found.memory}

    few, many = parts("pde", mesh_cells=[1000]), parts("pde", mesh_cells=[2000])
    for name in ("matrices", "basis", "spectra", "mesh"):
        assert many[name] == pytest.approx(2 * few[name], rel=1e-3)
    one, two = parts("network", training_seeds=2), parts("network", training_seeds=4)
    assert two["errors"] == 2 * one["errors"]
    # 16 bytes each for the values, their copy for the transform and the file at least.
    assert parts("network")["spectra"] >= 3 * 16 * 6 * 121
    assert parts("kernel", data_points=[2000])["matrix"] == pytest.approx(4 * 8 * 2000**2, rel=0.5)


# On a GPU


def test_memory_of_a_gpu_counts_what_is_there(settings):
    """A share of the neurons, all samples; Krylov spaces are set aside at full length."""

    def parts(processes=1, **changes):
        problem = Problem.create(changed(settings, {key.replace("_", ".", 1): v for key, v in changes.items()}))
        return {part.words: part.size for part in cost.Cost(problem).gpu(processes).memory}

    one, half = parts(), parts(processes=2)
    assert half["parameters"] == one["parameters"] / 2
    assert half["Krylov spaces"] == one["Krylov spaces"] == 3 * 8 * 65 * 64
    assert parts(data_points=[1000])["Krylov spaces"] == 3 * 8 * 201 * 1000
    assert parts(training_precision="float32", training_tolerance=1e-3)["parameters"] == one["parameters"] / 2
    assert "Krylov spaces" not in parts(training_optimizer="adam")
    assert "transform" in parts(training_evaluator="nufft")
    deep = {"family": "siren", "hidden": [500, 500]}
    layers = [parts(network=deep, training_seeds=seeds)["layers"] for seeds in (1, 3)]
    assert layers[1] == 3 * layers[0]
    assert layers[0] >= 6 * 8 * 64 * 1000


@pytest.mark.parametrize("words", [("train", "x.nc"), ("run", "x")])
def test_commands_look_at_the_memory_of_the_gpu(settings, command, tmp_path, monkeypatch, words):
    asked = []

    def free(device):
        asked.append(device)
        return 6e8

    monkeypatch.setattr("freqbias.nn.devices.free_device_memory", free)
    file = tmp_path / "big.toml"
    file.write_text(tomli_w.dumps(changed(settings, {"network.width": 4_000_000})))
    done = command(words[0], file, "--device", "cuda:1", "--out", tmp_path / words[1])
    assert done.returncode == 2
    assert f"{file}: network.width = 4000000: training on the GPU would take about 1." in done.stderr
    assert "572 MiB are free" in done.stderr
    assert asked == ["cuda:1"]
    assert not (tmp_path / words[1]).exists()


def test_what_a_gpu_holds_need_not_fit_into_the_host(settings, monkeypatch):
    monkeypatch.setattr("freqbias.nn.devices.free_device_memory", lambda device: 1e12)
    monkeypatch.setattr(cost, "free_memory", lambda: 2e9)
    deep = {"family": "siren", "hidden": [500] * 4}
    problem = Problem.create(
        changed(settings, {"network": deep, "data.points": [40_000], "training.precision": "float32"})
    )
    with pytest.raises(InputError, match=r"training would take about .* most of it for layers"):
        check_fits(problem, ("network",))
    check_fits(problem, ("network",), device="cuda")
    monkeypatch.setattr(cost, "free_memory", lambda: 4e8)  # less than PyTorch alone takes
    with pytest.raises(InputError, match=r"training would take about .* most of it for libraries"):
        check_fits(problem, ("network",), device="cuda")


def test_what_is_made_is_counted(settings):
    """Variants of an error budget have other samples and another mesh than their settings say."""
    problem = Problem.create(settings)
    before = cost.Cost(problem).size
    assert (before.samples.value, before.nodes.value) == (64, 121)
    assert len(problem.mesh.nodes) == 121
    changed_problem = Problem.create(settings)
    changed_problem.set_samples(
        *(np.repeat(array, 5, axis=0) for array in (problem.points, problem.weights, problem.initial_error))
    )
    changed_problem.mesh = box_mesh([15.0], [600], 2)
    size = cost.Cost(changed_problem).size
    assert (size.samples.value, size.nodes.value) == (320, 1201)


def test_what_is_free(tmp_path):
    assert 0 < free_memory() < 2**50
    assert free_disk(tmp_path / "not" / "there") == pytest.approx(free_disk(tmp_path), rel=0.1)


def test_the_limit_of_a_container(tmp_path, monkeypatch):
    """A limit of 5 MiB of which 3 are taken, one of them by pages of files that can be dropped."""
    for name, text in (("max", 5 * 2**20), ("current", 3 * 2**20), ("stat", f"anon 1\ninactive_file {2**20}")):
        (tmp_path / f"memory.{name}").write_text(f"{text}\n")
    monkeypatch.setattr(resources, "_LIMITS", ((str(tmp_path), "memory.max", "memory.current", "inactive_file"),))
    assert free_memory() == 3 * 2**20
    (tmp_path / "memory.max").write_text("max\n")
    assert free_memory() > 100 * 2**20


@pytest.mark.parametrize(
    "law",
    [
        {"family": "student-t", "scale": [6.0, 3.0], "dof": 1.0},
        {"family": "laplace", "scale": 5.0},
        {
            "family": "mixture",
            "weights": [0.5, 0.5],
            "components": [{"family": "normal", "scale": 3.0}, {"family": "uniform", "scale": 9.0}],
        },
    ],
    ids=lambda law: law["family"],
)
def test_other_laws_in_the_plane_fit(settings, law):
    settings["network"] = {"width": 16384, "law": law}
    settings["data"] = {"lower": [-3.0, -3.0], "upper": [3.0, 3.0], "points": [32]}
    settings["mesh"] = {"cells": [64]}
    check_fits(Problem.create(settings), LEVELS)


def test_words():
    assert [in_words(size) for size in (512, 1536, 3 * 2**30, 2**50)] == ["512 bytes", "1.5 KiB", "3 GiB", "1 PiB"]
    assert [seconds_in_words(s) for s in (42, 300, 8000, 4e5, 1e8)] == [
        "42 s",
        "5 min",
        "2.2 h",
        "4.6 days",
        "3.2 years",
    ]


def test_jobs_share_the_memory(settings, tmp_path, command, monkeypatch):
    """One computation fits, two do not: with --jobs 2 that is refused, without it they follow each other."""
    problem = Problem.create(settings)
    size = cost._PROCESS + sum(one.bytes for one in cost.level_costs(problem, ["network"]))
    tasks = [(problem, "network")] * 3
    assert [cost.fitting_jobs(tasks, k * size / 0.9) for k in (0.9, 1.1, 2.1, 3.1, 9.0)] == [0, 1, 2, 3, 3]
    (tmp_path / "p.toml").write_text(tomli_w.dumps(settings))
    monkeypatch.setattr("freqbias.resources.free_memory", lambda: 1.5 * size)
    words = ["study", tmp_path / "p.toml", "--vary", "network.width=200,400", "--out", tmp_path / "study"]
    refused = command(*words, "--jobs", "2")
    assert refused.returncode == 2
    assert refused.stderr.startswith("freqbias: --jobs = 2: 1 of the computations fit into the ")
    assert not (tmp_path / "study").exists()
