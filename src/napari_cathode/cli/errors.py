"""What people see when a command cannot do what they want: one sentence, and an exit code."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import typer

from napari_cathode.errors import InputError

BAD_INPUT, STOPPED, NO_ROOM = 2, 130, 1


def friendly(function: Callable[..., None]) -> Callable[..., None]:
    """Let a command end with a sentence on the standard error rather than with a traceback.

    Exit codes: 2 for bad input, 130 after Ctrl+C (as shells have it), 1 for a file system or memory that fails. Any
    other error is a fault of the program and keeps its traceback.
    """

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        try:
            function(*args, **kwargs)
        except InputError as error:
            _say_and_leave(str(error), BAD_INPUT)
        except KeyboardInterrupt:
            _say_and_leave("Stopped; files of the steps that were finished are kept.", STOPPED)
        except OSError as error:
            if error.strerror is None:
                raise
            place = f" ({error.filename})" if error.filename else ""
            _say_and_leave(f"{error.strerror}{place}.", NO_ROOM)
        except MemoryError:
            _say_and_leave("There is not enough memory; crop the tomogram or use a larger computer.", NO_ROOM)

    return wrapped


def _say_and_leave(sentence: str, code: int) -> None:
    typer.echo(" ".join(sentence.split()), err=True)
    raise typer.Exit(code) from None
