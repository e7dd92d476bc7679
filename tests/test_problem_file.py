"""Problem files: every mistake is one line that names file, key, value and what is allowed."""

import copy
import tomllib

import numpy as np
import pytest

from freqbias import Problem
from freqbias.errors import InputError

MISTAKES = {
    "unknown key": ("network.widht", 100, "network.widht: unknown key, did you mean width?"),
    "unknown table": ("trainig", {}, "trainig: unknown key, did you mean training?"),
    "unknown law key": ("network.law.sd", 1.0, "network.law.sd: unknown key (allowed here: family, location, scale)"),
    "width not divisible": ("network.width", 402, "network: width = 402 must be a multiple of 4"),
    "width negative": ("network.width", -4, "network.width = -4: must be greater than or equal to 1"),
    "width text": ("network.width", "many", "network.width = 'many': must be a valid integer"),
    "unknown family": ("network.family", "transformer", "network.family = 'transformer': must be one of 'fo"),
    "key of another family": ("network.hidden", [8], "network.hidden: unknown key (allowed here: amplitude_std, "),
    "misspelt key of a deep family": ("network", {"family": "siren", "hiden": [8]}, "network.hiden: unknown key, did"),
    "no hidden layer": ("network", {"family": "siren", "hidden": []}, "network.hidden = []"),
    "deep law": ("network", {
        "family": "deep-fourier-features", "width": 4, "hidden": [8], "law": {"family": "normal", "scale": [1.0, 2.0]}
    }, "network.law.scale has 2 values"),
    "no seed": ("training.seeds", 0, "training.seeds: must be a number from 1 to 1000, or a list of different seeds"),
    "seed twice": ("training.seeds", [1, 1], "training.seeds: must be a number from 1 to 1000, or a list of different"),
    "no learning rate": ("training", {"optimizer": "adam", "times": {"last": 20.0}}, "learning_rate is missing"),
    "batch of gradient flow": ("training.batch", 8, "training: batch belongs to optimizers with steps"),
    "schedule of gradient flow": ("training.schedule", {"family": "cosine"}, "training: schedule belongs to optimiz"),
    "batch too large": ("training", {
        "optimizer": "adam", "learning_rate": 0.5, "batch": 65, "times": {"last": 20.0}
    }, "training.batch = 65 must not exceed the 64 samples"),
    "transforms in single precision": ("training", {
        "learning_rate": 0.5, "evaluator": "nufft", "precision": "float32", "times": {"last": 20.0}
    }, "training.evaluator = \"nufft\" does not allow training.precision = 'float32'"),
    "unknown law": ("network.law.family", "gauss", "network.law.family = 'gauss': must be one of 'uniform', 'normal'"),
    "law without family": ("network.law", {"scale": 1.0}, "network.law.family: missing"),
    "negative scale": ("network.law.scale", -1.0, "network.law.scale = -1.0: must be greater than 0"),
    "scale of wrong length": ("network.law.scale", [1.0, 2.0], "network.law.scale has 2 values"),
    "infinite time": ("training.times.last", float("inf"), "training.times.last = inf: must be a finite number"),
    "times reversed": ("training.times.first", 100.0, "training.times: first = 100.0 must not exceed last = 20.0"),
    "momentum of 1": ("training.momentum", 1.0, "training.momentum = 1.0: must be less than 1"),
    "unknown optimizer": ("training.optimizer", "lion", "training.optimizer = 'lion': must be 'gradient-flow'"),
    "rate too large for times": ("training", {
        "optimizer": "gradient-descent", "learning_rate": 100.0, "times": {"first": 1.0, "last": 20.0}
    }, "training.times.last = 20.0 must be at least training.learning_rate = 100.0"),
    "table expected": ("training", 3, "training = 3: must be a table"),
    "box reversed": ("data.lower", [4.0], "data: lower[0] = 4.0 must be less than upper[0] = 3.0"),
    "box of 4 dimensions": ("data.lower", [0.0] * 4, "data.lower"),
    "no points": ("data.points", 0, "data.points = 0: must be greater than 0"),
    "points of wrong length": ("data.points", [8, 8], "data: points has 2 values"),
    "mesh too coarse": ("mesh.cells", [6], "mesh.cells = [6] cannot resolve exp(-i xi.x) over the box"),
    "mesh over Nyquist": ("mesh.cutoff", 100.0, "mesh.cutoff = [100.0] exceeds the Nyquist frequency"),
    "mesh cannot align": ("mesh.cells", [2], "2 cells are too few to align with the 2 jumps of the law"),
    "no target": ("target", {}, "target: needs exactly one of expression and file, got neither"),
    "two targets": ("target.function", "f", "target: needs exactly one of expression and file"),
    "missing file": ("target", {"file": "nowhere.csv"}, "target.file: there is no such file"),
    "target not finite": ("target.expression", "sqrt(x)", "target: 32 of 64 samples are not finite or beyond 1e+60"),
    "target zero": ("target.expression", "0*x", "target: all samples are 0"),
    "report of wrong dimension": ("report", {"frequencies": [[1.0, 2.0]]}, "report.frequencies[0] has 2 values"),
    "weights": ("network.law", {
        "family": "mixture", "weights": [0.5, 0.6],
        "components": [{"family": "normal", "scale": 1.0}, {"family": "normal", "scale": 2.0}],
    }, "network.law: weights sum to 1.1, must sum to 1 (or it is not a density)"),
    "component": ("network.law", {
        "family": "mixture", "weights": [0.5, 0.5],
        "components": [{"family": "normal", "scale": 1.0}, {"family": "normal", "scale": -2.0}],
    }, "network.law.components[1].scale = -2.0: must be greater than 0"),
    "table not a density": (
        "network.law", {"family": "tabulated", "axes": [[-1.0, 0.0, 1.0]], "values": [0.0, 2.0, 0.0]},
        "network.law.values: the table integrates to 2, a density to 1",
    ),
    "table negative": (
        "network.law", {"family": "tabulated", "axes": [[-1.0, 0.0, 1.0]], "values": [0.0, 1.0, -0.1]},
        "network.law.values: a density must be finite and not negative",
    ),
}  # fmt: skip


