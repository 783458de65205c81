"""VIA and COCO: what was drawn becomes labels, and what cannot be used gets one clear sentence."""

import re

import imagecodecs
import numpy as np
import pytest
import tifffile
from annotation_files import AREAS, REGIONS, SHAPE, coco, entry, picture, project, write

from napari_cathode.errors import InputError
from napari_cathode.io import is_annotations, read_annotations
from napari_cathode.io.annotations import draw_labels, find_picture, iter_annotated
from napari_cathode.io.pictures import read_picture

VIA_FILES = {
    "project, version 2": project(entry("a.png", REGIONS)),
    "export, version 2": entry("a.png", REGIONS, size=1234),
    "export, version 1": entry("a.png", REGIONS, version=1, size=1234),
    "project with regions as in version 1": project(entry("a.png", REGIONS, version=1)),
}


def labels_of(path):
    annotations = read_annotations(path)
    return draw_labels(annotations.images[0], SHAPE, path.name)


@pytest.mark.parametrize("content", VIA_FILES.values(), ids=VIA_FILES)
def test_every_form_of_via_gives_the_same_particles(tmp_path, content):
    path = write(tmp_path / "via.json", content)
    assert is_annotations(path)
    assert read_annotations(path).kind == "VIA"
    labels = labels_of(path)
    assert labels.dtype == np.int32
    assert np.bincount(labels.ravel())[1:] == pytest.approx(AREAS, rel=0.05)
    assert (labels == labels_of(write(tmp_path / "b.json", VIA_FILES["project, version 2"]))).all()


def test_pixels_are_those_whose_centres_lie_inside(tmp_path):
    labels = labels_of(write(tmp_path / "via.json", project(entry("a.png", REGIONS))))
    for number, (rows, columns) in {1: ((4, 14), (5, 25)), 2: ((4, 24), (40, 60)), 3: ((4, 10), (62, 72))}.items():
        expected = np.zeros(SHAPE, bool)
        expected[slice(*rows), slice(*columns)] = True
        assert ((labels == number) == expected).all(), number
    y, x = np.argwhere(labels == 4).mean(axis=0)
    assert (y, x) == pytest.approx((39.5, 19.5)), "pixel i covers i … i + 1"


def test_an_ellipse_turns_as_on_the_screen(tmp_path):
    labels = labels_of(write(tmp_path / "via.json", project(entry("a.png", REGIONS))))
    y, x = np.nonzero(labels == 5)
    angle = 0.5 * np.arctan2(2 * np.cov(x, y)[0, 1], np.var(x) - np.var(y))
    assert angle == pytest.approx(0.5, abs=0.05), "towards larger y: clockwise, since y points down"


def test_coco_polygons_and_masks(tmp_path):
    mask = np.zeros(SHAPE, bool)
    mask[30:50, 10:30] = True
    column = mask.T.ravel()
    changes = np.flatnonzero(np.diff(np.concatenate([[False], column]).astype(int)))
    runs = np.diff(np.concatenate([[0], changes, [column.size]])).tolist()
    parts = [[2, 2, 12, 2, 12, 12, 2, 12], [20, 2, 24, 2, 24, 6, 20, 6]]
    path = write(tmp_path / "coco.json", coco("a.png", [parts, {"size": list(SHAPE), "counts": runs}]))
    assert read_annotations(path).kind == "COCO"
    labels = labels_of(path)
    assert (labels == 1).sum() == 100 + 16, "both parts are one particle"
    assert ((labels == 2) == mask).all()


def test_coco_masks_in_text_form(tmp_path):
    # What pycocotools.mask.encode gives for a 5 × 6 mask that is set in [1:4, 2:5].
    path = write(tmp_path / "coco.json", coco("a.png", [{"size": [5, 6], "counts": ";320004"}], (5, 6)))
    expected = np.zeros((5, 6), bool)
    expected[1:4, 2:5] = True
    labels = draw_labels(read_annotations(path).images[0], (5, 6), "coco.json")
    assert ((labels == 1) == expected).all()


def test_a_small_particle_lies_on_a_large_one(tmp_path):
    inner = {"name": "rect", "x": 10, "y": 10, "width": 5, "height": 5}
    outer = {"name": "rect", "x": 5, "y": 5, "width": 30, "height": 30}
    for order in ([inner, outer], [outer, inner]):
        labels = labels_of(write(tmp_path / "via.json", entry("a.png", order)))
        assert sorted(np.bincount(labels.ravel())[1:]) == [25, 875]


def test_what_reaches_over_the_border_is_cut(tmp_path):
    labels = labels_of(write(tmp_path / "via.json", entry("a.png", [{"name": "circle", "cx": 0, "cy": 30, "r": 10}])))
    assert (labels > 0).sum() == pytest.approx(np.pi * 50, rel=0.02)


def test_classes_can_be_chosen(tmp_path):
    content = entry("a.png", REGIONS)
    regions = next(iter(content.values()))["regions"]
    for i, region in enumerate(regions):
        region["region_attributes"] = {"kind": "crack" if i == 2 else "particle"}
    path = write(tmp_path / "via.json", content)
    assert "particle (4), crack (1)" in read_annotations(path).notes[0]
    assert len(read_annotations(path, only="particle").images[0].outlines) == 4
    with pytest.raises(InputError, match="no outlines of the class 'pore'"):
        read_annotations(path, only="pore")


