"""Small labelled images of the kinds that people have, and a network that is trained in seconds."""

import json
from pathlib import Path

import numpy as np
from discs import disc_slice

from napari_cathode.identify.own_parameters import OwnTrainingParameters

TINY = OwnTrainingParameters(
    steps=4, seed=1, batch=2, patch=64, validate_every=2, rays=8, depth=1, filters=4, learning_rate=3e-3
)


def write_via(folder: Path, shape=(112, 176)) -> Path:
    """Write a picture of discs and a VIA project that outlines them."""
    import imagecodecs

    folder.mkdir(parents=True, exist_ok=True)
    image, labels = disc_slice(shape, diameter=24)
    (folder / "discs.png").write_bytes(imagecodecs.png_encode(image))
    regions = []
    for number in range(1, labels.max() + 1):
        y, x = (np.argwhere(labels == number) + 0.5).mean(axis=0)
        radius = np.sqrt((labels == number).sum() / np.pi)
        regions.append({"shape_attributes": {"name": "circle", "cx": x, "cy": y, "r": radius}, "region_attributes": {}})
    entry = {"filename": "discs.png", "size": -1, "regions": regions, "file_attributes": {}}
    path = folder / "via.json"
    path.write_text(json.dumps({"_via_settings": {}, "_via_img_metadata": {"discs.png-1": entry}}))
    return path
