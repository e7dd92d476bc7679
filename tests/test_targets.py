"""Targets: expressions that cannot run code, samples, pictures, the taper."""

import numpy as np
import pytest
from PIL import Image

from freqbias import Problem
from freqbias.errors import InputError
from freqbias.targets import ExpressionTarget, GridTarget, ScatteredTarget, read_target, taper

LOW, HIGH = np.array([-1.0, 0.0]), np.array([1.0, 4.0])


def test_expression_is_what_numpy_computes():
    x = np.random.default_rng(0).uniform(-2, 2, (50, 3))
    text = "2*exp(-x**2/3) - sin(pi*y)*z % 2 + where(x < y, hypot(x, z), -abs(z)) + e**arctan2(y, 1.5)"
    a, b, c = x.T
    expected = 2 * np.exp(-(a**2) / 3) - np.sin(np.pi * b) * c % 2 + np.where(a < b, np.hypot(a, c), -np.abs(c))
    np.testing.assert_allclose(ExpressionTarget(text, 3)(x), expected + np.e ** np.arctan2(b, 1.5), rtol=1e-14)


def test_constant_expression_fills_all_points():
    np.testing.assert_array_equal(ExpressionTarget("3", 1)(np.zeros((4, 1))), np.full(4, 3.0))


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('touch pwned')",
        "x.tofile('pwned')",
        "(lambda: x)()",
        "[x for x in (1, 2)]",
        "x[0]",
        "f'{x}'",
        "().__class__.__bases__",
        "exec('1')",
        "print(x)",
        "sin(x, out=x)",
        "sin(x, x)",
        "x if x else x",
        "x and x",
        "x @ x",
        "x << 3",
        "1j * x",
        "'a' * 9",
        "True",
        "y",
        "x = 1",
        "",
        "x +",
        "(" * 300 + "x" + ")" * 300,
        "-" * 5000 + "x",
        "x" + "+x" * 20000,
        "np.sin(x)",
        "x; x",
        "\x00",
    ],
)
def test_expression_refuses_all_but_arithmetic(text):
    with pytest.raises(ValueError, match=r"allowed|expression|unknown|takes|nested|characters"):
        ExpressionTarget(text, 1)


def test_power_tower_is_infinite_at_once():
    assert ExpressionTarget("9**9**9**9", 1)(np.zeros((1, 1)))[0] == np.inf
    assert ExpressionTarget("9" * 400, 1)(np.zeros((1, 1)))[0] == np.inf


def test_taper_falls_from_one_to_zero():
    x = np.array([[0.0, 2.0], [-1.0, 2.0], [1.0, 2.0], [0.0, 0.0], [0.9, 2.0], [0.9, 3.8]])
    # Depth 0.1 of the half-width with a taper over 0.2 of it: the middle of the raised cosine.
    np.testing.assert_allclose(taper(x, LOW, HIGH, 0.2), [1, 0, 0, 0, 0.5, 0.25], atol=1e-15)
    np.testing.assert_array_equal(taper(x, LOW, HIGH, 0.0), np.ones(6))


def midpoints(n, low, high):
    return low + (high - low) * (np.arange(n) + 0.5) / n


def test_grid_target_holds_samples_and_is_linear_between():
    gx, gy = np.meshgrid(midpoints(8, -1, 1), midpoints(6, 0, 4), indexing="ij")
    target = GridTarget(2 * gx - gy + 1, LOW, HIGH, None)
    inside = np.random.default_rng(1).uniform([-0.85, 0.4], [0.85, 3.6], (20, 2))
    np.testing.assert_allclose(target(inside), 2 * inside[:, 0] - inside[:, 1] + 1, atol=1e-13)
    assert target.grid_shape == (8, 6)


def test_grid_target_averages_what_a_coarse_grid_cannot_hold():
    """Blocks of 4 samples: a wave of period 4 samples must vanish, not fold into a low frequency."""
    n = 64
    wave = np.cos(2 * np.pi * np.arange(n) / 4)
    target = GridTarget(wave + 0.5, np.array([0.0]), np.array([1.0]), [16])
    np.testing.assert_allclose(target(midpoints(16, 0, 1)[:, None]), 0.5, atol=1e-13)


def test_csv_of_scattered_points(tmp_path):
    x = np.random.default_rng(2).uniform(LOW, HIGH, (30, 2))
    rows = np.column_stack([x, 3 * x[:, 0] - x[:, 1]])
    np.savetxt(tmp_path / "table.csv", rows, delimiter=",", header="x,y,value", comments="")
    target = read_target(str(tmp_path / "table.csv"), None, [], LOW, HIGH, None)
    assert isinstance(target, ScatteredTarget)
    np.testing.assert_allclose(target.points, x)
    middle = x[:3].mean(axis=0, keepdims=True)
    np.testing.assert_allclose(target(middle), 3 * middle[:, 0] - middle[:, 1], atol=1e-12)


