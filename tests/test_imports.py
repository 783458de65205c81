"""The numeric packages know nothing of the screen, and load nothing heavy before it is used."""

import pkgutil
import subprocess
import sys

import pytest

import napari_cathode

SCREEN = ("napari", "qtpy", "PyQt6", "PySide6", "magicgui", "superqt", "vispy")
HEAVY = ("tensorflow", "shap", "stardist.models", "onnxruntime", "sklearn.ensemble", "matplotlib.pyplot")
NUMERIC = sorted(
    name for _, name, _ in pkgutil.iter_modules(napari_cathode.__path__) if name not in ("plugin", "widgets")
)


def test_the_list_is_not_empty():
    assert {"simulate", "io", "identify", "fuse", "measure", "explain", "pipeline", "cli"} <= set(NUMERIC)


@pytest.mark.parametrize("name", NUMERIC)
def test_imports_alone(name):
    program = (
        f"import sys, importlib, pkgutil; package = importlib.import_module('napari_cathode.{name}')\n"
        "for _, inner, _ in pkgutil.walk_packages(getattr(package, '__path__', []), package.__name__ + '.'):\n"
        "    importlib.import_module(inner)\n"
        f"print(*[m for m in {SCREEN + HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
