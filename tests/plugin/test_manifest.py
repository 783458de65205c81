"""What napari is told of the plugin."""

from importlib import import_module, resources

import pytest
from npe2 import PluginManifest


@pytest.fixture(scope="module")
def manifest():
    return PluginManifest.from_file(resources.files("napari_cathode") / "napari.yaml")


def test_every_command_exists(manifest):
    for command in manifest.contributions.commands:
        module, name = command.python_name.split(":")
        assert callable(getattr(import_module(module), name)), command.id


def test_the_panels_are_named_as_the_code_opens_them(manifest):
    from napari_cathode.widgets import docks

    names = {widget.display_name for widget in manifest.contributions.widgets}
    ours = ("START", "IDENTIFY", "FUSE", "EDIT", "FEATURES", "INSPECTOR", "PLOTS", "SHAP", "TRAIN", "PROJECT")
    assert names == {getattr(docks, name) for name in ours}


def test_every_shipped_sample_is_on_offer(manifest):
    from napari_cathode.simulate.samples import SAMPLES

    keys = {sample.key for sample in manifest.contributions.sample_data}
    assert keys == {*SAMPLES, "nmc-large"}


def test_every_format_reaches_the_reader(manifest):
    from napari_cathode.io.registry import SUFFIXES

    patterns = set(manifest.contributions.readers[0].filename_patterns)
    # A lone PNG is left to napari, which would otherwise ask at every picture; folders of PNG slices are ours.
    assert {f"*{suffix}" for suffix in SUFFIXES} - {"*.png"} <= patterns
    assert manifest.contributions.readers[0].accepts_directories
