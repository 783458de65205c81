"""Train a StarDist model on simulated volumes on a graphics card, with JAX in place of TensorFlow.

``python scripts/train_with_jax.py --name NAME --steps N --seed S [--batch B] [--patch P] [--diameter D]
[--learning-rate R] [--faces SHARE] [--start-from FOLDER] [--filters F …] [--out FOLDER] [--workers W]
[--until SECONDS]``

The same training as ``python -m napari_cathode.identify.training --dimensions 3``: the same batches, losses, optimiser
and learning rates, for machines whose TensorFlow has no graphics card to work on. Products are rounded to bfloat16.
Several numbers of filters train several networks, NAME-F each, on the same batches. A run that was ended goes on where
it was when the command is repeated.

It leaves ``FOLDER/NAME/state/checkpoint.npz``. Choose thresholds and write the model with
``python -m napari_cathode.identify.training --dimensions 3 --resume`` and the same numbers.

Needs jax and what the package needs to simulate; no TensorFlow.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from napari_cathode.identify.star_kernels import rays_of
from napari_cathode.identify.training import VOLUMES, TrainingParameters, simulated
from napari_cathode.identify.training_data import TRAINING
from napari_cathode.identify.training_volumes import VolumePool, cut_blocks, probability_3d

AHEAD = 120
"""Batches that are made ahead; volumes are made so early that none of them waits."""
PATIENCE = 600.0
"""Seconds."""
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-7
"""Of Keras's Adam."""
REGULARISATION, DISTANCE_WEIGHT = 1e-4, 0.2
"""StarDist's: of distances in the background, and of the distances in the loss."""


# ---------------------------------------------------------------------------------------------------------- batches


class SharedPool(VolumePool):
    """Volumes whose prepared arrays lie in files that all processes map."""

    def _prepared(self, index):
        image, labels, diameter = (self.folder / f"{part}_{index:05d}.npy" for part in ("image", "labels", "diameter"))
        begun = time.monotonic()
        while not diameter.exists():
            if time.monotonic() - begun > PATIENCE:
                raise TimeoutError(f"Volume {index} was not made; did a process end?")
            time.sleep(0.05)
        return np.load(image, mmap_mode="r"), np.load(labels, mmap_mode="r"), float(np.load(diameter))

    def make(self, index: int) -> None:
        if not (self.folder / f"diameter_{index:05d}.npy").exists():
            for part, value in zip(("image", "labels", "diameter"), super()._prepared(index), strict=True):
                whole = self.folder / f"{part}_{index:05d}.npy"
                np.save(whole.with_suffix(".part.npy"), value)
                os.replace(whole.with_suffix(".part.npy"), whole)


_pool: SharedPool


def begin(folder: Path, parameters: TrainingParameters) -> None:
    global _pool
    _pool = SharedPool(folder, parameters.seed, TRAINING, parameters.slice_shape, simulated)


def make_volume(index: int) -> None:
    _pool.make(index)


