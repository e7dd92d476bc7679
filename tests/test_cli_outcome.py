"""What programs use: limits that fail a job, metrics on standard output."""

import json

import pytest
import tomli_w
from compare_cases import spectra, three_tones, three_tones_pde

from freqbias.compare import PAIRS


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The PDE of three tones, and a network and a kernel flow that are 2 % and 1 % larger."""
    folder, problem = tmp_path_factory.mktemp("levels"), three_tones()
    exact = three_tones_pde(problem)
    for level, factor in (("pde", 1.0), ("network", 1.02), ("kernel", 1.01)):
        spectra(level, factor * exact, problem).write(folder / f"{level}.nc")
    return [folder / f"{level}.nc" for level in ("pde", "network", "kernel")]


def test_an_error_above_its_limit_is_status_1_and_one_line(command, files, tmp_path):
    done = command("compare", *files, "--out", tmp_path, "--fail-above", "network_vs_pde=1e-2")
    assert done.returncode == 1
    assert done.stderr == "freqbias: network_vs_pde = 0.02 at t = 0 exceeds 0.01\n"
    assert (tmp_path / "report.html").is_file()


def test_errors_below_their_limits_are_fine(command, files, tmp_path):
    limits = ["--fail-above", "network_vs_pde=0.03", "--fail-above", "kernel_vs_pde = 0.0101"]
    done = command("compare", *files, "--out", tmp_path, *limits)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_all_exceeded_limits_are_named(command, files, tmp_path):
    limits = [word for pair in PAIRS for word in ("--fail-above", f"{pair.key}=1e-3")]
    done = command("compare", *files, "--out", tmp_path, *limits)
    assert done.returncode == 1
    assert all(pair.key in done.stderr for pair in PAIRS)


def test_json_is_metrics_json_and_nothing_else(command, files, tmp_path):
    done = command("compare", *files, "--out", tmp_path, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--fail-above", "network_vs_pde"], "--fail-above network_vs_pde: must be PAIR=LIMIT"),
        (["--fail-above", "network=1"], "PAIR one of network_vs_pde, network_vs_kernel, kernel_vs_pde"),
        (["--fail-above", "network_vs_pde=small"], "the limit must be a number"),
        (["--fail-above", "network_vs_pde=-1"], "the limit must be a number that is at least 0"),
        (["--fail-above", "network_vs_pde=nan"], "the limit must be a number that is at least 0"),
        (["--style", "poster"], "--style poster: must be report or paper"),
    ],
)
def test_a_mistake_is_found_before_any_work(command, files, tmp_path, words, text):
    done = command("compare", *files, "--out", tmp_path / "out", *words)
    assert done.returncode == 2
    assert text in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_limit_for_a_pair_that_is_not_there_is_a_mistake(command, settings, tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(tomli_w.dumps(settings))
    adam = ["--set", "training.optimizer=adam", "--set", "training.times.last=2.0"]
    done = command("run", path, "--out", tmp_path / "out", *adam, "--json", "--fail-above", "network_vs_pde=1")
    assert done.returncode == 2
    assert "--fail-above network_vs_pde=1: not compared: no PDE" in done.stderr
    assert json.loads(done.stdout)["max_relative_error"]["network_vs_pde"] is None


def test_figures_for_a_paper_are_kept(command, files, tmp_path):
    done = command("compare", *files, "--out", tmp_path, "--style", "paper")
    assert done.returncode == 0, done.stderr
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    assert {"decay.svg", "decay.pdf", "errors.pdf", "spectra.svg"} <= names
    assert (tmp_path / "figures" / "decay.pdf").read_bytes().startswith(b"%PDF-")
