"""What a person has set for this plugin in napari's Preferences (`configurations` in napari.yaml)."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from napari.settings import get_plugin_settings

from napari_cathode.cores import CORES

_PLUGIN = "napari-cathode"
_GIVEN = os.environ.get(CORES, "")
"""What napari was started with holds where nothing is set."""


def preferences() -> Any:
    """Give the settings: ``window`` and ``work``, with the properties that napari.yaml lists.

    Returns
    -------
    napari.settings.PluginSettings
        Its values change while napari runs.
    """
    return get_plugin_settings(_PLUGIN)


def connect_preferences(on_colour_map: Callable[[Any], None]) -> None:
    """Follow the settings.

    Parameters
    ----------
    on_colour_map : callable
        A method that is called after another colour map was chosen; it is not kept alive.
    """
    known = preferences()
    known.window.events.colour_map.connect(on_colour_map)
    known.work.events.cores.connect(use_cores)
    use_cores()


def use_cores(_event: Any = None) -> None:
    """Hand the number of cores on to the processes that begin from now on."""
    os.environ[CORES] = str(preferences().work.cores or _GIVEN)
