"""StarDist's 2D U-Net on the processor, by convolutions that need a fourth of the products.

It computes what the Keras network does, in another order of sums: results differ in the fifth digit. Networks of
another make (another backbone, kernel, pooling or activation, batch normalisation) are left to ONNX Runtime.
"""

from __future__ import annotations

import json
import math
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from . import winograd
from .models import ModelInfo
from .winograd import TILE, FloatArray, room
from .winograd_code import AVAILABLE, BLOCK, DOUBLED, FULL, POOLED

CHUNK = 4
"""Rows of tiles that a thread takes at a time."""

_EXPECTED = {
    "backbone": "unet",
    "unet_kernel_size": [3, 3],
    "unet_pool": [2, 2],
    "unet_activation": "relu",
    "unet_last_activation": "relu",
    "unet_batch_norm": False,
    "unet_expansion": 2,
    "n_channel_in": 1,
    "n_classes": None,
}


@dataclass(frozen=True)
class Layer:
    """A convolution of 3 × 3: transformed filters (see `winograd.transformed`) and bias."""

    filters: FloatArray
    bias: FloatArray


@dataclass(frozen=True)
class UNet:
    """The layers of a StarDist2D network, in the order of the data.

    Attributes
    ----------
    first_kernel, first_bias : ndarray of float32, shapes (9, channels) and (channels,)
        The first convolution, that of the image; the other groups lack it.
    before : tuple of tuple of Layer
        Convolutions before the U-Net, in groups each of which a pooling follows: they make the grid.
    down, up : tuple of tuple of Layer
        Convolutions of each level; ``up`` begins with the coarsest.
    middle : tuple of Layer
        Convolutions of the bottom.
    features : Layer
        The last convolution of 3 × 3.
    distance_weights, distance_bias, probability_weights, probability_bias
        The convolutions of 1 × 1 at the end, see `winograd.predict`.
    """

    first_kernel: FloatArray
    first_bias: FloatArray
    before: tuple[tuple[Layer, ...], ...]
    down: tuple[tuple[Layer, ...], ...]
    middle: tuple[Layer, ...]
    up: tuple[tuple[Layer, ...], ...]
    features: Layer
    distance_weights: FloatArray
    distance_bias: FloatArray
    probability_weights: FloatArray
    probability_bias: float


def read_unet(info: ModelInfo) -> UNet | None:
    """Read the weights of a network; None where it is of another make or this processor cannot run it so."""
    if not AVAILABLE or info.dimensions != 2 or info.weights is None:
        return None
    config = json.loads((info.folder / "config.json").read_text(encoding="utf-8"))
    if any(_plain(config.get(name)) != value for name, value in _EXPECTED.items()):
        return None
    convolutions = config.get("unet_n_conv_per_depth")
    if not isinstance(convolutions, int) or convolutions < 2 or len(set(info.grid)) != 1:
        return None
    try:
        kernels = _kernels(info)
    except (AttributeError, KeyError, OSError, RuntimeError, TypeError, ValueError, _OtherMake):
        return None  # h5py raises any of these where a file is damaged or laid out otherwise
    try:
        return _arranged(kernels, info, convolutions)
    except (KeyError, ValueError, _OtherMake):
        return None


class _OtherMake(Exception):
    """The weights are not those of such a network."""


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, list | tuple) else value


def _kernels(info: ModelInfo) -> dict[str, tuple[FloatArray, FloatArray]]:
    """Give kernel and bias of each layer, by name, in the order of the network."""
    import h5py

    found: dict[str, tuple[FloatArray, FloatArray]] = {}
    with h5py.File(info.weights, "r") as file:
        root = file["model_weights"] if "model_weights" in file else file
        for layer in (_text(name) for name in root.attrs["layer_names"]):
            weights = [np.asarray(root[layer][_text(name)], np.float32) for name in root[layer].attrs["weight_names"]]
            if [array.ndim for array in weights] == [4, 1]:
                found[layer] = weights[0], weights[1]
            elif weights:
                raise _OtherMake
    return found


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


