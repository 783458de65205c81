import numpy as np
import pytest
from skimage.measure import regionprops
from stardist.geometry import star_dist
from stardist.utils import edt_prob

from napari_cathode.identify.stardist2d import compact, draw_polygons, select_polygons


def perfect_output(labels: np.ndarray, grid=(2, 2)):
    coarse = np.ascontiguousarray(labels[:: grid[0], :: grid[1]])
    return edt_prob(coarse).astype(np.float32), star_dist(labels, 32, grid=grid)


def ellipses() -> np.ndarray:
    rows, columns = np.mgrid[:96, :120]
    labels = np.zeros((96, 120), np.int32)
    labels[((rows - 30) / 14) ** 2 + ((columns - 30) / 20) ** 2 <= 1] = 1
    labels[((rows - 60) / 18) ** 2 + ((columns - 80) / 13) ** 2 <= 1] = 2
    labels[((rows - 90) / 12) ** 2 + ((columns - 20) / 12) ** 2 <= 1] = 3  # cut by the border
    return labels


def test_a_perfect_network_gives_the_particles_back():
    truth = ellipses()
    polygons = select_polygons(*perfect_output(truth), (2, 2), 0.5, 0.4)
    labels = draw_polygons(polygons, truth.shape, (1.0, 1.0))
    assert labels.max() == 3
    for one in regionprops(truth):
        number = labels[int(one.centroid[0]), int(one.centroid[1])]
        overlap = (labels == number) & (truth == one.label)
        assert overlap.sum() / ((labels == number) | (truth == one.label)).sum() > 0.9


def test_outlines_are_drawn_smoothly_on_a_finer_grid():
    truth = ellipses()
    polygons = select_polygons(*perfect_output(truth), (2, 2), 0.5, 0.4)
    labels = draw_polygons(polygons, (288, 240), (1 / 3, 1 / 2))
    assert [np.sqrt((labels > 0).sum() / (truth > 0).sum())] == pytest.approx([np.sqrt(6)], rel=0.03)
    rows, columns = np.nonzero(labels == labels[90, 60])
    assert (rows.mean(), columns.mean()) == pytest.approx((30.5 * 3 - 0.5, 30.5 * 2 - 0.5), abs=1.5)


def test_thresholds_do_what_they_say():
    truth = ellipses()
    probability, distance = perfect_output(truth)
    assert len(select_polygons(probability, distance, (2, 2), 0.9, 0.4).probability) == 3
    probability[truth[::2, ::2] == 2] *= 0.5
    assert len(select_polygons(probability, distance, (2, 2), 0.6, 0.4).probability) == 2


def test_labels_end_at_the_field_of_view_and_stay_compact():
    truth = ellipses()
    polygons = select_polygons(*perfect_output(truth), (2, 2), 0.5, 0.4)
    inside = np.ones(truth.shape, bool)
    inside[:, :55] = False
    labels = draw_polygons(polygons, truth.shape, (1.0, 1.0), inside)
    assert (labels[:, :55] == 0).all()
    assert labels.max() == 1


def test_renumbering_keeps_the_order():
    assert compact(np.array([[0, 7], [3, 7]], np.int32)).tolist() == [[0, 2], [1, 2]]
