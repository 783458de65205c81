"""Machine code for convolutions of 3 × 3 by Winograd's minimal filtering: what numba's loops cannot say is said here.

A tile of 4 × 4 results needs 36 products for each pair of channels instead of 144: six by six input pixels are
transformed, multiplied by the transformed filter point by point (a matrix product over the channels), and transformed
back (F(4 × 4, 3 × 3) of Lavin & Gray, Fast algorithms for convolutional neural networks, CVPR 2016). Each function here
is written in LLVM's vectors so that sums stay in registers; `winograd` calls them.

Channels lie side by side in blocks of `BLOCK`, of which a vector of the processor holds `LANES`.

numba keeps what it compiled until `winograd` changes, and does not see that this file did: whoever edits this one alone
sets a new time for that one (``touch winograd.py``).
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils as _cgutils
from numba.core import codegen as _codegen
from numba.core import config as _config
from numba.extending import intrinsic
from numba.np.arrayobj import make_array as _make_array

# Untyped:
cgutils: Any = _cgutils
codegen: Any = _codegen
config: Any = _config
make_array: Any = _make_array

BLOCK = 32
"""Channels that lie side by side."""
POINTS = 36
"""Products of a tile for a pair of channels."""

FULL, POOLED, DOUBLED = 1, 2, 4
"""What becomes of a tile: stored, its maxima over 2 × 2 stored, stored with every pixel twice along both axes."""


def _processor() -> tuple[int, int, int]:
    """Give the vector's lanes, and the rows and vectors of the piece of a product that its registers hold."""
    # What numba's code may use, not what the processor can: NUMBA_ENABLE_AVX and NUMBA_CPU_FEATURES forbid some of it.
    given = config.CPU_FEATURES
    features = set((codegen.get_host_cpu_features() if given is None else given).split(","))
    if "+avx512f" in features:
        return 16, 12, 2
    if {"+avx2", "+fma"} <= features:
        return 8, 6, 2
    if platform.machine().lower() in ("arm64", "aarch64"):
        return 4, 6, 4
    return 0, 0, 0


LANES, ROWS, VECTORS = _processor()
AVAILABLE = LANES > 0 and not config.DISABLE_JIT
"""Whether this processor multiplies and adds vectors in one step, which all this rests on."""

_FLOAT, _INT = ir.FloatType(), ir.IntType(64)
_VECTOR = ir.VectorType(_FLOAT, LANES or 1)
_ALIGN = 4


class _Writer:
    """Writes vector instructions at the place where an LLVM builder stands."""

    def __init__(self, context: Any, builder: Any, signature: Any) -> None:
        self.context, self.builder, self.signature = context, builder, signature

    def pointer(self, argument: int, array: Any, offset: Any) -> Any:
        data = make_array(self.signature.args[argument])(self.context, self.builder, array).data
        return self.builder.gep(data, [offset])

    def at(self, pointer: Any, *steps: tuple[Any, int]) -> Any:
        """Move a pointer by each stride times a number."""
        for stride, count in steps:
            if count:
                pointer = self.builder.gep(pointer, [self.builder.mul(stride, _INT(count))])
        return pointer

    def load(self, pointer: Any) -> Any:
        return self.builder.load(self.builder.bitcast(pointer, _VECTOR.as_pointer()), align=_ALIGN)

    def store(self, value: Any, pointer: Any) -> None:
        self.builder.store(value, self.builder.bitcast(pointer, _VECTOR.as_pointer()), align=_ALIGN)

    def call(self, name: str, *arguments: Any) -> Any:
        kind = ir.FunctionType(_VECTOR, [_VECTOR] * len(arguments))
        function = cgutils.get_or_insert_function(self.builder.module, kind, f"llvm.{name}.v{LANES}f32")
        return self.builder.call(function, arguments)

    def times_plus(self, one: Any, factor: float | Any, other: Any) -> Any:
        return self.call("fma", one, constant(factor) if isinstance(factor, float) else factor, other)

    def everywhere(self, scalar: Any) -> Any:
        empty = ir.Constant(_VECTOR, ir.Undefined)
        one = self.builder.insert_element(empty, scalar, ir.Constant(ir.IntType(32), 0))
        return self.builder.shuffle_vector(one, empty, ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES))


def constant(value: float) -> Any:
    """Give a vector with the same value in each lane."""
    return ir.Constant(_VECTOR, [value] * LANES)


def _forward(write: _Writer, line: Sequence[Any]) -> list[Any]:
    """Transform six input values: Bᵀd."""
    builder, add = write.builder, write.times_plus
    near, odd = add(line[2], -4.0, line[4]), add(line[1], -4.0, line[3])
    far, skew = builder.fsub(line[4], line[2]), builder.fsub(line[3], line[1])
    return [
        add(line[0], 4.0, add(line[2], -5.0, line[4])),
        builder.fadd(near, odd),
        builder.fsub(near, odd),
        add(skew, 2.0, far),
        add(skew, -2.0, far),
        add(line[1], 4.0, add(line[3], -5.0, line[5])),
    ]


def _back(write: _Writer, line: Sequence[Any]) -> list[Any]:
    """Transform six products into four results: Aᵀm."""
    builder, add = write.builder, write.times_plus
    even, odd = builder.fadd(line[1], line[2]), builder.fsub(line[1], line[2])
    even_far, odd_far = builder.fadd(line[3], line[4]), builder.fsub(line[3], line[4])
    return [
        builder.fadd(builder.fadd(line[0], even), even_far),
        add(odd_far, 2.0, odd),
        add(even_far, 4.0, even),
        builder.fadd(add(odd_far, 8.0, odd), line[5]),
    ]


