"""Frequency meshes: nodes, norms, alignment with jumps, resolution."""

import numpy as np
import pytest

from freqbias.meshes import band, box_mesh, mesh_error
from freqbias.meshes.box import BoxMesh, lagrange_matrix, lobatto_points
from freqbias.meshes.inspection import inspect
from freqbias.meshes.resolution import default_cells, resolution_warning, wave_error


@pytest.mark.parametrize("degree", [1, 2, 3, 5])
def test_norm_is_exact_for_polynomials_of_the_degree(degree):
    mesh = BoxMesh((np.array([-1.0, 0.3, 2.0]), np.array([0.0, 0.5, 0.9, 1.5])), degree)
    x, y = mesh.nodes.T
    values = x**degree + 2j * y**degree * x ** (degree - 1)
    p = degree

    def moment(a, b, low, high):
        return (high ** (a + b + 1) - low ** (a + b + 1)) / (a + b + 1)

    exact = moment(p, p, -1.0, 2.0) * 1.5 + 4 * moment(p, p, 0.0, 1.5) * moment(p - 1, p - 1, -1.0, 2.0)
    assert mesh.norm(values) == pytest.approx(np.sqrt(exact), rel=1e-12)


def test_norm_converges_to_the_integral_whatever_the_grid():
    axis = np.sort(np.concatenate([np.linspace(-8, 8, 61), np.random.default_rng(0).uniform(-8, 8, 20)]))
    mesh = BoxMesh((axis,), 3)
    values = np.exp(-0.5 * mesh.nodes[:, 0] ** 2 + 2j * mesh.nodes[:, 0])
    assert mesh.norm(values) == pytest.approx(np.pi**0.25, rel=1e-6)
    assert mesh.norm(np.stack([values, 2 * values]))[1] == pytest.approx(2 * np.pi**0.25, rel=1e-6)


def test_lobatto_points_of_degree_four():
    np.testing.assert_allclose(lobatto_points(4), [-1, -np.sqrt(3 / 7), 0, np.sqrt(3 / 7), 1], atol=1e-14)


def test_lagrange_basis_is_one_at_its_node():
    np.testing.assert_allclose(lagrange_matrix(5, lobatto_points(5)), np.eye(6), atol=1e-13)


def test_node_numbers_invert_the_nodes():
    mesh = box_mesh([3.0, 2.0], [5, 4], 3, [np.array([-1.0, 1.1]), np.empty(0)])
    order = np.random.default_rng(1).permutation(len(mesh.nodes))
    np.testing.assert_array_equal(mesh.node_numbers(mesh.nodes[order] * (1 + 1e-12)), order)


@pytest.mark.parametrize("cells", [3, 4, 10, 77, 600])
def test_grid_lines_lie_on_the_jumps(cells):
    mesh = box_mesh([30.0], [cells], 1, [np.array([-20.0, 20.0, 50.0])])
    assert mesh.cells == (cells,)
    assert {-30.0, -20.0, 20.0, 30.0} <= set(mesh.axes[0])
    assert np.all(np.diff(mesh.axes[0]) > 0)


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_wave_error_has_the_order_of_interpolation(degree):
    errors = np.array([wave_error(phase, degree) for phase in (0.2, 0.1)])
    assert np.log2(errors[0] / errors[1]) == pytest.approx(degree + 1, abs=0.05)
    # Largest value of the node polynomial over (p + 1)!, the classical bound of interpolation.
    points = np.linspace(-1, 1, 2001)
    node_polynomial = np.abs(np.prod(points[:, None] - lobatto_points(degree), axis=1)).max()
    factorial = np.prod(np.arange(1, degree + 2))
    assert errors[1] == pytest.approx(0.05 ** (degree + 1) * node_polynomial / factorial, rel=0.02)


def test_default_cells_meet_their_error():
    cutoff, half_widths = np.array([24.0, 12.0]), np.array([3.0, 1.0])
    cells = default_cells(cutoff, half_widths, 2)
    assert mesh_error(box_mesh(cutoff, cells, 2), half_widths).max() <= 1e-2
    fewer = [int(0.9 * n) for n in cells]
    assert mesh_error(box_mesh(cutoff, fewer, 2), half_widths).max() > 1e-2


def test_inspection_counts_nodes_per_wave():
    mesh = box_mesh([10.0], [50], 2)
    facts = inspect(mesh, np.array([np.pi]), np.array([99.0]))
    # Cells of 0.4, nodes every 0.2; exp(-i pi xi) has the wavelength 2.
    assert facts.nodes_per_wave[0] == pytest.approx(10.0)


def test_coarse_mesh_is_warned_of():
    half_widths = np.array([np.pi])
    assert resolution_warning(box_mesh([10.0], [50], 2), half_widths) is None
    warning = resolution_warning(box_mesh([10.0], [12], 2), half_widths)
    assert warning.startswith("the mesh of 12 cells is coarse")
    assert warning.endswith(f"(on an even grid: {default_cells(np.array([10.0]), half_widths, 2)} cells) resolve them")


def test_band_of_a_gaussian():
    """|v|^2 = exp(-xi^2): outside of w lies erfc(w) of the power."""
    from scipy.special import erfcinv

    axis = np.linspace(-8, 8, 20001)
    width = band([axis], np.exp(-0.5 * axis**2), 1e-3)
    assert width[0] == pytest.approx(erfcinv(1e-6), rel=1e-3)


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_values_between_nodes_are_those_of_polynomials(dimension):
    rng = np.random.default_rng(3)
    mesh = BoxMesh(tuple(np.sort(rng.uniform(-2, 3, 5 - axis)) for axis in range(dimension)), 3)
    points = np.concatenate([rng.uniform(*mesh.bounds, (50, dimension)), mesh.nodes[::7]])

    def polynomial(x):
        return np.stack([np.prod(1 + x**3 - 2j * x, axis=1), x.sum(axis=1) ** 3])

    np.testing.assert_allclose(
        mesh.evaluate(polynomial(mesh.nodes), points), polynomial(points), rtol=1e-10, atol=1e-10
    )
    with pytest.raises(ValueError, match="must lie in the mesh"):
        mesh.evaluate(polynomial(mesh.nodes), mesh.bounds[1][None] + 0.1)
