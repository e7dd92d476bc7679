"""Whatever is written in a problem file, an expression, a spectrum: success or one line; round trips are exact."""

import copy
import tomllib

import numpy as np
import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freqbias import ErrorSpectra, Problem
from freqbias.changes import apply_change, parse_value
from freqbias.errors import InputError
from freqbias.input_files import parse_toml
from freqbias.plain_files import read_plain_spectra
from freqbias.targets import ExpressionTarget

#: The same examples in every run, and as long as they need on a busy machine.
quick = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

SOUND = {
    "name": "sound",
    "network": {"width": 400, "sampling": "quadrature", "law": {"family": "uniform", "scale": 10.0}},
    "target": {"expression": "exp(-x**2)*sin(3*x)", "taper": 0.1},
    "data": {"lower": [-3.0], "upper": [3.0], "points": [64]},
    "training": {"optimizer": "momentum", "learning_rate": 0.5, "times": {"first": 1.0, "last": 20.0, "count": 5}},
    "mesh": {"cutoff": 15.0, "cells": [60]},
    "solver": {"tolerance": 1e-6, "petsc": {"ksp_type": "cg"}},
    "report": {"frequencies": [2.0], "threshold": 0.5},
}


def keys_of(table, prefix=""):
    """All dotted keys, those of tables among them."""
    found = []
    for key, value in table.items():
        found.append(prefix + key)
        if isinstance(value, dict):
            found += keys_of(value, f"{prefix}{key}.")
    return found


def named(error, source):
    """The message begins with the culprit."""
    assert str(error).startswith(source)


words = st.sampled_from(
    [
        "",
        "x",
        "normal",
        "adam",
        "grid",
        "file",
        "auto",
        "siren",
        "nan",
        "..",
        "/dev/zero",
        "../../etc/passwd",
        "ξ",
        "\n",
    ]
)
numbers = st.one_of(
    st.integers(-3, 12),
    st.integers(),
    st.floats(-20, 20),
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([10**30, -(10**30), 2**63, 1e308, -1e308, 5e-324, 0.0, -0.0]),
)
values = st.recursive(
    st.one_of(numbers, words, st.booleans(), st.text(max_size=8), st.dates()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(words, st.sampled_from(["family", "scale", "width", "times"])), inner, max_size=3),
    ),
    max_leaves=6,
)
mutations = st.lists(
    st.tuples(st.sampled_from(["set", "remove", "add"]), st.sampled_from(keys_of(SOUND)), st.text(max_size=6), values),
    min_size=1,
    max_size=3,
)


def mutated(changes):
    data = copy.deepcopy(SOUND)
    for kind, key, name, value in changes:
        *tables, last = (key if kind != "add" else f"{key}.{name}").split(".")
        table = data
        for step in tables:
            table = table.get(step) if isinstance(table, dict) else None
        if not isinstance(table, dict):
            continue
        if kind == "remove":
            table.pop(last, None)
        else:
            table[last] = value
    return data


@quick
@given(mutations)
def test_a_changed_problem_file_is_read_or_refused_in_one_line(tmp_path, changes):
    """Settings only: what they cost is another matter (freqbias.cost)."""
    try:
        problem = Problem.create(mutated(changes), directory=tmp_path, source="p.toml")
    except InputError as error:
        named(error, "p.toml: ")
        return
    again = Problem.from_toml(tomli_w.dumps(problem.settings.model_dump(mode="json", exclude_none=True)))
    assert again.settings == problem.settings


@quick
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "name": st.text(max_size=20),
            "network.width": st.integers(1, 10**6).map(lambda n: 4 * n),
            "network.amplitude_std": st.floats(1e-60, 1e60),
            "network.frequency_rate_ratio": st.floats(1e-60, 1e60),
            "network.law.scale": st.floats(1e-60, 1e60),
            "network.law.location": st.floats(-1e3, 1e3),
            "training.learning_rate": st.floats(0, exclude_min=True, allow_infinity=False),
            "training.momentum": st.floats(0, 1, exclude_max=True),
            "training.seed": st.integers(0, 2**52),
            "training.times": st.just({"first": 0.1, "last": 7.3, "count": 3}),
            "report.threshold": st.floats(0, 1, exclude_min=True, exclude_max=True),
            "solver.petsc": st.dictionaries(st.text(max_size=5), st.booleans() | st.floats(-1, 1), max_size=3),
        },
    )
)
def test_settings_come_back_from_toml(changes):
    data = copy.deepcopy(SOUND)
    for key, value in changes.items():
        apply_change(data, key, value, "case")
    one = Problem.create(data)
    text = tomli_w.dumps(one.settings.model_dump(mode="json", exclude_none=True))
    again = Problem.from_toml(text)
    assert again.settings == one.settings
    assert tomllib.loads(text)["name"] == one.settings.name


@quick
@given(st.one_of(st.text(max_size=60), st.binary(max_size=60).map(lambda b: b.decode("latin-1"))))
def test_any_text_is_toml_or_refused_in_one_line(text):
    try:
        Problem.from_toml(text, source="p.toml")
    except InputError as error:
        named(error, "p.toml: ")
    parse_value(text)  # of --set, where a text that is no TOML stands for itself


@quick
@given(values)
def test_a_value_of_an_option_is_that_of_a_file(value):
    try:
        line = tomli_w.dumps({"value": value}).removeprefix("value = ").strip()
    except UnicodeEncodeError:
        return
    if isinstance(value, dict) or "\n" in line:
        return
    assert repr(parse_value(line)) == repr(parse_toml(f"value = {line}", "p")["value"])


