import numpy as np
import pytest
import tifffile
from discs import disc_slice

from napari_cathode.errors import InputError
from napari_cathode.identify import estimate_diameter
from napari_cathode.identify.diameter import typical_diameter
from napari_cathode.simulate import training_slice
from napari_cathode.tomogram import Tomogram


@pytest.mark.parametrize("diameter", [15.0, 32.0, 70.0, 120.0])
def test_discs_of_known_size(diameter):
    size = max(200, int(4.5 * diameter))
    image, _ = disc_slice((size, size), diameter)
    assert estimate_diameter(Tomogram(image[None])) == pytest.approx(diameter, rel=0.15)


def test_a_known_spacing_gives_micrometres():
    image, _ = disc_slice(diameter=30.0)
    voxels = estimate_diameter(Tomogram(image[None]))
    assert estimate_diameter(Tomogram(image[None], (0.07, 0.07, 0.07))) == pytest.approx(0.07 * voxels)


def test_simulated_slices():
    within = []
    for seed in range(10):
        image, labels = training_slice(np.random.default_rng([5, seed]), (256, 256))
        within.append(abs(estimate_diameter(Tomogram(image[None])) / typical_diameter(labels) - 1) < 0.3)
    assert sum(within) >= 8


def test_a_real_slice(real_data):
    image = tifffile.imread(real_data / "nmc_slice_a.tif")
    labels = tifffile.imread(real_data / "nmc_slice_a_labels.tif")
    assert estimate_diameter(Tomogram(image[None])) == pytest.approx(typical_diameter(labels), rel=0.25)


def test_the_area_weighted_median_ignores_debris():
    labels = np.zeros((100, 200), np.int32)
    labels[10:50, 10:50] = 1
    labels[10:50, 60:100] = 2
    for number in range(3, 40):
        labels[70:73, 4 * number : 4 * number + 3] = number
    assert typical_diameter(labels) == pytest.approx(2 * np.sqrt(1600 / np.pi))


def test_nothing_to_go_by_is_said():
    with pytest.raises(InputError, match="give the particle diameter"):
        estimate_diameter(Tomogram(np.arange(25, dtype=np.uint8).reshape(1, 5, 5)))
    with pytest.raises(InputError, match="one constant grey"):
        estimate_diameter(Tomogram(np.full((1, 50, 50), 7, np.uint8)))
