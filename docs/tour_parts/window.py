"""What the parts of the tour share: a window of its own settings, waiting, clicking, and taking small pictures."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["XDG_CONFIG_HOME"] = tempfile.mkdtemp(prefix="cathode-tour-")  # not what the person has set
os.environ["NAPARI_CONFIG"] = os.path.join(os.environ["XDG_CONFIG_HOME"], "napari.yaml")
os.environ["NAPARI_CATHODE_RECOVERY"] = os.path.join(os.environ["XDG_CONFIG_HOME"], "recovery")
os.environ["NAPARI_CATHODE_MODELS"] = os.path.join(os.environ["XDG_CONFIG_HOME"], "models")

import napari
import numpy as np
from PIL import Image
from qtpy.QtCore import QEventLoop, QPoint, QRect, Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

IMAGES = Path(os.environ.get("CATHODE_TOUR_IMAGES", Path(__file__).parents[1] / "images"))
SIZE = (1366, 768)
_LARGEST = 250_000
_TALLEST = 1000
_REST_MS = 1500


def open_window(show_welcome: bool = False) -> napari.Viewer:
    """Open an empty window that fills the screen."""
    viewer = napari.Viewer(show_welcome_screen=show_welcome)
    viewer.window.resize(*SIZE)
    viewer.window._qt_window.move(0, 0)
    wait(500)
    return viewer


def wait(milliseconds: int) -> None:
    """Let the window work."""
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


def wait_until(reached: Callable[[], Any], seconds: float = 3600) -> None:
    """Let the window work until something holds."""
    for _ in range(round(seconds * 10)):
        if reached():
            return
        wait(100)
    raise SystemExit(f"The tour waited {seconds} s in vain.")


def run(panel: Any, start: Callable[[], Any]) -> None:
    """Start a step and wait for its end."""
    start()
    wait_until(lambda: not panel.runner.running)
    if panel.runner.error:
        raise SystemExit(panel.runner.error)


def press(button: Any) -> None:
    """Click a button with the mouse."""
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def click_particle(viewer: napari.Viewer, layer: Any, label: int) -> None:
    """Click a particle of the slice that is shown with the mouse."""
    native = viewer.window._qt_viewer.canvas.native
    plane = round(layer.world_to_data(viewer.dims.point)[0])
    places = np.argwhere(layer.data[plane] == label)
    middle = places[np.argmin(np.abs(places - places.mean(0)).sum(1))]
    world = layer.data_to_world((plane, *middle))[-2:]
    camera, size = viewer.scene.camera, viewer.window._qt_viewer.canvas.size
    y, x = (np.array(world) - camera.center[-2:]) * camera.zoom + np.array(size) / 2
    place = QPoint(round(x), round(y))
    QTest.mouseMove(native, place)
    wait(50)
    QTest.mousePress(native, Qt.MouseButton.LeftButton, pos=place)
    wait(50)
    QTest.mouseRelease(native, Qt.MouseButton.LeftButton, pos=place)
    wait(50)


def _grab(widget: Any) -> Any:
    """Give the upper part of a widget, what is scrolled away included."""
    return widget.grab(QRect(0, 0, widget.width(), min(widget.height(), _TALLEST)))


def _coarse(pixels: np.ndarray, step: int) -> np.ndarray:
    return np.clip((pixels + step // 2) // step * step, 0, 255)


def _canvas() -> tuple[slice, slice]:
    """Give where the screen shows the tomogram, whose noise makes pictures large."""
    native = napari.current_viewer().window._qt_viewer.canvas.native
    corner = native.mapToGlobal(QPoint(0, 0))
    return slice(corner.y(), corner.y() + native.height()), slice(corner.x(), corner.x() + native.width())


def take(name: str, *, within: Any = None) -> None:
    """Write a picture of the whole screen, or of a widget, with as few levels of colour as it takes to be small."""
    wait(_REST_MS)
    IMAGES.mkdir(parents=True, exist_ok=True)
    target = IMAGES / name
    screen = QApplication.primaryScreen()
    picture = screen.grabWindow(0) if within is None else _grab(within)
    picture.save(str(target))
    with Image.open(target) as opened:
        pixels = np.asarray(opened.convert("RGB")).astype(int)
    noisy = (slice(None),) * 2 if within is not None else _canvas()
    for step, inside in ((1, 1), (1, 4), (1, 8), (1, 16), (3, 16), (5, 16)):
        fewer = _coarse(pixels, step)
        fewer[noisy] = _coarse(pixels[noisy], inside)
        Image.fromarray(fewer.astype(np.uint8)).save(target, optimize=True)
        if target.stat().st_size < _LARGEST:
            break
    else:
        raise SystemExit(f"{name} has {target.stat().st_size} bytes; show less noise.")
    print(f"{name}: {target.stat().st_size // 1000} kB", flush=True)
