"""Graded meshes: is the indicator the true error, does it fall as it should, does grading save nodes."""

import tomllib
from dataclasses import replace

import numpy as np
import pytest

from freqbias import Problem
from freqbias.errors import InputError
from freqbias.meshes import BoxMesh, box_mesh, grading
from freqbias.meshes.grading import graded_mesh, grading_summary, uniform_nodes
from freqbias.meshes.indicator import interpolation_error
from freqbias.meshes.interpolation import evaluate
from freqbias.meshes.local_solution import LocalSolution

PACKETS = "exp(-2*(x-0.5)**2)*sin(4*x)+0.5*exp(-2*(x+0.5)**2)*cos(17*x)"
UNIFORM, NORMAL = {"family": "uniform", "scale": 8.0}, {"family": "normal", "scale": 6.0}


def problem_with(law, expression=PACKETS, half_width=4.0, points=256, cutoff=25.0, network=None, training=None):
    dimension = 2 if "y" in expression else 1
    times = {"first": 1.0, "last": 300.0, "count": 8}
    return Problem.create(
        {
            "network": {"width": 400, "law": law} | (network or {}),
            "target": {"expression": expression},
            "data": {"lower": [-half_width] * dimension, "upper": [half_width] * dimension, "points": [points]},
            "training": {"learning_rate": 0.5, "times": times} | (training or {}),
            "mesh": {"cutoff": cutoff},
        }
    )


def graded(problem, error, degree=2):
    breakpoints = problem.settings.network.law.breakpoints()
    cutoff = problem.settings.mesh.cutoff
    return graded_mesh(LocalSolution.of(problem), cutoff, degree, error, breakpoints)


def solve(problem, mesh):
    from mpi4py import MPI

    from freqbias import fem

    other = Problem(problem.settings)
    other.set_samples(problem.points, problem.weights, problem.initial_error)
    other.mesh = mesh
    return fem.solve(other, MPI.COMM_SELF).values


def fine_mesh(problem, degree=5, error=1e-4, longest=1.0):
    """A graded mesh of high degree whose cells are all short."""
    axes = []
    for lines in graded(problem, error, degree).axes:
        while np.diff(lines).max() > longest:
            middles = 0.5 * (lines[1:] + lines[:-1])
            lines = np.sort(np.concatenate([lines, middles[np.diff(lines) > longest]]))
        axes.append(lines)
    return BoxMesh(tuple(axes), degree)


def true_error(problem, mesh, fine, exact, first=0):
    """Of the finite-element solution on ``mesh``, against values ``exact`` (T, n) on the mesh ``fine``.

    From output time number ``first`` on: at time 0 the solution is the interpolant, whose error is no prediction.
    """
    difference = evaluate(mesh, solve(problem, mesh), fine.axis_nodes) - exact
    return (fine.norm(difference) / fine.norm(exact[0]))[first:].max()


def later_indicator(problem, mesh):
    """The indicator without time 0."""
    found = interpolation_error(mesh, replace(LocalSolution.of(problem), times=problem.times))
    return np.sqrt(found.total[1:].max() / found.norm)


def test_evaluation_of_finite_elements_is_exact_for_polynomials():
    mesh = BoxMesh((np.array([-1.0, 0.3, 2.0]), np.array([0.0, 0.5, 0.9])), 3)
    x, y = mesh.nodes.T
    axes = [np.array([-1.0, 0.3, 0.31, 2.0]), np.array([0.0, 0.2, 0.9])]
    a, b = np.meshgrid(*axes, indexing="ij")
    values = evaluate(mesh, np.stack([x**3 * y**2, 1j * y**3]), axes)
    np.testing.assert_allclose(values, [(a**3 * b**2).ravel(), (1j * b**3).ravel()], atol=1e-13)
    with pytest.raises(ValueError, match="points must lie in"):
        evaluate(mesh, x, [np.array([2.1]), axes[1]])


def test_local_solution_is_the_transform_with_local_coefficients():
    problem = problem_with(NORMAL)
    local = LocalSolution.of(problem)
    xi = np.linspace(-25, 25, 301)
    rates = problem.density * problem.family.damping(xi[:, None])
    x = problem.points[:, 0]
    waves = np.exp(-1j * np.outer(xi, x)) * problem.initial_error / len(x)
    for moving, solution in ((1, local), (0, local.frozen())):
        for time, values in zip(local.times, solution.on_grid([xi]), strict=True):
            exact = (waves * np.exp(-rates[:, None] * (1 + moving * x**2) * time)).sum(axis=1)
            np.testing.assert_allclose(values, exact, atol=(1e-4 if moving and time else 1e-8) * np.abs(waves).sum())


