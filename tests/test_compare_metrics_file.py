"""metrics.json and the table for the terminal."""

import json
from pathlib import Path

import numpy as np
import pytest
from compare_cases import plane_comparison, ripple, settings, spectra, three_tones, three_tones_pde
from rich.console import Console

from freqbias.compare import compare_spectra, metrics, summary_table, write_metrics
from freqbias.compare.definitions import QUANTITIES
from freqbias.errors import InputError
from freqbias.problem import Problem

PAIRS = ["network_vs_pde", "network_vs_kernel", "kernel_vs_pde"]


@pytest.fixture(scope="module")
def comparison():
    problem = three_tones()
    exact = three_tones_pde(problem)
    return compare_spectra(
        spectra("pde", exact, problem, info={"solves": np.int64(44), "error": np.float64("nan")}),
        spectra("network", exact + ripple(problem, 3e-4, 1.0), problem, loss=np.linspace(1, 0, len(problem.times))),
        spectra("kernel", exact + ripple(problem, 1e-4, 1.0), problem),
    )


def refuse_constant(name):
    raise AssertionError(f"{name} is not JSON")


def test_the_file_has_the_documented_keys(comparison, tmp_path):
    path = tmp_path / "new" / "metrics.json"
    write_metrics(comparison, path)
    found = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse_constant)
    assert found["schema"] == "freqbias-metrics-2"
    assert found["times"] == three_tones().times.tolist()
    assert list(found["relative_error"]) == PAIRS
    assert list(found["max_relative_error"]) == PAIRS
    for pair in PAIRS:
        assert len(found["relative_error"][pair]) == len(found["times"])
        assert found["max_relative_error"][pair] == max(found["relative_error"][pair])
        assert found["relative_error"][pair] == comparison.relative_error[pair].tolist()
    assert found["problem_digest"] == three_tones().digest
    assert found["measured_loss"]["network"][0] == 1
    assert found["measured_loss"]["pde"] is None
    assert found["levels"]["pde"] == {
        "problem_digest": three_tones().digest,
        "family": "fourier-features",
        "width": 4000,
        "solves": 44,
        "error": None,
    }
    learned = found["emergence_times"]
    assert learned["averaged_over"] == "nodes"
    assert len(learned["frequencies"]) == len(learned["pde"]) == 601
    assert None in learned["pde"]
    decay = found["decay_curves"]
    assert len(decay["network"]) == len(decay["frequencies"]) == 2
    assert len(decay["network"][0]) == len(found["times"])
    for pair in PAIRS:
        squares = np.square(found["phase_error"][pair]) + np.square(found["magnitude_error"][pair])
        assert np.sqrt(squares) == pytest.approx(found["relative_error"][pair], rel=1e-12)
    assert found["bias_index"]["network"][0] == 0
    assert found["bias_index_at_threshold"]["pde"] == comparison.bias["pde"].at_threshold
    assert found["split"]["frequency"] == pytest.approx(4.9, abs=0.01)
    assert decay["rates"]["pde"][0][0] is None
    assert decay["emergence_ratio"] == pytest.approx([1.0, 1.0], rel=1e-2)
    assert [entry.name for entry in path.parent.iterdir()] == ["metrics.json"]


def test_every_key_is_defined_with_its_unit(comparison):
    """In the file itself, and in docs/metrics.md in the same words."""
    without_number = {"schema", "name", "problem_digest", "grade", "verdict", "reading", "threshold", "levels", "units"}
    document = (Path(__file__).parent.parent / "docs" / "metrics.md").read_text(encoding="utf-8")
    for dimension in (comparison, plane_comparison()):
        found = metrics(dimension)
        for key in found.keys() - without_number:
            assert any(
                key in name.replace("…", key.removesuffix("_band")) or name.startswith(f"{key}.")
                for name in found["units"]
            ), key
    rows = document.replace("\\|", "|")
    for quantity in QUANTITIES:
        assert f"| `{quantity.key}` | {quantity.unit} | {quantity.definition} |" in rows, quantity.key


def test_curves_over_frequency_have_few_digits():
    found = metrics(plane_comparison())
    averages = np.array(found["radial_average"]["pde"])
    assert averages == pytest.approx(plane_comparison().profiles.magnitude["pde"], rel=1e-5)
    assert len(json.dumps(averages.tolist())) < 14 * averages.size
    assert [cut["name"] for cut in found["cuts"]] == ["ξ₁ axis", "ξ₂ axis", "diagonal"]
    assert np.shape(found["cuts"][2]["network"]) == (len(found["times"]), len(found["cuts"][2]["frequencies"]))


def test_missing_levels_are_null():
    problem = three_tones()
    found = metrics(compare_spectra(None, spectra("network", three_tones_pde(problem), problem)))
    assert found["relative_error"] == dict.fromkeys(PAIRS)
    assert found["max_relative_error"] == dict.fromkeys(PAIRS)
    assert found["loss"]["pde"] is None
    assert found["decay_curves"]["kernel"] is None
    json.dumps(found, allow_nan=False)


def test_width_may_differ_and_the_network_is_reported():
    exact = three_tones_pde(three_tones())
    narrow = Problem.create(settings(network__width=1000, name="narrow"))
    found = metrics(compare_spectra(spectra("pde", exact, three_tones()), spectra("network", exact, narrow)))
    assert found["name"] == "narrow"
    assert found["problem_digest"] == narrow.digest
    assert found["levels"]["pde"]["width"] == 4000
    assert found["levels"]["network"]["width"] == 1000


def test_a_folder_that_cannot_be_written_is_an_input_error(comparison, tmp_path):
    blocker = tmp_path / "file"
    blocker.write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write_metrics(comparison, blocker / "metrics.json")


def test_the_table_shows_the_metrics(comparison):
    console = Console(width=160)
    with console.capture() as capture:
        console.print(summary_table(comparison))
    row = next(line for line in capture.get().splitlines() if "network vs PDE" in line)
    mantissa = f"{comparison.max_relative_error['network_vs_pde']:.2e}".split("e")[0]
    assert f"{mantissa}·10" in row
    assert f"{comparison.worst_time['network_vs_pde']:.1f}" in row
    assert "everything together" in row


def test_the_table_says_what_is_missing():
    problem = three_tones()
    console = Console(width=160)
    with console.capture() as capture:
        console.print(summary_table(compare_spectra(spectra("pde", three_tones_pde(problem), problem), None)))
    assert "not compared: no network and no kernel flow" in capture.get()