def changed(settings, key, value):
    settings = copy.deepcopy(settings)
    table = settings
    *tables, last = key.split(".")
    for name in tables:
        table = table.setdefault(name, {})
    table[last] = value
    return settings


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_is_named(settings, mistake):
    key, value, expected = MISTAKES[mistake]
    with pytest.raises(InputError) as caught:
        problem = Problem.create(changed(settings, key, value), source="given.toml")
        problem.check()
    assert str(caught.value).startswith("given.toml: ")
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"[network", "is not TOML"),
        (b"\xff\xfe\x00", "is not a text file in UTF-8"),
        (b"", "network: missing"),
        (b"x = " + b"[" * 5000, "is not TOML"),
    ],
)
def test_broken_file_is_named(tmp_path, content, expected):
    path = tmp_path / "broken.toml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=expected) as caught:
        Problem.from_file(path)
    assert str(path) in str(caught.value)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.toml: there is no such file"):
        Problem.from_file(tmp_path / "nowhere.toml")


def test_resolved_problem_is_complete_and_the_same(three_tones):
    text = three_tones.to_toml()
    again = Problem.from_toml(text)
    assert again.to_toml() == text
    assert again.digest == three_tones.digest
    assert tomllib.loads(text)["mesh"] == {"cutoff": [30.0], "cells": [600], "degree": 2}


def test_digest_sees_what_matters(settings):
    digest = Problem.create(settings).digest
    assert Problem.create(settings | {"name": "other"}).digest == digest
    assert Problem.create(changed(settings, "network.amplitude_std", 2.0)).digest != digest
    assert Problem.create(changed(settings, "target.expression", "exp(-x**2)*sin(4*x)")).digest != digest


