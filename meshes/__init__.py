"""Frequency meshes: where the PDE is solved and at which frequencies spectra are recorded."""

from freqbias.meshes.box import BoxMesh, box_mesh
from freqbias.meshes.frequency_mesh import FrequencyMesh
from freqbias.meshes.resolution import band, default_cells, mesh_error
from freqbias.meshes.unstructured import UnstructuredMesh

__all__ = ["BoxMesh", "FrequencyMesh", "UnstructuredMesh", "band", "box_mesh", "default_cells", "mesh_error"]
