"""What the window remembers from one day to the next."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QSettings


def settings() -> QSettings:
    """Give the settings of this plugin, a file in the person's own folder."""
    return QSettings(QSettings.Format.IniFormat, QSettings.Scope.UserScope, "napari-cathode", "napari-cathode")


def remembered_names(key: str) -> list[str] | None:
    """Give a list of names, None where nobody chose any."""
    kept: Any = settings().value(key)
    if kept is None:
        return None
    return [str(kept)] if isinstance(kept, str) else [str(name) for name in kept]


def remember_names(key: str, names: list[str] | None) -> None:
    """Keep a list of names; None forgets it."""
    if names is None:
        settings().remove(key)
    else:
        settings().setValue(key, names or [""])
