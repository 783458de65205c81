"""Readers and writers: tomograms of many formats in, labels and tables out.

`read` opens a tomogram or a slice; `registry` lists the formats, one file each.
"""

from .annotations import is_annotations, read_annotations
from .field_of_view import find_field_of_view
from .labels import is_labels, open_labels, read_labels, write_labels
from .registry import can_read, list_datasets, open_volume, read
from .sampling import contrast_limits
from .tables import read_table, write_table

__all__ = [
    "can_read",
    "contrast_limits",
    "find_field_of_view",
    "is_annotations",
    "is_labels",
    "list_datasets",
    "open_labels",
    "open_volume",
    "read",
    "read_annotations",
    "read_labels",
    "read_table",
    "write_labels",
    "write_table",
]
