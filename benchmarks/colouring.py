"""Processor time of colouring labels by a value, without the redraw: ``python benchmarks/colouring.py``."""

import time

import numpy as np
from napari.layers import Labels

from napari_cathode.plugin.colours import recolour, scale_for
from napari_cathode.session import Colouring

LARGEST = 2**31 - 1

if __name__ == "__main__":
    print("labels  ids         CPU s (first, then the best of three)")
    for count in (2_000, 10_000, 50_000):
        for name, first in (("1 … n", 1), ("to 2^31", LARGEST - count + 1)):
            ids = np.arange(first, first + count)
            side = int(np.ceil(np.sqrt(count)))
            grid = np.zeros(side * side, np.int32)
            grid[:count] = ids
            layer = Labels(grid.reshape(side, side).repeat(8, 0).repeat(8, 1))
            values = np.random.default_rng(0).random(count)
            scale = scale_for(values, Colouring("v"))
            taken = []
            for _ in range(4):
                start = time.process_time()
                recolour(layer, ids, values, scale)
                taken.append(time.process_time() - start)
            print(f"{count:6}  {name:10}  {taken[0]:.3f}  {min(taken[1:]):.3f}")
