import numpy as np
import pytest

from napari_cathode.errors import InputError
from napari_cathode.tomogram import Tomogram, parse_region


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


def test_a_part_knows_where_it_lies_and_the_whole():
    whole = Tomogram(np.arange(24).reshape(2, 3, 4), (1.0, 1.0, 1.0), field_of_view=np.ones((1, 3, 4), bool))
    part = whole.part(((1, 2), (0, 2), (1, 4)))
    assert part.shape == (1, 2, 3)
    assert part.whole is whole
    assert part.region == ((1, 2), (0, 2), (1, 4))
    assert part.field_of_view.shape == (1, 2, 3)
    np.testing.assert_array_equal(part.data, whole.data[1:2, 0:2, 1:4])
    with pytest.raises(InputError, match="0:3"):
        whole.part(((0, 2), (0, 4), (0, 4)))


def test_regions_are_read_as_people_write_them():
    assert parse_region("0:2,:,1:", (4, 5, 6)) == ((0, 2), (0, 5), (1, 6))
    for wrong in ("1:2", "a:b,:,:", "2:1,:,:", "0:2,:,:9"):
        with pytest.raises(InputError, match="region"):
            parse_region(wrong, (4, 5, 6))
