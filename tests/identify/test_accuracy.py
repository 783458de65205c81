import numpy as np
import pytest

from napari_cathode.identify.accuracy import match, total


def test_a_hand_made_case():
    true = np.zeros((20, 30), int)
    true[2:12, 2:12] = 1
    true[2:12, 15:25] = 2
    found = np.zeros_like(true)
    found[2:12, 3:13] = 5  # overlap 90, union 110
    found[14:19, 1:6] = 9  # nothing there
    one = match(true, found, 0.5)
    assert (one.true_positives, one.false_positives, one.false_negatives) == (1, 1, 1)
    assert one.mean_iou == pytest.approx(90 / 110)
    assert one.f1 == pytest.approx(0.5)
    assert one.average_precision == pytest.approx(1 / 3)
    assert (one.precision, one.recall) == (0.5, 0.5)
    strict = match(true, found, 0.9)
    assert strict.true_positives == 0
    assert strict.f1 == 0


def test_several_images_are_added_up():
    true = np.zeros((10, 10), int)
    true[2:6, 2:6] = 1
    both = total([match(true, true), match(true, np.zeros_like(true))])
    assert (both.true_positives, both.false_positives, both.false_negatives) == (1, 0, 1)
    assert both.mean_iou == 1
