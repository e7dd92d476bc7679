"""The loss over training, from the spectrum alone."""

import numpy as np

from freqbias.spectra import ErrorSpectra


def parseval_losses(spectra: ErrorSpectra) -> np.ndarray:
    """½ (2 pi)^-d / rho_0 ||v(t)||^2 of every run at every time (S, T), in squared units of the target.

    By Parseval, with v = rho_0 e, this is the loss ½ ∫ e(x)^2 rho_0 dx if the density of the data is constant and
    the mesh holds the whole spectrum of the error; what lies beyond the cutoff is missing from it.

    >>> from freqbias import Problem, nn
    >>> spectra = nn.kernel_flow(Problem.from_file("examples/three_tones.toml"))
    >>> np.allclose(parseval_losses(spectra)[0], spectra.loss, rtol=1e-3)  # ½ sum_i w_i e(x_i)^2
    True
    """
    problem = spectra.problem
    # Time by time: a product of all times with the mass matrix would not fit into memory in 3D.
    squared_norms = np.array([[spectra.mesh.norm(row) for row in run] for run in spectra.runs]) ** 2
    return 0.5 * (2 * np.pi) ** -problem.dimension / problem.density * squared_norms
