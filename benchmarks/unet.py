"""A plain U-Net as the semantic-segmentation way: trained on the slices that the shipped model's training sees.

``python benchmarks/unet.py --out FOLDER [--steps 1500] [--seed 21] [--slices FOLDER]``

It classifies pixels: particle or not, and rim of a particle or not. Particles are then connected components, either of
the particle pixels alone (plain), or of the particle pixels without rims, grown back to the rims (with rims). Pool,
patches and augmentation are those of ``napari_cathode.identify.training``; a level of a resolution has as many filters
as StarDist's network there. An interrupted training goes on when the command is given again. Weights go to
FOLDER/unet.npz; they are no part of the package. ``compare_methods.py`` chooses the thresholds and measures.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from scipy import ndimage

from napari_cathode.identify.stardist2d import compact
from napari_cathode.identify.state import TrainingState
from napari_cathode.identify.training import MALLOC_SETTINGS, TrainingParameters, simulated
from napari_cathode.identify.training_data import TRAINING, SlicePool, cut_patch

FILTERS, DEPTH = 16, 4
RIM = 2
"""Pixels from a particle's edge inwards that count as its rim, at 24 px a particle."""
PARAMETERS = TrainingParameters(steps=1500, seed=21, learning_rate=1e-3)
WEIGHTS = "unet.npz"
THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
SMALLEST = (0.05, 0.1, 0.2)
"""Smaller objects, in typical particle areas, are dropped; chosen together with the threshold."""


def build(seed: int) -> object:
    """Build the network (Ronneberger et al., MICCAI 2015), with mirrored sizes and batch normalisation."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(seed)

    def block(tensor, filters: int):
        for _ in range(2):
            tensor = layers.Conv2D(filters, 3, padding="same", use_bias=False, kernel_initializer="he_normal")(tensor)
            tensor = layers.ReLU()(layers.BatchNormalization(momentum=0.95)(tensor))
        return tensor

    image = keras.Input((None, None, 1))
    tensor, skipped = image, []
    for level in range(DEPTH):
        tensor = block(tensor, FILTERS << level)
        skipped.append(tensor)
        tensor = layers.MaxPooling2D()(tensor)
    tensor = block(tensor, FILTERS << DEPTH)
    for level in reversed(range(DEPTH)):
        tensor = layers.Concatenate()([layers.UpSampling2D()(tensor), skipped[level]])
        tensor = block(tensor, FILTERS << level)
    network = keras.Model(image, layers.Conv2D(2, 1, activation="sigmoid")(tensor))
    network.compile(optimizer=keras.optimizers.Adam(), loss="binary_crossentropy")
    return network


def pixel_targets(labels: np.ndarray) -> np.ndarray:
    """Give particle and rim, shape (y, x, 2)."""
    size = 2 * RIM + 1
    changes = ndimage.maximum_filter(labels, size, mode="nearest") != ndimage.minimum_filter(
        labels, size, mode="nearest"
    )
    return np.stack([labels > 0, changes & (labels > 0)], axis=-1).astype(np.float32)


def batch_at(pool: SlicePool, parameters: TrainingParameters, step: int) -> tuple[np.ndarray, np.ndarray]:
    """Make the batch of a step: the patches that StarDist's training sees at that step."""
    rng = np.random.default_rng([parameters.seed, 2, step])
    images, targets = [], []
    for index in rng.integers(0, parameters.slices_at(step), parameters.batch):
        image, labels = cut_patch(pool[int(index)], rng, parameters.patch, parameters.diameter_px, parameters.jitter)
        images.append(image[..., None])
        targets.append(pixel_targets(labels))
    return np.stack(images), np.stack(targets)


def train(out: Path, slices: Path, parameters: TrainingParameters) -> Path:
    """Train, or go on; gives the file of the weights."""
    state = TrainingState(SimpleNamespace(keras_model=build(parameters.seed)))
    checkpoint, target = out / "checkpoint.npz", out / WEIGHTS
    if checkpoint.exists():
        state.load(checkpoint)
    pool = parameters.pool(slices, TRAINING, simulated)
    started = saved = time.monotonic()
    while state.step < parameters.steps:
        losses = state.train_step(batch_at(pool, parameters, state.step), parameters.rate_at(state.step))
        if state.step % 50 == 0:
            seconds, cpu = time.monotonic() - started, time.process_time()
            print(
                f"{state.step}/{parameters.steps} loss {losses['loss']:.3f} ({seconds:.0f} s, {cpu:.0f} CPU s)",
                flush=True,
            )
        if time.monotonic() - saved > 60 or state.step == parameters.steps:
            state.save(checkpoint)
            saved = time.monotonic()
    weights = state.model.keras_model.get_weights()
    np.savez(target, **{f"{number:03d}": value for number, value in enumerate(weights)})
    return target


class UNet:
    """The trained network."""

    def __init__(self, folder: Path) -> None:
        self._network = build(0)
        with np.load(folder / WEIGHTS) as file:
            self._network.set_weights([file[name] for name in sorted(file.files)])

    def predict(self, image: np.ndarray) -> np.ndarray:
        """Give the probabilities of particle and rim, shape (y, x, 2), for a normalised image at working scale."""
        step = 1 << DEPTH
        padded = np.pad(image, [(0, -size % step) for size in image.shape], "reflect")
        found = self._network(padded[None, ..., None].astype(np.float32), training=False)
        return np.asarray(found)[0, : image.shape[0], : image.shape[1]]


def components(found: np.ndarray, rims: bool, threshold: float, smallest: float, diameter_px: float) -> np.ndarray:
    """Turn probabilities at working scale into labels: connected components, without or with rims."""
    from skimage.segmentation import watershed

    particle = found[..., 0] > (0.5 if rims else threshold)
    least = smallest * np.pi / 4 * diameter_px**2
    if not rims:
        labels, _ = ndimage.label(ndimage.binary_fill_holes(particle))
    else:
        seeds, _ = ndimage.label(found[..., 0] - found[..., 1] > threshold)
        # Rims take a fifth to a third of a particle's area: what is left of the smallest may be smaller still.
        seeds[(np.bincount(seeds.ravel()) < 0.3 * least)[seeds]] = 0
        labels = watershed(-found[..., 0], seeds, mask=particle)
    small = np.bincount(labels.ravel()) < least
    small[0] = False
    labels[small[labels]] = 0
    return compact(labels.astype(np.int32))


def grid() -> Iterator[tuple[float, float]]:
    """Give what thresholds are chosen from."""
    return ((threshold, smallest) for threshold in THRESHOLDS for smallest in SMALLEST)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=PARAMETERS.steps)
    parser.add_argument("--seed", type=int, default=PARAMETERS.seed)
    parser.add_argument("--slices", type=Path, help="where simulated slices are kept (default OUT/slices)")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parameters = replace(PARAMETERS, steps=chosen.steps, seed=chosen.seed)
    print("Weights:", train(chosen.out, chosen.slices or chosen.out / "slices", parameters))


if __name__ == "__main__":
    if any(os.environ.get(key) != value for key, value in MALLOC_SETTINGS.items()) and sys.platform == "linux":
        os.environ.update(MALLOC_SETTINGS)
        os.execv(sys.executable, [sys.executable, *sys.argv])
    main()
