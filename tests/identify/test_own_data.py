"""Own images: found by name, checked, and parted without showing validation particles to the training."""

import json

import numpy as np
import pytest
import tifffile
from discs import disc_slice

from napari_cathode.errors import InputError
from napari_cathode.identify.own_data import StoredSlices, iter_prepare, part_images
from napari_cathode.identify.own_images import AnnotationFile, ImagePair, find_pairs, iter_load
from napari_cathode.identify.own_parameters import OwnTrainingParameters
from napari_cathode.identify.own_training import make_batch
from napari_cathode.identify.training import TrainingParameters
from napari_cathode.identify.training_data import TRAINING, VALIDATION
from napari_cathode.progress import drain

OWN = OwnTrainingParameters()


def pair(name="a", shape=(120, 160), seed=0):
    return ImagePair(name, *disc_slice(shape, diameter=24, seed=seed))


def stack(slices=30, empty=(), seed=0):
    image, labels = disc_slice((100, 120), diameter=20, seed=seed)
    images, volumes = np.stack([image] * slices), np.stack([labels] * slices)
    volumes[list(empty)] = 0
    return ImagePair("stack", images, volumes)


def load(*sources):
    return [image for source in sources for image in iter_load(source, 64)]


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (("x/a.tif", "x/b.png"), ("y/a.tif", "y/b.tif")),
        (("x/a.tif", "x/b.tif"), ("y/a_labels.tif", "y/B-mask.tif")),
        (("x/a.tif", "x/b.tif"), ("x/a_labels.tif", "x/b_label.tif", "x/a_cracks.tif")),
        (("x/images/a.tif", "x/images/b.tif"), ("x/masks/a.tif", "x/masks/b.tif")),
    ],
)
def test_images_are_paired_with_labels_by_name(tmp_path, images, labels):
    for name in (*images, *labels):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = find_pairs(tmp_path / "x", tmp_path / "y" if (tmp_path / "y").exists() else None)
    assert [one.name for one in found] == ["a", "b"]
    assert [one.image for one in found] == [tmp_path / name for name in images]
    assert [one.labels for one in found] == [tmp_path / name for name in labels[:2]]