def _inlined(argument_kinds: str, write_body: Callable[[_Writer, Any], None]) -> Any:
    """Make a function that numba's loops can call: 'a' stands for an array of float32, 'i' for an integer."""

    def typed(_context: Any, *given: Any) -> Any:
        signature = types.void(
            *(types.intp if kind == "i" else one for kind, one in zip(argument_kinds, given, strict=True))
        )

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            write_body(_Writer(context, builder, signature), arguments)
            return context.get_dummy_value()

        return signature, generate

    # numba counts the arguments of what it is given.
    names = ", ".join(f"_{number}" for number in range(len(argument_kinds)))
    scope: dict[str, Any] = {"typed": typed}
    exec(f"def inlined(context, {names}):\n    return typed(context, {names})", scope)
    return intrinsic(scope["inlined"])


def _write_transform(write: _Writer, given: Any) -> None:
    source, source_at, row, pixel, target, target_at, step = given
    first, out = write.pointer(0, source, source_at), write.pointer(4, target, target_at)
    columns = [_forward(write, [write.load(write.at(first, (row, i), (pixel, j))) for i in range(6)]) for j in range(6)]
    for i in range(6):
        for j, value in enumerate(_forward(write, [columns[k][i] for k in range(6)])):
            write.store(value, write.at(out, (step, 6 * i + j)))


def _write_multiply(write: _Writer, given: Any) -> None:
    left, left_at, left_block, blocks, right, right_at, product, product_at = given
    builder = write.builder
    first, filters = write.pointer(0, left, left_at), write.pointer(4, right, right_at)
    out = write.pointer(6, product, product_at)
    sums = [[cgutils.alloca_once(builder, _VECTOR) for _ in range(VECTORS)] for _ in range(ROWS)]
    for row in sums:
        for place in row:
            builder.store(constant(0.0), place)
    with cgutils.for_range(builder, blocks) as outer:
        of_block = builder.gep(first, [builder.mul(outer.index, left_block)])
        filters_of_block = builder.gep(filters, [builder.mul(outer.index, _INT(BLOCK * BLOCK))])
        with cgutils.for_range(builder, _INT(BLOCK)) as inner:
            line = builder.gep(filters_of_block, [builder.mul(inner.index, _INT(BLOCK))])
            vectors = [write.load(builder.gep(line, [_INT(LANES * j)])) for j in range(VECTORS)]
            at = builder.gep(of_block, [inner.index])
            for i in range(ROWS):
                value = write.everywhere(builder.load(builder.gep(at, [_INT(BLOCK * i)])))
                for j in range(VECTORS):
                    total = write.times_plus(value, vectors[j], builder.load(sums[i][j]))
                    builder.store(total, sums[i][j])
    for i in range(ROWS):
        for j in range(VECTORS):
            write.store(builder.load(sums[i][j]), builder.gep(out, [_INT(BLOCK * i + LANES * j)]))


def _write_results(mode: int) -> Callable[[_Writer, Any], None]:
    def body(write: _Writer, given: Any) -> None:
        products, products_at, step, bias, bias_at, target, target_at, row, pixel, *small = given
        pooled, pooled_at, pool_row, pool_pixel = small
        first = write.pointer(0, products, products_at)
        shift = write.load(write.pointer(3, bias, bias_at))
        columns = [_back(write, [write.load(write.at(first, (step, 6 * i + j))) for i in range(6)]) for j in range(6)]
        grid = [
            [
                write.call("maxnum", write.builder.fadd(value, shift), constant(0.0))
                for value in _back(write, [columns[k][i] for k in range(6)])
            ]
            for i in range(4)
        ]
        if mode & (FULL | DOUBLED):
            out, copies = write.pointer(5, target, target_at), 2 if mode & DOUBLED else 1
            for i in range(4 * copies):
                for j in range(4 * copies):
                    write.store(grid[i // copies][j // copies], write.at(out, (row, i), (pixel, j)))
        if mode & POOLED:
            out = write.pointer(9, pooled, pooled_at)
            for i in range(2):
                upper, lower = grid[2 * i], grid[2 * i + 1]
                for j in range(2):
                    high, low = (write.call("maxnum", line[2 * j], line[2 * j + 1]) for line in (upper, lower))
                    write.store(write.call("maxnum", high, low), write.at(out, (pool_row, i), (pool_pixel, j)))

    return body


transform = _inlined("aiiiaii", _write_transform)
"""Transform the 6 × 6 pixels of a tile, `LANES` channels of them.

``transform(source, at, row, pixel, target, at, step)``: arrays of float32 are flat; ``row`` and ``pixel`` are the
strides of the source, ``step`` that of the 36 points.
"""
multiply = _inlined("aiiiaiai", _write_multiply)
"""Multiply `ROWS` rows by `VECTORS` × `LANES` columns.

``multiply(left, at, block, blocks, right, at, product, at)``: rows lie `BLOCK` numbers apart, and the ``blocks`` blocks
of `BLOCK` numbers of a row lie ``block`` apart; the right matrix has `BLOCK` columns, as has the product.
"""
store_full = _inlined("aiiaiaiiiaiii", _write_results(FULL))
store_pooled = _inlined("aiiaiaiiiaiii", _write_results(POOLED))
store_both = _inlined("aiiaiaiiiaiii", _write_results(FULL | POOLED))
store_doubled = _inlined("aiiaiaiiiaiii", _write_results(DOUBLED))
"""Transform the products of a tile back, add the bias, cut off below zero and store the 4 × 4 results.

``store_…(products, at, step, bias, at, target, at, row, pixel, pooled, at, row, pixel)``: strides as above; what a
function does not store may be any array.
"""
