"""Where panels go in the window: tabs of one dock rather than a stack of slivers; and one panel opens another."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QEvent, Qt, QTimer
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QDockWidget, QMainWindow, QTabBar, QWidget

from .turns import later

PLUGIN = "napari-cathode"
_DISPLAY_NAME = "Cathode"
IDENTIFY, FUSE, FEATURES, SHAP = "Identify particles", "Fuse views", "Particle features", "SHAP explanation"
TRAIN = "Train a model"
PLOTS = "Particle plots"
PROJECT = "Project"
EDIT = "Edit particles"
INSPECTOR = "Inspector"
START = "Start here"

_TAB_NAMES = {
    IDENTIFY: "Identify",
    FUSE: "Fuse",
    FEATURES: "Features",
    SHAP: "SHAP",
    TRAIN: "Train",
    PLOTS: "Plots",
    EDIT: "Edit",
    START: "Start",
}
_TABLE_SHARE, _TABLE_MOST, _TABLE_PX = 0.42, 0.5, 400
_PANEL_WIDTH, _PANEL_SHARE = 390, 0.19
_TURN_MS = 150
_LAYOUT_MS = 100
_LOOKS = 6

_AREAS = {
    "right": Qt.DockWidgetArea.RightDockWidgetArea,
    "bottom": Qt.DockWidgetArea.BottomDockWidgetArea,
}


class Docked:
    """Beside QWidget: a panel that joins those of ours that are open already as another tab, when first shown.

    When its dock is closed, those of its parts that have a method ``leave`` are told: a step that runs ends, since
    nobody could cancel it any more, and the picture is left as it was.
    """

    takes_clicks: bool = False
    """Whether clicks on particles are for this panel, so that nothing may open over it by itself."""

    _shown = False
    _placed = False

    def showEvent(self, event: QShowEvent) -> None:
        """Find its place."""
        super().showEvent(event)
        if not self._shown:
            self._shown = True
            QTimer.singleShot(0, self._join)
            QTimer.singleShot(0, self._keep)

    def changeEvent(self, event: QEvent) -> None:
        """Let go of what its parts hold when its dock was closed: Python may keep the panel itself for long."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ParentChange and self._placed and self.parentWidget() is None:
            for part in self.findChildren(QWidget):
                if hasattr(part, "leave"):
                    part.leave()

    def _keep(self) -> None:
        """Let what is done here be kept, as from the first panel on."""
        viewer = getattr(self, "_viewer", None)
        if isinstance(self.window(), QMainWindow) and hasattr(viewer, "window"):
            from .keeper import keeper_of

            keeper_of(viewer).start(self)

    def _join(self) -> None:
        if self._placed:
            return
        self._placed = True
        main, dock = self.window(), dock_of(self)
        if dock is not None:  # the tabs of several panels would be cut off in the middle of napari's "… (Cathode)"
            name = dock.windowTitle().removesuffix(f" ({_DISPLAY_NAME})")
            dock.setWindowTitle(_TAB_NAMES.get(name, name))
            _come_to_front_from_menu(dock)
        if not isinstance(main, QMainWindow) or dock is None or dock.isFloating():
            return
        area = main.dockWidgetArea(dock)
        if area == _AREAS["bottom"]:
            keep_sides(main)
        others = (widget for widget in main.findChildren(QWidget) if isinstance(widget, Docked) and widget is not self)
        for other in others:
            beside = dock_of(other)
            known = beside is not None and other._placed and not beside.isFloating()
            if known and beside.isVisible() and main.dockWidgetArea(beside) == area:
                main.tabifyDockWidget(beside, dock)
                dock.raise_()
                _spell_out_tabs(main)
                return


def _come_to_front_from_menu(dock: QDockWidget) -> None:
    """Let napari's menu bring a panel that lies under others to the front, which it would hide instead."""
    known = weakref.ref(dock)

    def set_visible(visible: bool) -> None:
        dock = known()
        if dock is not None:
            shown = visible or (dock.isVisible() and dock.visibleRegion().isEmpty())
            QDockWidget.setVisible(dock, shown)
            if shown:
                dock.raise_()

    dock.setVisible = set_visible


def _spell_out_tabs(main: QMainWindow) -> None:
    """Let tabs keep their names: those that have no room are reached by arrows rather than cut to a letter."""
    for bar in main.findChildren(QTabBar, options=Qt.FindChildOption.FindDirectChildrenOnly):
        bar.setElideMode(Qt.TextElideMode.ElideNone)
        bar.setUsesScrollButtons(True)


def fill_screen(viewer: Any) -> None:
    """Let the window take all of the screen; by its size where no window manager maximises it."""
    main = viewer.window._qt_window
    main.setGeometry(main.screen().availableGeometry())
    main.showMaximized()


def open_results(viewer: Any) -> None:
    """Open the SHAP panel at the right and the table at the bottom, below the picture.

    Each in a turn of its own, and so is what each needs, lest the window stands still. An Inspector that is in front
    stays there.
    """
    from . import shap  # noqa: F401

    _later(viewer, lambda: _open_shap(viewer))


def open_table(viewer: Any) -> None:
    """Open the table at the bottom, below the picture."""
    _prepare_table(viewer, None)


