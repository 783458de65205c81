"""Convolutions of 3 × 3 with a fourth of the products (Winograd), compiled, side by side in threads.

Images lie as (rows + 2, columns + 2, channels) in float32: a border of one pixel of zeros, rows and columns rounded up
to whole tiles of 4. What is rounded up is zero as well, as a convolution with zeros around an image ("same") wants it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from napari_cathode.compile import jit

from .winograd_code import (
    BLOCK,
    DOUBLED,
    FULL,
    LANES,
    POINTS,
    POOLED,
    ROWS,
    VECTORS,
    multiply,
    store_both,
    store_doubled,
    store_full,
    store_pooled,
    transform,
)

FloatArray = np.ndarray[Any, np.dtype[np.float32]]

TILE = 4
TILES = 24
"""Tiles that are transformed before they are multiplied: with 32 to 256 channels they stay in the second cache. A
multiple of the rows that `multiply` takes."""
_COLUMNS = VECTORS * LANES
_LINE = 16
_SPREAD = 16
"""Numbers between the points of a tile, so that not all of them fall into the same set of the cache."""

_G = np.array(
    [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
    ]
)


def aligned(size: int) -> FloatArray:
    """Give zeros of float32 that begin where a line of the cache begins: a vector across two lines costs two reads."""
    numbers = np.zeros(size + _LINE, np.float32)
    start = -(numbers.ctypes.data // 4) % _LINE
    return numbers[start : start + size]


_aligned = jit(aligned)


def room(rows: int, columns: int, channels: int) -> FloatArray:
    """Make an image of zeros with border, rounded up to whole tiles, also to those of a tile with every pixel twice."""
    step = 2 * TILE
    shape = (-(-rows // step) * step + 2, -(-columns // step) * step + 2, channels)
    return aligned(math.prod(shape)).reshape(shape)


def transformed(kernel: FloatArray) -> FloatArray:
    """Transform the filters of a convolution: GgGᵀ.

    Parameters
    ----------
    kernel : ndarray, shape (3, 3, channels in, channels out)
        As Keras stores it.

    Returns
    -------
    ndarray of float32, shape (36, channels out / 32, channels in, 32)
    """
    points = np.einsum("ai,bj,ijcd->abcd", _G, _G, kernel.astype(np.float64)).reshape(POINTS, *kernel.shape[2:])
    return in_blocks(points)


def in_blocks(matrices: Any) -> FloatArray:
    """Lay columns of matrices in blocks of 32, zeros at the end: (…, rows, columns) becomes (…, blocks, rows, 32)."""
    rows, columns = matrices.shape[-2:]
    shape = (*matrices.shape[:-2], -(-columns // BLOCK), rows, BLOCK)
    out = aligned(math.prod(shape)).reshape(shape)
    for block in range(out.shape[-3]):
        part = matrices[..., block * BLOCK : (block + 1) * BLOCK]
        out[..., block, :, : part.shape[-1]] = part
    return out


@jit
def first_rows(image: Any, kernel: Any, bias: Any, start: int, out: Any) -> None:
    """Convolve an image of one channel, some rows of it, and cut off below zero.

    Parameters
    ----------
    image : ndarray of float32, shape (rows + 2, columns + 2)
        The image with zeros around it.
    kernel : ndarray of float32, shape (9, channels)
    bias : ndarray of float32, shape (channels,)
    start : int
        The first row to compute; it may lie above the image, and the last below it.
    out : ndarray of float32, shape (rows to compute, columns with border, channels)
        Filled; what lies outside the image becomes zero.
    """
    rows, columns = image.shape[0] - 2, image.shape[1] - 2
    for row in range(out.shape[0]):
        y = start + row
        out[row, 0] = 0
        out[row, columns + 1 :] = 0
        if y < 0 or y >= rows:
            out[row] = 0
            continue
        for x in range(columns):
            upper0, upper1, upper2 = image[y, x], image[y, x + 1], image[y, x + 2]
            middle0, middle1, middle2 = image[y + 1, x], image[y + 1, x + 1], image[y + 1, x + 2]
            lower0, lower1, lower2 = image[y + 2, x], image[y + 2, x + 1], image[y + 2, x + 2]
            for c in range(bias.size):
                value = bias[c] + upper0 * kernel[0, c] + upper1 * kernel[1, c] + upper2 * kernel[2, c]
                value += middle0 * kernel[3, c] + middle1 * kernel[4, c] + middle2 * kernel[5, c]
                value += lower0 * kernel[6, c] + lower1 * kernel[7, c] + lower2 * kernel[8, c]
                out[row, x + 1, c] = max(value, np.float32(0))


@jit
def _products(
    source: Any, above: int, filters: Any, tile: int, count: int, across: int, left: Any, product: Any
) -> None:
    """Transform ``count`` tiles from number ``tile`` on and multiply them with the filters."""
    channels = source.shape[2]
    flat, weights = source.reshape(-1), filters.reshape(-1)
    pixel = channels
    row = source.shape[1] * channels
    depth, width = channels // BLOCK, filters.shape[1]
    for number in range(count):
        y, x = (tile + number) // across - above, (tile + number) % across
        corner = y * TILE * row + x * TILE * pixel
        for c in range(0, channels, LANES):
            to = ((c // BLOCK) * TILES + number) * BLOCK + c % BLOCK
            transform(flat, corner + c, row, pixel, left, to, depth * TILES * BLOCK + _SPREAD)
    for point in range(POINTS):
        for block in range(width):
            for column in range(0, BLOCK, _COLUMNS):
                for number in range(0, count, ROWS):
                    multiply(
                        left,
                        point * (depth * TILES * BLOCK + _SPREAD) + number * BLOCK,
                        TILES * BLOCK,
                        depth,
                        weights,
                        (point * width + block) * channels * BLOCK + column,
                        product,
                        point * (width * TILES * BLOCK + _SPREAD) + (block * TILES + number) * BLOCK + column,
                    )


@jit
def _store(
    mode: int, product: Any, bias: Any, tile: int, count: int, across: int, target: Any, channel: int, pooled: Any
) -> None:
    """Transform the products of tiles back and store them."""
    width = bias.size // BLOCK
    into, small = target.reshape(-1), pooled.reshape(-1)
    pixel = target.shape[2]
    row = target.shape[1] * pixel
    small_pixel = pooled.shape[2]
    small_row = pooled.shape[1] * small_pixel
    step = width * TILES * BLOCK + _SPREAD
    size = TILE * (2 if mode == DOUBLED else 1)
    half = TILE // 2
    for number in range(count):
        y, x = (tile + number) // across, (tile + number) % across
        corner = (y * size + 1) * row + (x * size + 1) * pixel + channel
        small_corner = (y * half + 1) * small_row + (x * half + 1) * small_pixel
        for c in range(0, bias.size, LANES):
            at = ((c // BLOCK) * TILES + number) * BLOCK + c % BLOCK
            to, small_to = corner + c, small_corner + c
            if mode == FULL:
                store_full(product, at, step, bias, c, into, to, row, pixel, small, small_to, small_row, small_pixel)
            elif mode == POOLED:
                store_pooled(product, at, step, bias, c, into, to, row, pixel, small, small_to, small_row, small_pixel)
            elif mode == DOUBLED:
                store_doubled(product, at, step, bias, c, into, to, row, pixel, small, small_to, small_row, small_pixel)
            else:
                store_both(product, at, step, bias, c, into, to, row, pixel, small, small_to, small_row, small_pixel)


@jit
def convolve(
    mode: int,
    source: Any,
    above: int,
    filters: Any,
    bias: Any,
    first: int,
    last: int,
    across: int,
    target: Any,
    channel: int,
    pooled: Any,
) -> None:
    """Convolve rows of tiles of an image, add the bias and cut off below zero.

    Parameters
    ----------
    mode : int
        FULL, POOLED, FULL | POOLED or DOUBLED: what is stored.
    source : ndarray of float32, shape (rows + 2, columns + 2, channels in)
        Image with border, or some rows of it.
    above : int
        Rows of tiles that ``source`` lacks above.
    filters : ndarray of float32, shape (36, channels out / 32, channels in, 32)
        See `transformed`.
    bias : ndarray of float32, shape (channels out,)
    first, last : int
        Rows of tiles, ``last`` apart.
    across : int
        Tiles in a row.
    target : ndarray of float32, shape (rows + 2, columns + 2, channels)
        Gets the result in its channels from ``channel`` on; twice as large with DOUBLED.
    pooled : ndarray of float32, shape (rows / 2 + 2, columns / 2 + 2, channels)
        Gets the maxima over 2 × 2 pixels.
    """
    left = _aligned(POINTS * (TILES * source.shape[2] + _SPREAD))
    product = _aligned(POINTS * (TILES * bias.size + _SPREAD))
    stop = last * across
    for tile in range(first * across, stop, TILES):
        count = min(TILES, stop - tile)
        _products(source, above, filters, tile, count, across, left, product)
        _store(mode, product, bias, tile, count, across, target, channel, pooled)


@jit(fastmath={"reassoc", "contract"})
def _dot(one: Any, other: Any) -> Any:
    total = np.float32(0)
    for index in range(one.size):
        total += one[index] * other[index]
    return total


@jit
def predict(
    source: Any,
    filters: Any,
    bias: Any,
    first: int,
    last: int,
    across: int,
    distance_weights: Any,
    distance_bias: Any,
    probability_weights: Any,
    probability_bias: float,
    probability: Any,
    distance: Any,
) -> None:
    """Run the last layers of StarDist on rows of tiles: features (3 × 3), then probability and distances (1 × 1).

    Parameters
    ----------
    source, filters, bias, first, last, across
        As in `convolve`.
    distance_weights : ndarray of float32, shape (rays / 32, channels, 32)
        See `in_blocks`.
    distance_bias : ndarray of float32, shape (rays,)
    probability_weights : ndarray of float32, shape (channels,)
    probability_bias : float
    probability : ndarray of float32, shape (rows, columns)
        Filled.
    distance : ndarray of float32, shape (rows, columns, rays)
        Filled.
    """
    channels, area = bias.size, TILE * TILE
    depth = channels // BLOCK
    rows, columns = probability.shape
    left = _aligned(POINTS * (TILES * source.shape[2] + _SPREAD))
    product = _aligned(POINTS * (TILES * channels + _SPREAD))
    flat, weights = _aligned(depth * TILES * area * BLOCK), distance_weights.reshape(-1)
    features = flat.reshape((depth, TILES * area, BLOCK))
    rays = _aligned(TILES * area * BLOCK)
    stop = last * across
    for tile in range(first * across, stop, TILES):
        count = min(TILES, stop - tile)
        _products(source, 0, filters, tile, count, across, left, product)
        for number in range(count):
            for c in range(0, channels, LANES):
                at = ((c // BLOCK) * TILES + number) * BLOCK + c % BLOCK
                to = ((c // BLOCK) * TILES + number) * area * BLOCK + c % BLOCK
                store_full(
                    product, at, depth * TILES * BLOCK + _SPREAD, bias, c, flat, to, TILE * BLOCK, BLOCK, flat, 0, 0, 0
                )
        for block in range(distance_weights.shape[0]):
            for column in range(0, BLOCK, _COLUMNS):
                for pixel in range(0, count * area, ROWS):
                    multiply(
                        flat,
                        pixel * BLOCK,
                        TILES * area * BLOCK,
                        depth,
                        weights,
                        block * channels * BLOCK + column,
                        rays,
                        pixel * BLOCK + column,
                    )
            for pixel in range(count * area):
                number = tile + pixel // area
                y = number // across * TILE + pixel % area // TILE
                x = number % across * TILE + pixel % TILE
                if y < rows and x < columns:
                    for ray in range(block * BLOCK, min((block + 1) * BLOCK, distance_bias.size)):
                        distance[y, x, ray] = rays[pixel * BLOCK + ray - block * BLOCK] + distance_bias[ray]
        for pixel in range(count * area):
            number = tile + pixel // area
            y = number // across * TILE + pixel % area // TILE
            x = number % across * TILE + pixel % TILE
            if y < rows and x < columns:
                total = probability_bias
                for block in range(depth):
                    total += _dot(features[block, pixel], probability_weights[block * BLOCK : (block + 1) * BLOCK])
                probability[y, x] = 1 / (1 + math.exp(-total))
