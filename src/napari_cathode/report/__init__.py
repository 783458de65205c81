"""The self-contained HTML report of an analysis."""

from .write import iter_write_report, write_report

__all__ = ["iter_write_report", "write_report"]
