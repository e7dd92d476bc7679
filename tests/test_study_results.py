"""Tables, files and reports of studies; a real one through the command line."""

import csv
import json
import textwrap
from dataclasses import replace

import numpy as np
import pytest
import tomli_w
from study_cases import decaying, failing_when_wide

from freqbias.compare.page import page_html
from freqbias.study import Study, axis_of_option, run_study
from freqbias.study.report import study_page


@pytest.fixture
def file(settings, tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(tomli_w.dumps(settings | {"name": "small", "report": {"frequencies": [[3.0]]}}))
    return path


GOLDEN = """\
run,network.width,network.sampling,network_vs_pde,network_vs_pde_low,network_vs_pde_high,network_vs_pde_worst_time,\
network_vs_pde_noise,network_vs_kernel,network_vs_kernel_low,network_vs_kernel_high,network_vs_kernel_worst_time,\
network_vs_kernel_noise,kernel_vs_pde,kernel_vs_pde_low,kernel_vs_pde_high,kernel_vs_pde_worst_time,\
kernel_vs_pde_noise,bias_theory,emergence_theory_3,bias_network,emergence_network_3,grade,seconds,status,reason
"width = 200, sampling = quadrature",200,quadrature,0.02268,,,9.457,0,0.01899,,,9.457,0,0.003691,,,9.457,0,0,6.931,0,\
7.374,roughly,0.75,measured,
"width = 800, sampling = quadrature",800,quadrature,,,,,,,,,,,0.003691,,,9.457,0,0,6.931,,,agree,0.5,failed,\
network: the loss has grown; try a smaller learning rate
"""


def test_table_of_results(file, tmp_path):
    """v(t) = v(0) exp(-c t), c = 0.1 in the PDE, 0.099 in the kernel flow, 0.099 - 1/width in the network.

    All frequencies decay alike (bias 0), the first emerges at ln 2 / c; the differences are largest at t = 9.457.
    """
    axes = [axis_of_option("network.width=200,800"), axis_of_option("network.sampling=quadrature")]
    study = Study.read(file).varied(axes)
    results = run_study(study, tmp_path / "out", compute=failing_when_wide)
    with (tmp_path / "out" / "study.csv").open() as opened:
        rows = list(csv.reader(opened))
    shown = "\n".join(",".join(map(_rounded, row)) for row in rows) + "\n"
    assert shown == GOLDEN
    t = 20**0.75
    assert results.table["network_vs_pde"][0] == pytest.approx(np.exp(-0.094 * t) - np.exp(-0.1 * t), rel=1e-9)
    assert results.table["emergence_network_3"][0] == pytest.approx(np.log(2) / 0.094)
    assert results.table["emergence_theory_3"][0] == pytest.approx(np.log(2) / 0.1)
    # Read back, the numbers are the same in full.
    assert float(rows[1][3]) == results.table["network_vs_pde"][0]


def _rounded(text):
    try:
        number = float(text)
    except ValueError:
        return f'"{text}"' if "," in text else text
    return f"{0.0 if abs(number) < 1e-6 else number:.4g}"


def test_json_of_results(file, tmp_path):
    """The network is 1 / width slower than the kernel flow: their difference goes nearly as 1 / width."""
    study = Study.read(file).varied([axis_of_option("network.width=200,400,800,1600")])
    run_study(study, tmp_path / "out", compute=decaying)
    content = json.loads((tmp_path / "out" / "study.json").read_text())
    assert content["schema"] == "freqbias-study-1"
    assert content["varied"] == {"network.width": [200, 400, 800, 1600]}
    assert [point["status"] for point in content["points"]] == ["measured"] * 4
    slopes = {one["quantity"]: one for one in content["slopes"]}
    widths = np.array([200, 400, 800, 1600])
    errors = [point["network_vs_kernel"] for point in content["points"]]
    expected, _ = np.polyfit(np.log(widths), np.log(errors), 1)
    assert slopes["network_vs_kernel"]["exponent"] == pytest.approx(expected)
    assert expected == pytest.approx(-1, abs=0.03)
    assert slopes["network_vs_kernel"]["count"] == 4
    assert slopes["kernel_vs_pde"]["no_slope"] == "flat, changes by 0 %"
    assert set(content["definitions"]) >= {"slopes", "effects", "seconds", "status"}
    metrics = sorted((tmp_path / "out" / "metrics").iterdir())
    assert [path.name for path in metrics] == [f"{k + 1:03d}-width={w}.json" for k, w in enumerate(widths)]
    assert json.loads(metrics[2].read_text())["max_relative_error"]["network_vs_kernel"] == errors[2]


def test_report_of_a_study(file, tmp_path):
    """Question, answer, one figure for each column, all numbers; what failed looks different."""
    text = file.with_name("study.toml")
    text.write_text(
        textwrap.dedent(
            """
            base = "small.toml"
            question = "Is <wider> better?"
            quantity = "network_vs_kernel"
            [set]
            training.seeds = 2
            [[vary]]
            key = "network.width"
            values = [200, 400, 800, 1600]
            [[vary]]
            key = "training.evaluator"
            values = ["dense"]
            """
        )
    )
    results = run_study(Study.read(text), tmp_path / "out", compute=failing_when_wide)
    page = page_html(study_page(results))
    assert "Is &lt;wider&gt; better?" in page
    assert results.answer[0].startswith("The largest difference network vs kernel flow goes as width to the power −0.9")
    assert "Of 4 points 1 failed." in results.answer
    for panel in ("along-0", "along-1", "slopes", "overlay", "results", "emergence", "study"):
        assert f'id="panel-{panel}"' in page
    assert page.count("failed: network: the loss has grown") == 1
    assert "smallest to largest of 2 seeds" in page
    assert "://" not in page.replace("http://www.w3.org", "")


def test_answer_where_nothing_can_be_compared(file, tmp_path):
    study = Study.read(file).changed({"training.optimizer": "adam"}).varied([axis_of_option("network.width=200,400")])
    results = run_study(study, tmp_path / "out", compute=decaying)
    assert [str(one.status) for one in results.summaries] == ["not comparable"] * 2
    assert "bias index of the network" in results.answer[0]
    assert results.answer[-1] == "Of 2 points 2 could not be compared."
    assert "not comparable" in page_html(study_page(results))
    asked = run_study(replace(study, quantity="network_vs_pde"), tmp_path / "out", compute=decaying)
    assert asked.answer[0].startswith('No point has the number asked for: training.optimizer = "adam" is not linear')


def test_answer_where_one_point_is_left(file, tmp_path):
    study = Study.read(file).varied([axis_of_option("network.width=200,800")])
    results = run_study(study, tmp_path / "out", compute=failing_when_wide)
    # The kernel flow of both points is there, and the same.
    assert results.answer == [
        "The largest difference kernel flow vs PDE is 3.69·10⁻³ everywhere.",
        "Of 2 points 1 failed.",
    ]
    asked = run_study(replace(study, quantity="network_vs_pde"), tmp_path / "out", compute=failing_when_wide)
    assert asked.answer[0].endswith("is 0.0227 at the only point that has one, width = 200.")


def test_study_through_the_command_line(file, tmp_path, command):
    """A real one: two widths and two sampling rules in two processes, then the same from what is there."""
    out = tmp_path / "out"
    words = ["study", file, "--vary", "network.width=100,400", "--vary", "network.sampling=quadrature,random"]
    words += ["--set", "training.times.count=4", "--out", out, "--jobs", "2", "--style", "paper"]
    done = command(*words)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "4 points, 6 levels to compute"
    assert done.stdout.splitlines()[-1] == str(out / "report.html")
    assert len(list((out / "levels").glob("*.nc"))) == 6
    assert {path.name for path in out.iterdir()} == {
        *("figures", "levels", "metrics", "report.html", "study.csv", "study.json")
    }
    assert {path.suffix for path in (out / "figures").iterdir()} == {".svg", ".pdf"}
    points = json.loads((out / "study.json").read_text())["points"]
    assert [point["status"] for point in points] == ["measured"] * 4
    quadrature, random = (
        [point["network_vs_kernel"] for point in points if point["network.sampling"] == rule]
        for rule in ("quadrature", "random")
    )
    # Quadrature: as 1 / width (THEORY section 6).
    assert quadrature[0] / quadrature[1] == pytest.approx(4, rel=0.15)
    assert min(random) > 5 * max(quadrature)
    assert len({point["kernel_vs_pde"] for point in points}) == 1
    again = command(*words)
    assert again.stdout.splitlines()[0] == "4 points, 6 levels to compute, 6 of them are there"
    assert again.stdout.splitlines()[1:] == done.stdout.splitlines()[1:]