def make_blocks(parameters: TrainingParameters, step: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give images, labels and probabilities of the batch of a step: that of `TrainingParameters.batch_at`."""
    p = parameters
    rng = np.random.default_rng([p.seed, 2, step])
    images, labels = zip(
        *cut_blocks(_pool, p.slices_at(step), rng, p.batch, p.patch, p.diameter_px, p.jitter, p.faces), strict=True
    )
    probabilities = [probability_3d(one, p.grid) for one in labels]
    return np.stack(images).astype(np.float16), np.stack(labels).astype(np.int16), np.stack(probabilities)


def batches(parameters: TrainingParameters, first: int, folder: Path, workers: int):
    """Yield the batches of the steps from the first on, in order."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, begin, (folder, parameters)) as executor:
        waiting, volumes = deque(), 0
        for step in range(first, parameters.steps + AHEAD):
            # Tasks are taken in turn: the volumes of a batch are begun before the batch is.
            while volumes < parameters.slices_at(min(step + AHEAD, parameters.steps)):
                executor.submit(make_volume, volumes)
                volumes += 1
            if step < parameters.steps:
                waiting.append(executor.submit(make_blocks, parameters, step))
            if len(waiting) > AHEAD or step >= parameters.steps:
                if not waiting:
                    return
                yield waiting.popleft().result()


# ---------------------------------------------------------------------------------------------------------- network


def shapes(p: TrainingParameters) -> list[tuple[int, ...]]:
    """Give the shapes of StarDist's kernels, in the order of Keras's weights: stem, way down, middle, way up, heads."""
    kernels, channels = [], 1

    def add(filters: int, edge: int = 3) -> None:
        nonlocal channels
        kernels.append((edge, edge, edge, channels, filters))
        channels = filters

    for _ in range(2):
        add(p.filters)
    for level in range(p.depth):
        for _ in range(2):
            add(p.filters * 2**level)
    add(p.filters * 2**p.depth)
    add(p.filters * 2 ** max(0, p.depth - 1))
    for level in reversed(range(p.depth)):
        channels += p.filters * 2**level
        add(p.filters * 2**level)
        add(p.filters * 2 ** max(0, level - 1))
    add(p.last_filters)
    return [*kernels, (1, 1, 1, p.last_filters, 1), (1, 1, 1, p.last_filters, p.n_rays)]


def fresh(p: TrainingParameters) -> list[np.ndarray]:
    """Give Glorot's uniform weights from the seed; biases are zero."""
    rng, weights = np.random.default_rng([p.seed, 3]), []
    for shape in shapes(p):
        limit = np.sqrt(6 / (np.prod(shape[:3]) * (shape[3] + shape[4])))
        weights += [rng.uniform(-limit, limit, shape).astype(np.float32), np.zeros(shape[4], np.float32)]
    return weights


def forward(weights, image, p: TrainingParameters):
    """Give logits of the probability (b, z, y, x) and distances (b, z, y, x, ray) of images (b, z, y, x)."""
    import jax
    import jax.numpy as jnp

    layers = iter(zip(weights[::2], weights[1::2], strict=True))

    def convolve(x, exact: bool = False):
        kernel, bias = next(layers)
        kind = jnp.float32 if exact else jnp.bfloat16
        x = jax.lax.conv_general_dilated(
            x.astype(kind), kernel.astype(kind), (1, 1, 1), "SAME", dimension_numbers=("NDHWC", "DHWIO", "NDHWC")
        )
        return x + bias.astype(kind)

    def block(x):
        return jax.nn.relu(convolve(jax.nn.relu(convolve(x))))

    def pool(x):
        b, z, y, w, c = x.shape
        return x.reshape(b, z // 2, 2, y // 2, 2, w // 2, 2, c).max((2, 4, 6))

    def enlarge(x):
        for axis in (1, 2, 3):
            x = jnp.repeat(x, 2, axis)
        return x

    x, skips = pool(block(image[..., None])), []
    for _ in range(p.depth):
        x = block(x)
        skips.append(x)
        x = pool(x)
    x = block(x)
    for skip in reversed(skips):
        x = block(jnp.concatenate([enlarge(x), skip], -1))
    x = jax.nn.relu(convolve(x))
    return convolve(x, exact=True)[..., 0], convolve(x, exact=True)


def ray_steps(p: TrainingParameters) -> tuple[np.ndarray, np.ndarray]:
    """Give the voxel (step, ray, axis) that each ray has come to after each unit step, and how far that is."""
    directions = np.asarray(rays_of(p.n_rays).vertices, np.float32)
    way = np.cumsum(np.repeat(directions[None], p.patch, 0), 0, dtype=np.float32)
    offsets = (np.sign(way) * np.floor(np.abs(way) + 0.5)).astype(np.int32)
    return offsets, np.linalg.norm(offsets, axis=-1).astype(np.float32)


def star_distances(labels, p: TrainingParameters):
    """Give what `stardist.geometry.star_dist3D` gives for grid 2, of labels (b, z, y, x)."""
    import jax
    import jax.numpy as jnp

    offsets, lengths = (jnp.asarray(part) for part in ray_steps(p))
    n, margin, half = p.patch, p.patch + p.patch % 2, p.patch // 2
    padded = jnp.pad(labels, [(0, 0)] + [(margin, margin)] * 3, constant_values=-1)
    # One array for each parity of the voxel's place: what all points of the grid see after a step is a box of one.
    parities = jnp.stack([padded[:, z::2, y::2, x::2] for z in (0, 1) for y in (0, 1) for x in (0, 1)])
    own = labels[:, ::2, ::2, ::2]

    def seen(offset):
        odd = offset % 2
        corner = (offset - odd) // 2 + margin // 2
        start = (4 * odd[0] + 2 * odd[1] + odd[2], 0, *corner)
        return jax.lax.dynamic_slice(parities, start, (1, labels.shape[0], half, half, half))[0]

    def step(state):
        k, inside, distance = state
        same = jax.vmap(seen)(offsets[k]) == own
        ends = inside & ~same
        return k + 1, inside & same, jnp.where(ends, lengths[k][:, None, None, None, None], distance)

    inside = jnp.broadcast_to(own > 0, (p.n_rays, *own.shape))
    state = (0, inside, jnp.zeros(inside.shape, jnp.float32))
    return jnp.moveaxis(jax.lax.while_loop(lambda s: (s[0] < n) & s[1].any(), step, state)[2], 0, -1)


def loss_of(weights, image, probability, distance, p: TrainingParameters):
    """StarDist's loss: cross-entropy of the probability, absolute error of the distances weighted by it."""
    import jax
    import jax.numpy as jnp

    logits, found = forward(weights, image, p)
    entropy = jnp.mean(jax.nn.softplus(logits) - probability * logits)
    mask = probability[..., None]
    error = jnp.mean(mask * jnp.abs(distance - found)) / (jnp.mean(mask) + EPSILON)
    return entropy + DISTANCE_WEIGHT * (error + REGULARISATION * jnp.mean((1 - mask) * jnp.abs(found)))


def update(state, image, distance, probability, rate, p: TrainingParameters):
    """Do one step of Adam; the state holds weights, momenta, velocities and the number of steps."""
    import jax
    import jax.numpy as jnp

    weights, first, second, count = state
    loss, slopes = jax.value_and_grad(loss_of)(weights, image.astype(jnp.float32), probability, distance, p)
    count = count + 1
    scale = rate * jnp.sqrt(1 - BETA_2**count) / (1 - BETA_1**count)
    first = [BETA_1 * m + (1 - BETA_1) * g for m, g in zip(first, slopes, strict=True)]
    second = [BETA_2 * v + (1 - BETA_2) * g * g for v, g in zip(second, slopes, strict=True)]
    weights = [w - scale * m / (jnp.sqrt(v) + EPSILON) for w, m, v in zip(weights, first, second, strict=True)]
    return (weights, first, second, count), loss


# --------------------------------------------------------------------------------------------------------- training


class Run:
    """One network in training, saved as `napari_cathode.identify.state.TrainingState` saves it."""

    def __init__(self, folder: Path, parameters: TrainingParameters, start_from: Path | None = None) -> None:
        import jax
        import jax.numpy as jnp

        self.file, self.parameters = folder / "state" / "checkpoint.npz", parameters
        self.history, self.recent, count = [], [], 0
        weights, self.started_from = fresh(parameters), None
        if start_from is not None:
            with np.load(start_from / "state" / "checkpoint.npz") as file:
                given = [file[f"weight_{i:03d}"] for i in range(len(weights))]
            if [one.shape for one in given] != [one.shape for one in weights]:
                sys.exit(f"The weights of {start_from} do not fit a network with {parameters.filters} filters.")
            weights = given
            self.started_from = json.loads((start_from / "card.json").read_text())["training"]
        moments = [[np.zeros_like(weight) for weight in weights] for _ in range(2)]
        if self.file.exists():
            with np.load(self.file) as file:
                weights = [file[f"weight_{i:03d}"] for i in range(len(weights))]
                for k in range(2):
                    moments[k] = [file[f"optimiser_{2 * i + 2 + k:03d}"] for i in range(len(weights))]
                count, self.history = int(file["step"]), [tuple(row) for row in file["history"]]
                self.recent = [float(loss) for loss in file["recent"]]
        self.step = count
        self.state = jax.tree.map(jnp.asarray, (weights, *moments, np.float32(count)))
        self._update = jax.jit(partial(update, p=parameters), donate_argnums=0)

    def train(self, image, distance, probability) -> None:
        rate = np.float32(self.parameters.rate_at(self.step))
        self.state, loss = self._update(self.state, image, distance, probability, rate)
        self.recent.append(loss)
        self.step += 1
        if len(self.recent) == 50:
            self.history.append((self.step, float(np.mean([float(one) for one in self.recent]))))
            self.recent = []

    def save(self) -> None:
        weights, first, second, _ = ([np.asarray(a) for a in part] for part in (*self.state[:3], []))
        moments = [moment for pair in zip(first, second, strict=True) for moment in pair]
        arrays = {f"weight_{i:03d}": weight for i, weight in enumerate(weights)}
        arrays |= {f"optimiser_{i + 2:03d}": moment for i, moment in enumerate(moments)}
        arrays |= {"optimiser_000": np.int64(self.step), "optimiser_001": np.float32(self.parameters.learning_rate)}
        self.file.parent.mkdir(parents=True, exist_ok=True)
        part = self.file.with_suffix(".part")
        with part.open("wb") as file:
            np.savez(
                file,
                step=self.step,
                history=np.array(self.history),
                recent=np.array([float(one) for one in self.recent]),
                started_from=json.dumps(self.started_from),
                **arrays,
            )
        os.replace(part, self.file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--seed", type=int, default=VOLUMES.seed)
    parser.add_argument("--batch", type=int, default=VOLUMES.batch)
    parser.add_argument("--patch", type=int, default=VOLUMES.patch)
    parser.add_argument("--diameter", type=float, default=VOLUMES.diameter_px)
    parser.add_argument("--learning-rate", type=float, default=VOLUMES.learning_rate)
    parser.add_argument("--faces", type=float, default=VOLUMES.faces)
    parser.add_argument("--start-from", type=Path, help="folder with state/checkpoint.npz and card.json")
    parser.add_argument("--filters", type=int, nargs="+", default=[VOLUMES.filters])
    parser.add_argument("--out", type=Path, default=Path("training"))
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--until", type=float, default=float("inf"), help="seconds after which to save and end")
    chosen = parser.parse_args()
    common = replace(
        VOLUMES,
        steps=chosen.steps,
        seed=chosen.seed,
        batch=chosen.batch,
        patch=chosen.patch,
        diameter_px=chosen.diameter,
        learning_rate=chosen.learning_rate,
        faces=chosen.faces,
    )
    common.check()
    begun = time.monotonic()
    names = [chosen.name] if len(chosen.filters) == 1 else [f"{chosen.name}-{filters}" for filters in chosen.filters]
    folders = [chosen.out / name for name in names]
    runs = [Run(f, replace(common, filters=n), chosen.start_from) for f, n in zip(folders, chosen.filters, strict=True)]
    if len({run.step for run in runs}) > 1:
        sys.exit("The networks were saved at different steps; train them one by one.")

    import jax

    distances = jax.jit(partial(star_distances, p=common))
    saved = time.monotonic()
    volumes = chosen.out / f"volumes-{common.seed}"  # other seeds have others
    for image, labels, probability in batches(common, runs[0].step, volumes, chosen.workers):
        distance = distances(jax.numpy.asarray(labels))
        for run in runs:
            run.train(image, distance, probability)
        now = time.monotonic()
        step = runs[0].step
        ending = step == common.steps or now - begun > chosen.until
        if step % 50 == 0 or ending:
            losses = " ".join(f"{run.history[-1][1]:.4f}" for run in runs if run.history)
            print(f"{step}/{common.steps} loss {losses} ({now - begun:.0f} s)", flush=True)
        if ending or now - saved > 60:
            for run in runs:
                run.save()
            saved = now
        if ending:
            break
    print("saved", *names, flush=True)
    os._exit(0)  # batches made ahead are of no use any more


if __name__ == "__main__":
    main()
