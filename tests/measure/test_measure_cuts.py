"""Cuts through one particle, and the cracks on them."""

import numpy as np

from napari_cathode.boxes import find_box
from napari_cathode.measure import MeasureParameters, cuts
from napari_cathode.measure.cuts import iter_cracks, iter_greys_of, look_at
from napari_cathode.measure.particle import OUTSIDE
from napari_cathode.progress import drain
from napari_cathode.tomogram import Tomogram

SPACING = (2.0, 1.0, 1.0)
PARAMETERS = MeasureParameters(closing_radius_um=0.0, gap_tolerance_um=1.0)


class Counted:
    """An array that says how much of it was read."""

    def __init__(self, data):
        self.data, self.shape, self.ndim, self.dtype = data, data.shape, data.ndim, data.dtype
        self.read = 0

    def __getitem__(self, where):
        part = self.data[where]
        self.read += part.size
        return part


def _balls():
    """Give a ball with a hollow core in an anisotropic volume, one that touches it and one at the border."""
    z, y, x = np.ogrid[:60, :120, :120]
    made = np.zeros((60, 120, 120), np.int32)
    far = np.sqrt((2.0 * (z - 30)) ** 2 + (y - 60) ** 2 + (x - 60) ** 2)
    made[far <= 20] = 5
    made[((2.0 * (z - 30)) ** 2 + (y - 60) ** 2 + (x - 86) ** 2 <= 100) & (made == 0)] = 2**31 - 1
    made[(2.0 * (z - 30)) ** 2 + (y - 60) ** 2 + (x - 0) ** 2 <= 100] = 9
    hollow = far <= 8
    grey = np.where((made > 0) & ~hollow, 180.0, 60.0)
    return made, (grey + np.random.default_rng(0).normal(0, 5, grey.shape)).astype(np.float32), hollow


def test_cuts_go_through_the_middle_and_only_the_surroundings_are_read():
    labels, grey, _ = _balls()
    lazy, image = Counted(labels), Counted(grey)
    look = look_at(lazy, image, SPACING, 5, find_box(labels, 5), PARAMETERS)
    assert [cut.view for cut in look.cuts] == ["xy", "xz", "yz"]
    assert [cut.edges_um for cut in look.cuts] == [(1.0, 1.0), (2.0, 1.0), (2.0, 1.0)]
    areas = [(cut.labels == 5).sum() * cut.edges_um[0] * cut.edges_um[1] for cut in look.cuts]
    np.testing.assert_allclose(areas, np.pi * 20**2, rtol=0.06)
    assert lazy.read == image.read < labels.size / 5
    start, middle = look.crop.start, look.middle
    assert tuple(np.add(start, middle)) == (30, 60, 60)
    np.testing.assert_array_equal(look.cuts[0].grey, grey[30, start[1] : start[1] + 53, start[2] : start[2] + 53])


def test_neighbours_come_with_their_gaps():
    labels, grey, _ = _balls()
    look = look_at(labels, grey, SPACING, 5, find_box(labels, 5), PARAMETERS)
    assert look.neighbours == ((2**31 - 1, 0.0),)
    boxes = np.zeros((20, 20, 30), np.int32)
    boxes[5:9, 5:10, 5:10] = 1
    boxes[5:9, 5:10, 13:18] = 2  # three voxels of 1 µm away
    boxes[11:14, 5:10, 5:10] = 3  # two slices of 2 µm away
    boxes[2:5, 5:10, 5:10] = 4
    wide = MeasureParameters(closing_radius_um=0.0, gap_tolerance_um=4.0)
    found = look_at(boxes, None, SPACING, 1, find_box(boxes, 1), wide).neighbours
    assert found == ((4, 0.0), (2, 3.0), (3, 4.0))


def test_cracks_are_those_of_the_measurement():
    labels, grey, hollow = _balls()
    greys, seen = drain(iter_greys_of(labels, Tomogram(grey, SPACING)))
    look = look_at(labels, grey, SPACING, 5, find_box(labels, 5), PARAMETERS, seen)
    found = drain(iter_cracks(look.crop, look.middle, ("xy", "yz"), SPACING, PARAMETERS, greys))
    first, here = look.crop.start, look.cuts[0].labels.shape
    true = hollow[30, first[1] : first[1] + here[0], first[2] : first[2] + here[1]]
    assert found["xy"].shape == here
    assert (found["xy"] & true).sum() / (found["xy"] | true).sum() > 0.9
    assert found["yz"].any()


def test_at_the_border_there_is_no_image():
    labels, grey, _ = _balls()
    look = look_at(labels, grey, SPACING, 9, find_box(labels, 9), PARAMETERS)
    assert (look.cuts[0].labels[:, 0] == OUTSIDE).all()
    assert look.cuts[0].grey.shape == look.cuts[0].labels.shape


def test_a_slice_has_one_cut():
    labels, grey, _ = _balls()
    look = look_at(labels[30:31], grey[30:31], SPACING, 5, find_box(labels[30:31], 5), PARAMETERS)
    assert [cut.view for cut in look.cuts] == ["xy"]
    assert look.neighbours[0][0] == 2**31 - 1


def test_of_a_huge_particle_only_the_cuts_are_read(monkeypatch):
    labels, grey, _ = _balls()
    whole = look_at(labels, grey, SPACING, 5, find_box(labels, 5), PARAMETERS)
    monkeypatch.setattr(cuts, "LARGEST", 1000)
    lazy = Counted(labels)
    look = look_at(lazy, grey, SPACING, 5, find_box(labels, 5), PARAMETERS)
    assert look.crop is None
    for cut, same in zip(look.cuts, whole.cuts, strict=True):
        np.testing.assert_array_equal(cut.labels, same.labels)
        np.testing.assert_array_equal(cut.grey, same.grey)
    assert lazy.read < whole.crop.labels.size / 5
