"""Frequency meshes: where the PDE is solved and at which frequencies spectra are recorded."""

from freqbias.meshes.box import BoxMesh, box_mesh
from freqbias.meshes.resolution import band, default_cells, mesh_error

__all__ = ["BoxMesh", "band", "box_mesh", "default_cells", "mesh_error"]
