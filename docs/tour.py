"""Make every picture of the window in images/, by driving the real window as a person would.

Run it in the repository's environment, where there is no screen of this size under Xvfb::

    xvfb-run -a -s "-screen 0 1366x768x24" python docs/tour.py [PART …]

Without parts it makes all of them: analysis (from the drop of a sample to colours by SHAP value), identify, fuse, edit,
project, train. Each runs in a process of its own. Two other commands draw the pictures that are none of the window:
docs/draw_features.py what the features measure, and benchmarks/compare_methods.py what ways of finding particles find.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PARTS = ("analysis", "identify", "fuse", "edit", "project", "train")
FOLDER = Path(__file__).parent / "tour_parts"


def main(chosen: list[str]) -> int:
    """Run the parts, and give how many failed."""
    unknown = [part for part in chosen if part not in PARTS]
    if unknown:
        print(f"There is no part {', '.join(unknown)}; there are {', '.join(PARTS)}.")
        return 2
    failed = []
    for part in chosen or PARTS:
        print(f"-- {part}", flush=True)
        if subprocess.run([sys.executable, str(FOLDER / f"{part}.py")], check=False).returncode:
            failed.append(part)
    if failed:
        print(f"Failed: {', '.join(failed)}.")
    return len(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
