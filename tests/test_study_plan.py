"""What a study varies: options, files, the grid, and mistakes in them."""

import re

import numpy as np
import pytest
import tomli_w
from conftest import EXAMPLES

from freqbias.changes import parse_value, split_values
from freqbias.errors import InputError
from freqbias.study import Study, axis_of_option


@pytest.fixture
def problem_file(settings, tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(tomli_w.dumps(settings))
    return path


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("250,1000", [250, 1000]),
        ("0.5, 1e-3", [0.5, 1e-3]),
        ("random,quadrature", ["random", "quadrature"]),
        ('"a,b",c', ["a,b", "c"]),
        ("'a,b','c'", ["a,b", "c"]),
        ("[20,30],[40]", [[20, 30], [40]]),
        (
            '{family = "normal", scale = [1.0, 2.0]},{family="laplace",scale=3.0}',
            [{"family": "normal", "scale": [1.0, 2.0]}, {"family": "laplace", "scale": 3.0}],
        ),
        ("sin(x),max(x,y)", ["sin(x)", "max(x,y)"]),
        ("true,false", [True, False]),
        ("gradient-flow", ["gradient-flow"]),
    ],
)
def test_values_of_an_option(text, values):
    assert [parse_value(part) for part in split_values(text)] == values


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("network.width", "--vary network.width: must be KEY=VALUE"),
        ("=3", "--vary =3: must be KEY=VALUE"),
        ("network.width=1,,2", "a value is empty"),
        ("network.width=4,8,4", "--vary network.width=4,8,4: 4 is given twice"),
    ],
)
def test_mistakes_in_an_option(text, message):
    with pytest.raises(InputError, match=message.replace("(", r"\(")):
        axis_of_option(text)


def test_points_of_a_grid(problem_file):
    axes = [axis_of_option("network.width=200,400,800"), axis_of_option("network.sampling=random,quadrature")]
    points = Study.read(problem_file).varied(axes).points
    assert [point.name for point in points] == [
        "width = 200, sampling = random",
        "width = 200, sampling = quadrature",
        "width = 400, sampling = random",
        "width = 400, sampling = quadrature",
        "width = 800, sampling = random",
        "width = 800, sampling = quadrature",
    ]
    assert points[3].file_name == "004-width=400-sampling=quadrature"
    assert points[4].labels == {"network.width": 800, "network.sampling": "random"}
    network = points[4].problem.settings.network
    assert (network.width, network.sampling, network.law.scale) == (800, "random", [10.0])
    assert {point.problem.settings.training.threads for point in points} == {1}


def test_changes_that_belong_together(problem_file, tmp_path):
    """Labels of several parts are columns of their own; a table with a family replaces, others are gone into."""
    file = tmp_path / "studies" / "laws.toml"
    file.parent.mkdir()
    file.write_text(
        """
        base = "../small.toml"
        question = "Does it matter?"
        [set]
        mesh.degree = 1
        "training.learning_rate" = 0.25
        [[vary]]
        name = ["law", "spread"]
        changes = [
            { label = ["normal", 3], network.law = { family = "normal", scale = 3.0 } },
            { label = ["Student t", 3.5], "network.law" = { family = "student-t", dof = 5.0, scale = 2.0 } },
        ]
        [[vary]]
        key = "training.optimizer"
        values = ["gradient-flow", "gradient-descent"]
        """
    )
    study = Study.read(file)
    assert (study.name, study.question) == ("laws", "Does it matter?")
    assert [(column.name, column.numeric) for column in study.columns] == [
        ("law", False),
        ("spread", True),
        ("training.optimizer", False),
    ]
    last = study.points[-1]
    assert last.labels == {"law": "Student t", "spread": 3.5, "training.optimizer": "gradient-descent"}
    assert last.problem.settings.network.law.model_dump() == {
        "family": "student-t",
        "dof": 5.0,
        "scale": [2.0],
        "location": [0.0],
    }
    assert last.problem.settings.mesh.degree == 1
    assert last.problem.settings.training.learning_rate == 0.25
    # An option for the same key takes the place of the file's axis.
    assert len(study.varied([axis_of_option("training.optimizer=momentum")]).points) == 2