@pytest.mark.parametrize(("dimension", "degree"), [(1, 1), (1, 2), (1, 3), (2, 2)])
def test_indicator_is_the_true_error_for_the_closed_form(dimension, degree):
    """The uniform law with the spectrum inside of it (THEORY section 7): u is a sum of two Gaussians at all times."""
    M, s, k = 14.0, 0.6, np.array([4.0, -2.0])[:dimension]
    phase, square = ("4*x", "x**2") if dimension == 1 else ("4*x-2*y", "(x**2+y**2)")
    problem = problem_with(
        {"family": "uniform", "scale": M}, f"exp(-{square}/0.72)*cos({phase})", points=96, cutoff=16.0
    )

    def closed(xi, t):
        kappa, rho = (np.pi / M) ** dimension, problem.density
        width = 1 / np.sqrt(1 / s**2 + 2 * rho * kappa * t)
        peaks = sum(np.exp(-0.5 * width**2 * ((xi - sign * k) ** 2).sum(axis=1)) for sign in (1, -1))
        return -rho * np.exp(-rho * kappa * t) * (np.sqrt(2 * np.pi) * width) ** dimension * 0.5 * peaks

    fine = box_mesh([16.0] * dimension, [64] * dimension, 4)
    exact = np.stack([closed(fine.nodes, t) for t in problem.times])
    for error in (3e-2, 3e-3):
        mesh = graded(problem, error, degree)
        indicator = interpolation_error(mesh, LocalSolution.of(problem)).relative
        assert 0.25 * error < indicator <= error
        assert 0.8 < true_error(problem, mesh, fine, exact, 1) / later_indicator(problem, mesh) < 1.25


def test_indicator_is_the_true_error_at_a_jump_of_the_law():
    """Without motion of the frequencies every law has a closed form; at its jump so has u, of any height."""
    problem = problem_with({"family": "uniform", "scale": 5.0}, network={"frequency_rate_ratio": 0.0})
    solution = LocalSolution.of(problem)
    # Gauss-Lobatto nodes on both sides of the jump: a line just outside of it tells the two apart.
    fine = fine_mesh(problem)
    axis = np.unique(np.concatenate([fine.axes[0], [-5 - 1e-9, 5 + 1e-9]]))
    fine = BoxMesh((axis,), 5)
    rates = problem.density * problem.family.damping(fine.nodes)
    initial = LocalSolution.of(problem).on_grid([fine.nodes[:, 0]])[0]
    exact = initial * np.exp(-np.outer(problem.times, rates))
    for error in (1e-2, 1e-3):
        mesh = graded(problem, error)
        indicator = interpolation_error(mesh, solution).relative
        assert indicator <= error
        assert 0.5 < true_error(problem, mesh, fine, exact) / indicator < 1.5
    # A uniform mesh converges like the square root of its cells there.
    uniform = box_mesh([25.0], [4 * mesh.cells[0]], 2, problem.settings.network.law.breakpoints())
    assert true_error(problem, uniform, fine, exact) > 20 * error


@pytest.mark.parametrize(
    ("law", "training", "bound"),
    [
        (UNIFORM, {}, 1.4),
        ({"family": "normal", "scale": 2.0}, {}, 1.4),
        ({"family": "student-t", "scale": 6.0, "dof": 3.0}, {}, 1.4),
        (NORMAL, {"optimizer": "gradient-descent"}, 1.4),
        # Momentum: the indicator is too small.
        (NORMAL, {"optimizer": "momentum"}, 3.5),
        (NORMAL, {"optimizer": "nesterov"}, 3.5),
    ],
)
def test_indicator_is_near_the_true_error_at_later_times(law, training, bound):
    training = training | {"times": {"first": 1.0, "last": 100.0, "count": 12}}
    problem = problem_with(law, half_width=np.pi, cutoff=30.0, training=training)
    fine = fine_mesh(problem)
    exact = solve(problem, fine)
    for error in (1e-2, 1e-3):
        mesh = graded(problem, error)
        assert 0.7 < true_error(problem, mesh, fine, exact, 1) / later_indicator(problem, mesh) < bound


