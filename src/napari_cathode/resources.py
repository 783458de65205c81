"""Where models, sample data and cached files lie, in a wheel, an sdist and an editable install alike."""

import os
import sys
from importlib.resources import files
from pathlib import Path

from .errors import InputError


def models_folder() -> Path:
    """Give the folder of the models that ship with the package."""
    return Path(str(files("napari_cathode"))) / "models"


def sample_data_folder() -> Path:
    """Give the folder of the sample data that ship with the package."""
    return Path(str(files("napari_cathode"))) / "sample_data"


def cache_folder() -> Path:
    """Give the folder for generated files that can be made again (not created here).

    ``NAPARI_CATHODE_CACHE`` overrides the place that the operating system provides for caches.
    """
    override = os.environ.get("NAPARI_CATHODE_CACHE")
    if override:
        return Path(override)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return base / "napari-cathode"


def user_models_folder() -> Path:
    """Give the folder of the models that the user trained or converted (not created here).

    ``NAPARI_CATHODE_MODELS`` overrides it.
    """
    override = os.environ.get("NAPARI_CATHODE_MODELS")
    return Path(override) if override else _user_folder() / "models"


def recovery_folder() -> Path:
    """Give the folder of work that nobody has saved yet (not created here).

    ``NAPARI_CATHODE_RECOVERY`` overrides it.
    """
    override = os.environ.get("NAPARI_CATHODE_RECOVERY")
    return Path(override) if override else _user_folder() / "recovery"


def check_writable(folder: Path) -> None:
    """Say before long work, not after it, that its results could not be written into a folder, there or not yet.

    Raises
    ------
    InputError
        When the folder, or what it would lie in, is a file or may not be written to.
    """
    there = folder.absolute()
    while not there.exists():
        there = there.parent
    if not there.is_dir():
        raise InputError(f"{there} is a file; name a folder.")
    if not os.access(there, os.W_OK):
        raise InputError(f"{there} is a place that you may not write to; choose another.")


def _user_folder() -> Path:
    if sys.platform == "win32":
        base = Path(os.environ.get("APPDATA", Path.home() / "AppData" / "Roaming"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local" / "share"))
    return base / "napari-cathode"