MISTAKES = {
    "key": ('base = "small.toml"\nquestoin = "?"', "questoin: unknown key, did you mean question?"),
    "base": ('base = "missing.toml"', "base: there is no such file"),
    "axis": ('base = "small.toml"\n[[vary]]\nkey = "a"', "vary[0]: needs key and values, or name and changes, got key"),
    "misspelt": ('base = "small.toml"\n[[vary]]\nkey = "a"\nvalue = [1]', "vary[0].value: unknown key, did you mean"),
    "label": (
        'base = "small.toml"\n[[vary]]\nname = "a"\nchanges = [{ mesh.degree = 1 }]',
        "vary[0]: changes[0].label = None: must be a text or number",
    ),
    "labels": (
        'base = "small.toml"\n[[vary]]\nname = ["a", "b"]\nchanges = [{ label = "c", mesh.degree = 1 }]',
        "vary[0]: changes[0].label = 'c': must be a list of 2 texts or numbers",
    ),
    "twice": (
        'base = "small.toml"\n[[vary]]\nkey = "a"\nvalues = [1]\n[[vary]]\nkey = "a"\nvalues = [2]',
        "a is varied twice",
    ),
    "quantity": ('base = "small.toml"\nquantity = "speed"', "quantity = 'speed': must be 'network_vs_pde'"),
    "nothing": ('base = "small.toml"', "nothing is varied"),
    "value": (
        'base = "small.toml"\n[[vary]]\nkey = "network.width"\nvalues = [400, 401]',
        "study.toml at network.width = 401: network: width = 401 must be a multiple of 4",
    ),
    "point": (
        'base = "small.toml"\nvary = [{ key = "mesh.degree", values = [2] }, { key = "mesh.cells", values = [60, 2] }]',
        "study.toml at mesh.degree = 2, mesh.cells = 2: mesh.cells = [2]: 2 cells are too few",
    ),
    "table": (
        'base = "small.toml"\n[[vary]]\nkey = "mesh.degree.x"\nvalues = [2]\n[set]\nmesh.degree = 1',
        "mesh.degree.x: degree is not a table",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_in_a_file(mistake, problem_file, tmp_path, command):
    text, message = MISTAKES[mistake]
    file = tmp_path / "study.toml"
    file.write_text(text)
    out = tmp_path / "out"
    done = command("study", file, "--out", out)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not out.exists()


def test_grid_that_is_a_mistake(problem_file):
    axes = [axis_of_option(f"{key}={','.join(map(str, range(1, 51)))}") for key in ("training.seed", "mesh.degree")]
    with pytest.raises(InputError, match="the grid has 2500 points, must have at most 2000"):
        _ = Study.read(problem_file).varied(axes).points


@pytest.mark.parametrize(
    ("name", "points"),
    [("width", 8), ("mesh", 10), ("learning_rate", 12), ("law", 12), ("wide_law", 12), ("amplitude", 5)],
)
def test_ready_studies(name, points):
    study = Study.read(EXAMPLES / "studies" / f"{name}.toml")
    assert study.question.endswith("?")
    assert len(study.points) == points


def test_laws_of_equal_spread():
    """The standard deviations of examples/studies/law.toml are what their labels say."""
    for choice in Study.read(EXAMPLES / "studies" / "law.toml").axes[0].choices:
        law = choice.changes["network.law"]
        scale = law["scale"]
        deviation = {
            "uniform": scale / np.sqrt(3),
            "normal": scale,
            "laplace": scale * np.sqrt(2),
            "student-t": scale * np.sqrt(law.get("dof", 5) / (law.get("dof", 5) - 2)),
        }[law["family"]]
        assert deviation == pytest.approx(choice.labels[1], rel=1e-12)


def test_study_of_the_documents(tmp_path):
    (text,) = re.findall(r"```toml\n(.*?)```", (EXAMPLES.parent / "docs" / "studies.md").read_text(), flags=re.DOTALL)
    file = tmp_path / "study.toml"
    file.write_text(text.replace("../three_tones.toml", str(EXAMPLES / "three_tones.toml")))
    points = Study.read(file).points
    assert [point.problem.settings.data.upper[0] for point in points] == [3.0, 6.0, 3.0, 6.0]
    assert points[1].name == "width = 1000, box = wide, half-width = 6"