def _arranged(kernels: dict[str, tuple[FloatArray, FloatArray]], info: ModelInfo, convolutions: int) -> UNet:
    """Put the layers in order, by the names that StarDist gives them; those before the U-Net only have numbers.

    Each must take what the one before gives: compiled loops would read and write beyond the arrays.
    """
    names, grid, depth = list(kernels), info.grid[0], info.depth
    entry = names[: names.index("down_level_0_no_0")]
    ends = [*range(convolutions - 1), convolutions]
    down = [[f"down_level_{level}_no_{number}" for number in range(convolutions)] for level in range(depth)]
    middle = [f"middle_{number}" for number in ends]
    up = [[f"up_level_{level}_no_{number}" for number in ends] for level in reversed(range(depth))]
    poolings = grid.bit_length() - 1
    known = {*entry, *chain(*down), *middle, *chain(*up), "features", "prob", "dist"}
    if len(entry) != poolings * convolutions or 2**poolings != grid or known != set(names):
        raise _OtherMake
    first = [*entry, *down[0]][0]
    first_kernel, first_bias = kernels[first]
    channels = first_bias.size
    if first_kernel.shape != (3, 3, 1, channels) or channels % BLOCK:
        raise _OtherMake

    def layer(name: str, beside: int = 0) -> Layer:
        nonlocal channels
        kernel, bias = kernels[name]
        if kernel.shape != (3, 3, channels + beside, bias.size) or bias.size % BLOCK:
            raise _OtherMake
        channels = bias.size
        return Layer(winograd.transformed(kernel), bias)

    def layers(group: Sequence[str], beside: int = 0) -> tuple[Layer, ...]:
        return tuple(layer(name, 0 if number else beside) for number, name in enumerate(group) if name != first)

    groups = [entry[at : at + convolutions] for at in range(0, len(entry), convolutions)]
    before, on_the_way = tuple(layers(group) for group in groups), tuple(layers(group) for group in down)
    bottom = layers(middle)
    back = tuple(layers(group, kernels[skipped[-1]][1].size) for group, skipped in zip(up, reversed(down), strict=True))
    features = layer("features")
    (distance, distance_bias), (probability, probability_bias) = kernels["dist"], kernels["prob"]
    if distance.shape != (1, 1, channels, info.n_rays) or distance_bias.size != info.n_rays:
        raise _OtherMake
    if probability.shape != (1, 1, channels, 1) or probability_bias.size != 1:
        raise _OtherMake
    return UNet(
        first_kernel=np.ascontiguousarray(first_kernel.reshape(9, -1)),
        first_bias=first_bias,
        before=before,
        down=on_the_way,
        middle=bottom,
        up=back,
        features=features,
        distance_weights=winograd.in_blocks(distance[0, 0]),
        distance_bias=distance_bias,
        probability_weights=np.ascontiguousarray(probability[0, 0, :, 0]),
        probability_bias=float(probability_bias[0]),
    )


