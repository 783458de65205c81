"""One pass over the labels, against scikit-image."""

import numpy as np
import pytest
from skimage.measure import regionprops_table

from napari_cathode.errors import InputError
from napari_cathode.measure import label_statistics, volume_pass

SPACING = (0.2, 0.1, 0.15)
PROPERTIES = ("label", "num_pixels", "area", "centroid", "bbox", "inertia_tensor_eigvals", "intensity_mean")


def check(table, labels, image, spacing):
    known = regionprops_table(labels, image, properties=(*PROPERTIES, "intensity_std"), spacing=spacing)
    np.testing.assert_array_equal(table["label"], known["label"])
    np.testing.assert_array_equal(table["voxel_count"], known["num_pixels"])
    np.testing.assert_allclose(table["volume_um3"], known["area"], rtol=1e-12)
    for axis, name in enumerate("zyx"):
        np.testing.assert_allclose(table[f"{name}_um"], known[f"centroid-{axis}"], rtol=1e-11, atol=1e-12)
        np.testing.assert_array_equal(table[f"{name}_low"], known[f"bbox-{axis}"])
        np.testing.assert_array_equal(table[f"{name}_high"] + 1, known[f"bbox-{axis + 3}"])
    # The inertia about an axis is what varies along the two others.
    variance = np.stack([table[f"variance_{number}_um2"] for number in (1, 2, 3)], 1)
    inertia = np.stack([known[f"inertia_tensor_eigvals-{number}"] for number in range(3)], 1)
    np.testing.assert_allclose(variance.sum(1)[:, None] - variance[:, ::-1], inertia, rtol=1e-9)
    np.testing.assert_allclose(table["grey"], known["intensity_mean"], rtol=1e-11)
    np.testing.assert_allclose(table["grey_sd"], known["intensity_std"], rtol=1e-9)


def test_values_are_those_of_scikit_image(balls, monkeypatch):
    monkeypatch.setattr(volume_pass, "SLAB_BYTES", 7 * 4 * 92 * 92)
    check(label_statistics(balls.filled, balls.image, SPACING), balls.filled, balls.image, SPACING)
    far = balls.image.astype(np.float64) * 1e-3 + 1000
    np.testing.assert_allclose(
        label_statistics(balls.filled, far, SPACING)["grey_sd"],
        1e-3 * label_statistics(balls.filled, balls.image, SPACING)["grey_sd"],
        rtol=1e-6,
    )


def test_high_numbers_slices_and_nothing(balls):
    high = np.where(balls.filled > 0, balls.filled + 2_000_000_000, 0).astype(np.int32)
    usual, table = label_statistics(balls.filled, balls.image, SPACING), label_statistics(high, balls.image, SPACING)
    assert table.drop(columns="label").equals(usual.drop(columns="label"))
    assert (table["label"] - 2_000_000_000).equals(usual["label"])
    flat = label_statistics(balls.filled[20:21], None, SPACING)
    assert flat["area_um2"].sum() == pytest.approx((balls.filled[20] > 0).sum() * 0.015)
    assert "variance_3_um2" not in flat and "grey" not in flat
    assert len(label_statistics(np.zeros((3, 4, 5), np.int32), None, SPACING)) == 0
    with pytest.raises(InputError, match="one grid"):
        label_statistics(balls.filled, balls.image[1:], SPACING)
