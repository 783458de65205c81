"""napari, imported once and without its own deprecation warnings counting as errors."""

from tests.plugin.conftest import labels, lean_windows, model, own_settings, table, viewer  # noqa: F401
