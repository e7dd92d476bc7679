"""Relative errors, loss, decay curves: against numbers known in closed form."""

import itertools
import subprocess
import sys

import numpy as np
import pytest
from compare_cases import frozen, plane_problem, ripple, settings, spectra, three_tones, three_tones_pde
from hypothesis import given
from hypothesis import strategies as st

from freqbias.compare import PAIRS, compare_spectra, parseval_losses, reading, relative_errors, verdict
from freqbias.compare.presence import absences
from freqbias.compare.quantities.decay import in_half_space
from freqbias.compare.quantities.profile import RadialProfile
from freqbias.errors import InputError
from freqbias.problem import Problem
from freqbias.transforms import error_spectrum


def compare(pde, network, kernel=None, problem=None):
    problem = problem or three_tones()
    levels = [("pde", pde), ("network", network), ("kernel", kernel)]
    return compare_spectra(*(None if v is None else spectra(level, v, problem) for level, v in levels))


def test_the_norm_is_the_L2_norm_over_the_mesh():
    problem = three_tones()
    xi = problem.mesh.nodes[:, 0]
    ones = np.ones((len(problem.times), len(xi)), dtype=complex)
    result = compare(ones, ones + 1j * xi)
    # ||xi|| / ||1|| over [-30, 30] = sqrt(30^2 / 3)
    assert result.relative_error["network_vs_pde"] == pytest.approx(np.sqrt(300.0), rel=1e-12)


@given(st.floats(1e-10, 10))
def test_a_planted_amplitude_error_comes_out_exactly(size):
    exact = three_tones_pde(three_tones())
    result = compare(exact, exact * (1 + size))
    assert result.max_relative_error["network_vs_pde"] == pytest.approx(size, rel=1e-5)
    assert result.worst_time["network_vs_pde"] == 0
    assert result.relative_error["network_vs_pde"] == pytest.approx(size * result.remaining["pde"], rel=1e-5)


@given(st.floats(0.01, 3.1))
def test_a_phase_error_is_seen(angle):
    exact = three_tones_pde(three_tones())
    result = compare(exact, exact * np.exp(1j * angle))
    assert result.max_relative_error["network_vs_pde"] == pytest.approx(2 * np.sin(angle / 2), rel=1e-9)


@given(st.floats(1e-6, 1e6))
def test_the_scale_of_the_target_does_not_matter(scale):
    exact = three_tones_pde(three_tones())
    other = exact + ripple(three_tones(), 1e-3, 1.0)
    results = [compare(factor * exact, factor * other).relative_error["network_vs_pde"] for factor in (1, scale)]
    assert results[0] == pytest.approx(results[1], rel=1e-9)


def test_a_wrong_time_scale_is_seen():
    problem = three_tones()
    exact = frozen(problem, three_tones_pde(problem)[0])
    fast = exact[0] * np.exp(-1.1 * problem.density * np.pi / 20 * problem.times)[:, None]
    rate = problem.density * np.pi / 20
    expected = np.max(np.exp(-rate * problem.times) - np.exp(-1.1 * rate * problem.times))
    result = compare(exact, fast)
    # What lies beyond the edge of the law at 20 does not decay at all: 2e-5 of the norm.
    assert result.max_relative_error["network_vs_pde"] == pytest.approx(expected, rel=1e-3)
    assert expected > 0.03
    assert verdict(result).grade == "roughly"


def test_the_reference_is_the_second_of_the_pair():
    problem = three_tones()
    exact = three_tones_pde(problem)
    pde, network = spectra("pde", exact, problem), spectra("network", 3 * exact, problem)
    assert relative_errors(network, pde)[0, 0] == pytest.approx(2)
    assert relative_errors(pde, network)[0, 0] == pytest.approx(2 / 3)


