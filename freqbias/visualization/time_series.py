"""A spectrum over time as one file that ParaView (5.12 or newer) and pyvista open.

The format is VTKHDF: one file holds the mesh once and all times, where a collection of VTU files repeats the mesh
with every time and can be left incomplete.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from freqbias.decay_rate import decay_rate, rounding
from freqbias.errors import InputError
from freqbias.files import atomic_file
from freqbias.meshes import FrequencyMesh
from freqbias.progress import Progress, silent

if TYPE_CHECKING:
    import h5py

SUFFIX = ".vtkhdf"
#: VTK's numbers of the linear cells, by meshio's names.
VTK_CELL_TYPES = {"line": 3, "triangle": 5, "quad": 9, "tetra": 10, "hexahedron": 12}
#: Point data and their units; ``docs/architecture.md`` defines them.
FIELDS = {
    "magnitude": "units of the target",
    "real_part": "units of the target",
    "imaginary_part": "units of the target",
    "decay_rate": "1 / learning time",
    "decay_rate_known": "0 or 1",
}
#: Points that are compressed together.
_CHUNK = 1 << 16


def check_suffix(path: str | os.PathLike) -> None:
    """Raises InputError if ``path`` does not end in .vtkhdf: by this end ParaView and pyvista know the format."""
    if Path(path).suffix != SUFFIX:
        raise InputError(f"{path}: the name of a time series must end in {SUFFIX}")


def write_series(
    path: str | os.PathLike,
    mesh: FrequencyMesh,
    times: np.ndarray,
    snapshots: Iterable[np.ndarray],
    progress: Progress = silent,
) -> None:
    """Write ``snapshots``, one (n,) complex array for each of ``times`` (T,), on ``mesh`` into a .vtkhdf file.

    A few snapshots are in memory at a time. Point data are single precision: they are for looking.
    Raises InputError if the name has another end or the place cannot be written.
    """
    import h5py

    check_suffix(path)
    with atomic_file(path) as output, h5py.File(output, "w") as file:
        root = file.create_group("VTKHDF")
        root.attrs["Version"] = (2, 0)
        root.attrs["Type"] = np.bytes_("UnstructuredGrid")
        _write_mesh(root, mesh)
        fields = _create_fields(root, len(times), len(mesh.nodes))
        _write_steps(root, times, len(mesh.nodes))
        before, floor = None, 0.0
        for number, (time, values) in enumerate(zip(times, snapshots, strict=True)):
            magnitude = np.abs(values)
            if before is None:
                floor = rounding(magnitude)
                rate, known = np.zeros(len(values)), np.zeros(len(values), dtype=bool)
            else:
                rate, known = decay_rate(before, magnitude, time - times[number - 1], floor)
            here = slice(number * len(values), (number + 1) * len(values))
            for field, data in zip(fields, (magnitude, values.real, values.imag, rate, known), strict=True):
                field[here] = data
            before = magnitude
            progress((number + 1) / len(times))
            output.stop_if_asked()


def _write_mesh(root: "h5py.Group", mesh: FrequencyMesh) -> None:
    kind, cells = mesh.linear_cells()
    points = np.zeros((len(mesh.nodes), 3))
    points[:, : mesh.dimension] = mesh.nodes
    arrays = {
        "Points": points,
        "Connectivity": cells.ravel(),
        "Offsets": np.arange(len(cells) + 1) * cells.shape[1],
        "Types": np.full(len(cells), VTK_CELL_TYPES[kind], dtype=np.uint8),
    }
    for name, array in arrays.items():
        chunk = (min(len(array), _CHUNK), *array.shape[1:])
        root.create_dataset(name, data=array, chunks=chunk, compression="gzip", compression_opts=1, shuffle=True)
    for name, count in (("Points", len(points)), ("Cells", len(cells)), ("ConnectivityIds", cells.size)):
        root[f"NumberOf{name}"] = np.array([count])


def _create_fields(root: "h5py.Group", times: int, nodes: int) -> "list[h5py.Dataset]":
    group = root.create_group("PointData")
    fields = []
    for name, unit in FIELDS.items():
        kind = np.uint8 if name == "decay_rate_known" else np.float32
        chunk = (min(nodes, _CHUNK),)
        layout = {"chunks": chunk, "compression": "gzip", "compression_opts": 1, "shuffle": True}
        field = group.create_dataset(name, (times * nodes,), kind, **layout)
        field.attrs["units"] = unit
        fields.append(field)
    return fields


def _write_steps(root: "h5py.Group", times: np.ndarray, nodes: int) -> None:
    """Where each time begins in the arrays: the mesh is the same at all times, the point data follow one another."""
    count = len(times)
    steps = root.create_group("Steps")
    steps.attrs["NSteps"] = count
    steps["Values"] = np.asarray(times, dtype=float)
    steps["NumberOfParts"] = np.ones(count, dtype=np.int64)
    for name in ("PartOffsets", "PointOffsets"):
        steps[name] = np.zeros(count, dtype=np.int64)
    for name in ("CellOffsets", "ConnectivityIdOffsets"):
        steps[name] = np.zeros((count, 1), dtype=np.int64)
    for name in FIELDS:
        steps[f"PointDataOffsets/{name}"] = nodes * np.arange(count)
