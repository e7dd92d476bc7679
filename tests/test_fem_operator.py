"""The error operator: orders of convergence, closed forms, invariances. Run serially and under mpirun."""

import numpy as np
import pytest
import ufl
from mpi4py import MPI

from freqbias import fem
from freqbias.errors import NumericalError
from freqbias.fem.shifted_systems import ShiftedSystems
from freqbias.meshes import BoxMesh, box_mesh

pytestmark = pytest.mark.mpi
COMM = MPI.COMM_WORLD


def l2_error(operator, local, exact):
    """The true L2 error, not only at the nodes where finite elements are better than elsewhere."""
    import dolfinx

    space = operator.space
    u = dolfinx.fem.Function(space.V)
    u.x.array[: space.n_local] = local
    u.x.scatter_forward()
    x = ufl.SpatialCoordinate(space.msh)
    dx = ufl.Measure("dx", metadata={"quadrature_degree": 2 * space.mesh.degree + 6})
    form = dolfinx.fem.form((u - exact(x)) ** 2 * dx(domain=space.msh))
    return np.sqrt(COMM.allreduce(dolfinx.fem.assemble_scalar(form)))


def observed_order(errors):
    return np.log2(np.array(errors[:-1]) / np.array(errors[1:]))


def wave(x, sin, cos):
    """Solution w, coefficients D and c, and f with w - gamma rho (div(D grad w) - c w) = f, for 1 or 2 dimensions."""
    gamma, rho = 0.7, 0.4
    if len(x) == 1:
        w, dw, ddw = cos(2 * x[0]), [-2 * sin(2 * x[0])], -4 * cos(2 * x[0])
        D, dD = 1 + 0.5 * sin(x[0]), [0.5 * cos(x[0])]
        c = 2 + cos(3 * x[0])
    else:
        w = cos(2 * x[0]) * cos(x[1])
        dw, ddw = [-2 * sin(2 * x[0]) * cos(x[1]), -cos(2 * x[0]) * sin(x[1])], -5 * w
        D = 1 + 0.5 * sin(x[0]) * cos(x[1])
        dD = [0.5 * cos(x[0]) * cos(x[1]), -0.5 * sin(x[0]) * sin(x[1])]
        c = 2 + cos(3 * x[0]) * sin(x[1])
    flux = sum(a * b for a, b in zip(dD, dw, strict=True)) + D * ddw
    return w, D, c, w - gamma * rho * (flux - c * w), gamma, rho


@pytest.mark.parametrize(
    ("dimension", "degree", "finest"),
    [(1, 1, 9e-3), (1, 2, 8e-5), (1, 3, 9e-7), (2, 1, 7e-2), (2, 2, 1.2e-3), (2, 3, 2.6e-5)],
)
def test_spatial_order_with_variable_coefficients(dimension, degree, finest):
    errors = []
    for cells in (16, 32, 64) if dimension == 1 else (8, 16, 32):
        mesh = box_mesh([np.pi] * dimension, [cells] * dimension, degree)

        def symbol(part):
            return lambda xi: wave(xi.T, np.sin, np.cos)[part] * np.ones(len(xi))

        _, _, _, _, gamma, rho = wave(np.zeros((dimension, 1)), np.sin, np.cos)
        operator = fem.ErrorOperator(mesh, symbol(2), symbol(1), rho, COMM)
        systems = ShiftedSystems(operator)
        systems.shift(gamma)
        f = wave(operator.space.nodes.T, np.sin, np.cos)[3]
        solution = systems.solve(operator.apply(operator.M, f)[:, None])[:, 0]
        systems.destroy()
        errors.append(
            l2_error(operator, solution, lambda x: wave([x[i] for i in range(dimension)], ufl.sin, ufl.cos)[0])
        )
    np.testing.assert_allclose(observed_order(errors), degree + 1, atol=0.2)
    assert errors[-1] < finest


def constant(value):
    return lambda xi: np.full(len(xi), value)


def gaussian_in_box(xi, t, dimension, M, s, k, mobility, rho):
    """THEORY section 7: uniform law, e(x, 0) = exp(-|x|^2/(2 s^2)) cos(k.x)."""
    kappa = (np.pi / M) ** dimension
    S = 1 / np.sqrt(1 / s**2 + 2 * rho * kappa * mobility * t)
    peaks = sum(np.exp(-0.5 * S**2 * ((xi - sign * k) ** 2).sum(axis=1)) for sign in (1, -1))
    return rho * np.exp(-rho * kappa * t) * (np.sqrt(2 * np.pi) * S) ** dimension * 0.5 * peaks


@pytest.mark.parametrize(("dimension", "degree"), [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3)])
def test_uniform_law_against_the_closed_form(dimension, degree):
    k = np.array([3.0, -2.0])[:dimension]
    cells_of = {1: (36, 72), 2: (24, 48)}[dimension]
    errors = closed_form_errors([[(-14.0, cells, 14.0)] * dimension for cells in cells_of], degree, 14.0, k)
    # At the nodes the order is at least degree + 1, from degree 2 on often degree + 2.
    assert observed_order(errors)[0] > degree + 0.6
    assert errors[-1] < {1: (2e-3, 2e-5, 6e-7), 2: (6e-3, 1.2e-4, 5e-6)}[dimension][degree - 1]


