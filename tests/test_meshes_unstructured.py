"""Meshes that are not boxes: nodes, mass matrix, shares of the volume, linear cells, the PDE on them."""

import pickle

import numpy as np
import pytest
from mesh_cases import KINDS, box, disc, grid
from mpi4py import MPI
from test_fem_operator import constant, gaussian_in_box, observed_order

from freqbias import fem
from freqbias.compare.quantities.decay import peaks
from freqbias.compare.quantities.profile import RadialProfile
from freqbias.meshes import BoxMesh, UnstructuredMesh, box_mesh
from freqbias.meshes.cell_kinds import CELL_KINDS
from freqbias.meshes.quality import cell_quality, measure

COMM = MPI.COMM_WORLD
LOWER, UPPER = [-1.0, 0.5, -2.0], [2.0, 1.5, -0.5]


def small(kind, degree, bend=True):
    dimension = CELL_KINDS[kind].dimension
    return box(kind, LOWER[:dimension], UPPER[:dimension], [4, 3, 2][:dimension], degree, bend)


def degrees(kind):
    return range(1, 9) if CELL_KINDS[kind].dimension < 3 else range(1, 5)


CASES = [(kind, degree) for kind in KINDS for degree in degrees(kind)]


@pytest.mark.parametrize(("kind", "degree"), CASES)
def test_nodes_of_neighbours_are_shared(kind, degree):
    mesh = small(kind, degree)
    counts = [4, 3, 2][: mesh.dimension]
    assert len(mesh.nodes) == np.prod([degree * n + 1 for n in counts])
    np.testing.assert_array_equal(mesh.nodes[: len(mesh.vertices)], mesh.vertices)
    np.testing.assert_array_equal(mesh.node_numbers(mesh.nodes * (1 + 1e-12)), np.arange(len(mesh.nodes)))
    # Every cell finds its nodes where its own map puts them.
    means, _ = mesh.kind.corner_basis(mesh.kind.element_nodes(degree))
    placed = np.einsum("kc,mcd->mkd", means, mesh.vertices[mesh.cells])
    np.testing.assert_allclose(mesh.nodes[mesh.cell_nodes], placed, atol=1e-14)


@pytest.mark.parametrize("degree", [1, 2, 3])
@pytest.mark.parametrize("kind", ["interval", "quadrilateral", "hexahedron"])
def test_nodes_are_those_of_a_box_mesh(kind, degree):
    mesh = small(kind, degree, bend=False)
    lines = [np.linspace(*given) for given in zip(LOWER, UPPER, [5, 4, 3], strict=True)][: mesh.dimension]
    same = BoxMesh(tuple(lines), degree)
    order = mesh.node_numbers(same.nodes)
    np.testing.assert_allclose(mesh.nodes[order], same.nodes, atol=1e-13)
    values = np.random.default_rng(0).standard_normal((2, len(order))) * (1 + 2j)
    moved = np.empty_like(values)
    moved[:, order] = values
    np.testing.assert_allclose(mesh.norm(moved), same.norm(values), rtol=1e-13)
    np.testing.assert_allclose(mesh.mass_product(moved)[:, order], same.mass_product(values), atol=1e-14)


@pytest.mark.parametrize(("kind", "degree"), CASES)
def test_norm_is_exact_for_polynomials_of_the_degree(kind, degree):
    mesh = small(kind, degree, bend=CELL_KINDS[kind].is_simplex)
    x = mesh.nodes
    values = x[:, 0] ** degree + 2j * x[:, -1] ** (degree - 1) * x[:, 0]
    lower, upper = LOWER[: mesh.dimension], UPPER[: mesh.dimension]

    def moment(*powers):
        return np.prod([(b ** (p + 1) - a ** (p + 1)) / (p + 1) for a, b, p in zip(lower, upper, powers, strict=True)])

    powers = np.zeros((2, mesh.dimension), dtype=int)
    powers[0, 0] = 2 * degree
    powers[1, -1] += 2 * (degree - 1)
    powers[1, 0] += 2
    exact = moment(*powers[0]) + 4 * moment(*powers[1])
    assert mesh.norm(values) == pytest.approx(np.sqrt(exact), rel=1e-12)


@pytest.mark.parametrize(("kind", "degree"), CASES)
def test_volume_is_shared_out_among_the_nodes(kind, degree):
    mesh = small(kind, degree)
    volume = np.prod(np.subtract(UPPER, LOWER)[: mesh.dimension])
    assert mesh.node_volumes.sum() == pytest.approx(volume, rel=1e-12)
    assert mesh.node_volumes.min() > 0
    ones = np.ones(len(mesh.nodes))
    assert mesh.norm(ones) ** 2 == pytest.approx(volume, rel=1e-12)


