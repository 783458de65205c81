"""What lies in a project already, so that it need not be written again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Entry = dict[str, Any]
"""Plain values of the manifest."""

Given = Mapping[str, str]
"""Files that hold parts of a particle set already, by what they hold."""

BY_VALUE = ("edits", "history")
"""Kinds of things that are told from others by what they hold; all others are exchanged, never changed in place."""


@dataclass(frozen=True, eq=False)
class Written:
    """Something that lies in the project already.

    Attributes
    ----------
    kind : str
        "tomogram", "labels", "view", "table", "agreement", "contacts", "measurement", "explanation", "edits",
        "history" or "steps".
    thing : object
        What was written.
    revision : int
        Which state of it, for what is changed in place.
    entry : dict
        What the manifest says of it.
    """

    kind: str
    thing: Any
    revision: int
    entry: Entry

    def is_of(self, kind: str, thing: Any, revision: int = 0) -> bool:
        """Whether this is what was written of a thing as it is now."""
        if self.kind != kind or self.revision != revision:
            return False
        return self.thing is thing or bool(kind in BY_VALUE and self.thing == thing)


@dataclass(frozen=True, eq=False)
class Aside:
    """What a project holds but could not be read: it is kept, and tried again next time.

    Attributes
    ----------
    kind : str
        "particles" or "views".
    entry : dict
        What the manifest said of it.
    tomogram : Tomogram or None
        Its grey values.
    tomogram_entry : dict or None
        What the manifest said of those.
    """

    kind: str
    entry: Entry
    tomogram: Any = None
    tomogram_entry: Entry | None = None