def test_errors_do_not_depend_on_the_mesh():
    found = []
    for cells in (600, 1200):
        problem = Problem.create(settings(mesh__cells=[cells]))
        exact = three_tones_pde(problem)
        found.append(compare(exact, exact + ripple(problem, 1e-3, 1.3), problem=problem))
    coarse, fine = (result.relative_error["network_vs_pde"] for result in found)
    assert coarse == pytest.approx(fine, rel=1e-6)
    assert found[0].loss["pde"] == pytest.approx(found[1].loss["pde"], rel=1e-6)


def test_loss_by_parseval_is_the_loss_in_x():
    problem = three_tones()
    x = problem.points
    rate = problem.density * np.pi / 20 * (1 + x[:, 0] ** 2)
    errors = problem.initial_error * np.exp(-np.outer(problem.times, rate))
    spectrum = spectra("kernel", error_spectrum(x, errors, problem.weights, problem.mesh.nodes), problem)
    in_x = 0.5 * np.mean(errors**2, axis=1)
    assert parseval_losses(spectrum)[0] == pytest.approx(in_x, rel=1e-4)
    # The closed form of the same decay is the solution of the PDE, and starts from the same spectrum.
    assert np.abs(spectrum.values - three_tones_pde(problem)).max() < 1e-7 * np.abs(spectrum.values).max()


def test_loss_by_parseval_in_two_dimensions():
    problem = plane_problem()
    values = problem.initial_spectrum(problem.mesh.nodes)
    spectrum = spectra("kernel", np.tile(values, (len(problem.times), 1)), problem)
    assert parseval_losses(spectrum)[0, 0] == pytest.approx(0.5 * np.mean(problem.initial_error**2), rel=1e-3)


@pytest.mark.parametrize(
    "present", [s for n in (1, 2, 3) for s in itertools.combinations(("pde", "network", "kernel"), n)]
)
def test_missing_levels_leave_none(present):
    values = three_tones_pde(three_tones())
    result = compare(*(values if level in present else None for level in ("pde", "network", "kernel")))
    for pair in PAIRS:
        there = pair.level in present and pair.reference in present
        assert (result.relative_error[pair.key] is not None) == there
        assert (result.max_relative_error[pair.key] is not None) == there
    for level in ("pde", "network", "kernel"):
        for found in (result.loss, result.decay.ratio, result.profiles.magnitude, result.profiles.emergence_time):
            assert (found[level] is not None) == (level in present)
    assert verdict(result).sentence.endswith(".")
    assert reading(result).endswith(".")


def test_no_level_at_all_is_an_error():
    with pytest.raises(InputError, match="nothing to compare"):
        compare_spectra(None, None)


def test_a_level_in_another_place_is_an_error():
    network = spectra("network", three_tones_pde(three_tones()), three_tones())
    with pytest.raises(InputError, match="holds the level network, must hold the level pde"):
        compare_spectra(network, None)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"training__optimizer": "adam"}, 'training.optimizer = "adam" is not linear'),
        (
            {"training__optimizer": "momentum", "training__schedule": {"family": "cosine"}},
            "training.schedule changes the learning rate",
        ),
    ],
)
def test_training_that_is_not_linear_has_no_theory(changes, reason):
    problem = Problem.create(settings(**changes))
    values = np.tile(three_tones_pde(three_tones())[0], (len(problem.times), 1))
    result = compare_spectra(None, spectra("network", values, problem))
    assert f"There is no theory to hold the network against: {reason}" in reading(result)
    assert verdict(result).grade == "unknown"
    assert set(absences(result)) == {"pde", "kernel"}
    assert all(text.startswith(reason) for text in absences(result).values())


@pytest.mark.parametrize(
    ("finite_width", "window", "expected"),
    [
        (1e-5, 1e-3, "kernel flow vs PDE (samples and window, mesh, time evolution) explains most of it"),
        (1e-3, 1e-5, "network vs kernel flow (finite width and finite step) explains most of it"),
        (1e-3, 0.8e-3, "both steps contribute"),
        (1e-3, -0.8e-3, "the two steps partly cancel"),
        (0, 0, "rounding only"),
    ],
)
def test_the_reading_names_the_larger_step(finite_width, window, expected):
    exact = three_tones_pde(three_tones())
    shape = ripple(three_tones(), 1, 0.5)
    result = compare(exact, exact + (finite_width + window) * shape, exact + window * shape)
    assert expected in reading(result)