class Runner:
    """Runs a U-Net on images, one at a time; memory is kept for the next image of the same size until `forget`.

    Parameters
    ----------
    unet : UNet
        The network.
    threads : int
        Threads to use.
    """

    def __init__(self, unet: UNet, threads: int) -> None:
        self.unet, self.threads = unet, threads
        self._spare: dict[tuple[int, ...], list[FloatArray]] = defaultdict(list)
        self._shape: tuple[int, ...] = ()
        self._alone = threading.Lock()

    def run(self, image: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Run the network.

        Parameters
        ----------
        image : ndarray of float32, shape (y, x)
            Normalised image, whose sizes the network divides.

        Returns
        -------
        probability : ndarray of float32, shape (y / grid, x / grid)
        distance : ndarray of float32, shape (y / grid, x / grid, rays)
        """
        with self._alone:
            if image.shape != self._shape:
                self._spare.clear()
                self._shape = image.shape
            if self.threads == 1:
                return _Run(self.unet, map, image, self._spare).result()
            with ThreadPoolExecutor(self.threads) as pool:
                return _Run(self.unet, pool.map, image, self._spare).result()

    def forget(self) -> None:
        """Give back the memory that is kept for the next image."""
        with self._alone:
            self._spare.clear()


class _Run:
    """One image on its way through the network."""

    def __init__(
        self,
        unet: UNet,
        do_all: Callable[..., Iterator[Any]],
        image: FloatArray,
        spare: dict[tuple[int, ...], list[FloatArray]],
    ) -> None:
        self.unet, self.do_all, self.image, self.spare = unet, do_all, image, spare
        self.whole = np.pad(image, 1)

    def result(self) -> tuple[FloatArray, FloatArray]:
        unet, size = self.unet, (self.image.shape[0], self.image.shape[1])
        tensor: FloatArray | None = None
        beside: list[FloatArray] = []  # for each level of the way up: the coarser level's result, then this one's
        for number, group in enumerate((*unet.before, *unet.down)):
            *inner, last = group
            half = (size[0] // 2, size[1] // 2)
            pooled = self.take(half, last.bias.size)
            level = number - len(unet.before)
            if level < 0:
                mode, target, channel = POOLED, pooled, 0
            else:
                channel = unet.up[-1 - level][0].filters.shape[2] - last.bias.size
                mode, target = FULL | POOLED, self.take(size, channel + last.bias.size)
                beside.append(target)
            tensor = self.through(inner, tensor, size)
            self.convolve(mode, last, tensor, size, target, channel, pooled)
            self.give(tensor)
            tensor, size = pooled, half
        for group in (unet.middle, *unet.up[:-1]):
            *inner, last = group
            both = beside.pop()
            tensor = self.through(inner, tensor, size)
            self.convolve(DOUBLED, last, tensor, size, both, 0, both)
            self.give(tensor)
            tensor, size = both, (size[0] * 2, size[1] * 2)
        tensor = self.through(unet.up[-1], tensor, size)
        result = self.predict(tensor, size)
        self.give(tensor)
        return result

    def take(self, size: tuple[int, int], channels: int) -> FloatArray:
        """Give an image with border, whose every pixel is then written; what lies beyond the image is zero in all."""
        image = room(*size, channels)
        kept = self.spare[image.shape]
        return kept.pop() if kept else image

    def give(self, image: FloatArray | None) -> None:
        """Give an image back that is no longer needed: fresh memory costs time."""
        if image is not None:
            self.spare[image.shape].append(image)

    def through(self, layers: Iterable[Layer], tensor: FloatArray | None, size: tuple[int, int]) -> FloatArray | None:
        """Run layers one after the other; None stands for what the first convolution makes of the image."""
        for layer in layers:
            target = self.take(size, layer.bias.size)
            self.convolve(FULL, layer, tensor, size, target, 0, target)
            self.give(tensor)
            tensor = target
        return tensor

    def convolve(
        self,
        mode: int,
        layer: Layer,
        source: FloatArray | None,
        size: tuple[int, int],
        target: FloatArray,
        channel: int,
        pooled: FloatArray,
    ) -> None:
        """Run a layer, see `winograd.convolve`, on an image or on what the first convolution makes of *the* image."""
        across = -(-size[1] // TILE)
        kernel, bias = self.unet.first_kernel, self.unet.first_bias

        def part(first: int, last: int) -> None:
            rows, above = source, 0
            if rows is None:
                # Some rows at a time: the whole would not stay in the cache.
                shape = ((last - first) * TILE + 2, across * TILE + 2, bias.size)
                rows, above = winograd.aligned(math.prod(shape)).reshape(shape), first
                winograd.first_rows(self.whole, kernel, bias, first * TILE - 1, rows)
            winograd.convolve(
                mode, rows, above, layer.filters, layer.bias, first, last, across, target, channel, pooled
            )

        self.each(part, size)
        # What was written beyond the image becomes zero again.
        for wanted, array, scale in ((FULL, target, 1), (DOUBLED, target, 2), (POOLED, pooled, 0.5)):
            if mode & wanted:
                array[int(size[0] * scale) + 1 :] = 0
                array[:, int(size[1] * scale) + 1 :] = 0

    def predict(self, tensor: FloatArray | None, size: tuple[int, int]) -> tuple[FloatArray, FloatArray]:
        """Run the last layers; see `winograd.predict`."""
        unet = self.unet
        probability = np.empty(size, np.float32)
        distance = np.empty((*size, unet.distance_bias.size), np.float32)
        across = -(-size[1] // TILE)

        def part(first: int, last: int) -> None:
            winograd.predict(
                tensor,
                unet.features.filters,
                unet.features.bias,
                first,
                last,
                across,
                unet.distance_weights,
                unet.distance_bias,
                unet.probability_weights,
                unet.probability_bias,
                probability,
                distance,
            )

        self.each(part, size)
        return probability, distance

    def each(self, part: Callable[[int, int], None], size: tuple[int, int]) -> None:
        """Do all rows of tiles, some at a time, in threads."""
        tall = -(-size[0] // TILE)
        firsts = range(0, tall, CHUNK)
        list(self.do_all(lambda first: part(first, min(first + CHUNK, tall)), firsts))
