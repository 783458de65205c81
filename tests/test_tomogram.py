import numpy as np
import pytest

from napari_cathode.errors import InputError
from napari_cathode.tomogram import Tomogram


def test_spacing_is_asked_for_never_assumed():
    tomogram = Tomogram(np.zeros((1, 4, 5), np.uint8), name="slice.tif")
    assert tomogram.is_slice
    with pytest.raises(InputError, match=r"voxel size of slice\.tif is not known; give it in µm"):
        tomogram.require_spacing()
    assert tomogram.with_spacing((1, 0.1, 0.1)).require_spacing() == (1.0, 0.1, 0.1)


@pytest.mark.parametrize("spacing", [(1, 1), (0, 1, 1), (1, -1, 1), (1, 1, float("nan")), "abc", 3])
def test_unusable_spacing_is_refused(spacing):
    with pytest.raises(InputError, match="three positive numbers"):
        Tomogram(np.zeros((2, 2, 2)), spacing)


def test_other_dimensions_are_refused():
    with pytest.raises(InputError, match="2 dimensions"):
        Tomogram(np.zeros((2, 2)))
