"""Values between nodes, and honest estimates of their error, for every kind of mesh."""

import mesh_cases
import numpy as np
import pytest

from freqbias.compare.alignment.common_mesh import common_mesh, left_out
from freqbias.compare.alignment.common_times import TimeInterpolation
from freqbias.compare.alignment.interpolation import extrapolated, interpolation, pieces
from freqbias.errors import InputError
from freqbias.meshes import BoxMesh, box_mesh
from freqbias.plain_spectra import PlainSpectra

TARGETS = {
    1: box_mesh([23.0], [311], 2),
    2: box_mesh([9.0, 8.0], [17, 19], 2),
    3: box_mesh([5.0, 4.0, 5.0], [7, 6, 5], 2),
}
WIDTHS = {1: 6.0, 2: 3.0, 3: 2.0}


def wave(nodes):
    """A shifted, modulated bump: complex, without symmetry, as smooth as spectra of errors on a box are."""
    dimension = nodes.shape[1]
    bump = np.exp(-np.sum((nodes - 0.5) ** 2, axis=1) / (2 * WIDTHS[dimension] ** 2))
    return bump * np.exp(1j * nodes @ np.array([1.5, -1.1, 0.8])[:dimension])


def scattered(count, dimension, reach):
    generator = np.random.default_rng(count)
    corners = np.stack(np.meshgrid(*[[-reach, reach]] * dimension), axis=-1).reshape(-1, dimension)
    nodes = np.concatenate([generator.uniform(-reach, reach, (count, dimension)), corners])
    return PlainSpectra("other", "network", np.zeros(1), nodes, np.ones((1, len(nodes)), complex)).mesh


def graded(count, reach):
    lines = reach * np.linspace(-1, 1, count + 1)
    return BoxMesh((np.sign(lines) * np.abs(lines) ** 1.5 / reach**0.5,), 2)


SOURCES = {
    **{f"line {n} cells degree {p}": box_mesh([30.0], [n], p) for n, p in ((60, 1), (120, 2), (80, 3), (30, 6))},
    "graded line": graded(121, 30.0),
    **{f"plane {n} cells degree {p}": box_mesh([12.0] * 2, [n] * 2, p) for n, p in ((40, 1), (24, 2), (24, 3))},
    "space of cubes": box_mesh([7.0] * 3, [14] * 3, 2),
    **{
        f"{kind} degree {p}": mesh_cases.box(kind, [-12.0] * 2, [12.0] * 2, [36, 36], p)
        for kind in ("triangle", "quadrilateral")
        for p in (1, 2, 3)
    },
    **{
        f"{kind} degree {p}": mesh_cases.box(kind, [-7.0] * 3, [7.0] * 3, [14] * 3, p)
        for kind in ("tetrahedron", "hexahedron")
        for p in (1, 2)
    },
    "disc": mesh_cases.disc(14.0, 24, 2),
    "interval": mesh_cases.box("interval", [-30.0], [30.0], [100], 2),
    "scattered in the plane": scattered(3000, 2, 12.0),
    "scattered in space": scattered(5000, 3, 7.0),
}


@pytest.mark.parametrize("name", SOURCES)
def test_the_estimated_error_is_honest(name):
    source = SOURCES[name]
    target = TARGETS[source.dimension]
    found, estimate = interpolation(source, target).interpolate(wave(source.nodes))
    exact = wave(target.nodes)
    error = target.norm(found - exact)
    assert error < 3 * estimate
    assert estimate < 30 * error
    assert error < 0.35 * target.norm(exact)


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_splines_on_grids_converge_with_order_six(degree):
    target = TARGETS[1]
    errors = []
    for cells in (160, 320):
        source = box_mesh([30.0], [cells], degree)
        errors.append(
            target.norm(interpolation(source, target).interpolate(wave(source.nodes))[0] - wave(target.nodes))
        )
    assert np.log2(errors[0] / errors[1]) == pytest.approx(6, abs=0.4)


def test_a_polynomial_of_degree_five_is_reproduced():
    source, target = box_mesh([4.0, 3.0], [5, 6], 2), mesh_cases.disc(2.5, 6, 2)

    def polynomial(nodes):
        x, y = nodes.T
        return (1 + x - x**2 * y + 2j * x**5 * y**4 - y**5) / 100

    for mesh in (target, box_mesh([3.9, 2.9], [7, 3], 3)):
        found, estimate = interpolation(source, mesh).interpolate(polynomial(source.nodes))
        np.testing.assert_allclose(found, polynomial(mesh.nodes), atol=1e-11)
        assert estimate < 1


def test_common_nodes_are_taken_as_they_are():
    source, target = box_mesh([12.0] * 2, [24] * 2, 2), box_mesh([6.0] * 2, [6] * 2, 2)
    values = np.random.default_rng(0).standard_normal(len(source.nodes)) * 1j
    found, error = interpolation(source, target).interpolate(values)
    assert error == 0
    lookup = {tuple(node): value for node, value in zip(source.nodes.round(9).tolist(), values, strict=True)}
    np.testing.assert_array_equal(found, [lookup[tuple(node)] for node in target.nodes.round(9).tolist()])


