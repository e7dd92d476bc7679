"""The PDE level of whole problems."""

import numpy as np
import pytest
from mpi4py import MPI

from freqbias import Problem, fem
from freqbias.errors import InputError

#: THEORY section 6: kernel flow of "three tones", |v(t)| / |v(0)|.
THREE_TONES = {
    1: 0.97308, 3: 0.92146, 10: 0.76197, 30: 0.44498, 60: 0.20058, 100: 0.070118, 200: 0.0052088, 300: 0.00039957
}  # fmt: skip


@pytest.mark.mpi
def test_three_tones_decay_as_the_kernel_flow_says(three_tones):
    three_tones.times = np.array([0.0, *THREE_TONES])
    spectra = fem.solve(three_tones)
    if spectra is None:  # only rank 0 has them
        return
    decay = spectra.norms() / spectra.norms()[0]
    np.testing.assert_allclose(decay[1:], list(THREE_TONES.values()), atol=2e-4, rtol=0)
    assert np.all(np.diff(decay) < 0)


@pytest.mark.mpi
def test_two_dimensions_against_the_closed_form():
    """Uniform law, e(x, 0) = -g; the samples of a Gaussian that fits into the box integrate to rounding."""
    settings = {
        "network": {
            "width": 400,
            "amplitude_std": 0.8,
            "frequency_rate_ratio": 0.5,
            "law": {"family": "uniform", "scale": 12.0},
        },
        "target": {"expression": "exp(-(x**2+y**2)/(2*0.36))*cos(3*x-2*y)"},
        "data": {"lower": [-3.0, -3.0], "upper": [3.0, 3.0], "points": [48]},
        "training": {"learning_rate": 0.5, "times": {"first": 10.0, "last": 1000.0, "count": 5}},
        "mesh": {"cutoff": 12.0, "cells": [60], "degree": 3},
    }
    problem = Problem.create(settings)
    spectra = fem.solve(problem)
    if spectra is None:
        return
    rho, mobility, kappa = 1 / 36, 0.5 * 0.64, (np.pi / 12) ** 2
    xi = problem.mesh.nodes
    exact = []
    for t in problem.times:
        S = 1 / np.sqrt(1 / 0.36 + 2 * rho * kappa * mobility * t)
        peaks = sum(np.exp(-0.5 * S**2 * ((xi - s * np.array([3.0, -2.0])) ** 2).sum(axis=1)) for s in (1, -1))
        exact.append(-rho * np.exp(-rho * kappa * t) * np.pi * S**2 * peaks)
    errors = problem.mesh.norm(spectra.values - np.array(exact)) / problem.mesh.norm(exact[0])
    assert errors.max() < 2e-5


@pytest.mark.mpi
def test_real_targets_have_hermitian_spectra(three_tones):
    """u(-xi) = conj u(xi)."""
    spectra = fem.solve(three_tones, symmetric=False)
    if spectra is None:
        return
    values = spectra.values
    np.testing.assert_allclose(values[:, ::-1], values.conj(), atol=1e-9 * np.abs(values).max())


def test_spectrum_does_not_depend_on_the_mesh(settings):
    """Twice the cells and another degree: the same function of frequency, to the error of the coarser mesh."""
    settings["network"]["law"] = {"family": "normal", "scale": 5.0}
    coarse = Problem.create(settings | {"mesh": {"cutoff": 16.0, "cells": [80], "degree": 3}})
    fine = Problem.create(settings | {"mesh": {"cutoff": 16.0, "cells": [240], "degree": 3}})
    u, v = fem.solve(coarse, MPI.COMM_SELF), fem.solve(fine, MPI.COMM_SELF)
    common = fine.mesh.node_numbers(coarse.mesh.axes[0][:, None])
    np.testing.assert_allclose(u.values[:, ::3], v.values[:, common], atol=1e-4 * np.abs(v.values).max())


def test_adam_has_no_pde(settings):
    settings["training"]["optimizer"] = "adam"
    with pytest.raises(InputError, match='optimizer = "adam" is not linear'):
        fem.solve(Problem.create(settings))


def test_momentum_is_predicted_although_the_mesh_holds_faster_modes(settings):
    """Modes of the mesh that belong to |x| beyond the box would explode in explicit steps; u must not."""
    settings["training"] |= {"optimizer": "momentum", "learning_rate": 2.0}
    spectra = fem.solve(Problem.create(settings), MPI.COMM_SELF)
    assert np.all(spectra.norms() <= spectra.norms()[0] * 1.0001)
    assert spectra.norms()[-1] < 0.9 * spectra.norms()[0]
