"""Correct labels by hand: merge, split, delete, fill, smooth, grow; each a small change that can be undone."""

from .change import Change, change_between
from .editing import EDITS, free_id, iter_edit, room
from .history import History, Step
from .operations import delete, fill, grow, merge, smooth
from .parameters import EditParameters
from .splitting import split_along_line, split_at_seeds, split_in_parts

__all__ = [
    "EDITS",
    "Change",
    "EditParameters",
    "History",
    "Step",
    "change_between",
    "delete",
    "fill",
    "free_id",
    "grow",
    "iter_edit",
    "merge",
    "room",
    "smooth",
    "split_along_line",
    "split_at_seeds",
    "split_in_parts",
]
