"""A person's own labelled images, parted into training and validation slices that lie in a folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cathode.errors import InputError
from napari_cathode.progress import Progress, Steps

from .own_images import SMALLEST_EDGE, AnnotationFile, OwnImage, Source, iter_load, renumbered
from .own_parameters import OwnTrainingParameters
from .rescale import FloatArray
from .training_data import VALIDATION, LabelledSlice, Labels, SlicePool

WHOLE_IMAGES = 5
"""From so many images on, some are kept for validation as a whole; of fewer, a part of each."""
_INDEX = "slices.json"


class StoredSlices(SlicePool):
    """Slices of own images, kept in a folder by `iter_prepare`.

    Parameters
    ----------
    folder : Path
        Where they lie.
    stream : int
        `TRAINING` or `VALIDATION`.
    """

    def __init__(self, folder: Path, stream: int) -> None:
        super().__init__(folder, 0, stream, (0, 0), _make_none)
        index = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
        entries = index["validation" if stream == VALIDATION else "training"]
        self._diameters = [float(entry["diameter_px"]) for entry in entries]
        areas = np.array([float(np.prod(entry["shape"])) for entry in entries])
        self.weights = areas / areas.sum()

    def __len__(self) -> int:
        return len(self._diameters)

    def raw(self, index: int) -> tuple[npt.NDArray[Any], Labels]:
        """Give the normalised grey values and the labels of a slice."""
        with np.load(self.ensure(index)) as file:
            return file["image"].astype(np.float32), file["labels"]

    def __getitem__(self, index: int) -> LabelledSlice:
        if index not in self._held:
            image, labels = self.raw(index)
            kept = labels.astype(np.min_scalar_type(int(labels.max())))
            self._held[index] = (image.astype(np.float16), kept, self._diameters[index])
        image, labels, diameter = self._held[index]
        return LabelledSlice(image.astype(np.float32), labels.astype(np.int32), diameter)


def _make_none(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    raise InputError("A slice of the training is missing in its folder; start the training anew.")


def iter_prepare(
    sources: Sequence[Source], validation: Sequence[Source], folder: Path, parameters: OwnTrainingParameters
) -> Steps[dict[str, Any]]:
    """Read all images, part them, and keep the slices in a folder.

    Parameters
    ----------
    sources : sequence of Source
        The images to train on.
    validation : sequence of Source
        The images to validate on; without any, a share of the former is kept for it.
    folder : Path
        Gets the slices.
    parameters : OwnTrainingParameters
        How the images are parted.

    Yields
    ------
    Progress
        In sources.

    Returns
    -------
    dict
        What the model card says of the data: numbers of images, slices and particles, and their typical diameter.

    Raises
    ------
    InputError
        When there is nothing to train on or to validate on, or one of the images cannot be used.
    """
    if not sources:
        raise InputError("There are no images to train on; give images and labels, or a VIA or COCO file.")
    every = [*sources, *validation]
    images: list[list[OwnImage]] = []
    for done, source in enumerate(every):
        named = source.path.name if isinstance(source, AnnotationFile) else source.name
        yield Progress(done, len(every), f"Reading {named}")
        images.append(list(iter_load(source, parameters.slices_per_stack)))
    own = [image for part in images[: len(sources)] for image in part]
    other = [image for part in images[len(sources) :] for image in part]
    train, check = (_slices(own), _slices(other)) if other else part_images(own, parameters)
    counts = [sum(int(labels.max()) for _, _, labels, _ in part) for part in (train, check)]
    for count, part in zip(counts, ("to train on", "to validate on"), strict=True):
        if count < 2:
            raise InputError(
                f"There are too few particles {part} ({count}); label more of them, in several slices if you can."
            )
    folder.mkdir(parents=True, exist_ok=True)
    pools = {"training": train, "validation": check}
    index = {name: _store(folder, name, part) for name, part in pools.items()}
    (folder / _INDEX).write_text(json.dumps(index), encoding="utf-8")
    return {
        "images": sorted({image.name for image in own}),
        "validation_images": sorted({image.name for image in other}),
        "training_slices": len(train),
        "validation_slices": len(check),
        "training_particles": counts[0],
        "validation_particles": counts[1],
        "diameter_px": round(float(np.median([image.diameter_px for image in own])), 2),
    }


_Slice = tuple[str, FloatArray, Labels, float]


def _slices(images: Sequence[OwnImage]) -> list[_Slice]:
    return [
        (image.name, image.grey[z], image.labels[z], image.diameter_px)
        for image in images
        for z in range(len(image.grey))
    ]


def part_images(images: Sequence[OwnImage], parameters: OwnTrainingParameters) -> tuple[list[_Slice], list[_Slice]]:
    """Part images into training and validation slices.

    With `WHOLE_IMAGES` or more, some are kept as a whole. Of fewer, the end of each is kept: the last slices of a
    stack, leaving out those between that show the same particles, or a strip of a single slice.
    """
    share = parameters.validation_share
    if len(images) >= WHOLE_IMAGES:
        count = max(1, round(share * len(images)))
        kept = set(np.random.default_rng([parameters.seed, 3]).permutation(len(images))[:count].tolist())
        return (
            _slices([image for i, image in enumerate(images) if i not in kept]),
            _slices([image for i, image in enumerate(images) if i in kept]),
        )
    train: list[_Slice] = []
    check: list[_Slice] = []
    for image in images:
        count = len(image.grey)
        if count == 1:
            first, second = _strips(image, share)
            train.append(first)
            check.append(second)
            continue
        last = max(1, round(share * count))
        # Neighbouring slices show the same particles; those within a radius are not trained on.
        gap = min(round(image.diameter_px / 2 * count / image.stack_of), (count - last) // 2)
        every = _slices([image])
        train += every[: count - last - gap]
        check += every[count - last :]
    return train, check


def _strips(image: OwnImage, share: float) -> tuple[_Slice, _Slice]:
    """Cut a slice across its longer axis; the strip for validation is at least one and a half particles wide."""
    grey, labels = image.grey[0], image.labels[0]
    axis = int(np.argmax(grey.shape))
    size = grey.shape[axis]
    wide = min(max(share * size, 1.5 * image.diameter_px, SMALLEST_EDGE), size / 2)
    cut = round(size - wide)
    parts = []
    for where in (slice(0, cut), slice(cut, size)):
        window = tuple(where if i == axis else slice(None) for i in range(2))
        parts.append((image.name, grey[window], renumbered(labels[window]), image.diameter_px))
    return parts[0], parts[1]


def _store(folder: Path, name: str, slices: Sequence[_Slice]) -> list[dict[str, Any]]:
    entries = []
    for index, (source, grey, labels, diameter) in enumerate(slices):
        # Half precision halves the memory; grey values rarely have more than 11 bits that mean something.
        np.savez_compressed(
            folder / f"{name}_{index:05d}.npz", image=grey.astype(np.float16), labels=labels.astype(np.int32)
        )
        entries.append({"name": source, "shape": list(grey.shape), "diameter_px": diameter})
    return entries
