"""Print what people are told about files that cannot be analysed.

Run ``python benchmarks/bad_input.py``; the files are those of the tests.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "io"))

from bad_files import CASES, clear

from napari_cathode.errors import InputError


def main() -> int:
    quiet = 0
    with tempfile.TemporaryDirectory() as folder:
        print("| input | what people read |\n|---|---|")
        for case in CASES:
            made = case.make(clear(Path(folder) / "case"))
            try:
                case.use(made)
            except InputError as error:
                print(f"| {case.name} | {str(error).replace(folder, '…')} |")
            else:
                quiet += 1
                print(f"| {case.name} | (nothing) |")
    print(f"\n{len(CASES)} inputs, {quiet} without a message")
    return quiet


if __name__ == "__main__":
    sys.exit(main())
