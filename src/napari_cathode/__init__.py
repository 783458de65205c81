"""Interactive particle analysis of X-ray tomograms of battery electrodes."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("napari-cathode")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0.0.0"
