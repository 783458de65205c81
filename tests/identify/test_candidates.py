"""Thresholds changed after the run: what is drawn from kept candidates is what a run with them would have found."""

import numpy as np
import pytest
from discs import disc_slice

from napari_cathode.identify import IdentifyParameters, identify, iter_identify
from napari_cathode.identify.candidates import CandidateWriter, collect, iter_redraw
from napari_cathode.progress import drain
from napari_cathode.tomogram import Tomogram

DIAMETER = 40.0


@pytest.fixture(scope="module")
def crowded() -> Tomogram:
    """Discs that touch, in noise, so that both thresholds matter."""
    image, _ = disc_slice(gap=0.5, noise=0.2, seed=3)
    return Tomogram(image[None])


@pytest.fixture(scope="module")
def kept(crowded):
    """What one run kept."""
    found = []
    drain(iter_identify(crowded, IdentifyParameters(diameter_um=DIAMETER), ("xy",), lambda *what: found.append(what)))
    assert [(view, index) for view, index, _ in found] == [("xy", 0)]
    return found[0][2]


@pytest.mark.parametrize(("probability", "overlap"), [(0.75, 0.3), (0.3, 0.3), (0.5, 0.05), (0.15, 0.7)])
def test_redrawn_is_as_found_anew(crowded, kept, probability, overlap):
    parameters = IdentifyParameters(diameter_um=DIAMETER, prob_threshold=probability, nms_threshold=overlap)
    anew = identify(crowded, parameters, ("xy",))["xy"].labels[0]
    assert anew.max() > 5
    np.testing.assert_array_equal(kept.above(probability).suppressed(overlap).draw(), anew)
    # The other way round too, which is what makes the probability slider quick.
    np.testing.assert_array_equal(kept.suppressed(overlap).above(probability).draw(), anew)


def test_outlines_that_reach_nowhere_are_no_candidates():
    probability, distance = np.full((6, 8), 0.9, np.float32), np.full((6, 8, 32), 5, np.float32)
    for row, spike in enumerate((np.nan, np.inf, 1e30, 1e4)):
        distance[row, 2, 7] = spike
    kept = collect(probability, distance, (2, 2), (12, 16), (1.0, 1.0))
    assert len(kept) == 44
    assert np.isfinite(kept.distances).all() and kept.distances.max() == 5


def test_thresholds_matter_here(kept):
    counts = {kept.above(p).suppressed(o).draw().max() for p in (0.15, 0.8) for o in (0.05, 0.7)}
    assert len(counts) > 1


def test_slices_of_a_run_are_redrawn_from_a_folder(tmp_path):
    images = [disc_slice(shape=(96, 112), seed=seed)[0] for seed in (0, 1)]
    seen = np.ones((1, 96, 112), bool)
    seen[:, :20] = False
    tomogram = Tomogram(np.stack([*images, *images]), field_of_view=seen)
    parameters = IdentifyParameters(diameter_um=DIAMETER)
    writer = CandidateWriter(tmp_path)
    drain(iter_identify(tomogram, parameters, ("xy",), writer.add))
    stored = writer.close(tomogram.shape, seen)
    assert stored.slices("xy") == [0, 1, 2, 3]
    drawn = drain(iter_redraw(stored, 0.3, 0.2))
    anew = identify(tomogram, IdentifyParameters(diameter_um=DIAMETER, prob_threshold=0.3, nms_threshold=0.2), ("xy",))
    np.testing.assert_array_equal(drawn["xy"], anew["xy"].labels)
    assert not drawn["xy"][:, :20].any()


def test_too_many_candidates_are_not_kept(tmp_path, kept, monkeypatch):
    monkeypatch.setattr("napari_cathode.identify.candidates.LARGEST_STORE", 10)
    writer = CandidateWriter(tmp_path)
    for index in range(3):
        writer.add("xy", index, kept)
    assert writer.close((3, 1, 1), None) is None
    assert list(tmp_path.iterdir()) == []


def test_no_candidates_are_no_failure(kept):
    none = kept.above(2.0)
    assert len(none.suppressed(0.3)) == 0
    assert not none.draw().any()
