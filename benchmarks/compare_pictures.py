"""Pictures of ``compare_methods.py``: the same piece of an image with the outlines that each method draws."""

from __future__ import annotations

from pathlib import Path

import numpy as np

PIECE = 256
"""Edge of the piece of a slice that is shown."""
SHOWN = (0, 5, 11)
"""The slices that are shown: the first of each third of what is reported, whatever they look like."""
FOUND, TRUE = "#00c8ff", "#ffd400"


def draw_slices(target: Path, methods, images) -> None:
    """Draw some slices: a row for each, a column for the truth and each method."""
    rows, titles = [], ["truth", *(name.split(" (")[0] for name in methods)]
    for number, (tomogram, truth, diameter) in enumerate(images):
        if number not in SHOWN:
            continue
        window = tuple(slice((size - PIECE) // 2, (size + PIECE) // 2) for size in truth.shape)
        found = [truth, *(run(tomogram, diameter) for run in methods.values())]
        rows.append((np.asarray(tomogram.data[0])[window], [labels[window] for labels in found]))
    _draw(target, rows, titles)


def draw_volume(target: Path, picture: dict[str, np.ndarray]) -> None:
    """Draw the middle slice of a volume, in rows of four."""
    labels = {"truth": picture["truth"], **{k: v for k, v in picture.items() if k not in ("image", "truth")}}
    names = list(labels)
    count = -(-len(names) // 4)
    rows = [(picture["image"], [labels[name] for name in names[4 * i : 4 * i + 4]]) for i in range(count)]
    _draw(target, rows, [name.split(" (")[0] for name in names], own_titles=True)


def _draw(target: Path, rows, titles: list[str], own_titles: bool = False) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from PIL import Image

    columns = max(len(found) for _, found in rows)
    height = 2.3 * len(rows) + (0.25 * len(rows) if own_titles else 0.25)
    figure, axes = plt.subplots(len(rows), columns, figsize=(2.25 * columns, height), squeeze=False)
    for i, (image, found) in enumerate(rows):
        for j in range(columns):
            axis = axes[i, j]
            axis.set_axis_off()
            if j >= len(found):
                continue
            axis.imshow(image, cmap="gray", interpolation="nearest")
            outline(axis, found[j], TRUE if titles[columns * i * own_titles + j] == "truth" else FOUND)
            if own_titles or i == 0:
                axis.set_title(titles[columns * i * own_titles + j].replace(", ", ",\n", 1), fontsize=7)
    figure.subplots_adjust(0.005, 0.005, 0.995, 0.93 if own_titles else 0.95, 0.02, 0.25 if own_titles else 0.02)
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, dpi=110)
    plt.close(figure)
    with Image.open(target) as picture:
        few = picture.convert("RGB").quantize(128)  # a third of the size; greys and two colours need no more
    few.save(target, optimize=True)


def outline(axis, labels: np.ndarray, colour: str) -> None:
    """Draw the outline of each label."""
    from skimage.measure import find_contours, regionprops

    for region in regionprops(labels.astype(np.int32)):
        top, left = region.bbox[:2]
        for line in find_contours(np.pad(region.image, 1).astype(float), 0.5):
            axis.plot(line[:, 1] + left - 1, line[:, 0] + top - 1, color=colour, linewidth=0.7)
