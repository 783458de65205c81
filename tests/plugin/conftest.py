"""napari, imported once and without its own deprecation warnings counting as errors."""

import gc
import os
import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from . import surroundings  # noqa: F401

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel
from npe2 import PluginManifest
from qtpy.QtCore import QPoint, QSettings, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

SPACING = (2.0, 1.0, 1.0)
OFFSCREEN = os.environ.get("QT_QPA_PLATFORM") == "offscreen"
needs_canvas = pytest.mark.skipif(OFFSCREEN, reason="the canvas needs OpenGL")


@pytest.fixture(autouse=True, scope="session")
def lean_windows():
    """Spare each window what was done for the first: plugins looked for, and old objects looked through for garbage."""
    gc.collect()
    gc.freeze()
    found = list(PluginManifest.discover())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PluginManifest, "discover", lambda paths=(): iter(found))
        yield


@pytest.fixture(autouse=True)
def own_settings(tmp_path) -> None:
    """Keep what a test chooses out of the person's own settings."""
    QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, str(tmp_path / "settings"))


@pytest.fixture
def labels() -> np.ndarray:
    """Give two balls, ids 3 and 7, in an anisotropic volume."""
    z, y, x = np.mgrid[:16, :40, :40]
    made = np.zeros((16, 40, 40), np.int32)
    made[(2 * (z - 8)) ** 2 + (y - 10) ** 2 + (x - 10) ** 2 <= 64] = 3
    made[(2 * (z - 8)) ** 2 + (y - 28) ** 2 + (x - 28) ** 2 <= 81] = 7
    return made


@pytest.fixture
def table() -> pd.DataFrame:
    """Give features of the two balls."""
    return pd.DataFrame(
        {
            "label": [3, 7],
            "z_um": [16.0, 16.0],
            "y_um": [10.0, 28.0],
            "x_um": [10.0, 28.0],
            "volume_um3": [2144.0, 3053.0],
            "damage": [0.1, np.nan],
        }
    )


@pytest.fixture
def model() -> ViewerModel:
    """Give a viewer without a window, which is much quicker."""
    return ViewerModel()


@pytest.fixture
def viewer(request):
    """Give a real window, checked for widgets that are left over."""
    if OFFSCREEN:
        pytest.skip("the canvas needs OpenGL")
    shown = request.getfixturevalue("make_napari_viewer")(show=True, strict_qt="raise")
    shown.window.resize(900, 700)
    settle()
    return shown


def settle() -> None:
    """Let the window do what it has queued."""
    for _ in range(3):
        QApplication.processEvents()


def canvas_point(viewer, world) -> QPoint:
    """Give the pixel of the canvas that shows a point of the world (2D, or 3D from the front)."""
    canvas = viewer.window._qt_viewer.canvas
    width, height = canvas.size[1], canvas.size[0]
    offset = (np.asarray(world, float)[-2:] - np.asarray(viewer.scene.camera.center)[-2:]) * viewer.scene.camera.zoom
    return QPoint(round(width / 2 + offset[1]), round(height / 2 + offset[0]))


def click(viewer, world, modifier=Qt.KeyboardModifier.NoModifier, button=Qt.MouseButton.LeftButton) -> None:
    """Click a button, the left one, on a point of the world."""
    native = viewer.window._qt_viewer.canvas.native
    point = canvas_point(viewer, world)
    QTest.mouseMove(native, point)
    settle()
    QTest.mousePress(native, button, modifier, point)
    settle()
    QTest.mouseRelease(native, button, modifier, point)
    settle()


def drag(viewer, start, stop) -> None:
    """Drag with the left button from one point of the world to another."""
    native = viewer.window._qt_viewer.canvas.native
    first, last = canvas_point(viewer, start), canvas_point(viewer, stop)
    QTest.mousePress(native, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, first)
    for share in (0.3, 0.6, 1.0):
        QTest.mouseMove(native, first + (last - first) * share)
        settle()
    QTest.mouseRelease(native, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, last)
    settle()