def test_a_jump_at_a_breakpoint_is_not_smeared():
    """u is frozen beyond the law's edge and decays inside: each side is interpolated by itself."""
    source, target = box_mesh([30.0], [300], 2), box_mesh([29.0], [777], 2)
    jump = [np.array([-10.0, 10.0])]

    def function(nodes):
        return np.where(np.abs(nodes[:, 0]) <= 10, 1.0, 0.4 + 0.02 * np.abs(nodes[:, 0])) * np.cos(nodes[:, 0])

    exact, away = function(target.nodes), np.abs(np.abs(target.nodes[:, 0]) - 10) > 0.2
    errors = []
    for breakpoints in (jump, None):
        found, _ = interpolation(source, target, breakpoints).interpolate(function(source.nodes) + 0j)
        errors.append(np.abs(found - exact)[away].max())
    # What is left comes from the interval of the jump itself, to the side where the node at the jump is not.
    assert errors[1] > 5 * errors[0]
    assert pieces(source.axis_nodes[0], np.array([-10.0, 10.0, 10.05, 31.0])) == [(0, 200), (200, 400), (400, 600)]


def test_few_nodes_lower_the_degree():
    for lines in ([0.0, 1.0], [0.0, 0.4, 1.0], [0.0, 0.3, 0.6, 1.0], [0.0, 0.2, 0.5, 0.7, 1.0]):
        source, target = BoxMesh((np.array(lines),), 1), BoxMesh((np.linspace(0.1, 0.9, 5),), 2)
        found, _ = interpolation(source, target).interpolate(1 + 2 * source.nodes[:, 0])
        np.testing.assert_allclose(found, 1 + 2 * target.nodes[:, 0])


@pytest.mark.parametrize(
    ("half", "quarter", "limit", "expected"),
    [(0.1, 0.4, 1 / 64, 0.025), (0.1, 100.0, 1 / 64, 0.1 / 64), (0.1, 0.05, 1 / 64, 0.1), (0.0, 0.0, 0.5, 0.0)],
)
def test_errors_are_extrapolated_at_the_observed_rate(half, quarter, limit, expected):
    assert extrapolated(half, quarter, limit) == pytest.approx(expected)


@pytest.mark.parametrize("count", [6, 12, 25, 50])
def test_estimates_in_time_are_honest(count):
    source, target = np.append(0, np.geomspace(1, 300, count)), np.append(0, np.geomspace(1, 300, 77))
    mesh = box_mesh([30.0], [200], 2)
    rate = 0.001 + 0.2 / (1 + (mesh.nodes[:, 0] / 5) ** 2)

    def values(times):
        return wave(mesh.nodes) * np.exp(-np.outer(times, rate))

    found, estimate = TimeInterpolation(source, target).interpolate(values(source), mesh)
    error = mesh.norm(found - values(target))
    assert error.max() < 3 * estimate.max()
    assert estimate.max() < 30 * error.max()
    assert np.all(error < 10 * estimate + 1e-12)


def test_the_common_mesh_of_box_and_disc_lies_in_both():
    box, disc = box_mesh([10.0, 10.0], [20, 20], 2), mesh_cases.disc(12.0, 12)
    mesh = common_mesh({"a": box, "b": disc}, ["a", "b"])
    assert isinstance(mesh, BoxMesh)
    assert np.abs(mesh.bounds).max() == pytest.approx(12 / np.sqrt(2), rel=0.05)
    assert disc.contains(mesh.nodes).all()
    assert common_mesh({"a": disc, "b": box}, ["a"]).bounds[1].max() <= 10
    small = mesh_cases.disc(9.0, 12)
    assert common_mesh({"a": box, "b": small}, ["a", "b"]) is small


def test_frequencies_apart_have_nothing_in_common():
    first, second = (BoxMesh((np.linspace(start, start + 5, 11),), 2) for start in (0.0, 8.0))
    with pytest.raises(InputError, match=r"no common frequencies: pde has \[0, 5\], network has \[8, 13\]"):
        common_mesh({"pde": first, "network": second}, ["pde", "network"])


def test_the_part_left_out_is_that_of_the_norm():
    wide, narrow = box_mesh([10.0], [400], 2), box_mesh([3.0], [30], 2)
    initial = np.exp(-(wide.nodes[None, :, 0] ** 2) / 4)
    # The square is a normal law of standard deviation 1: 0.27 % lie beyond 3.
    assert left_out(wide, initial, narrow) == pytest.approx(np.sqrt(2.6998e-3), rel=0.02)
    assert left_out(narrow, initial[:, : len(narrow.nodes)], narrow) == 0