def _later(viewer: Any, act: Callable[[], Any], milliseconds: int = _TURN_MS) -> None:
    """Do something in a later turn, unless the window was closed meanwhile."""
    later(lambda: act() if hasattr(viewer.window, "_qt_window") else None, milliseconds)


def _open_shap(viewer: Any) -> None:
    inspector = viewer.window.dock_widgets.get(_title(INSPECTOR))
    chosen = inspector is not None and not inspector.visibleRegion().isEmpty()
    shap = open_dock(viewer, SHAP, "right")
    _prepare_table(viewer, shap)
    if chosen:  # by the person who looks at it
        _later(viewer, lambda: open_dock(viewer, INSPECTOR))


def _prepare_table(viewer: Any, shap: Any) -> None:
    from . import features  # noqa: F401

    main = viewer.window._qt_window
    keep_sides(main)
    _later(viewer, lambda: _open_table(viewer, shap))


def _open_table(viewer: Any, shap: Any) -> None:
    features = open_dock(viewer, FEATURES, "bottom")
    _later(viewer, lambda: _share_out(viewer, shap, features))


def _share_out(viewer: Any, shap: Any, features: Any) -> None:
    """Give both panels their share of the window; the layout is a turn of its own, too."""
    main = features.window()
    if isinstance(main, QMainWindow):
        main.resizeDocks([dock_of(features)], [table_height(main)], Qt.Orientation.Vertical)
        if shap is not None:
            width = max(_PANEL_WIDTH, round(_PANEL_SHARE * main.width()))
            main.resizeDocks([dock_of(shap)], [width], Qt.Orientation.Horizontal)
    _later(viewer, lambda: _fit(viewer, None, _LOOKS), _LAYOUT_MS)


def _fit(viewer: Any, before: Any, looks: int) -> None:
    """Show the whole picture, again when the canvas gets another size: the layout of a large window takes its time."""
    size = viewer.window._qt_viewer.canvas.size
    if size != before:
        viewer.reset_view()
    if looks:
        _later(viewer, lambda: _fit(viewer, size, looks - 1), 4 * _LAYOUT_MS)


def open_inspector(viewer: Any) -> bool:
    """Open the Inspector in a turn of its own, but not over a panel that clicks on particles are for just now."""
    panels = [widget for widget in viewer.window._qt_window.findChildren(QWidget) if isinstance(widget, Docked)]
    free = not any(panel.takes_clicks and not panel.visibleRegion().isEmpty() for panel in panels)
    if free:
        QTimer.singleShot(0, lambda: open_dock(viewer, INSPECTOR))
    return free


def keep_sides(main: QMainWindow) -> None:
    """Leave the side docks their height beside one at the bottom; otherwise the window would have to grow."""
    main.setCorner(Qt.Corner.BottomLeftCorner, Qt.DockWidgetArea.LeftDockWidgetArea)
    main.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)


def table_height(main: QMainWindow) -> int:
    """Choose the height of a table below the picture: a small window gives it half, a large one what it can use."""
    return max(round(_TABLE_SHARE * main.height()), min(_TABLE_PX, round(_TABLE_MOST * main.height())))


def give_room(widget: QWidget) -> None:
    """Make a panel below the picture high enough for a table."""
    main, dock = widget.window(), dock_of(widget)
    if not isinstance(main, QMainWindow) or dock is None or dock.isFloating():
        return
    height = table_height(main)
    if main.dockWidgetArea(dock) == _AREAS["bottom"] and dock.height() < height:
        main.resizeDocks([dock], [height], Qt.Orientation.Vertical)


def dock_of(widget: QWidget) -> QDockWidget | None:
    """Give the dock around a panel."""
    parent = widget.parentWidget()
    while parent is not None and not isinstance(parent, QDockWidget):
        parent = parent.parentWidget()
    return parent


def _panel(name: str) -> Callable[[Any], Any]:
    """Give what makes a panel of ours."""
    from npe2 import PluginManager

    for known in PluginManager.instance().iter_widgets():
        if known.plugin_name == PLUGIN and known.display_name == name:
            return known.get_callable()
    raise KeyError(f"{PLUGIN} has no panel {name!r}, or is disabled in napari's preferences")


def _title(name: str) -> str:
    """Give the title that napari's menu gives a panel, so that the menu and we open the same one."""
    return f"{name} ({_DISPLAY_NAME})"


def open_dock(viewer: Any, name: str, area: str = "") -> Any:
    """Show a panel of ours by its name in the menu; one that is open already comes to the front.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer.
    name : str
        One of the names at the top of this module, such as `IDENTIFY`.
    area : {"", "right", "bottom"}
        Where it goes; "" leaves it where it is.

    Returns
    -------
    QWidget
        The panel.
    """
    title = _title(name)
    widget = viewer.window.dock_widgets.get(title)
    new = widget is None
    if new:
        keep_sides(viewer.window._qt_window)
        widget = _panel(name)(viewer)
        viewer.window.add_dock_widget(widget, name=title)
    dock, main = dock_of(widget), widget.window()
    if dock is not None:
        if area and isinstance(main, QMainWindow) and main.dockWidgetArea(dock) != _AREAS[area]:
            main.addDockWidget(_AREAS[area], dock)
        if new:
            widget._join()  # in this turn: a dock that is laid out first beside the others squeezes them for a moment
        dock.show()
        dock.raise_()
    return widget
