"""What the tests share."""

from pathlib import Path

import pytest


@pytest.fixture
def real_data() -> Path:
    """Give the folder of the real slices, which lies beside the repository where it is available."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data" / "real"
    if not folder.is_dir():
        pytest.skip("the real slices are not beside this checkout")
    return folder


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch) -> None:
    """Keep generated files of a test out of the person's own folders."""
    monkeypatch.setenv("NAPARI_CATHODE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NAPARI_CATHODE_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("NAPARI_CATHODE_RECOVERY", str(tmp_path / "recovery"))
