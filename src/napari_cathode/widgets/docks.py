"""Open one panel from another."""

from __future__ import annotations

from typing import Any

PLUGIN = "napari-cathode"


def open_dock(viewer: Any, name: str, area: str | None = None) -> Any:
    """Show a panel of ours by its name in the menu; one that is open already comes to the front.

    Returns
    -------
    QWidget
        The panel.
    """
    dock, widget = viewer.window.add_plugin_dock_widget(PLUGIN, name)
    if area is not None:
        from qtpy.QtCore import Qt

        areas = {"right": Qt.DockWidgetArea.RightDockWidgetArea, "bottom": Qt.DockWidgetArea.BottomDockWidgetArea}
        dock.parent().addDockWidget(areas[area], dock)
    dock.show()
    dock.raise_()
    return widget
