"""From an empty window to particles coloured by what drives their damage: what a new user does, step by step.

With the folder of a finished ``napari-cathode run`` of the sample as an argument the steps are not waited for: it is
opened, and the pictures of their results are taken.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QMenu
from window import click_particle, open_window, press, take, wait, wait_until

from napari_cathode.plugin.link import link_of
from napari_cathode.plugin.walking import go_to
from napari_cathode.resources import sample_data_folder
from napari_cathode.session import Colouring
from napari_cathode.widgets.docks import FEATURES, INSPECTOR, PLOTS, SHAP, START, open_dock, open_results
from napari_cathode.widgets.keeper import keeper_of

SAMPLE = "nmc-50-cycles.tif"


def main() -> None:
    """Walk through it."""
    viewer = open_window(show_welcome=True)
    if len(sys.argv) > 1:
        _open_run(viewer, sys.argv[1])
    else:
        _run(viewer)
    take("results.png")
    _inspect(viewer)
    _table(viewer)
    _plots(viewer)
    _explain(viewer)
    _volume(viewer)
    viewer.close()


def _open_run(viewer, folder: str) -> None:
    """Open a copy of what a run has found: the window saves what is done to it."""
    copy = shutil.copytree(folder, Path(tempfile.mkdtemp()) / "run")
    open_dock(viewer, START)
    keeper = keeper_of(viewer)
    keeper.open(copy / "project.json")
    wait_until(lambda: not keeper.busy)
    open_results(viewer)
    wait(4000)


def _run(viewer) -> None:
    """Find Start here, drop the sample, and run all steps."""
    _menu(viewer)
    start = open_dock(viewer, START)
    drop(start, sample_data_folder() / SAMPLE)
    wait_until(lambda: start.before.survey is not None)
    take("start.png")
    press(start.button)
    wait_until(lambda: start.flow.step == "fuse" and not start.runner.status.startswith("Starting"))
    take("running.png")
    wait_until(lambda: not start.flow.step and not start.runner.running)
    if start.runner.error:
        raise SystemExit(start.runner.error)
    wait(4000)  # the panels open one after the other


def _menu(viewer) -> None:
    """Open the menu where everything begins."""
    bar = viewer.window._qt_window.menuBar()
    menu = next(action.menu() for action in bar.actions() if action.text().replace("&", "") == "Plugins")
    menu.popup(bar.mapToGlobal(QPoint(bar.actionGeometry(menu.menuAction()).left(), bar.height())))
    wait(300)
    entry = next(action for action in menu.actions() if action.text() == "Cathode")
    menu.setActiveAction(entry)
    inner: QMenu = entry.menu()
    inner.popup(menu.mapToGlobal(QPoint(menu.width(), menu.actionGeometry(entry).top())))
    first = next(action for action in inner.actions() if "Start here" in action.text())
    inner.setActiveAction(first)
    take("menu.png")
    inner.close()
    menu.close()


def drop(widget, path: Path) -> None:
    """Drop a file on a panel."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    middle = QPoint(widget.width() // 2, 60)
    target = widget.childAt(middle)
    while not target.acceptDrops():  # so Qt finds who gets a drop
        target = target.parentWidget()
    copy, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(target, QDragEnterEvent(middle, copy, data, left, none))
    QApplication.sendEvent(target, QDropEvent(QPointF(middle), copy, data, left, none))


def _inspect(viewer) -> None:
    """Click the most damaged particle of the slice, and look at it in the Inspector."""
    link = link_of(viewer)
    particles = link.session.current
    layer = link.layer_of(particles)
    seen = set(layer.data[round(layer.world_to_data(viewer.dims.point)[0])].ravel().tolist())
    table = particles.table[particles.table["label"].isin(seen)]
    click_particle(viewer, layer, int(table.loc[table["damage"].idxmax(), "label"]))
    native = viewer.window._qt_viewer.canvas.native
    native.setFocus()
    QTest.keyClick(native, Qt.Key.Key_I)
    wait(1000)
    inspector = open_dock(viewer, INSPECTOR)
    wait_until(lambda: not inspector._reading.running and not inspector._cracking.running)
    take("window.png")
    take("inspector.png", within=inspector.widget())


def _table(viewer) -> None:
    """Keep the damaged particles; the others are hidden in the picture."""
    table = open_dock(viewer, FEATURES).table
    press(table.ranges_button)
    press(table.hide_button)
    table.filter.setText("damage > 0.15 and volume_um3 > 20")
    table.apply_filter()
    table.filter.home(False)
    take("table.png")
    table.clear_filter()
    press(table.hide_button)
    press(table.ranges_button)


def _plots(viewer) -> None:
    """Draw a lasso around particles in a scatter plot of two features, coloured by a third."""
    plots = open_dock(viewer, PLOTS, "right")
    wait_until(lambda: plots.plot.drawn is not None)
    for box, column in ((plots.x, "contact"), (plots.y, "damage"), (plots.colour, "volume_um3")):
        box.setCurrentIndex(box.findData(column))
    plots._on_chosen()
    wait(1500)
    canvas, area = plots.plot._canvas, plots.plot.drawn.axes.bbox
    corners = [(0.02, 0.02), (0.45, 0.02), (0.5, 0.3), (0.3, 0.5), (0.02, 0.45)]
    places = [QPoint(round(area.x0 + x * area.width), round(canvas.height() - area.y0 - y * area.height))
              for x, y in corners]  # fmt: skip
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=places[0])
    for place in places[1:]:
        QTest.mouseMove(canvas, place)
        wait(30)
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=places[-1])
    take("plots.png")


def _explain(viewer) -> None:
    """Colour by the SHAP value of the leading feature; then one particle, and the groups."""
    link = link_of(viewer)
    shap = open_dock(viewer, SHAP)
    explanation = link.session.current.explanation
    link.session.selection = ()
    leading = str(explanation.importance["feature"].iloc[0])
    shap.choose_view(shap.swarm_view)
    shap.colour_by.choose(Colouring(leading, True))
    take("explain.png")
    go_to(link.session, int(explanation.labels[explanation.prediction.argmax()]))
    wait(1000)
    bar = shap.verticalScrollBar()
    bar.setValue(bar.maximum())  # down to what if
    take("explain_particle.png")
    bar.setValue(0)
    shap.colour_by.choose(Colouring("cluster", result=True))
    shap.choose_view(shap.importance)
    viewer.theme = "light"
    take("explain_groups.png")
    viewer.theme = "dark"


def _volume(viewer) -> None:
    """Show the particles alone, from a corner."""
    link = link_of(viewer)
    session = link.session
    session.selection = ()
    session.set_colouring(session.current, Colouring("damage"))
    layer = link.layer_of(session.current)
    for other in viewer.layers:
        other.visible = other is layer
    viewer.dims.ndisplay = 3
    viewer.reset_view()
    viewer.scene.camera.angles = (-15, 30, 140)
    viewer.scene.camera.zoom *= 1.2
    wait(4000)  # drawn in software
    take("window_3d.png")


if __name__ == "__main__":
    main()