@pytest.mark.parametrize(("error", "grade"), [(1e-4, "agree"), (0.02, "roughly"), (0.2, "disagree")])
def test_the_verdict_grades_by_the_largest_error(error, grade):
    exact = three_tones_pde(three_tones())
    found = verdict(compare(exact, exact * (1 + error)))
    assert found.grade == grade
    assert {"agree": "agree:", "roughly": "agree roughly:", "disagree": "disagree:"}[grade] in found.sentence


def test_the_verdict_does_not_praise_agreement_before_anything_is_learned():
    start = np.tile(three_tones_pde(three_tones())[0], (len(three_tones().times), 1))
    found = verdict(compare(start, 1.001 * start))
    assert found.grade == "unknown"
    assert found.sentence.startswith("Too little was learned")


def test_decay_curves_follow_the_nearest_nodes_of_the_problem_file():
    problem = Problem.create(settings(report={"frequencies": [[2.02], [-11.0], [5.0]]}))
    initial = three_tones_pde(problem)[0]
    result = compare(frozen(problem, initial), None, problem=problem)
    assert result.decay.frequencies[:, 0] == pytest.approx([2.0, -11.0, 5.0], abs=0.051)
    assert result.decay.asked[:, 0].tolist() == [2.02, -11.0, 5.0]
    expected = np.exp(-problem.density * np.pi / 20 * problem.times)
    for curve in result.decay.ratio["pde"].T:
        assert curve == pytest.approx(expected, rel=1e-12)
    assert result.decay.emergence_time["pde"] == pytest.approx(np.log(2) / (problem.density * np.pi / 20))


def test_decay_curves_follow_the_peaks_by_default():
    values = three_tones_pde(three_tones())
    # The tones at 2 and 5 overlap: their common peak, and the one at 11.
    assert compare(values, None).decay.frequencies[:, 0] == pytest.approx([3.65, 11.0], abs=0.1)
    problem = plane_problem()
    initial = problem.initial_spectrum(problem.mesh.nodes)
    result = compare(frozen(problem, initial), None, problem=problem)
    assert result.decay.frequencies == pytest.approx(np.array([[3.0, 1.0], [6.0, -4.0]]), abs=0.3)


def test_a_frequency_without_error_has_no_decay_curve():
    problem = Problem.create(settings(report={"frequencies": [[0.0]]}))
    values = three_tones_pde(problem)
    values[:, problem.mesh.node_numbers(np.zeros((1, 1)))] = 0
    result = compare(values, values, problem=problem)
    assert np.isnan(result.decay.ratio["pde"]).all()
    assert np.isnan(result.decay.emergence_time["pde"]).all()


def test_half_space_holds_one_of_each_pair():
    grid = np.stack(np.meshgrid([-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0]), axis=-1).reshape(-1, 3)
    assert (in_half_space(grid) != in_half_space(-grid)).sum() == 26
    assert in_half_space(np.zeros((1, 3))).all()


def test_radial_profile_averages_over_directions():
    mesh = plane_problem().mesh
    profile = RadialProfile(mesh)
    radius = np.linalg.norm(mesh.nodes, axis=1)
    ones, bell = profile.magnitude(np.stack([np.ones(len(radius)), np.exp(-(radius**2) / 32)]) * 1j)
    assert ones == pytest.approx(1)
    assert bell == pytest.approx(np.exp(-(profile.frequencies**2) / 32), abs=0.02)
    assert profile.frequencies[0] == pytest.approx(0.25)
    assert profile.frequencies[-1] == pytest.approx(11.75)


def test_importing_loads_no_heavy_library():
    code = (
        "import sys, freqbias.compare; "
        "print([m for m in ('torch', 'dolfinx', 'petsc4py', 'matplotlib', 'jinja2', 'rich') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
