"""Slices: what training relies on."""

import json
import time
from dataclasses import replace

import cc3d
import numpy as np
import pytest

from napari_cathode.errors import InputError
from napari_cathode.parameters import from_dict, to_dict
from napari_cathode.simulate import PRESETS, SimulationParameters, randomise, realistic, simulate_slice, training_slice


def test_the_same_seed_gives_the_same_slice_and_another_seed_another():
    first, again, other = (training_slice(np.random.default_rng(k), (96, 112)) for k in (5, 5, 6))
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])
    assert not np.array_equal(first[0], other[0])


def test_image_and_labels_have_the_promised_form():
    image, labels = training_slice(np.random.default_rng(1), (80, 120))
    assert image.shape == labels.shape == (80, 120)
    assert image.dtype == np.uint8
    assert labels.dtype == np.int32
    assert set(np.unique(labels)) == set(range(labels.max() + 1))


@pytest.mark.parametrize("seed", range(6))
def test_labels_are_filled_whole_pieces_brighter_than_the_background(seed):
    image, labels = training_slice(np.random.default_rng(100 + seed), (160, 160))
    for label in range(1, labels.max() + 1):
        pieces = cc3d.connected_components((labels == label).astype(np.uint8), connectivity=8)
        assert pieces.max() == 1, f"label {label} is in pieces"
    assert labels.max() >= 1
    assert np.median(image[labels > 0]) > np.median(image[labels == 0])


def test_cracks_lie_in_filled_labels_and_are_dark():
    parameters = replace(realistic(np.random.default_rng(0), (200, 200)), hollow_fraction=1.0, outside="none")
    result = simulate_slice(parameters, 3)
    image, labels, cracks = result.image[0], result.labels[0], result.cracks[0]
    assert cracks.any()
    assert (labels[cracks] > 0).all()
    assert image[cracks].mean() < image[(labels > 0) & ~cracks].mean() - 25


def test_the_outside_is_one_grey_and_has_no_labels():
    parameters = replace(realistic(np.random.default_rng(0), (128, 128)), outside="side", outside_share=0.2)
    result = simulate_slice(parameters, 1)
    outside = ~result.field_of_view[0]
    assert 0.05 < outside.mean() < 0.5
    assert len(np.unique(result.image[0][outside])) == 1
    assert not result.labels[0][outside].any()


def test_the_table_counts_the_labels():
    result = simulate_slice(replace(PRESETS["nmc-50-cycles"], size_y=160, size_x=160), 2)
    table = result.table
    assert table.columns[0] == "label"
    counts = np.bincount(result.labels.ravel())[1:]
    assert np.allclose(table["area_um2"], counts * 0.15**2)
    cracked = np.bincount(result.labels[result.cracks], minlength=len(counts) + 1)[1:]
    assert np.allclose(table["damage"], cracked / counts)
    edge = np.zeros((160, 160), bool)
    edge[[0, -1]] = edge[:, [0, -1]] = True
    touching = set(np.unique(result.labels[0][edge])) - {0}
    assert set(table["label"][table["touches_border"]]) == touching


def test_bodies_of_known_volume_give_the_section_area_that_stereology_asks_for():
    # Delesse: the share of area in a random section is the share of volume.
    parameters = replace(
        PRESETS["nmc-10-cycles"], size_y=256, size_x=256, packing=0.3, diameter_um=3.0, min_label_diameter=0.0
    )
    share = np.mean([(simulate_slice(parameters, k).labels > 0).mean() for k in range(4)])
    assert 0.22 < share < 0.42


def test_randomised_parameters_differ_widely_and_particles_stay_brighter():
    drawn = [randomise(np.random.default_rng(k)) for k in range(40)]
    assert np.ptp([p.diameter_um / p.voxel_um for p in drawn]) > 50
    assert all(p.particle_grey > p.background_grey + 30 for p in drawn)
    assert len({p.outside for p in drawn}) == 3


def test_training_slices_are_cheap():
    training_slice(np.random.default_rng(0))
    start = time.process_time()
    for k in range(4):
        training_slice(np.random.default_rng(k))
    assert (time.process_time() - start) / 4 < 0.6


def test_nonsense_is_refused_in_words():
    with pytest.raises(InputError, match=r"packing is 0\.9"):
        SimulationParameters(packing=0.9)
    with pytest.raises(InputError, match="drivers"):
        SimulationParameters(drivers=(("mood", 1.0),))


def test_parameters_survive_a_saved_file():
    for parameters in PRESETS.values():
        plain = json.loads(json.dumps(to_dict(parameters)))
        assert from_dict(SimulationParameters, plain) == parameters


def test_a_slice_without_particles_has_no_labels():
    for seed in range(6):
        result = simulate_slice(replace(PRESETS["nmc-10-cycles"], size_y=48, size_x=48, packing=0.01), seed)
        assert len(result.table) == result.labels.max() <= 1
        if not result.labels.any():
            break
    else:
        pytest.fail("all of them had a particle")
