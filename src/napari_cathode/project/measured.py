"""What a table needs to follow edits, as files: a row a particle, and the numbers of the image as a whole.

The folder holds

=======================  =============================================================================
``measurement.json``     grid, voxel size, parameters, grey levels
``particles.parquet``    one row a particle: its box, what its crop gave, and the solid and contacts in it
``field_of_view.zarr``   where there is one: the voxels that the detector saw
``seen.zarr``            the same on a coarse grid
=======================  =============================================================================
"""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from napari_cathode.errors import InputError
from napari_cathode.measure.parameters import MeasureParameters
from napari_cathode.parameters import from_dict, to_dict
from napari_cathode.progress import drain

from . import parts
from .manifest import restored, storable

_INDEX, _TABLE = "measurement.json", "particles.parquet"
_ARRAYS = ("field_of_view", "seen")
_VALUE = "value_"


def write_measurement(folder: Path, state: Any) -> None:
    """Write a `napari_cathode.measure.MeasureState` into a new folder."""
    import pyarrow.parquet

    folder.mkdir(parents=True)
    pyarrow.parquet.write_table(_table(state), folder / _TABLE, compression="zstd")
    for name in _ARRAYS:
        values = getattr(state, name)
        if values is not None:
            kind = np.dtype(np.uint8) if values.dtype == bool else values.dtype
            drain(parts.iter_write_array(folder / f"{name}.zarr", values, kind, ""))
    index = {
        "shape": state.shape,
        "spacing_um": state.spacing_um,
        "parameters": to_dict(state.parameters),
        "with_image": state.with_image,
        "grey": asdict(state.grey),
        "arrays": [name for name in _ARRAYS if getattr(state, name) is not None],
    }
    text = json.dumps(storable(index), indent=1, ensure_ascii=False, allow_nan=False)
    (folder / _INDEX).write_text(text + "\n", encoding="utf-8", newline="\n")


def read_measurement(folder: Path) -> Any:
    """Read a `napari_cathode.measure.MeasureState`.

    Raises
    ------
    InputError
        When something of it is missing or damaged.
    """
    import pyarrow.parquet

    from napari_cathode.measure import MeasureState
    from napari_cathode.measure.threshold import GreyLevels

    try:
        index = restored(json.loads((folder / _INDEX).read_text(encoding="utf-8")))
        table = pyarrow.parquet.read_table(folder / _TABLE)
        arrays = {name: parts.read_values(folder / f"{name}.zarr") for name in index["arrays"]}
        z, y, x = index["shape"]
        step_z, step_y, step_x = index["spacing_um"]
        seen = arrays.get("field_of_view")
        return MeasureState(
            shape=(z, y, x),
            spacing_um=(step_z, step_y, step_x),
            parameters=from_dict(MeasureParameters, index["parameters"], str(folder / _INDEX)),
            with_image=bool(index["with_image"]),
            grey=GreyLevels(**index["grey"]),
            inventory=_inventory(table),
            particles=_particles(table),
            field_of_view=None if seen is None else seen.astype(bool),
            seen=arrays.get("seen"),
        )
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"{folder} is missing.") from None
    except Exception as error:  # whatever pyarrow makes of damaged bytes
        raise InputError(f"The measurement in {folder} is damaged ({type(error).__name__}: {error}).") from None


def _table(state: Any) -> Any:
    """Give a row for each particle; a value that its crop did not give is null, one that is not a number is NaN."""
    import pyarrow as pa

    inventory = state.inventory
    ids = [int(label) for label in inventory.ids]
    known = [state.particles[label] for label in ids]
    names = dict.fromkeys(name for particle in known for name in particle.values)
    columns: dict[str, Any] = {"label": pa.array(inventory.ids), "voxels": pa.array(inventory.voxels)}
    for axis, letter in enumerate("zyx"):
        columns[f"low_{letter}"] = pa.array(inventory.low[:, axis])
        columns[f"high_{letter}"] = pa.array(inventory.high[:, axis])
    columns["touches_border"] = pa.array(inventory.touches_border)
    for name in names:
        columns[f"{_VALUE}{name}"] = pa.array([particle.values.get(name) for particle in known])
    columns["first_cell"] = pa.array([list(map(int, particle.first_cell)) for particle in known], pa.list_(pa.int64()))
    columns["solid_shape"] = pa.array([list(particle.solid.shape) for particle in known], pa.list_(pa.int64()))
    columns["solid_kind"] = pa.array([particle.solid.dtype.str for particle in known], pa.string())
    columns["solid"] = pa.array([particle.solid.ravel() for particle in known], pa.list_(pa.uint64()))
    columns["contacts"] = pa.array([particle.contacts.ravel() for particle in known], pa.list_(pa.float64()))
    return pa.table(columns)


def _inventory(table: Any) -> Any:
    from napari_cathode.measure.volume_pass import Inventory

    def column(name: str) -> Any:
        return table[name].to_numpy()

    low, high = (np.stack([column(f"{end}_{letter}") for letter in "zyx"], axis=1) for end in ("low", "high"))
    return Inventory(
        column("label").astype(np.int64), column("voxels").astype(np.int64), low, high, column("touches_border")
    )


def _particles(table: Any) -> dict[int, Any]:
    from napari_cathode.measure.particle import Measured

    names = [name for name in table.column_names if name.startswith(_VALUE)]
    values = {name: table[name].to_pylist() for name in names}
    columns = [table[name].to_pylist() for name in ("label", "first_cell", "solid_shape", "solid_kind")]
    solids, contacts = (_rows(table[name]) for name in ("solid", "contacts"))
    made = {}
    for row, (label, cell, shape, kind) in enumerate(zip(*columns, strict=True)):
        given = {name[len(_VALUE) :]: found[row] for name, found in values.items() if found[row] is not None}
        solid = solids[row].astype(np.dtype(kind)).reshape(shape)
        made[label] = Measured(given, (cell[0], cell[1], cell[2]), solid, contacts[row].reshape(-1, 5).copy())
    return made


def _rows(column: Any) -> list[Any]:
    """Give the lists in a column as arrays."""
    whole = column.combine_chunks()
    values = np.asarray(whole.values)
    return [values[first:last] for first, last in pairwise(np.asarray(whole.offsets).tolist())]
