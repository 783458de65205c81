"""What commands print of a result: the numbers that people quote."""

from __future__ import annotations

import math
from typing import Any


def summary_text(summary: Any, table: Any, explanation: Any, not_explained: str) -> str:
    """Give the numbers that people quote, one a line."""
    lines = []
    for name, value, unit, count in summary.rows():
        number = f"{value}" if isinstance(value, int) else "–" if math.isnan(value) else f"{value:.4g}"
        lines.append(f"{name:<28}{number:>10} {unit:<3}" + ("" if isinstance(value, int) else f" (n = {count})"))
    lines += [f"Note: {note}" for note in table.attrs.get("notes", ())]
    if explanation is None:
        lines.append(f"Not explained: {not_explained}")
    else:
        lines.append(explanation.scores["verdict"]["text"])
    return "\n".join(line.rstrip() for line in lines)
