import numpy as np
import pytest

from napari_cathode.identify import network as module
from napari_cathode.identify.models import open_model
from napari_cathode.identify.network import Network
from napari_cathode.identify.parameters import DEFAULT_MODEL


@pytest.fixture(scope="module")
def network() -> Network:
    return Network(open_model(DEFAULT_MODEL))


def test_any_size_comes_back_on_the_grid(network):
    image = np.random.default_rng(0).random((51, 77)).astype(np.float32)
    probability, distance = network.predict(image)
    assert probability.shape == (26, 39)
    assert distance.shape == (26, 39, 32)
    assert probability.dtype == distance.dtype == np.float32
    assert 0 <= probability.min() <= probability.max() <= 1
    assert distance.min() > 0


def test_tiles_give_exactly_what_the_whole_image_gives(network, monkeypatch):
    image = np.random.default_rng(1).random((330, 410)).astype(np.float32)
    probability, distance = network.predict(image)
    monkeypatch.setattr(network, "most", 0)
    monkeypatch.setattr(module, "cores", lambda *_: (112, 144))
    steps = list(network.iter_predict(image))
    assert len(steps) == 3 * 3 + 1
    tiled_probability, tiled_distance = steps[-1]
    assert np.abs(probability - tiled_probability).max() < 1e-5
    assert np.abs(distance - tiled_distance).max() < 1e-4


@pytest.mark.parametrize("shape", [(2048, 2048), (2047, 2047), (1100, 9000), (512, 512), (5008, 4000)])
def test_tiles_are_as_large_as_memory_allows(shape):
    core = module.cores(shape, 160, 16, 2.5e6)
    largest, pixels = module.fed(shape, core, 160)
    assert largest <= 2.5e6 and all(edge % 16 == 0 for edge in core)
    squares, of_squares = module.fed(shape, (module.TILE,) * 2, 160)
    assert pixels <= of_squares
    assert module.fed(shape, module.cores(shape, 160, 16, 0), 160)[0] <= squares


def test_the_margin_is_needed_and_enough(network):
    """A change at one end of an image reaches just short of the margin, not further."""
    image = np.full((16, 512), 0.4, np.float32)
    changed = image.copy()
    changed[:, :16] = 1.0
    difference = np.abs(network.predict(image)[1] - network.predict(changed)[1]).max(axis=(0, 2))
    reach = 2 * np.nonzero(difference > 1e-4)[0].max() - 15
    assert network.margin // 2 < reach <= network.margin
