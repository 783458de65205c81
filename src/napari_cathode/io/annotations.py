"""Outlines that people drew: VIA (VGG Image Annotator, versions 1 and 2) and COCO JSON, as label images."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cathode.errors import InputError

from . import coco, via
from .base import sizes
from .outlines import AnnotatedImage, Outline
from .pictures import read_picture

_LARGEST_BYTES = 1 << 29
_SHOWN_NAMES = 3


@dataclass(frozen=True)
class Annotations:
    """What an annotation file holds.

    Attributes
    ----------
    path : Path
        The file.
    kind : str
        "VIA" or "COCO".
    images : tuple of AnnotatedImage
        Those with at least one outline.
    notes : tuple of str
        What was left out or taken for granted, a sentence each.
    """

    path: Path
    kind: str
    images: tuple[AnnotatedImage, ...]
    notes: tuple[str, ...]


def is_annotations(path: str | Path) -> bool:
    """Tell whether a file is VIA (any version) or COCO JSON."""
    path = Path(path)
    if path.suffix.lower() != ".json" or not path.is_file() or path.stat().st_size > _LARGEST_BYTES:
        return False
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, OSError):
        return False
    return coco.recognises(content) or via.recognises(content) or via.is_version_3(content)


def read_annotations(path: str | Path, only: str = "") -> Annotations:
    """Read an annotation file.

    Parameters
    ----------
    path : path
        VIA project or annotation export (versions 1 and 2), or COCO.
    only : str
        Take only outlines of this class (COCO category, or value of a VIA region attribute); all without it.

    Returns
    -------
    Annotations

    Raises
    ------
    InputError
        When it is no such file, holds no outline, or one that cannot be used.
    """
    path = Path(path)
    content = _load(path)
    if via.is_version_3(content):
        raise InputError(
            f"{path.name} was written by VIA 3, whose format differs; draw the outlines with VIA 2, or export them as "
            "COCO."
        )
    if coco.recognises(content):
        kind, images, notes = "COCO", *coco.parse(content, path.name)
    elif via.recognises(content):
        kind, images, notes = "VIA", *via.parse(content, path.name)
    else:
        raise InputError(
            f"{path.name} is neither VIA (version 1 or 2) nor COCO JSON; export the annotations from VIA as JSON or "
            "COCO."
        )
    images, more = _choose(images, only, path.name)
    drawn = tuple(image for image in images if image.outlines)
    if not drawn:
        raise InputError(f"{path.name} holds no outline of a particle; outline some, and export it again.")
    return Annotations(path, kind, drawn, (*notes, *more))


def _load(path: Path) -> Any:
    if not path.is_file():
        raise InputError(f"{path} does not exist; check the name.")
    if path.stat().st_size > _LARGEST_BYTES:
        raise InputError(f"{path.name} is larger than 512 MB; split it into files with fewer images.")
    try:
        return json.loads(path.read_bytes())
    except ValueError as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path.name} cannot be read as JSON ({reason}); export the annotations again.") from None


def _choose(images: list[AnnotatedImage], only: str, name: str) -> tuple[list[AnnotatedImage], tuple[str, ...]]:
    """Keep the outlines of one class, or say that all classes count as particles."""
    classes = Counter(outline.category for image in images for outline in image.outlines if outline.category)
    listed = ", ".join(f"{category} ({count})" for category, count in classes.most_common())
    if only:
        if only not in classes:
            raise InputError(f"{name} has no outlines of the class {only!r}; it has {listed or 'no classes'}.")
        kept = [replace(i, outlines=tuple(o for o in i.outlines if o.category == only)) for i in images]
        return kept, ()
    if len(classes) > 1:
        return images, (f"All classes in {name} count as particles: {listed}.",)
    return images, ()


def find_picture(image: AnnotatedImage, annotations: Path, folder: Path | None = None) -> Path | None:
    """Find the file of an annotated image.

    Looked for by its name, in ``folder`` if one is given, beside the annotation file, in a folder ``images`` there,
    and where VIA looked for it.

    Returns
    -------
    Path or None
    """
    stated = Path(image.name.replace("\\", "/"))
    beside = annotations.resolve().parent
    folders = [folder] if folder is not None else []
    folders += [beside, beside / "images"]
    folders += [beside / one for one in image.folders]
    for place in folders:
        for name in (stated, Path(stated.name)):
            if (place / name).is_file():
                return place / name
    return None


def draw_labels(image: AnnotatedImage, shape: tuple[int, int], where: str) -> npt.NDArray[np.int32]:
    """Draw the outlines of an image as labels.

    A pixel belongs to a particle when its centre lies inside the outline; pixel i covers i … i + 1 of the annotation's
    coordinates. Where outlines overlap, the smaller particle is on top.

    Parameters
    ----------
    image : AnnotatedImage
        The outlines.
    shape : tuple of int
        Size (y, x) of the picture.
    where : str
        The annotation file's name, for errors.

    Returns
    -------
    ndarray of int32, shape (y, x)
        Particles 1…n in the order of the file, 0 = background.

    Raises
    ------
    InputError
        When the picture has another size than the annotation says, or an outline lies outside of it.
    """
    if image.shape is not None and image.shape != shape:
        raise InputError(
            f"{image.name} is {sizes(shape)} pixels, but {where} was drawn on one of {sizes(image.shape)}; give the "
            "picture that was annotated."
        )
    drawn = [outline.pixels(shape) for outline in image.outlines]
    for outline, (rows, _) in zip(image.outlines, drawn, strict=True):
        if rows.size == 0:
            raise InputError(_why_empty(outline, image, shape, where))
    labels = np.zeros(shape, np.int32)
    for index in sorted(range(len(drawn)), key=lambda i: -drawn[i][0].size):
        labels[drawn[index]] = index + 1
    return labels


def _why_empty(outline: Outline, image: AnnotatedImage, shape: tuple[int, int], where: str) -> str:
    low, high = outline.bounds()
    if (high < 0).any() or (low > np.asarray(shape)).any():
        return (
            f"{outline.name} of {image.name} in {where} lies outside the picture, which is {sizes(shape)} pixels; was "
            "it drawn on a picture of another size?"
        )
    return f"{outline.name} of {image.name} in {where} covers no pixel; delete it, or draw it larger."


def missing_pictures(annotations: Annotations, folder: Path | None = None) -> list[str]:
    """List the annotated images whose file is not found."""
    return [image.name for image in annotations.images if find_picture(image, annotations.path, folder) is None]


def say_missing(annotations: Annotations, missing: list[str], folder: Path | None = None) -> str:
    """Say which pictures are missing, and what to do."""
    named = ", ".join(missing[:_SHOWN_NAMES]) + (" and others" if len(missing) > _SHOWN_NAMES else "")
    count = len(annotations.images)
    place = folder or annotations.path.resolve().parent
    return (
        f"{annotations.path.name} names {count} {'image' if count == 1 else 'images'}, of which {len(missing)} "
        f"{'is' if len(missing) == 1 else 'are'} not in {place} ({named}); copy the images there, or name their folder."
    )


def iter_annotated(
    annotations: Annotations, folder: Path | None = None
) -> Iterator[tuple[Path, npt.NDArray[Any], npt.NDArray[np.int32]]]:
    """Go through the annotated pictures that are found.

    Yields
    ------
    path : Path
        The picture's file.
    grey : ndarray, shape (y, x)
        Its grey values.
    labels : ndarray of int32, shape (y, x)
        The particles.
    """
    for image in annotations.images:
        path = find_picture(image, annotations.path, folder)
        if path is not None:
            grey = read_picture(path)
            yield path, grey, draw_labels(image, (grey.shape[0], grey.shape[1]), annotations.path.name)
