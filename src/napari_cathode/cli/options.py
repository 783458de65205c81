"""Command-line options made from the parameter dataclasses, and the dataclasses made from what was given."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import typing
from collections.abc import Callable, Container, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_cathode.parameters import ParameterInfo, describe, from_dict

if TYPE_CHECKING:
    from napari_cathode.pipeline import PipelineParameters

Given = dict[str, Any]
"""Values by field name; those of a section (a nested dataclass) in a dictionary under its name."""

Spacing = Annotated[
    tuple[float, float, float] | None,
    typer.Option("--spacing", metavar="Z Y X", help="Voxel size in µm, for images that do not state it."),
]
Dataset = Annotated[
    str | None, typer.Option("--dataset", metavar="NAME", help="Data set within the file (HDF5, NeXus).")
]
RegionText = Annotated[
    str | None,
    typer.Option(
        "--region",
        metavar="Z,Y,X",
        help="Only this part, each axis as first:stop in voxels, as in 0:64,100:400,:; grey range and diameter are "
        "those of the whole.",
    ),
]
ParameterFile = Annotated[
    Path | None,
    typer.Option("--parameters", metavar="FILE", help="Parameters in YAML, as a run writes; options come before it."),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace earlier results.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]


def with_parameters(
    cls: type,
    prefixes: Mapping[str, str],
    aliases: Mapping[str, str] | None = None,
    leave_out: Container[str] = (),
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of a parameter dataclass.

    Parameters
    ----------
    cls : type
        The dataclass; its fields may be dataclasses themselves (sections).
    prefixes : mapping
        The sections whose parameters become options, with what is put before their names; "" is ``cls`` itself.
    aliases : mapping, optional
        Further option names, by "section.field".
    leave_out : container of str
        Fields that are too complicated for an option.

    Returns
    -------
    callable
        A decorator. The decorated function takes a keyword ``given`` (see `Given`) with what the person gave; its
        other arguments are as Typer knows them.
    """

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        own = [p for p in inspect.signature(function, eval_str=True).parameters.values() if p.name != "given"]
        places: dict[str, tuple[str, str]] = {}
        made = []
        for section, prefix in prefixes.items():
            for info in describe(_section_class(cls, section)):
                if info.name in leave_out:
                    continue
                argument = f"{section}__{info.name}"
                places[argument] = (section, info.name)
                alias = (aliases or {}).get(f"{section}.{info.name}")
                made.append(_as_argument(argument, info, section if len(prefixes) > 1 else "", prefix, alias))

        @functools.wraps(function)
        def wrapped(**values: Any) -> None:
            given: Given = {}
            for argument, (section, name) in places.items():
                value = values.pop(argument)
                if value is not None and value != []:
                    (given.setdefault(section, {}) if section else given)[name] = value
            function(**values, given=given)

        arguments = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own] + made
        wrapped.__signature__ = inspect.Signature(arguments)  # type: ignore[attr-defined]
        wrapped.__annotations__ = {p.name: p.annotation for p in arguments}
        return wrapped

    return decorate


def read_parameters(given: Given, file: Path | None, known: Mapping[str, Any] | None = None) -> PipelineParameters:
    """Make the parameters of all steps of defaults, those of a project, a parameter file and what was given.

    The last come first.

    Raises
    ------
    InputError
        When the file or a value cannot be used.
    """
    from napari_cathode.pipeline import PipelineParameters
    from napari_cathode.plain_files import read_parameter_values

    values = dict(known or {})
    for more in ({} if file is None else read_parameter_values(file), given):
        for name, value in more.items():
            before = values.get(name)
            values[name] = {**before, **value} if isinstance(before, dict) and isinstance(value, dict) else value
    return from_dict(PipelineParameters, values, str(file) if file is not None else "the command line")


def _section_class(cls: type, section: str) -> type:
    found: type = typing.get_type_hints(cls)[section] if section else cls
    return found


def _as_argument(argument: str, info: ParameterInfo, section: str, prefix: str, alias: str | None) -> inspect.Parameter:
    """Make the argument that Typer turns into an option; None stands for "not given"."""
    stem = prefix + info.name.removesuffix("_um").replace("_", "-")
    names = [f"--{stem}/--no-{stem}"] if info.kind is bool else [f"--{stem}"]
    if alias:
        names.insert(0, alias)
    hint: Any = list[str] if info.kind is tuple else info.kind
    option = typer.Option(
        *names,
        help=_help(info),
        metavar=_metavar(info),
        show_default=False,
        rich_help_panel=f"Options of the step: {section}" if section else None,
    )
    return inspect.Parameter(
        argument, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[hint | None, option]
    )


def _help(info: ParameterInfo) -> str:
    text = info.help.rstrip(".")
    default = info.default
    if default is None or default is dataclasses.MISSING or default == "":
        return f"{text}."
    shown = ", ".join(map(str, default)) if isinstance(default, tuple) else default
    unit = f" {info.unit}" if info.unit else ""
    several = "; may be given several times" if info.kind is tuple else ""
    return f"{text}{several} (default {shown}{unit})."


def _metavar(info: ParameterInfo) -> str | None:
    if info.choices:
        return "|".join(map(str, info.choices))
    if info.kind is bool:
        return None
    plain = {int: "NUMBER", float: "NUMBER", str: "TEXT", tuple: "NAME"}
    return info.unit.replace("µ", "u").upper() if info.unit and info.unit.isalpha() else plain.get(info.kind)
