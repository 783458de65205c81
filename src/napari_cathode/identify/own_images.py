"""A person's own labelled images: found, read and checked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cathode.errors import InputError

from .rescale import FloatArray, as_grey, constant_part, grey_range
from .training_data import Labels

SMALLEST_EDGE = 32
IMAGE_SUFFIXES = (".tif", ".tiff", ".btf", ".tf8", ".png", ".jpg", ".jpeg", ".bmp", ".npy", ".h5", ".hdf5", ".nxs")
_LABEL_WORDS = "labels|label|masks|mask|particles|instances|gt"


@dataclass(frozen=True, eq=False)
class ImagePair:
    """An image and the labels of its particles.

    Attributes
    ----------
    name : str
        What people call it.
    image, labels : Path or ndarray of shape (y, x) or (z, y, x)
        Files or arrays; of a stack, only slices with labels are used.
    """

    name: str
    image: Any
    labels: Any


@dataclass(frozen=True)
class AnnotationFile:
    """A VIA or COCO file.

    Attributes
    ----------
    path : Path
        The file.
    images : Path, optional
        Folder of the images; without it they are looked for beside the file.
    only : str
        Take only outlines of this class; all without it.
    """

    path: Path
    images: Path | None = None
    only: str = ""


Source = ImagePair | AnnotationFile


def find_pairs(images: Path, labels: Path | None = None) -> list[ImagePair]:
    """Pair images with their labels by name.

    Parameters
    ----------
    images : Path
        An image, or a folder of images (each a slice or a stack). Without ``labels``, the folder holds both
        (``a.tif`` and ``a_labels.tif``), or two folders, ``images`` and ``labels`` or ``masks``.
    labels : Path, optional
        The label image, or the folder of label images, which bear the name of their image, with or without ``_labels``,
        ``_label``, ``_mask`` or the like at the end.

    Raises
    ------
    InputError
        When there are none, or when one lacks its partner.
    """
    if not images.exists():
        raise InputError(f"{images} does not exist; check the name.")
    if labels is not None and not labels.exists():
        raise InputError(f"{labels} does not exist; check the name.")
    if images.is_file():
        if labels is None or not labels.is_file():
            raise InputError(f"{images.name} needs the label image that belongs to it; name a file of labels.")
        return [ImagePair(images.stem, images, labels)]
    if labels is None:
        inner = next((images / word for word in ("labels", "masks") if (images / word).is_dir()), None)
        if (images / "images").is_dir() and inner is not None:
            images, labels = images / "images", inner
    elif not labels.is_dir():
        raise InputError(f"{images.name} is a folder but {labels.name} is a file; give two folders, or two files.")
    found = _files(images)
    marked = [path for path in found if _stem(path) != path.stem.lower()]
    plain = found if labels is not None else [path for path in found if path not in marked]
    candidates = _files(labels) if labels is not None else marked
    by_stem: dict[str, Path] = {_stem(path): path for path in candidates}
    lonely = [path.name for path in plain if path.stem.lower() not in by_stem and _stem(path) not in by_stem]
    pairs = [
        ImagePair(path.stem, path, by_stem.get(path.stem.lower()) or by_stem[_stem(path)])
        for path in plain
        if path.name not in lonely
    ]
    if not pairs:
        raise InputError(
            f"No image in {images} has labels of the same name; name label images like their image, for instance "
            "a.tif and a_labels.tif."
        )
    if lonely and labels is not None:
        raise InputError(
            f"{lonely[0]} in {images} has no label image of its name in {labels}; add it, or take the image away."
        )
    return pairs


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES and path.name[0] != ".")


def _stem(path: Path) -> str:
    """Give the name of a label image without the word that says so."""
    return re.sub(rf"[-_. ]({_LABEL_WORDS})$", "", path.stem.lower())


@dataclass(frozen=True)
class OwnImage:
    """An image that was read: normalised grey values and labels, both (z, y, x), and its typical diameter in pixels."""

    name: str
    grey: FloatArray
    labels: Labels
    diameter_px: float
    stack_of: int


def iter_load(source: Source, slices_per_stack: int) -> Iterator[OwnImage]:
    """Read, check and normalise what a source holds.

    Raises
    ------
    InputError
        When a file cannot be read, or image and labels do not belong together.
    """
    if isinstance(source, AnnotationFile):
        yield from _annotated(source)
    else:
        yield _labelled(source, slices_per_stack)


def _annotated(source: AnnotationFile) -> Iterator[OwnImage]:
    from napari_cathode.io.annotations import iter_annotated, missing_pictures, read_annotations, say_missing

    annotations = read_annotations(source.path, source.only)
    missing = missing_pictures(annotations, source.images)
    if missing:
        raise InputError(say_missing(annotations, missing, source.images))
    for path, grey, labels in iter_annotated(annotations, source.images):
        yield _checked(path.stem, grey[np.newaxis], labels[np.newaxis], 1)


def _labelled(source: ImagePair, slices_per_stack: int) -> OwnImage:
    grey, labels = _read_grey(source.image), _read_labels(source)
    if grey.shape != labels.shape:
        shapes = [" × ".join(map(str, one.shape if one.shape[0] > 1 else one.shape[1:])) for one in (grey, labels)]
        raise InputError(
            f"The image {source.name} has {shapes[0]} pixels but its labels have {shapes[1]}; choose labels of this "
            "image."
        )
    used = np.flatnonzero(labels.reshape(len(labels), -1).any(axis=1))
    if len(used) > slices_per_stack:
        used = used[np.linspace(0, len(used) - 1, slices_per_stack).round().astype(int)]
    if not len(used):
        raise InputError(f"The labels of {source.name} are empty; label some particles first.")
    picked = np.stack([as_grey(grey[int(z)]) for z in used])
    return _checked(source.name, picked, labels[used], grey.shape[0])


def _read_grey(image: Any) -> Any:
    from napari_cathode.io import read
    from napari_cathode.io.pictures import SUFFIXES, read_picture

    if isinstance(image, Path):
        return read_picture(image)[np.newaxis] if image.suffix.lower() in SUFFIXES else read(image).data
    return image if image.ndim == 3 else image[np.newaxis]


def _read_labels(source: ImagePair) -> Labels:
    from napari_cathode.io import read_labels

    if isinstance(source.labels, Path):
        return read_labels(source.labels)[0]
    labels = np.asarray(source.labels)
    return labels if labels.ndim == 3 else labels[np.newaxis]


def _checked(name: str, grey: npt.NDArray[Any], labels: npt.NDArray[Any], stack_of: int) -> OwnImage:
    """Refuse masks and constant images; normalise over all slices, as a whole tomogram is when particles are found."""
    if min(grey.shape[1:]) < SMALLEST_EDGE:
        raise InputError(
            f"The image {name} is {grey.shape[1]} × {grey.shape[2]} pixels; training needs {SMALLEST_EDGE} × "
            f"{SMALLEST_EDGE} at least."
        )
    _refuse_mask(name, labels)
    values = np.concatenate([plane[~constant_part(plane)] for plane in grey])
    normalised = grey_range(values, name=f"The image {name}").normalise(grey)
    numbered = np.stack([renumbered(plane) for plane in labels])
    sizes = np.concatenate([np.bincount(plane.ravel())[1:] for plane in numbered])
    diameter = _area_weighted(sizes)
    return OwnImage(name, normalised, numbered, diameter, stack_of)


def renumbered(labels: npt.NDArray[Any]) -> Labels:
    """Give the labels of a slice new numbers 1…n, leaving 0 as it is."""
    order = np.unique(np.append(labels.ravel(), 0), return_inverse=True)[1]
    return order[:-1].reshape(labels.shape).astype(np.int32)


def _area_weighted(areas: npt.NDArray[Any]) -> float:
    """Give the diameter of `typical_diameter` over the particles of several slices."""
    areas = np.sort(areas[areas > 0])
    middle = np.searchsorted(np.cumsum(areas), areas.sum() / 2)
    return float(2 * np.sqrt(areas[middle] / np.pi))


def _refuse_mask(name: str, labels: npt.NDArray[Any]) -> None:
    """Raise `InputError` for a mask, in which all particles have the same number."""
    from skimage.measure import label

    for plane in labels:
        values = np.unique(plane)
        if values.size > 2:
            return
    pieces = max(int(label(plane > 0, connectivity=2).max()) for plane in labels)  # type: ignore[no-untyped-call]
    if pieces > 2:
        raise InputError(
            f"The labels of {name} have one number for {pieces} separate pieces, as a mask has; give every particle a "
            "number of its own (in Fiji: Connected Components Labeling)."
        )
