"""Choose particles by what people type: labels ("3, 17") or a condition ("damage > 0.2 and volume_um3 < 500").

A condition is read with Python's own parser and computed from a short list of operations on columns; nothing in it is
ever executed.
"""

from __future__ import annotations

import ast
import difflib
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cathode.errors import InputError

Columns = Mapping[str, npt.NDArray[Any]]

Range = tuple[str, float, float]
"""A column with the least and the greatest value that pass."""


@dataclass(frozen=True)
class Filter:
    """Which particles are shown.

    Attributes
    ----------
    text : str
        Labels or a condition; see `matching_rows`.
    ranges : tuple of (str, float, float)
        Columns with the least and the greatest value that pass; a particle without a value does not pass.
    hide_others : bool
        Whether the picture, too, shows only the particles that pass.
    """

    text: str = ""
    ranges: tuple[Range, ...] = ()
    hide_others: bool = False

    @property
    def chooses(self) -> bool:
        """Whether there is anything to pass."""
        return bool(self.text.strip() or self.ranges)

    def range_of(self, column: str) -> tuple[float, float] | None:
        """Give the range of a column, None where all of its values pass."""
        return next(((low, high) for name, low, high in self.ranges if name == column), None)

    def with_range(self, column: str, limits: tuple[float, float] | None) -> Filter:
        """Give a filter with another range of a column, or with none."""
        others = tuple(known for known in self.ranges if known[0] != column)
        return replace(self, ranges=others if limits is None else (*others, (column, min(limits), max(limits))))

    def rows(self, columns: Columns) -> npt.NDArray[np.bool_]:
        """Say which rows pass; ranges of columns that are not there hold nobody up.

        Raises
        ------
        InputError
            See `matching_rows`.
        """
        passed = matching_rows(self.text, columns).copy()
        for name, low, high in self.ranges:
            if name in columns and columns[name].dtype.kind in "biuf":
                values = columns[name]
                with np.errstate(invalid="ignore"):
                    passed &= (values >= low) & (values <= high)
        return passed


_COMPARE: dict[type, Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_ARITHMETIC: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_COMBINE: dict[type, Callable[[Any, Any], Any]] = {ast.BitAnd: np.logical_and, ast.BitOr: np.logical_or}
_FUNCTIONS: dict[str, Callable[[Any], Any]] = {"abs": np.abs, "log": np.log, "sqrt": np.sqrt, "isnan": np.isnan}

_HOW = 'Write for example "damage > 0.2 and volume_um3 < 500", or labels: "3, 17".'


def matching_rows(text: str, columns: Columns) -> npt.NDArray[np.bool_]:
    """Say which rows of a table match a filter.

    Parameters
    ----------
    text : str
        Labels parted by commas or spaces, or a condition on columns; names of columns may be written in any case.
    columns : mapping of str to ndarray, shape (n,)
        The table, with a column ``label``.

    Returns
    -------
    ndarray of bool, shape (n,)
        All true for an empty text. Comparisons with missing values are false.

    Raises
    ------
    InputError
        When the text cannot be read, or names an unknown column.
    """
    labels = columns["label"]
    if not text.strip():
        return np.ones(len(labels), np.bool_)
    if re.fullmatch(r"[\d\s,;]+", text):
        return np.isin(labels, [int(number) for number in re.findall(r"\d+", text)])
    try:
        tree = ast.parse(text.replace("&&", " and ").replace("||", " or ").strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # the parser's, of what is too deep or too long
        raise InputError(f"This filter cannot be read. {_HOW}") from None
    with np.errstate(all="ignore"):
        found = np.asarray(_Reader(columns).visit(tree.body))
    if found.dtype != np.bool_:
        raise InputError(f"This filter is no condition. {_HOW}")
    return np.broadcast_to(found, labels.shape)


def _number(value: float) -> np.float64:
    """Take a number as the columns hold theirs: one too large is infinite, and no power of it fills the memory."""
    try:
        return np.float64(value)
    except OverflowError:
        return np.float64(np.inf)


class _Reader(ast.NodeVisitor):
    """Computes a condition."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._by_folded = {name.casefold(): name for name in columns}

    def visit_Name(self, node: ast.Name) -> Any:
        name = self._by_folded.get(node.id.casefold())
        if name is not None:
            return self._columns[name]
        near = difflib.get_close_matches(node.id.casefold(), self._by_folded, 1)
        hint = f"; did you mean {self._by_folded[near[0]]}?" if near else "."
        raise InputError(f"There is no column {node.id}{hint}")

    def visit_Constant(self, node: ast.Constant) -> Any:
        if isinstance(node.value, (bool, str)):
            return node.value
        if isinstance(node.value, (int, float)):
            return _number(node.value)
        raise self._unknown()

    def visit_Compare(self, node: ast.Compare) -> Any:
        values = [self.visit(part) for part in (node.left, *node.comparators)]
        found: Any = True
        for sign, left, right in zip(node.ops, values, values[1:], strict=False):
            if type(sign) not in _COMPARE:
                raise self._unknown()
            try:
                found = found & np.asarray(_COMPARE[type(sign)](left, right))
            except TypeError:
                raise InputError(f"This filter compares text with numbers. {_HOW}") from None
        return found

    def visit_BoolOp(self, node: ast.BoolOp) -> Any:
        parts = [self._condition(part) for part in node.values]
        combine = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
        return combine.reduce(np.broadcast_arrays(*parts))

    def _condition(self, node: ast.AST) -> npt.NDArray[np.bool_]:
        """Compute what "and", "or" and "not" can be said of."""
        value = np.asarray(self.visit(node))
        if value.dtype != np.bool_:
            raise InputError(f'"and", "or" and "not" join conditions. {_HOW}')
        return value

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Any:
        if isinstance(node.op, (ast.Not, ast.Invert)):
            return np.logical_not(self._condition(node.operand))
        if isinstance(node.op, ast.USub):
            return self._calculate(operator.neg, node.operand)
        raise self._unknown()

    def visit_BinOp(self, node: ast.BinOp) -> Any:
        if type(node.op) in _COMBINE:  # as pandas and NumPy write "and" and "or"
            return _COMBINE[type(node.op)](self._condition(node.left), self._condition(node.right))
        if type(node.op) not in _ARITHMETIC:
            raise self._unknown()
        return self._calculate(_ARITHMETIC[type(node.op)], node.left, node.right)

    def _calculate(self, function: Callable[..., Any], *nodes: ast.AST) -> Any:
        values = [self.visit(node) for node in nodes]
        try:
            return function(*values)
        except TypeError:  # NumPy's too, for columns of yes and no
            raise InputError(f"This filter calculates with what is no number. {_HOW}") from None

    def visit_Call(self, node: ast.Call) -> Any:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in _FUNCTIONS or len(node.args) != 1 or node.keywords:
            raise InputError(f"Filters know the functions {', '.join(sorted(_FUNCTIONS))} only. {_HOW}")
        return self._calculate(_FUNCTIONS[name], node.args[0])

    def generic_visit(self, node: ast.AST) -> Any:
        raise self._unknown()

    @staticmethod
    def _unknown() -> InputError:
        return InputError(f"This filter uses something that filters do not know. {_HOW}")
