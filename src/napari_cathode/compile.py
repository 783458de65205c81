"""One way to compile loops: without Python's global lock, and kept on disk where that is possible."""

from collections.abc import Callable
from typing import Any

import numba


def jit(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Compile a function with numba on its first call; the result is cached beside the code or in the user's cache.

    Where neither place can be written (a read-only container without a home), it is compiled anew in each process.

    Parameters
    ----------
    function : callable, optional
        Left out when the decorator is written with options.
    **options
        Further options of `numba.njit`, such as ``fastmath``.
    """
    if function is None:
        return lambda wrapped: jit(wrapped, **options)
    try:
        return numba.njit(nogil=True, cache=True, **options)(function)
    except RuntimeError:  # numba found no place for its cache
        return numba.njit(nogil=True, **options)(function)