@pytest.mark.parametrize("degree", [1, 2, 3, 4])
def test_error_falls_with_the_nodes_as_the_degree_says(degree):
    problem = problem_with(NORMAL)
    meshes = [graded(problem, error, degree) for error in np.geomspace(2e-2, 2e-5, 5)]
    errors = [interpolation_error(mesh, LocalSolution.of(problem)).relative for mesh in meshes]
    slope = np.polyfit(np.log([len(mesh.nodes) for mesh in meshes]), np.log(errors), 1)[0]
    assert -slope == pytest.approx(degree + 1, abs=0.5)


def test_a_jump_costs_nodes_like_a_logarithm():
    problem = problem_with(UNIFORM)
    coarse, fine = graded(problem, 1e-2, 5), graded(problem, 1e-4, 5)
    # The error of a uniform mesh falls like the square root of its cells.
    assert len(fine.nodes) < 4 * len(coarse.nodes)
    assert uniform_nodes(fine) > 5e3 * len(fine.nodes)
    assert np.abs(np.abs(fine.axes[0][np.argmin(np.diff(fine.axes[0]))]) - 8).max() < 1e-3


def test_grid_is_symmetric_aligned_and_gradual():
    law = {"family": "uniform", "scale": [3.0, 5.0], "location": [1.1, -0.3]}
    problem = problem_with(law, "exp(-2*(x**2+y**2))*sin(4*x+2*y)", points=48, cutoff=12.0)
    mesh = graded(problem, 2e-2)
    for lines, breakpoints in zip(mesh.axes, problem.settings.network.law.breakpoints(), strict=True):
        np.testing.assert_array_equal(lines, -lines[::-1])
        assert {0.0, 12.0, *breakpoints} <= set(lines)
        widths = np.diff(lines)
        assert np.maximum(widths[1:] / widths[:-1], widths[:-1] / widths[1:]).max() < 2 * (1 + 1e-6)


def test_no_wave_slips_through_the_coarse_grid():
    """A spectrum that is narrow and far out, between the nodes of the first grid, is found."""
    problem = problem_with({"family": "normal", "scale": 30.0}, "exp(-x**2/4)*cos(20.7*x)", half_width=8.0, cutoff=48.0)
    mesh = graded(problem, 1e-2)
    fine = box_mesh([48.0], [2000], 3)
    exact = LocalSolution.of(problem).on_grid([fine.nodes[:, 0]])
    nodes = LocalSolution.of(problem).on_grid([mesh.nodes[:, 0]])
    assert (fine.norm(evaluate(mesh, nodes, fine.axis_nodes) - exact) / fine.norm(exact[0])).max() < 1.01e-2
    widths = np.diff(mesh.axes[0])
    middles = 0.5 * (mesh.axes[0][1:] + mesh.axes[0][:-1])
    assert np.abs(np.abs(middles[widths == widths.min()]) - 20.7).max() < 3
    assert widths.max() > 10 * widths.min()


def test_asymmetric_mesh_has_the_same_indicator():
    """A mesh that is not symmetric is looked at as a whole, a symmetric one in half."""
    problem = problem_with(UNIFORM)
    solution = LocalSolution.of(problem)
    mesh = graded(problem, 1e-2)
    whole = interpolation_error(mesh, solution, slabs=True)
    # The same lines but for one moved by rounding.
    lines = mesh.axes[0].copy()
    lines[1] += 1e-12
    other = interpolation_error(BoxMesh((lines,), 2), solution, slabs=True)
    np.testing.assert_allclose(other.total, whole.total, rtol=1e-8)
    np.testing.assert_allclose(other.slabs[0], whole.slabs[0], rtol=1e-6, atol=1e-12 * whole.norm)
    np.testing.assert_allclose(whole.slabs[0].sum(axis=1), whole.total, rtol=1e-10)


@pytest.mark.parametrize(
    ("law", "expression", "error", "factor"),
    [(NORMAL, PACKETS, 1e-3, 1.05), (NORMAL, "exp(-2*((x-0.5)**2+y**2))*cos(13*x-6*y)", 1e-2, 1.5)],
)
def test_fewer_nodes_than_a_uniform_mesh_of_the_same_true_error(law, expression, error, factor):
    problem = problem_with(law, expression, np.pi, 256 if "y" not in expression else 64)
    dimension = problem.dimension
    fine = fine_mesh(problem, 4, error / 5, 1.5)
    exact = solve(problem, fine)
    mesh = graded(problem, error)
    fewer = [2 * int(((factor * len(mesh.nodes)) ** (1 / dimension) - 1) / 4)] * dimension
    uniform = box_mesh([25.0] * dimension, fewer, 2)
    assert true_error(problem, mesh, fine, exact) < true_error(problem, uniform, fine, exact)


