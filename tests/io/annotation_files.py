"""Annotation files as VIA and COCO tools write them, and the pictures that they belong to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np

SHAPE = (60, 80)
REGIONS: list[dict[str, Any]] = [
    {"name": "polygon", "all_points_x": [5, 25, 25, 5], "all_points_y": [4, 4, 14, 14]},
    {"name": "polyline", "all_points_x": [40, 60, 60, 40, 40], "all_points_y": [4, 4, 24, 24, 4]},
    {"name": "rect", "x": 62, "y": 4, "width": 10, "height": 6},
    {"name": "circle", "cx": 20, "cy": 40, "r": 10.5},
    {"name": "ellipse", "cx": 60, "cy": 45, "rx": 14, "ry": 6, "theta": 0.5},
]
AREAS = [200, 400, 60, np.pi * 10.5**2, np.pi * 14 * 6]


def entry(name: str, regions: list[dict[str, Any]], version: int = 2, size: int = -1) -> dict[str, Any]:
    made = [{"shape_attributes": region, "region_attributes": {}} for region in regions]
    listed: Any = made if version == 2 else {str(i): one for i, one in enumerate(made)}
    return {f"{name}{size}": {"filename": name, "size": size, "regions": listed, "file_attributes": {}}}


def project(entries: dict[str, Any], folder: str = "") -> dict[str, Any]:
    return {
        "_via_settings": {"core": {"default_filepath": folder}, "project": {"name": "p"}},
        "_via_img_metadata": entries,
        "_via_attributes": {"region": {}, "file": {}},
        "_via_data_format_version": "2.0.10",
        "_via_image_id_list": list(entries),
    }


def coco(name: str, segmentations: list[Any], shape: tuple[int, int] = SHAPE) -> dict[str, Any]:
    return {
        "images": [{"id": 7, "file_name": name, "height": shape[0], "width": shape[1]}],
        "annotations": [
            {"id": i + 1, "image_id": 7, "category_id": 1, "segmentation": one, "area": 1, "iscrowd": 0}
            for i, one in enumerate(segmentations)
        ],
        "categories": [{"id": 1, "name": "particle"}],
    }


def write(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def picture(path: Path, shape: tuple[int, int] = SHAPE, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(imagecodecs.png_encode(np.random.default_rng(seed).integers(0, 255, shape, dtype=np.uint8)))
    return path