@pytest.mark.parametrize(("degree", "cells", "finest"), [(1, (8, 16), 6e-3), (2, (4, 8), 8e-4), (3, (4, 8), 8e-5)])
def test_uniform_law_against_the_closed_form_in_three_dimensions(degree, cells, finest):
    """An even error needs one octant only: no flux through the planes where a frequency is 0."""
    errors = closed_form_errors([[(0.0, n, 7.0)] * 3 for n in cells], degree, 7.0, np.zeros(3))
    assert observed_order(errors)[0] > degree + 0.6
    assert errors[-1] < finest


def closed_form_errors(boxes, degree, M, k):
    """Worst error over time on every box, given by (low, cells, high) for every axis."""
    dimension, s, mobility, rho = len(k), 0.9, 0.6, 0.3
    c = (np.pi / M) ** dimension
    times = np.array([0.0, 0.1, 1.0, 6.0]) / c
    errors = []
    for box in boxes:
        mesh = BoxMesh(tuple(np.linspace(low, high, n + 1) for low, n, high in box), degree)
        operator = fem.ErrorOperator(mesh, constant(c), constant(mobility * c), rho, COMM)
        exact = np.array([gaussian_in_box(mesh.nodes, t, dimension, M, s, k, mobility, rho) for t in times])
        start = gaussian_in_box(operator.space.nodes, 0.0, dimension, M, s, k, mobility, rho)
        result = fem.evolve(operator, start[:, None], times, tolerance=1e-10)
        values = operator.space.collect(result.values[:, :, 0].T).T
        errors.append((mesh.norm(values - exact) / mesh.norm(exact[0])).max())
    return errors


def test_frozen_frequencies_decay_by_themselves():
    """Without diffusion u(xi, t) = u(xi, 0) exp(-rho c(xi) t) at every frequency, for any law."""
    rho = 0.2
    errors = []
    for cells in (40, 80):
        mesh = box_mesh([8.0], [cells], 3)
        operator = fem.ErrorOperator(mesh, lambda xi: 3 / (1 + xi[:, 0] ** 2), lambda xi: 0 * xi[:, 0], rho, COMM)
        xi = operator.space.nodes[:, 0]
        times = np.array([0.5, 5.0, 50.0])
        result = fem.evolve(operator, np.exp(-0.3 * xi**2)[:, None], times, tolerance=1e-11)
        nodes = mesh.nodes[:, 0]
        exact = np.exp(-0.3 * nodes**2 - rho * 3 / (1 + nodes**2) * times[:, None])
        values = operator.space.collect(result.values[:, :, 0].T).T
        errors.append((mesh.norm(values - exact) / mesh.norm(exact[0])).max())
    assert errors[-1] < 2e-5
    assert observed_order(errors)[0] > 3.5


def test_energy_decays_as_the_weak_form_says():
    """d/dt |u|^2 / 2 = -rho integral of D |u'|^2 + c |u|^2, and the norm never grows (THEORY section 7)."""
    mesh = box_mesh([6.0, 5.0], [12, 10], 2)
    operator = fem.ErrorOperator(
        mesh, lambda xi: np.exp(-(xi[:, 0] ** 2)), lambda xi: np.exp(-0.1 * xi[:, 1] ** 2), 0.3, COMM
    )
    start = np.sin(operator.space.nodes).sum(axis=1)
    step = 1e-4
    times = np.concatenate([[0.0], np.geomspace(1e-2, 1e3, 9), [2.0 - step, 2.0, 2.0 + step]])
    u = fem.evolve(operator, start[:, None], times, tolerance=1e-11).values[:, :, 0]
    energy = np.array([0.5 * operator.inner(v, operator.apply(operator.M, v)) for v in u])
    assert np.all(np.diff(energy[:10]) < 0)
    slope = (energy[12] - energy[10]) / (2 * step)
    assert slope == pytest.approx(-operator.inner(u[11], operator.apply(operator.A, u[11])), rel=1e-5)


def test_frozen_where_the_law_vanishes():
    """Outside of the uniform law nothing is learned and nothing moves."""
    mesh = box_mesh([10.0], [100], 2, [np.array([-4.0, 4.0])])
    symbol = lambda xi: (np.abs(xi[:, 0]) < 4) * 1.0  # noqa: E731
    operator = fem.ErrorOperator(mesh, symbol, symbol, 1.0, COMM)
    start = np.exp(-((operator.space.nodes[:, 0] - 7) ** 2))
    u = operator.space.collect(fem.evolve(operator, start[:, None], np.array([0.0, 1e4])).values[:, :, 0].T).T
    outside = np.abs(mesh.nodes[:, 0]) > 4.5
    np.testing.assert_allclose(u[1][outside], u[0][outside], atol=2e-4)
    assert np.abs(u[1][np.abs(mesh.nodes[:, 0]) < 3.5]).max() < 1e-5


@pytest.mark.parametrize(("name", "value"), [("damping c", -1.0), ("diffusion D", np.nan)])
def test_symbol_that_is_no_density_raises_on_all_ranks(name, value):
    good = lambda xi: np.ones(len(xi))  # noqa: E731
    bad = lambda xi: np.where(xi[:, 0] > 0.9, value, 1.0)  # noqa: E731
    symbols = (bad, good) if name == "damping c" else (good, bad)
    with pytest.raises(NumericalError, match=name):
        fem.ErrorOperator(box_mesh([1.0], [20], 1), *symbols, 1.0, COMM)