def test_problem_file_with_an_error_is_resolved_into_lines(settings):
    settings["mesh"] = {"cutoff": 15.0, "error": 1e-3, "degree": 3}
    problem = Problem.create(settings)
    text = problem.to_toml()
    recorded = tomllib.loads(text)["mesh"]
    assert set(recorded) == {"lines", "degree"}
    again = Problem.from_toml(text)
    np.testing.assert_array_equal(again.mesh.axes[0], problem.mesh.axes[0])
    assert again.to_toml() == text
    assert again.digest == problem.digest
    # Its far cells are longer than waves from the edge of the box allow, where there are none.
    assert np.diff(problem.mesh.axes[0]).max() * 3.0 > 3 * np.pi / 2
    assert problem.mesh_warnings == again.mesh_warnings == []


def test_given_lines_are_judged_by_the_spectrum(settings):
    settings["mesh"] = {"lines": [np.linspace(-15, 15, 9).tolist()]}
    (warning,) = Problem.create(settings).mesh_warnings
    assert warning.startswith("mesh.lines is coarse: the error spectrum is interpolated with a relative error of 0.")
    settings["mesh"] = {"lines": [[-15.0, 0.0, 15.0]]}
    with pytest.raises(InputError, match=r"mesh\.lines cannot hold the error spectrum: its interpolation has"):
        _ = Problem.create(settings).mesh


def test_default_cutoff_and_adam(settings):
    settings["mesh"] = {"error": 1e-2}
    even = Problem.create(settings | {"mesh": {}}).mesh
    mesh = Problem.create(settings).mesh
    assert mesh.axes[0][-1] == even.axes[0][-1]
    assert len(mesh.nodes) < len(even.nodes)
    settings["training"] |= {"optimizer": "adam"}
    assert np.isfinite(Problem.create(settings).mesh.axes[0]).all()


def test_unstable_optimizer_still_has_a_mesh(settings):
    settings["training"] |= {"optimizer": "gradient-descent", "learning_rate": 500.0}
    settings["training"]["times"] = {"first": 500.0, "last": 1e6}
    settings["mesh"] = {"cutoff": 15.0, "error": 1e-2}
    assert len(Problem.create(settings).mesh.nodes) < 1000


@pytest.mark.parametrize(
    ("mesh", "expected"),
    [
        ({"error": 1e-2, "cells": [10]}, "mesh: cells and error cannot be given together"),
        ({"error": 1e-2, "lines": [[-1.0, 1.0]]}, "mesh: error and lines cannot be given together"),
        ({"error": 0.5}, "mesh.error = 0.5: must be less than or equal to 0.1"),
        ({"error": 1e-2, "cutoff": 100.0}, "mesh.cutoff = [100.0] exceeds the Nyquist frequency"),
    ],
)
def test_mistake_is_named(settings, mesh, expected):
    settings["mesh"] = mesh
    with pytest.raises(InputError) as caught:
        _ = Problem.create(settings).mesh
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_too_many_nodes_are_refused(settings, monkeypatch):
    monkeypatch.setattr(grading, "MAX_NODES", 40)
    settings["mesh"] = {"cutoff": 15.0, "error": 1e-3}
    with pytest.raises(InputError) as caught:
        _ = Problem.create(settings, source="given.toml").mesh
    assert str(caught.value).startswith("given.toml: mesh.error = 0.001: a graded mesh of degree 2 needs more than 40 ")
    assert "allow a larger error or lower mesh.cutoff" in str(caught.value)


def test_command_tells_what_grading_saves(settings, command, tmp_path):
    import tomli_w

    settings["mesh"] = {"cutoff": 15.0, "error": 1e-3}
    path = tmp_path / "problem.toml"
    path.write_text(tomli_w.dumps(settings))
    done = command("mesh", path)
    assert done.returncode == 0
    assert done.stderr == ""
    problem = Problem.create(settings)
    assert grading_summary(problem.mesh, LocalSolution.of(problem)) in done.stdout.replace("\n", " ")
    assert str(uniform_nodes(problem.mesh)) in done.stdout