@pytest.mark.parametrize(("kind", "degree"), CASES)
def test_linear_cells_fill_the_mesh(kind, degree):
    mesh = small(kind, degree)
    name, pieces = mesh.linear_cells()
    assert name == mesh.kind.meshio_type
    assert len(pieces) == len(mesh.cells) * degree**mesh.dimension
    cut = UnstructuredMesh(mesh.nodes, pieces[:, mesh.kind.vtk_order], kind, 1)
    assert cut.determinants(mesh.kind.corners).min() > 0
    assert cut.volumes.sum() == pytest.approx(np.prod(np.subtract(UPPER, LOWER)[: mesh.dimension]), rel=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_points_are_found_in_the_mesh(kind):
    mesh = small(kind, 1)
    lower, upper = mesh.bounds
    points = np.random.default_rng(3).uniform(lower - 0.3, upper + 0.3, (2000, mesh.dimension))
    np.testing.assert_array_equal(mesh.contains(points), np.all((points >= lower) & (points <= upper), axis=1))
    assert mesh.contains(mesh.nodes).all()


def test_points_are_found_in_a_disc():
    mesh = disc(2.0, 12)
    points = np.random.default_rng(3).uniform(-2.2, 2.2, (4000, 2))
    radius = np.linalg.norm(points, axis=1)
    # Between the circle and the polygon lie less than 1 - cos(pi / 72) of the radius.
    sure = (radius < 2 * np.cos(np.pi / 72)) | (radius > 2)
    np.testing.assert_array_equal(mesh.contains(points)[sure], radius[sure] < 2)


def test_quality_of_known_cells():
    equilateral = UnstructuredMesh(
        np.array([[0, 0], [1, 0], [0.5, np.sqrt(0.75)]]), np.array([[0, 1, 2]]), "triangle", 1
    )
    assert cell_quality(equilateral) == pytest.approx(1)
    right = UnstructuredMesh(np.array([[0.0, 0], [3, 0], [0, 4]]), np.array([[0, 1, 2]]), "triangle", 1)
    assert cell_quality(right) == pytest.approx(2 * 1 / 2.5)  # radii 1 and 2.5
    regular = np.array([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    assert cell_quality(UnstructuredMesh(regular, np.array([[0, 1, 2, 3]]), "tetrahedron", 1)) == pytest.approx(1)
    assert cell_quality(small("hexahedron", 1, bend=False)) == pytest.approx(np.ones(24))
    shear = UnstructuredMesh(np.array([[0.0, 0], [1, 0], [1, 1], [2, 1]]), np.array([[0, 1, 2, 3]]), "quadrilateral", 1)
    assert cell_quality(shear) == pytest.approx(np.sqrt(0.5))
    facts = measure(disc(2.0, 12))
    assert facts.pieces == 1
    assert facts.volume == pytest.approx(72 * 0.5 * 4 * np.sin(2 * np.pi / 72))


def test_pieces_are_counted():
    vertices, cells = grid("triangle", [0, 0], [1, 1], [2, 2])
    both = np.concatenate([vertices, vertices + 5]), np.concatenate([cells, cells + len(vertices)])
    assert UnstructuredMesh(*both, "triangle", 1).piece_count == 2


def test_only_the_definition_travels():
    mesh = disc(2.0, 6, 3)
    plain = len(pickle.dumps(mesh))
    _ = mesh.nodes, mesh.norm(np.ones(len(mesh.nodes))), mesh.node_numbers(mesh.nodes)
    assert len(pickle.dumps(mesh)) == plain
    again = pickle.loads(pickle.dumps(mesh))
    np.testing.assert_array_equal(again.nodes, mesh.nodes)


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_radial_profile_of_a_radial_function(degree):
    mesh = disc(10.0, 30, degree)
    profile = RadialProfile(mesh)
    row = np.exp(-0.1 * np.linalg.norm(mesh.nodes, axis=1)) + 0j
    xi = profile.frequencies
    assert np.diff(xi) == pytest.approx(xi[1] - xi[0])
    # The mean over a shell is off its middle by a part of the width of the shell.
    np.testing.assert_allclose(profile.magnitude([row])[0], np.exp(-0.1 * xi), rtol=0.05 * (xi[1] - xi[0]))


@pytest.mark.parametrize("lower", [-8.0, -2.0])
def test_profile_of_a_shuffled_line(lower):
    vertices, cells = grid("interval", [lower], [8.0], [40])
    mesh = UnstructuredMesh(vertices, np.random.default_rng(0).permutation(cells), "interval", 2)
    profile = RadialProfile(mesh)
    assert np.all(np.diff(profile.frequencies) > 0)
    assert profile.frequencies[-1] == 8.0
    np.testing.assert_allclose(profile.magnitude([mesh.nodes[:, 0] + 0j])[0], profile.frequencies, atol=1e-14)
    mirrored = UnstructuredMesh(-vertices, cells[:, ::-1], "interval", 2)
    np.testing.assert_allclose(RadialProfile(mirrored).frequencies, profile.frequencies, atol=1e-14)


def test_peaks_are_the_same_on_triangles_and_boxes():
    """Two bumps and their mirror images: one of each pair is followed."""

    class Plane:
        lower, upper = np.array([-3.0, -3.0]), np.array([3.0, 3.0])

        def __init__(self, mesh):
            self.mesh = mesh

    centres = np.array([[3.0, 1.0], [5.0, -4.0]])
    for mesh in (box("triangle", [-8, -8], [8, 8], [40, 40], 2), box_mesh([8, 8], [40, 40], 2), disc(8.0, 24, 2)):
        magnitude = sum(
            np.exp(-((mesh.nodes - sign * centre) ** 2).sum(axis=1)) for centre in centres for sign in (1, -1)
        )
        found = mesh.nodes[peaks(Plane(mesh), magnitude)]
        assert found.shape == (2, 2)
        np.testing.assert_allclose(found, centres, atol=0.25)


@pytest.mark.mpi
@pytest.mark.parametrize("degree", [1, 2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_dolfinx_has_the_same_nodes_and_mass_matrix(kind, degree):
    mesh = small(kind, degree)
    operator = fem.ErrorOperator(mesh, constant(1.0), constant(1.0), 1.0, COMM)
    values = np.random.default_rng(0).standard_normal(len(mesh.nodes))
    local = values[mesh.node_numbers(operator.space.nodes)]
    np.testing.assert_array_equal(operator.space.collect(local), values)
    product = operator.space.collect(operator.apply(operator.M, local))
    np.testing.assert_allclose(product, mesh.mass_product(values), atol=1e-14)


#: Largest error on 72 cells along an axis (in 3D 14 of degree 1, 8 of degree 2), by degree.
FINEST = {
    "interval": (2e-3, 1.5e-5, 5e-7),
    "triangle": (4e-3, 5e-5, 1e-5),
    "quadrilateral": (4.5e-3, 4e-5, 2e-6),
    "tetrahedron": (6e-2, 3.5e-2),
    "hexahedron": (3e-2, 1.8e-2),
}


@pytest.mark.mpi
@pytest.mark.parametrize(
    ("kind", "degree"), [(kind, number + 1) for kind, errors in FINEST.items() for number in range(len(errors))]
)
def test_uniform_law_against_the_closed_form(kind, degree):
    """As on boxes (test_fem_operator): the error at the nodes falls with the order degree + 1."""
    dimension = CELL_KINDS[kind].dimension
    M, s, mobility, rho = 14.0 if dimension < 3 else 8.0, 0.9, 0.6, 0.3
    k = np.array([3.0, -2.0, 1.0])[:dimension] * (1.0 if dimension < 3 else 0.5)
    c = (np.pi / M) ** dimension
    times = np.array([0.0, 0.1, 1.0, 6.0]) / c
    errors = []
    for cells in (36, 72) if dimension < 3 else (14,) if degree == 1 else (8,):
        mesh = box(kind, [-M] * dimension, [M] * dimension, [cells] * dimension, degree)
        operator = fem.ErrorOperator(mesh, constant(c), constant(mobility * c), rho, COMM)
        exact = np.array([gaussian_in_box(mesh.nodes, t, dimension, M, s, k, mobility, rho) for t in times])
        start = gaussian_in_box(operator.space.nodes, 0.0, dimension, M, s, k, mobility, rho)
        result = fem.evolve(operator, start[:, None], times, tolerance=1e-9)
        values = operator.space.collect(result.values[:, :, 0].T).T
        errors.append((mesh.norm(values - exact) / mesh.norm(exact[0])).max())
    if len(errors) > 1:
        assert observed_order(errors)[0] > degree + 0.75
    assert errors[-1] < FINEST[kind][degree - 1]


@pytest.mark.mpi
def test_more_ranks_than_cells_is_no_mistake():
    mesh = UnstructuredMesh(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), np.array([[0, 1, 2]]), "triangle", 3)
    operator = fem.ErrorOperator(mesh, constant(1.0), constant(1.0), 1.0, COMM)
    assert operator.space.size == 10
    ones = np.ones(operator.space.n_local)
    assert operator.inner(ones, operator.apply(operator.M, ones)) == pytest.approx(0.5)


@pytest.mark.parametrize(("kind", "degree"), [(kind, degree) for kind, degree in CASES if degree <= 3])
def test_values_between_nodes_are_those_of_polynomials(kind, degree):
    mesh = small(kind, degree, bend=False)
    points = np.random.default_rng(1).uniform(mesh.bounds[0], mesh.bounds[1], (200, mesh.dimension))
    points[:5] = mesh.nodes[:5]  # on corners, which several cells share

    def polynomial(x):
        return (x @ np.arange(1, mesh.dimension + 1)) ** degree * (2 - 1j)

    np.testing.assert_allclose(
        mesh.evaluate(polynomial(mesh.nodes), points), polynomial(points), rtol=1e-11, atol=1e-11
    )
    with pytest.raises(ValueError, match="must lie in the mesh"):
        mesh.evaluate(polynomial(mesh.nodes), mesh.bounds[1][None] + 0.1)
