import numpy as np
import pytest
from discs import disc_slice

from napari_cathode.identify import IdentifyParameters, identify, match
from napari_cathode.identify.watershed import particle_mask, watershed_slice
from napari_cathode.tomogram import Tomogram


def two_discs(gap: float) -> np.ndarray:
    rows, columns = np.mgrid[:80, :120]
    return (np.hypot(rows - 40, columns - 40) <= 20) | (np.hypot(rows - 40, columns - 80 - gap) <= 20)


def test_touching_discs_are_parted_and_a_lone_one_is_not():
    labels, depth = watershed_slice(two_discs(-3), (40, 40), seed_depth=0.06, smallest_share=0.1)
    assert labels.max() == 2
    assert abs(int((labels == 1).sum()) - int((labels == 2).sum())) < 30
    lone, _ = watershed_slice(two_discs(-40), (40, 40), seed_depth=0.06, smallest_share=0.1)
    assert lone.max() == 1
    assert depth.max() == 1
    assert (depth > 0)[labels > 0].all()
    assert (depth[labels == 0] == 0).all()


def test_seed_depth_decides_whether_a_neck_parts():
    mask = two_discs(-12)
    counts = [watershed_slice(mask, (40, 40), depth, 0.1)[0].max() for depth in (0.02, 0.9)]
    assert counts == [2, 1]


def test_small_objects_are_dropped_by_their_share():
    mask = two_discs(0)
    mask[2:6, 2:6] = True
    labels, _ = watershed_slice(mask, (40, 40), 0.06, smallest_share=0.1)
    assert labels[3, 3] == 0
    kept, _ = watershed_slice(mask, (40, 40), 0.06, smallest_share=0.0)
    assert kept[3, 3] > 0


def test_cores_and_cracks_are_filled_and_debris_goes():
    bright = two_discs(4)
    bright[38:42, 30:50] = False
    bright[35:45, 80:90] = False
    bright[5:8, 5:8] = True
    mask = particle_mask(bright, (40, 40))
    assert mask[36:44, 32:48].all()
    assert mask[36:44, 81:89].all()
    assert not mask[5:8, 5:8].any()


@pytest.mark.parametrize("hollow", [0.0, 0.4])
def test_discs_are_found_on_a_slice(hollow):
    image, truth = disc_slice(hollow=hollow)
    found = identify(Tomogram(image[None]), IdentifyParameters(method="watershed"))
    assert list(found) == ["xy"]
    assert match(truth, found["xy"].labels[0], 0.7).f1 > 0.95


def test_uneven_spacing_is_taken_into_account():
    image, truth = disc_slice(diameter=40)
    squeezed = Tomogram(image[None, ::2, :], spacing_um=(0.1, 0.2, 0.1))
    found = identify(squeezed, IdentifyParameters(method="watershed", diameter_um=4.0))
    assert match(truth[::2], found["xy"].labels[0], 0.7).f1 > 0.95
