"""The history of a label array: what was done, undone, and can be undone, bounded in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .change import Change
from .table_change import TableChange

LIMIT_BYTES = 256 * 2**20


@dataclass(eq=False)
class Step:
    """One edit, with what else it changed.

    Attributes
    ----------
    change : Change
        Of the labels.
    revisions : tuple of (int, int), optional
        Of the labels before and after; None when something else changed them since.
    said : tuple of (dict, dict)
        What a person had said of the changed particles before, and after: for each name of such a saying the values by
        label.
    tables : list of TableChange
        Ways from one measured table to another that were found while this was the last step.
    """

    change: Change
    revisions: tuple[int, int] | None = None
    said: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
    tables: list[TableChange] = field(default_factory=list)

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        return self.change.nbytes + sum(change.nbytes for change in self.tables)

    def describe(self) -> str:
        """Say in a line what was done."""
        change = self.change
        numbers = ", ".join(map(str, change.labels[:4])) + (" …" if len(change.labels) > 4 else "")
        only = change.details.get("only_slice", "")
        return f"{change.kind.capitalize()} {numbers}".strip() + (f" in slice {only}" if only else "")

    def entry(self) -> dict[str, Any]:
        """Give what the log says of it."""
        change = self.change
        return {
            "time": change.time,
            "edit": change.kind,
            "labels": list(change.labels),
            "voxels": change.voxels,
            "box": [[side.start, side.stop] for side in change.box],
            "details": dict(change.details),
        }


class History:
    """Steps that were done, and steps that were undone and can be repeated.

    Parameters
    ----------
    limit_bytes : int
        Memory that the steps may take; beyond, the oldest are dropped and cannot be undone any more. They stay in the
        log.
    log : list of dict, optional
        Edits that cannot be undone, such as those of an earlier session, as `log` gives them.
    done, undone : sequence of Step
        Steps of an earlier session: those that can be undone, the oldest first, and those that can be repeated, the
        next one first.
    dropped : int
        Steps that were dropped before.

    Attributes
    ----------
    dropped : int
        Steps that were dropped.
    """

    def __init__(
        self,
        limit_bytes: int = LIMIT_BYTES,
        log: Sequence[Mapping[str, Any]] | None = None,
        done: Sequence[Step] = (),
        undone: Sequence[Step] = (),
        dropped: int = 0,
    ) -> None:
        self._limit = limit_bytes
        self._done: list[Step] = list(done)
        self._undone: list[Step] = list(reversed(undone))
        self._earlier: list[dict[str, Any]] = [dict(entry) for entry in log or ()]
        self.dropped = dropped

    def copy(self) -> History:
        """Give a history that stays as this one is now; ways from one table to another are left out."""
        return History(
            self._limit,
            self._earlier,
            [replace(step, tables=[]) for step in self._done],
            [replace(step, tables=[]) for step in self.undone],
            self.dropped,
        )

    @property
    def earlier(self) -> int:
        """How many edits the labels hold that cannot be undone any more."""
        return len(self._earlier)

    @property
    def done(self) -> tuple[Step, ...]:
        """Steps that can be undone, the oldest first."""
        return tuple(self._done)

    @property
    def undone(self) -> tuple[Step, ...]:
        """Steps that can be repeated, the next one first."""
        return tuple(reversed(self._undone))

    @property
    def nbytes(self) -> int:
        """Memory that the steps take."""
        return sum(step.nbytes for step in (*self._done, *self._undone))

    @property
    def tables(self) -> Iterator[TableChange]:
        """All known ways from one measured table to another."""
        return (change for step in (*self._done, *self._undone) for change in step.tables)

    def add_table(self, change: TableChange) -> None:
        """Keep a way from one measured table to another as long as the last step is kept."""
        steps = self._done or self._undone
        if steps:
            steps[-1].tables.append(change)
            self._trim()

    def forget_revisions(self) -> None:
        """Take note that something else changed the labels: no step leads to a state that was measured any more."""
        for step in (*self._done, *self._undone):
            step.revisions = None
            step.tables.clear()

    def push(self, step: Step) -> None:
        """Add a step that was done; what was undone before cannot be repeated any more."""
        self._undone.clear()
        self._done.append(step)
        self._trim()

    def _trim(self) -> None:
        """Drop the oldest steps where they take too much memory."""
        while len(self._done) > 1 and self.nbytes > self._limit:
            self._earlier.append(self._done.pop(0).entry())
            self.dropped += 1

    def undo(self, labels: Any) -> Step | None:
        """Take the last step back in the labels; None when there is none.

        Raises
        ------
        InputError
            When something else changed the labels.
        """
        if not self._done:
            return None
        self._done[-1].change.apply(labels, forward=False)
        self._undone.append(self._done.pop())
        return self._undone[-1]

    def redo(self, labels: Any) -> Step | None:
        """Repeat the step that was undone last; None when there is none.

        Raises
        ------
        InputError
            When something else changed the labels.
        """
        if not self._undone:
            return None
        self._undone[-1].change.apply(labels)
        self._done.append(self._undone.pop())
        return self._done[-1]

    def log(self) -> list[dict[str, Any]]:
        """List all edits that the labels hold, the oldest first, those of earlier sessions included."""
        return [*self._earlier, *(step.entry() for step in self._done)]

    def clear(self) -> None:
        """Forget everything, as for other labels."""
        self._done.clear()
        self._undone.clear()
        self._earlier.clear()
        self.dropped = 0


def log_table(entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Make flat rows of a log, as for a CSV file.

    Parameters
    ----------
    entries : list of dict
        As `History.log` gives them.

    Returns
    -------
    list of dict
    """
    return [
        {
            "time": entry["time"],
            "edit": entry["edit"],
            "labels": " ".join(map(str, entry["labels"])),
            "voxels": entry["voxels"],
            **{
                f"{axis}_{end}": side[i]
                for axis, side in zip("zyx", entry["box"], strict=True)
                for i, end in enumerate(("first", "stop"))
            },
            "details": "; ".join(f"{name} {value}" for name, value in entry["details"].items()),
        }
        for entry in entries
    ]
