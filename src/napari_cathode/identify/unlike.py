"""Whether an image looks like what a model was trained on, and what to try where it does not.

Its card says in which range each of the `slice_statistics` lay in training. None of them tells dark particles on bright
ground from bright ones on dark ground, or particles from blobs of noise; the network itself does: of what is bright in
an image like its training data it takes nearly all for particles, of what is bright in other images little.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .card import slice_statistics
from .models import ModelInfo
from .rescale import BoolArray, FloatArray, rescale
from .watershed import otsu_threshold, smooth

LARGEST_EDGE = 640
"""Working pixels along each axis that are looked at, in the middle of each sample."""
WINDOW = 384
"""Edge in working pixels of the piece that the network is tried on."""
LOWEST_COVERED = 0.65
"""Share of the bright area within particles found. Simulated slices have 0.84–0.95 (2nd to 98th percentile), inverted
ones at most 0.47, noise and strong blur at most 0.22 (`benchmarks/unlike_training.py`)."""
SLACK = 0.15
"""The limits of a card come from so many slices only; they are widened by this share of their distance."""
SLACK_OF_EXTREMES = 0.5
"""The same for cards that state minimum and maximum of a few slices alone."""

Find = Callable[[FloatArray], BoolArray]
"""Gives the pixels within particles of a normalised piece at working scale."""

_TRY = {
    ("contrast", "low"): "particles hardly stand out; choose other grey percentiles, or smooth noise away",
    ("contrast", "high"): "check that the image was not thresholded or clipped",
    ("noise", "high"): "smooth it (median or Gaussian filter of a pixel or two), or fine-tune the model on it",
    ("noise", "low"): "it may have been denoised or enlarged; check the outlines of faint particles",
    ("sharpness", "low"): "it is blurred; check the particle diameter, use a sharper reconstruction, or fine-tune the "
    "model on it",
    ("sharpness", "high"): "it was sharpened or thresholded; give the image as it was reconstructed",
    ("bright_share", "low"): "little of it is bright; crop empty surroundings, or choose other grey percentiles",
    ("bright_share", "high"): "most of it is bright; check that particles are brighter than their surroundings",
}
_NAMES = {"contrast": "contrast", "noise": "noise", "sharpness": "sharpness", "bright_share": "bright share"}


def unlike_training(
    samples: Sequence[tuple[FloatArray, BoolArray]],
    diameter_px: tuple[float, float],
    info: ModelInfo,
    find: Find,
) -> tuple[str, ...]:
    """Say in which respects an image is unlike the training data of a model.

    Parameters
    ----------
    samples : sequence of (image, inside)
        Slices normalised as for the network, and where they lie in the field of view.
    diameter_px : tuple of float
        Particle diameter in pixels along (y, x).
    info : ModelInfo
        The model; without a card or a working diameter nothing can be said, and nothing is.
    find : callable
        See `Find`.

    Returns
    -------
    tuple of str
        One sentence for each statistic that is off: its value, the range in training, and what to try.
    """
    limits = info.card.get("image_statistics")
    if info.diameter_px is None or not isinstance(limits, Mapping):
        return ()
    factors = (info.diameter_px / diameter_px[0], info.diameter_px / diameter_px[1])
    pieces = [_piece(image, inside, factors) for image, inside in samples]
    rows = [slice_statistics(image, inside) for image, inside in pieces if _is_varied(image, inside)]
    if not rows:
        return ()
    notes = []
    for name in rows[0]:
        # What training varies on purpose needs no slack.
        allowed = _range(limits.get(name), 0.0 if name == "size" else 1.0)
        value = float(np.median([row[name] for row in rows]))
        if allowed is None or allowed[0] <= value <= allowed[1]:
            continue
        side = "low" if value < allowed[0] else "high"
        notes.append(_size_note(value, info.diameter_px) if name == "size" else _note(name, side, value, limits[name]))
    covered = _covered(pieces, find)
    if covered is not None and covered < LOWEST_COVERED:
        notes.append(
            f"The model takes only {100 * covered:.0f} % of what is bright for particles (in training data 84–95 %): "
            "if particles are darker than their surroundings, invert the image; otherwise check the particle diameter, "
            "or use a model for this kind of image."
        )
    return tuple(notes)


def _note(name: str, side: str, value: float, limits: Mapping[str, float]) -> str:
    low, high = limits.get("low", limits["min"]), limits.get("high", limits["max"])
    beside = "below" if side == "low" else "above"
    return (
        f"The image's {_NAMES[name]} ({value:.2g}) is {beside} that of the training data ({low:.2g}–{high:.2g}): "
        f"{_TRY[name, side]}."
    )


def _size_note(value: float, working: float) -> str:
    ratio = value / working
    return (
        f"Particles seem to be {ratio:.2g} times as large as the particle diameter says: check the diameter "
        "(draw it across a particle) and the voxel size."
    )


def _range(limits: Any, slack: float = 1.0) -> tuple[float, float] | None:
    """Give the values that a statistic may have, widened by the usual slack times ``slack``."""
    if not isinstance(limits, Mapping):
        return None
    exact = "low" in limits and "high" in limits
    low, high = (limits["low"], limits["high"]) if exact else (limits["min"], limits["max"])
    slack *= (SLACK if exact else SLACK_OF_EXTREMES) * (high - low)
    return low - slack, high + slack


def _piece(image: FloatArray, inside: BoolArray, factors: tuple[float, float]) -> tuple[FloatArray, BoolArray]:
    """Give the middle of a slice at working scale, not more of it than is needed."""
    window = tuple(
        slice(max(0, (size - round(LARGEST_EDGE / factor)) // 2), (size + round(LARGEST_EDGE / factor)) // 2 + 1)
        for size, factor in zip(image.shape, factors, strict=True)
    )
    small = rescale(image[window], factors)
    seen = rescale(inside[window].astype(np.float32), factors) > 0.99
    return small, seen


def _is_varied(image: FloatArray, inside: BoolArray) -> bool:
    """Whether there is something to describe: empty slices of a volume say nothing."""
    return bool(inside.sum() >= 32 * 32 and min(image.shape) >= 16 and np.ptp(image[inside]) > 0.2)


def _covered(pieces: Sequence[tuple[FloatArray, BoolArray]], find: Find) -> float | None:
    """Try the network on the brightest window, and give the share of its bright area that lies within particles."""
    best: tuple[float, FloatArray, BoolArray] | None = None
    for image, inside in pieces:
        if not _is_varied(image, inside):
            continue
        soft = smooth(image, (24.0, 24.0))
        bright = (soft > otsu_threshold(soft[inside])) & inside
        starts = [sorted({0, max(0, (size - WINDOW) // 2), max(0, size - WINDOW)}) for size in image.shape]
        for top in starts[0]:
            for left in starts[1]:
                window = (slice(top, top + WINDOW), slice(left, left + WINDOW))
                share = float(bright[window].mean())
                if best is None or share > best[0]:
                    best = share, image[window], bright[window]
    if best is None or not best[2].any():
        return None
    return float((find(best[1]) & best[2]).sum() / best[2].sum())