def test_points_and_images_without_outlines_are_left_out(tmp_path):
    content = entry("a.png", [*REGIONS[:1], {"name": "point", "cx": 3, "cy": 3}]) | entry("b.png", [])
    annotations = read_annotations(write(tmp_path / "via.json", content))
    assert [image.name for image in annotations.images] == ["a.png"]
    assert "single points" in annotations.notes[0]


@pytest.mark.parametrize("place", ["a.png", "images/a.png", "raw/a.png"])
def test_pictures_are_found_where_they_lie(tmp_path, place):
    file = picture(tmp_path / place)
    path = write(tmp_path / "via.json", project(entry("a.png", REGIONS), "raw"))
    ((found, grey, labels),) = iter_annotated(read_annotations(path))
    assert found.resolve() == file.resolve()
    assert grey.shape == labels.shape == SHAPE


def test_a_folder_that_is_given_comes_first(tmp_path):
    picture(tmp_path / "a.png")
    other = picture(tmp_path / "other" / "a.png", seed=1)
    annotations = read_annotations(write(tmp_path / "via.json", entry("C:\\data\\a.png", REGIONS)))
    assert find_picture(annotations.images[0], annotations.path, other.parent) == other


def test_grey_pictures_of_all_kinds(tmp_path):
    grey = np.random.default_rng(0).integers(0, 255, (20, 30), dtype=np.uint8)
    colour = np.repeat(grey[..., None], 3, -1)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(colour))
    (tmp_path / "a.bmp").write_bytes(imagecodecs.bmp_encode(grey))
    tifffile.imwrite(tmp_path / "a.tif", grey)
    for name in ("a.png", "a.bmp", "a.tif"):
        assert (read_picture(tmp_path / name) == grey).all(), name
    smooth = np.tile(np.arange(0, 240, 8, dtype=np.uint8), (20, 1))
    (tmp_path / "a.jpg").write_bytes(imagecodecs.jpeg8_encode(np.repeat(smooth[..., None], 3, -1), level=95))
    assert np.abs(read_picture(tmp_path / "a.jpg").astype(int) - smooth).max() <= 3
    colour[..., 0] = 0
    (tmp_path / "b.png").write_bytes(imagecodecs.png_encode(colour))
    with pytest.raises(InputError, match=r"b\.png is a colour image"):
        read_picture(tmp_path / "b.png")


VERSION_3 = {"project": {}, "config": {}, "attribute": {}, "file": {}, "metadata": {}, "view": {}}
OUTSIDE = entry("a.png", [*REGIONS, {"name": "circle", "cx": 300, "cy": 30, "r": 10}])
BAD = {
    "not JSON": ("no brackets", "cannot be read as JSON"),
    "another JSON": ({"type": "FeatureCollection"}, "neither VIA"),
    "a list": ([1, 2], "neither VIA"),
    "VIA 3": (VERSION_3, "written by VIA 3"),
    "no outlines": (entry("a.png", []), "no outline"),
    "polygon outside": (OUTSIDE, "Region 6 of a.png .* outside the picture, which is 60 × 80"),
    "two corners": (entry("a.png", [{"name": "polygon", "all_points_x": [1, 2], "all_points_y": [1, 2]}]), "2 corners"),
    "uneven lists": (
        entry("a.png", [{"name": "polygon", "all_points_x": [1, 2, 3], "all_points_y": [1, 2]}]),
        "no pairs of numbers",
    ),
    "words for numbers": (entry("a.png", [{"name": "circle", "cx": "x", "cy": 1, "r": 2}]), "lacks one of cx, cy, r"),
    "unknown shape": (entry("a.png", [{"name": "cube"}]), "shape 'cube'"),
    "nothing inside": (
        entry("a.png", [{"name": "rect", "x": 3.6, "y": 3, "width": 0.2, "height": 9}]),
        "covers no pixel",
    ),
    "region without shape": ({"a.png-1": {"filename": "a.png", "regions": [{}]}}, "no shape"),
    "COCO of another size": (coco("a.png", [[[2, 2, 9, 2, 9, 9]]], (120, 160)), "60 × 80 pixels, but .* 120 × 160"),
    "COCO with boxes only": (coco("a.png", [[]]), "a box alone"),
    "COCO with a broken mask": (coco("a.png", [{"size": [60, 80], "counts": [1, 2]}]), "cannot be decoded"),
    "COCO of an unknown image": (
        coco("a.png", []) | {"annotations": [{"id": 1, "image_id": 99, "segmentation": []}]},
        "does not list",
    ),
}


@pytest.mark.parametrize(("content", "says"), BAD.values(), ids=BAD)
def test_what_cannot_be_used_gets_one_clear_sentence(tmp_path, content, says):
    picture(tmp_path / "a.png")
    path = write(tmp_path / "mine.json", content)
    with pytest.raises(InputError, match=says) as caught:
        list(iter_annotated(read_annotations(path)))
    text = str(caught.value)
    assert "mine.json" in text
    assert text.endswith((".", "?"))
    assert "\n" not in text
    assert len(re.findall(r"[.;] (?=[A-Z])", text)) <= 1