def test_tabulated_law_is_recorded_without_its_file(settings, tmp_path):
    w = np.linspace(-8, 8, 161)
    density = np.exp(-0.5 * (w / 2) ** 2) / np.sqrt(8 * np.pi)
    np.savetxt(tmp_path / "law.csv", np.column_stack([w, density]), delimiter=",", header="frequency,density")
    given = changed(settings, "network.law", {"family": "tabulated", "file": "law.csv"})
    problem = Problem.create(given, directory=tmp_path)
    (tmp_path / "law.csv").unlink()
    again = Problem.from_toml(problem.to_toml())
    assert again.digest == problem.digest


def test_discrete_optimizers_visit_whole_steps(settings):
    settings["training"] |= {"optimizer": "momentum", "learning_rate": 0.7}
    times = Problem.create(settings).times
    assert times[0] == 0
    np.testing.assert_allclose(times / 0.7, np.rint(times / 0.7), atol=1e-12)
    assert abs(times[-1] - 20.0) <= 0.35


def test_default_mesh_holds_the_spectrum_and_resolves_it(settings):
    """Three tones need less than |xi| = 25; the default mesh must find that out and interpolate the spectrum well."""

    del settings["mesh"]
    settings["target"]["expression"] = "exp(-x**2/0.5)*(sin(2*x)+sin(5*x)+sin(11*x))"
    problem = Problem.create(settings | {"data": {"lower": [-3.0], "upper": [3.0], "points": [256]}})
    mesh = problem.mesh
    cutoff = mesh.axes[0][-1]
    assert 15 < cutoff < 40
    spectrum = problem.initial_spectrum(mesh.nodes)
    # Parseval: the mesh holds all of the error, |v|^2 = rho_0^2 (2 pi) integral of e^2.
    whole = np.sqrt(2 * np.pi * problem.density * np.mean(problem.initial_error**2))
    assert mesh.norm(spectrum) == pytest.approx(whole, rel=1e-6)


def test_mesh_aligns_with_the_jumps_of_the_law(settings):
    settings["mesh"] = {"cutoff": 15.0, "cells": [77]}
    mesh = Problem.create(settings).mesh
    assert len(mesh.axes[0]) == 78
    for jump in (-10.0, 10.0):
        assert np.abs(mesh.axes[0] - jump).min() == 0
    assert np.diff(mesh.axes[0]).max() < 1.2 * 30 / 77


def test_callable_target(settings):
    settings["target"] = {"taper": 0.2}
    problem = Problem.create(settings, target=lambda x: np.sin(3 * x[:, 0]))
    inside = np.abs(problem.points[:, 0]) < 2.3
    np.testing.assert_allclose(problem.target_values[inside], np.sin(3 * problem.points[inside, 0]))
    assert abs(problem.target_values[0]) < 0.01
    with pytest.raises(InputError, match="shape"):
        _ = Problem.create(settings, target=lambda x: x).target_values


def test_unmirrored_random_network_starts_from_its_own_error(settings):
    settings["network"] |= {"sampling": "random", "mirrored": False}
    problem = Problem.create(settings)
    neurons = problem.initial_networks[0]
    phase = problem.points @ neurons.frequencies.T
    f = (np.cos(phase) * neurons.cosine + np.sin(phase) * neurons.sine) @ neurons.scale
    np.testing.assert_allclose(problem.initial_error, f - problem.target_values, atol=1e-10)
    assert np.std(f) == pytest.approx(1.0, rel=0.5)


@pytest.mark.parametrize("sampling", ["quadrature", "random"])
def test_mirrored_network_starts_at_zero(settings, sampling):
    settings["network"]["sampling"] = sampling
    problem = Problem.create(settings)
    np.testing.assert_allclose(problem.initial_error, -problem.target_values, atol=1e-11)
