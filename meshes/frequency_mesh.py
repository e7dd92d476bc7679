"""What every frequency mesh offers to the solver, the network side, the comparison and the report."""

from abc import ABC, abstractmethod
from typing import Self

import numpy as np
from scipy import sparse


class FrequencyMesh(ABC):
    """Cells that fill a part of frequency space, with Lagrange elements of ``degree`` on them.

    Functions on the mesh are arrays (..., n) of their values at ``nodes``. Frequencies are in radians per unit of x.
    """

    degree: int

    @property
    @abstractmethod
    def dimension(self) -> int:
        """Number d of coordinates of a frequency."""

    @property
    @abstractmethod
    def nodes(self) -> np.ndarray:
        """All nodes (n, d)."""

    @property
    @abstractmethod
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest frequency along each axis, (d,) each."""

    @property
    @abstractmethod
    def smallest_cell(self) -> np.ndarray:
        """Smallest extent (d,) of a cell along each axis."""

    @property
    @abstractmethod
    def largest_cell(self) -> np.ndarray:
        """Largest extent (d,) of a cell along each axis."""

    @property
    @abstractmethod
    def node_volumes(self) -> np.ndarray:
        """Share (n,) of every node in the volume of the mesh, not negative."""

    @property
    @abstractmethod
    def cells_in_words(self) -> str:
        """Number and kind of the cells, as in "24 × 24 cells"."""

    @abstractmethod
    def node_numbers(self, coordinates: np.ndarray) -> np.ndarray:
        """Numbers (k,) of the nodes nearest to ``coordinates`` (k, d)."""

    @abstractmethod
    def contains(self, coordinates: np.ndarray) -> np.ndarray:
        """Which of ``coordinates`` (k, d) lie in the mesh: (k,) of bool."""

    @abstractmethod
    def interpolation(self, coordinates: np.ndarray) -> sparse.csr_array:
        """The matrix (k, n) that takes values at the nodes to those at ``coordinates`` (k, d) of the functions.

        Raises ValueError if some of them do not lie in the mesh.
        """

    @abstractmethod
    def mass_product(self, values: np.ndarray) -> np.ndarray:
        """The finite-element mass matrix times ``values`` (..., n)."""

    @abstractmethod
    def with_degree(self, degree: int) -> Self:
        """The same cells with elements of another degree."""

    @abstractmethod
    def linear_cells(self) -> tuple[str, np.ndarray]:
        """The mesh cut into linear cells between neighbouring nodes.

        Returns meshio's name of their kind and the numbers (cells, corners) of their nodes in meshio's order.
        """

    def evaluate(self, values: np.ndarray, coordinates: np.ndarray) -> np.ndarray:
        """The finite-element functions ``values`` (..., n), real or complex, at ``coordinates`` (k, d): (..., k)."""
        rows = values.reshape(-1, values.shape[-1])
        return (self.interpolation(coordinates) @ rows.T).T.reshape(*values.shape[:-1], len(coordinates))

    def norm(self, values: np.ndarray) -> np.ndarray:
        """L2 norm over the mesh of the finite-element functions ``values`` (..., n), real or complex: (...)."""
        return np.sqrt(np.sum(values.conj() * self.mass_product(values), axis=-1).real.clip(min=0))
