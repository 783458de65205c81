"""Correct labels by hand: merge, split, delete, fill, smooth, grow; each a small change that can be undone."""

from .between import fill_between
from .change import Change, change_between
from .editing import EDITS, Line, Plane, free_id, iter_edit, room
from .history import History, Step
from .label_boxes import LabelBoxes, iter_label_boxes, label_boxes
from .log_file import log_beside, read_log_beside, write_log, write_log_beside
from .operations import delete, fill, grow, merge, smooth
from .parameters import EditParameters
from .splitting import split_along_line, split_at_seeds, split_in_parts

__all__ = [
    "EDITS",
    "Change",
    "EditParameters",
    "History",
    "LabelBoxes",
    "Line",
    "Plane",
    "Step",
    "change_between",
    "delete",
    "fill",
    "fill_between",
    "free_id",
    "grow",
    "iter_edit",
    "iter_label_boxes",
    "label_boxes",
    "log_beside",
    "merge",
    "read_log_beside",
    "room",
    "smooth",
    "split_along_line",
    "split_at_seeds",
    "split_in_parts",
    "write_log",
    "write_log_beside",
]