names = st.sampled_from(
    ["x", "y", "pi", "e", "sin", "where", "os", "__import__", "eval", "open", "__class__", "abs", "maximum", "lambda"]
)
operators = st.sampled_from("+ - * / ** % // @ < > <= == << and . :=".split())  # noqa: SIM905
atoms = st.one_of(names, st.integers(0, 10**30).map(str), st.floats(0, 1e308).map(repr), st.sampled_from(["1j", "''"]))
expressions = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.tuples(inner, operators, inner).map(" ".join),
        st.tuples(names, inner).map("{0[0]}({0[1]})".format),
        st.tuples(names, inner, inner).map("{0[0]}({0[1]}, {0[2]})".format),
        st.tuples(inner, names).map("({0[0]}).{0[1]}".format),
        st.tuples(inner, inner).map("({0[0]})[{0[1]}]".format),
        inner.map("-({})".format),
    ),
    max_leaves=12,
)


@quick
@given(st.one_of(expressions, st.text(max_size=40)))
def test_an_expression_is_a_function_or_refused(text):
    """Never another exception; names that are not on the list are not looked up."""
    try:
        target = ExpressionTarget(text, 2)
    except ValueError:
        return
    assert not {"os", "eval", "open", "__import__", "__class__"} & set(text.replace("(", " ").replace(")", " ").split())
    assert target(np.linspace(-1, 1, 6).reshape(3, 2)).shape == (3,)


@pytest.fixture(scope="module")
def problem():
    small = copy.deepcopy(SOUND)
    small["training"] = {"times": {"first": 1.0, "last": 20.0, "count": 3}}
    small["mesh"] = {"cutoff": 8.0, "cells": [24], "degree": 1}
    return Problem.create(small)


finite = st.floats(-1e200, 1e200)


@settings(quick, max_examples=25)
@given(st.data())
def test_spectra_come_back_from_their_file(problem, tmp_path, data):
    """Every bit of values, losses, seeds and facts, whatever the numbers are."""
    seeds = data.draw(st.lists(st.integers(0, 2**52), unique=True, min_size=1, max_size=3))
    shape = (len(seeds), len(problem.times), len(problem.mesh.nodes))
    generator = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    values = (generator.standard_normal(shape) + 1j * generator.standard_normal(shape)) * data.draw(finite)
    values.flat[0] = complex(data.draw(finite), data.draw(finite))
    losses = generator.random(shape[:2]) if data.draw(st.booleans()) else None
    facts = {"steps": data.draw(st.integers(0, 2**52)), "word": data.draw(st.text("aξ ,=[]", min_size=1, max_size=9))}
    one = ErrorSpectra.of_ensemble("network", problem, problem.times, values, losses, seeds, facts)
    one.write(tmp_path / "s.nc")
    again = ErrorSpectra.read(tmp_path / "s.nc")
    assert (again.level, again.seeds, again.problem.digest) == (one.level, one.seeds, problem.digest)
    np.testing.assert_array_equal(again.times, one.times)
    np.testing.assert_array_equal(again.runs, one.runs)
    assert (again.loss is None) == (losses is None)
    if losses is not None:
        np.testing.assert_array_equal(again.run_losses, one.run_losses)
    assert again.info == facts


@settings(quick, max_examples=60)
@given(
    st.lists(st.floats(-1e3, 1e3).map(lambda f: round(f, 3) + 0.0), unique=True, min_size=2, max_size=6),
    st.lists(st.floats(1e-3, 1e6), unique=True, max_size=4),
    st.sampled_from([("", 1.0), ("# units = cycles per unit of x\n", 2 * np.pi), ("# units = radians\n", 1.0)]),
    st.integers(0, 2**32),
)
def test_plain_spectra_come_back_from_csv(tmp_path, frequencies, times, unit, seed):
    """Rows in any order; every digit of the values."""
    times = [0.0, *sorted(times)]
    generator = np.random.default_rng(seed)
    pairs = [(time, frequency) for time in times for frequency in frequencies]
    table = {pair: complex(*generator.standard_normal(2).tolist()) for pair in pairs}
    rows = [f"{t!r},{f!r},{v.real!r},{v.imag!r}" for (t, f), v in table.items()]
    generator.shuffle(rows)
    path = tmp_path / "s.csv"
    path.write_text(unit[0] + "time,frequency,real,imag\n" + "\n".join(rows) + "\n")
    found = read_plain_spectra(path)
    order = sorted(frequencies)
    np.testing.assert_allclose(found.times, times, rtol=1e-15)
    np.testing.assert_allclose(found.frequencies[:, 0], unit[1] * np.array(order), rtol=1e-15)
    wanted = np.array([[table[time, frequency] for frequency in order] for time in times])
    np.testing.assert_allclose(found.values, wanted, rtol=1e-14)


@settings(quick, max_examples=100)
@given(st.one_of(st.text(max_size=80), st.binary(max_size=80), st.text("0123456789.,-e\nabtime", max_size=80)))
def test_any_table_is_spectra_or_refused_in_one_line(tmp_path, content):
    path = tmp_path / "s.csv"
    try:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        read_plain_spectra(path)
    except InputError as error:
        named(error, str(path))
    except UnicodeEncodeError:
        return
