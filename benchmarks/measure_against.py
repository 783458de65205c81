"""Measuring against other ways, in one run: ``python benchmarks/measure_against.py``.

scikit-image's ``regionprops_table`` with the properties that `label_statistics` gives as well; and a loop that looks at
the whole volume once for each label (as published code does), at two sizes, so that its growth shows.
"""

from __future__ import annotations

import argparse

import numpy as np
from measure_speed import electrode, timed
from skimage.measure import regionprops_table

from napari_cathode.measure import MeasureParameters, label_statistics, measure

PROPERTIES = (
    "label",
    "num_pixels",
    "area",
    "centroid",
    "bbox",
    "equivalent_diameter_area",
    "inertia_tensor_eigvals",
    "intensity_mean",
    "intensity_std",
)


def compare(size: int, repeats: int, looped: int) -> None:
    """Print the CPU seconds of each way on a cube of ``size · repeats`` voxels a side."""
    labels, image, spacing = electrode(size, repeats)
    ids = np.unique(labels)[1:]
    parameters = MeasureParameters(closing_radius_um=5 * spacing[0])
    small = (slice(0, 48),) * 3
    measure(labels[small], image[small], spacing, parameters)  # compiles
    label_statistics(labels[small], image[small], spacing)
    quick = min(timed(lambda: label_statistics(labels, image, spacing))[0] for _ in range(3))
    full, _, _ = timed(lambda: measure(labels, image, spacing, parameters))
    given = {"properties": PROPERTIES, "spacing": spacing}
    theirs, _, _ = timed(lambda: regionprops_table(labels, image, **given))
    # Only the search for the voxels, their number and mean grey: the least that such a loop does.
    some = ids[: min(looped, len(ids))]
    loop, _, _ = timed(lambda: [(mask := labels == n).sum() and image[mask].mean() for n in some])
    loop *= len(ids) / len(some)
    print(f"{labels.shape} voxels, {len(ids)} particles, {np.count_nonzero(labels) / 1e6:.2f} million solid voxels")
    print(f"  label_statistics: {quick:.3f} CPU s")
    print(f"  regionprops_table, the same values: {theirs:.2f} CPU s, {theirs / quick:.0f} times as much")
    print(f"  measure, all features: {full:.2f} CPU s")
    print(
        f"  a loop over the volume, only count and mean grey: {loop:.1f} CPU s, {loop / quick:.0f} times as much as "
        f"label_statistics, {loop / full:.1f} times as much as measure"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=96, help="voxels along an edge of the simulated block")
    parser.add_argument("--repeats", type=int, nargs="+", default=(1, 2), help="blocks along each axis")
    parser.add_argument("--looped", type=int, default=10, help="labels that the loop is timed on")
    options = parser.parse_args()
    for repeats in options.repeats:
        compare(options.size, repeats, options.looped)


if __name__ == "__main__":
    main()
