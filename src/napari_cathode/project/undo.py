"""Steps of edits as files, so that they can be undone and repeated after a project was opened.

The steps themselves lie in Parquet files, each with those that were new at one save; a small list says which of them
are done, which undone, in which order, and what a person had said of the particles that they changed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_cathode.edit.change import Change
from napari_cathode.edit.history import History, Step
from napari_cathode.errors import InputError

from .manifest import restored, storable

KEPT_BYTES = 64 * 2**20
"""Steps beyond so much are not kept in a project, the oldest first; the list of edits has them."""

MOST_FILES = 24
"""So many files with steps are put together into one."""

_PLAIN = ("edit", "time", "labels", "box", "voxels", "dtype", "mask", "before", "after")


@dataclass(frozen=True, eq=False)
class KeptSteps:
    """The steps of a history that a project keeps.

    Attributes
    ----------
    done, undone : tuple of Step
        As `History` has them.
    dropped : int
        How many steps were dropped for their size, ever.
    """

    done: tuple[Step, ...]
    undone: tuple[Step, ...]
    dropped: int

    @property
    def changes(self) -> tuple[Change, ...]:
        """Those of all steps."""
        return tuple(step.change for step in (*self.done, *self.undone))

    def key(self) -> Any:
        """Give what is the same as long as nothing was done, undone or repeated."""
        said = [(step.change, step.revisions, step.said) for step in (*self.done, *self.undone)]
        return said, len(self.done), self.dropped

    def __bool__(self) -> bool:
        return bool(self.done or self.undone)


def steps_of(history: History) -> KeptSteps:
    """Choose the steps that are kept: the nearest ones."""
    room = KEPT_BYTES
    kept: list[list[Step]] = [[], []]
    for steps, nearest_first in zip(kept, (history.done[::-1], history.undone), strict=True):
        for step in nearest_first:
            room -= step.change.nbytes
            if room < 0:
                break
            steps.append(step)
    done = tuple(reversed(kept[0]))
    return KeptSteps(done, tuple(kept[1]), history.dropped + len(history.done) - len(done))


def write_steps(path: Path, changes: Sequence[Change]) -> None:
    """Write changes into a new Parquet file, a row each."""
    import pyarrow as pa
    import pyarrow.parquet

    rows = [change.packed() for change in changes]
    columns = {name: [row[name] for row in rows] for name in _PLAIN}
    columns["details"] = [json.dumps(storable(row["details"]), ensure_ascii=False) for row in rows]
    kinds = {"labels": pa.list_(pa.int64()), "box": pa.list_(pa.int64()), "voxels": pa.int64()}
    kinds |= dict.fromkeys(("mask", "before", "after"), pa.binary())
    table = pa.table({name: pa.array(values, kinds.get(name, pa.string())) for name, values in columns.items()})
    pyarrow.parquet.write_table(table, path, compression="zstd")


def read_steps(path: Path) -> list[Change]:
    """Read changes.

    Raises
    ------
    InputError
        When the file is missing or damaged.
    """
    import pyarrow.parquet

    try:
        rows = pyarrow.parquet.read_table(path).to_pylist()
        return [Change.unpacked({**row, "details": restored(json.loads(row["details"]))}) for row in rows]
    except FileNotFoundError:
        raise InputError(f"{path} is missing.") from None
    except Exception as error:  # whatever pyarrow makes of damaged bytes
        raise InputError(f"{path} is damaged and cannot be read ({type(error).__name__}).") from None


def list_steps(kept: KeptSteps, place_of: Callable[[Change], tuple[int, int]]) -> dict[str, Any]:
    """Give the list of steps as plain values; ``place_of`` tells the file and the row of a change."""

    def entry(step: Step) -> dict[str, Any]:
        return {"at": list(place_of(step.change)), "revisions": step.revisions, "said": list(step.said)}

    return {
        "done": [entry(step) for step in kept.done],
        "undone": [entry(step) for step in kept.undone],
        "dropped": kept.dropped,
    }


def history_of(
    log: list[dict[str, Any]] | None, listed: dict[str, Any], files: Sequence[Sequence[Change]], shape: Sequence[int]
) -> History:
    """Put a history together again; ``log`` is None where the list of edits could not be read.

    Raises
    ------
    InputError
        When its parts do not belong together.
    """

    def steps(entries: Iterable[Any]) -> list[Step]:
        return [_step(entry, files, shape) for entry in entries]

    try:
        done, undone = steps(listed["done"]), steps(listed["undone"])
        dropped = int(listed["dropped"])
    except (KeyError, IndexError, TypeError, ValueError):
        raise InputError("Its parts do not belong together.") from None
    if log is None:
        return History(done=done, undone=undone, dropped=dropped)
    split = len(log) - len(done)
    if split < 0 or any(
        (entry["edit"], entry["time"]) != (step.change.kind, step.change.time)
        for entry, step in zip(log[split:], done, strict=True)
    ):
        raise InputError("It does not belong to the list of edits.")
    return History(log=log[:split], done=done, undone=undone, dropped=dropped)


def _step(entry: dict[str, Any], files: Sequence[Sequence[Change]], shape: Sequence[int]) -> Step:
    number, row = entry["at"]
    change = files[number][row]
    if any(side.stop > size for side, size in zip(change.box, shape, strict=True)):
        raise ValueError("it lies outside of the labels")
    revisions = entry["revisions"]
    before, after = (
        {name: {int(label): value for label, value in said.items()} for name, said in side.items()}
        for side in entry["said"]
    )
    return Step(change, None if revisions is None else (int(revisions[0]), int(revisions[1])), (before, after))
