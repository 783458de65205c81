"""Parameters of a step: one frozen dataclass whose fields say their help, unit, bounds and choices.

The widgets, the command line and the saved parameter file are all made from these fields, so a name, a default
or a bound stands in one place.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from .errors import InputError

P = TypeVar("P")

_META = "napari_cathode"


@dataclasses.dataclass(frozen=True)
class ParameterInfo:
    """What people need to know of one parameter.

    Attributes
    ----------
    name : str
        Name of the field, with its unit as suffix where it has one (``diameter_um``).
    label : str
        What a form writes before the field.
    help : str
        One line.
    unit : str
        Unit as shown, "" without one.
    bounds : tuple of (float or None, float or None)
        Smallest and largest allowed value, both inclusive.
    choices : tuple
        Allowed values; empty when free.
    kind : type
        bool, int, float, str or tuple.
    optional : bool
        Whether None ("decide for me") is allowed.
    default : object
        The default value.
    advanced : bool
        Whether a form folds the field away.
    """

    name: str
    label: str
    help: str
    unit: str
    bounds: tuple[float | None, float | None]
    choices: tuple[Any, ...]
    kind: type
    optional: bool
    default: Any
    advanced: bool


def parameter(
    default: Any,
    *,
    help: str,
    label: str = "",
    unit: str = "",
    bounds: tuple[float | None, float | None] = (None, None),
    choices: Sequence[Any] = (),
    advanced: bool = False,
) -> Any:
    """Declare a field of a parameter dataclass; see `ParameterInfo` for the meaning."""
    meta = {
        "help": help,
        "label": label,
        "unit": unit,
        "bounds": bounds,
        "choices": tuple(choices),
        "advanced": advanced,
    }
    return dataclasses.field(default=default, metadata={_META: meta})


def describe(parameters: Any) -> list[ParameterInfo]:
    """List what is known of each parameter of a dataclass (class or instance), in the order of its fields."""
    cls = parameters if isinstance(parameters, type) else type(parameters)
    hints = typing.get_type_hints(cls)
    found = []
    for field in dataclasses.fields(cls):
        if _META not in field.metadata:
            continue
        meta = field.metadata[_META]
        kind, optional = _plain_type(hints[field.name])
        label = meta["label"] or field.name.replace("_um", "").replace("_", " ").capitalize()
        found.append(
            ParameterInfo(
                name=field.name,
                label=label,
                help=meta["help"],
                unit=meta["unit"],
                bounds=meta["bounds"],
                choices=meta["choices"],
                kind=kind,
                optional=optional,
                default=field.default,
                advanced=meta["advanced"],
            )
        )
    return found


def check(parameters: Any) -> None:
    """Raise `InputError` when a value is of the wrong type, out of its bounds or none of its choices.

    Meant for ``__post_init__`` of a parameter dataclass.
    """
    for info in describe(parameters):
        value = getattr(parameters, info.name)
        shown = f"The parameter {info.name}"
        if value is None:
            if not info.optional:
                raise InputError(f"{shown} needs a value.")
            continue
        if info.choices and value not in info.choices:
            raise InputError(f"{shown} is {value!r}; choose one of {', '.join(map(repr, info.choices))}.")
        if info.kind in (int, float) and not isinstance(value, bool):
            _check_number(shown, value, info)
        elif not isinstance(value, info.kind):
            raise InputError(f"{shown} is {value!r}; it should be {_article(info.kind)}.")


def _check_number(shown: str, value: Any, info: ParameterInfo) -> None:
    if not isinstance(value, (int, float)) or (info.kind is int and not float(value).is_integer()):
        raise InputError(f"{shown} is {value!r}; it should be {_article(info.kind)}.")
    low, high = info.bounds
    unit = f" {info.unit}" if info.unit else ""
    if value != value:
        raise InputError(f"{shown} is not a number; give a value{f' in {info.unit}' if info.unit else ''}.")
    if (low is not None and value < low) or (high is not None and value > high):
        span = (
            f"between {low:g} and {high:g}"
            if low is not None and high is not None
            else (f"at least {low:g}" if low is not None else f"at most {high:g}")
        )
        raise InputError(f"{shown} is {value:g}{unit}; it must be {span}{unit}.")


def to_dict(parameters: Any) -> dict[str, Any]:
    """Turn a parameter dataclass (nested ones too) into plain values that YAML and JSON can hold."""
    plain: dict[str, Any] = {}
    for field in dataclasses.fields(parameters):
        value = getattr(parameters, field.name)
        if dataclasses.is_dataclass(value):
            value = to_dict(value)
        elif isinstance(value, tuple):
            value = list(value)
        plain[field.name] = value
    return plain


def from_dict(cls: type[P], values: Mapping[str, Any], where: str = "the parameters") -> P:
    """Make a parameter dataclass from plain values.

    Parameters
    ----------
    cls : type
        The dataclass.
    values : mapping
        Its values; missing ones keep their default.
    where : str
        Where the values come from, for the error's text.

    Raises
    ------
    InputError
        For an unknown name or a value that does not fit.
    """
    if not isinstance(values, Mapping):
        raise InputError(f"In {where}, {values!r} stands where names with values are expected.")
    hints = typing.get_type_hints(cls)
    fields = {field.name for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    made: dict[str, Any] = {}
    for name, value in values.items():
        if name not in fields:
            raise InputError(f"{where} has an unknown name {name!r}; known are {', '.join(sorted(fields))}.")
        hint = hints[name]
        if dataclasses.is_dataclass(hint) and isinstance(hint, type):
            value = from_dict(hint, value, f"{where}, part {name}")
        else:
            kind, _ = _plain_type(hint)
            if kind is tuple and isinstance(value, list):
                value = tuple(value)
            elif kind is float and isinstance(value, int) and not isinstance(value, bool):
                value = float(value)
        made[name] = value
    return cls(**made)


def _plain_type(hint: Any) -> tuple[type, bool]:
    """Give the bare type of an annotation and whether None is allowed."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        inner = [part for part in typing.get_args(hint) if part is not type(None)]
        return _plain_type(inner[0])[0], len(inner) < len(typing.get_args(hint))
    origin = typing.get_origin(hint)
    if origin is typing.Literal:
        return type(typing.get_args(hint)[0]), False
    plain = origin or hint
    return plain, False


def _article(kind: type) -> str:
    names = {bool: "true or false", int: "a whole number", float: "a number", str: "text", tuple: "a list"}
    return names.get(kind, kind.__name__)