def test_samples_of_a_file_are_the_data(settings, tmp_path):
    x = np.sort(np.random.default_rng(3).uniform(-2.9, 2.9, 80))
    np.savetxt(tmp_path / "t.csv", np.column_stack([x, np.exp(-(x**2))]), delimiter=",")
    settings["target"] = {"file": "t.csv"}
    settings["data"] = {"lower": [-3.0], "upper": [3.0], "sampling": "file"}
    problem = Problem.create(settings, directory=tmp_path)
    np.testing.assert_allclose(problem.points[:, 0], x)
    np.testing.assert_allclose(problem.target_values, np.exp(-(x**2)))


def test_npz_variable_and_index(tmp_path):
    data = np.arange(24.0).reshape(2, 3, 4)
    np.savez(tmp_path / "a.npz", height=data, other=np.zeros(3))
    name = str(tmp_path / "a.npz")
    low, high = np.array([0.0]), np.array([4.0])
    target = read_target(name, "height", [1, -1], low, high, None)
    np.testing.assert_allclose(target(np.array([[0.5], [3.5]])), [20, 23])
    with pytest.raises(InputError, match=r"target\.variable = None must be one of height, other"):
        read_target(name, None, [], low, high, None)
    with pytest.raises(InputError, match=r"target\.index = \[2\] is outside"):
        read_target(name, "height", [2], low, high, None)
    with pytest.raises(InputError, match="has 3 axes"):
        read_target(name, "height", [], low, high, None)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_picture_stands_upright(tmp_path, suffix):
    """The top row of a picture is at the largest y, its left column at the smallest x."""
    pixels = np.zeros((4, 6), dtype=np.uint8)
    pixels[0, :] = 200  # top
    pixels[:, 0] = 100  # left
    Image.fromarray(pixels).save(tmp_path / f"p{suffix}")
    target = read_target(str(tmp_path / f"p{suffix}"), None, [], np.zeros(2), np.array([6.0, 4.0]), None)
    assert target.grid_shape == (6, 4)
    np.testing.assert_allclose(target(np.array([[3.5, 3.5], [0.5, 0.5], [3.5, 0.5]])), [200, 100, 0])


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.csv", b"x,value\n1,2\n1,2,3\n", "cannot be read as .csv"),
        ("a.csv", b"", "cannot be read as .csv: it holds no numbers"),
        ("a.csv", b"x,value\n", "it holds no numbers"),
        ("a.csv", b"x,value\n0,seven\n", "seven"),
        ("a.csv", b"x,value\n99,1\n", "lie outside of the box"),
        ("a.npy", b"not an array", "cannot be read as .npy"),
        ("a.npy", b"", "cannot be read as .npy"),
        ("a.npz", b"PK\x03\x04 broken", "cannot be read as .npz"),
        ("a.png", b"\x89PNG broken", "cannot be read as a picture"),
        ("a.xyz", b"", "unknown kind of file '.xyz', allowed are .csv, .npy, .npz, .png"),
    ],
)
def test_broken_target_file_is_named(settings, tmp_path, name, content, expected):
    (tmp_path / name).write_bytes(content)
    settings["target"] = {"file": name}
    if name.endswith("png"):
        settings["data"] = {"lower": [-1.0, -1.0], "upper": [1.0, 1.0], "points": [8]}
        settings["mesh"] = {}
    with pytest.raises(InputError) as caught:
        _ = Problem.create(settings, directory=tmp_path).target_values
    assert expected in str(caught.value)
    assert str(tmp_path / name) in str(caught.value)


def test_pickles_are_not_loaded(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="cannot be read"):
        read_target(str(tmp_path / "a.npy"), None, [], np.zeros(1), np.ones(1), None)


def test_samples_that_ship_with_matplotlib(settings):
    settings["target"] = {"file": "matplotlib:jacksboro_fault_dem.npz", "variable": "elevation", "index": [100]}
    settings["data"] = {"lower": [-3.0], "upper": [3.0]}
    problem = Problem.create(settings)
    assert problem.points.shape == (403, 1)
    settings["target"]["file"] = "matplotlib:../../__init__.py"
    with pytest.raises(InputError, match=r"ships no such sample; it has .*jacksboro_fault_dem\.npz"):
        _ = Problem.create(settings).points


def test_standardize(settings):
    settings["target"] |= {"expression": "100 + 7*sin(x)", "standardize": True}
    values = Problem.create(settings).target_values
    assert abs(values.mean()) < 1e-12
    assert values.std() == pytest.approx(1.0)
