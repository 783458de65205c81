"""napari, imported once and without its own deprecation warnings counting as errors."""

from tests.plugin.conftest import labels, model, table, viewer  # noqa: F401