def test_an_image_without_labels_is_named(tmp_path):
    for name in ("x/a.tif", "x/b.tif", "y/a.tif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=r"b\.tif in .*x has no label image"):
        find_pairs(tmp_path / "x", tmp_path / "y")
    with pytest.raises(InputError, match=r"No image in .* has labels"):
        find_pairs(tmp_path / "x")
    with pytest.raises(InputError, match="needs the label image"):
        find_pairs(tmp_path / "x" / "a.tif")
    with pytest.raises(InputError, match="does not exist"):
        find_pairs(tmp_path / "z")


def test_files_arrays_and_annotations_give_the_same_kind_of_slices(tmp_path):
    image, labels = disc_slice((100, 120), diameter=24)
    tifffile.imwrite(tmp_path / "a.tif", image)
    tifffile.imwrite(tmp_path / "a_labels.tif", labels.astype(np.uint16))
    region = {"shape_attributes": {"name": "circle", "cx": 30, "cy": 40, "r": 12}, "region_attributes": {}}
    via = tmp_path / "via.json"
    via.write_text(json.dumps({"a.tif-1": {"filename": "a.tif", "size": -1, "regions": [region]}}))
    (file,) = load(find_pairs(tmp_path)[0])
    (array,) = load(ImagePair("a", image, labels * 100_000))
    (outlined,) = load(AnnotationFile(via))
    assert (file.grey == array.grey).all() and (file.labels == array.labels).all()
    assert file.labels.max() == labels.max()
    assert file.diameter_px == pytest.approx(24, rel=0.06)
    assert outlined.labels.shape == (1, 100, 120) and outlined.diameter_px == pytest.approx(24, rel=0.03)


def test_only_slices_with_labels_count(tmp_path):
    (image,) = load(stack(30, empty=range(10, 30)))
    assert len(image.grey) == 10
    (fewer,) = iter_load(stack(30), 7)
    assert len(fewer.grey) == 7


def test_a_part_of_each_of_few_images_is_kept():
    train, check = part_images(load(pair("a"), pair("b", seed=1)), OWN)
    assert [one[0] for one in train] == [one[0] for one in check] == ["a", "b"]
    for (_, one, _, _), (_, other, labels, _) in zip(train, check, strict=True):
        assert one.shape[0] == other.shape[0] == 120
        assert one.shape[1] + other.shape[1] == 160
        assert labels.max() == len(np.unique(labels)) - 1 >= 3


def test_whole_images_are_kept_of_many():
    images = load(*(pair(f"i{i}", seed=i) for i in range(10)))
    train, check = part_images(images, OWN)
    assert len(train) == 8 and len(check) == 2
    assert not {one[0] for one in train} & {one[0] for one in check}
    again = part_images(images, OWN)[1]
    assert [one[0] for one in again] == [one[0] for one in check]
    other = part_images(images, OwnTrainingParameters(seed=1))[1]
    assert [one[0] for one in other] != [one[0] for one in check]


def test_the_end_of_a_stack_is_kept_with_a_gap_before():
    train, check = part_images(load(stack(50)), OWN)
    assert len(check) == 10
    assert len(train) == 30, "slices within a radius of the kept ones show the same particles"


BAD = {
    "other size": (ImagePair("a", np.zeros((64, 64)), np.ones((64, 60), int)), "64 × 64 pixels but .* 64 × 60"),
    "no labels": (ImagePair("a", np.zeros((64, 64)), np.zeros((64, 64), int)), "labels of a are empty"),
    "a mask": (
        ImagePair("a", disc_slice()[0], (disc_slice()[1] > 0).astype(np.uint8) * 255),
        "one number for .* separate pieces",
    ),
    "constant": (ImagePair("a", np.ones((64, 64)), disc_slice((64, 64), 20)[1]), "one constant grey"),
    "tiny": (ImagePair("a", np.ones((20, 64)), np.ones((20, 64), int)), "training needs 32 × 32"),
    "few": (ImagePair("a", *disc_slice((100, 100), 60)), "too few particles"),
    "NaN": (ImagePair("a", np.where(disc_slice()[1] > 3, np.nan, 1.0), disc_slice()[1]), "not numbers"),
}


@pytest.mark.parametrize(("source", "says"), BAD.values(), ids=BAD)
def test_what_cannot_be_trained_on_is_said(tmp_path, source, says):
    with pytest.raises(InputError, match=says):
        drain(iter_prepare([source], (), tmp_path / "slices", OWN))


def test_nothing_given_and_images_that_are_missing(tmp_path):
    with pytest.raises(InputError, match="no images to train on"):
        drain(iter_prepare([], (), tmp_path, OWN))
    region = {"shape_attributes": {"name": "circle", "cx": 9, "cy": 9, "r": 5}}
    via = tmp_path / "via.json"
    via.write_text(json.dumps({"a.tif-1": {"filename": "a.tif", "size": -1, "regions": [region]}}))
    with pytest.raises(InputError, match=r"via\.json names 1 image, of which 1 is not in .* \(a\.tif\)"):
        drain(iter_prepare([AnnotationFile(via)], (), tmp_path, OWN))


def test_stored_slices_and_their_batches(tmp_path):
    data = drain(iter_prepare([pair()], [stack(4)], tmp_path, OWN))
    assert (data["training_slices"], data["validation_slices"]) == (1, 4)
    assert data["images"] == ["a"] and data["validation_images"] == ["stack"]
    pool, kept = StoredSlices(tmp_path, TRAINING), StoredSlices(tmp_path, VALIDATION)
    assert (len(pool), len(kept)) == (1, 4)
    assert pool[0].image.dtype == np.float32
    assert pool[0].diameter_px == pytest.approx(24, rel=0.06)
    assert pool[0].labels.max() == data["training_particles"]
    training = TrainingParameters(batch=3, patch=64, n_rays=8)
    images, (probability, distance) = make_batch(pool, training, 5)
    assert images.shape == (3, 64, 64, 1) and distance.shape == (3, 32, 32, 9)
    assert (probability.reshape(3, -1).max(axis=1) > 0).all(), "patches hold particles"
    assert (make_batch(pool, training, 5)[0] == images).all()
    assert (make_batch(pool, training, 6)[0] != images).any()
