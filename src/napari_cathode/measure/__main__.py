"""Print the page of features: ``python -m napari_cathode.measure > docs/features.md``."""

import io
import sys

from .page import as_markdown

if __name__ == "__main__":
    # The page has signs such as µ and √, whatever the terminal's own encoding is.
    assert isinstance(sys.stdout, io.TextIOWrapper)
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    sys.stdout.write(as_markdown())
