"""Writing the report of one analysis: a single HTML file that needs nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

from napari_cathode.errors import InputError
from napari_cathode.explain import plots
from napari_cathode.explain.names import display_name
from napari_cathode.progress import Progress, Steps, drain

from . import charts, content
from .embed import png, svg
from .pictures import Section, draw_section, middle_sections


def write_report(result: Any, path: str | os.PathLike[str], date: str = "") -> Path:
    """Write the report of an analysis; see `iter_write_report`."""
    return drain(iter_write_report(result, path, date))


def iter_write_report(result: Any, path: str | os.PathLike[str], date: str = "") -> Steps[Path]:
    """Write the report of an analysis: one HTML file with all pictures in it, the same bytes for the same result.

    Parameters
    ----------
    result : napari_cathode.pipeline.PipelineResult
        Of it are used: ``tomogram``, ``labels``, ``table``, ``summary``, ``explanation`` or ``not_explained``,
        ``parameters`` and ``used``.
    path : path
        The HTML file; replaced when it exists.
    date : str
        Shown under the title; nothing is shown without it.

    Yields
    ------
    Progress
        One for each figure.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        When the file cannot be written.
    """
    from matplotlib.figure import Figure

    sections = middle_sections(result.tomogram, result.labels)
    explanation = result.explanation
    total = len(sections) + 2 + (3 if explanation is not None else 0)
    pictures = []
    for done, section in enumerate(sections):
        yield Progress(done, total, f"Drawing the {section.view} slice for the report")
        pictures.append((_caption(section), png(draw_section(section, result.table))))
    distributions: list[tuple[str, str]] = []
    for name, draw in (("Particle size", charts.size_distribution), ("Damage", charts.damage_distribution)):
        yield Progress(len(sections) + len(distributions), total, f"Drawing the distribution of {name.lower()}")
        figure = draw(result.table, result.summary)
        distributions.append((name, svg(figure) if figure is not None else ""))
    figures: dict[str, str] = {}
    if explanation is not None:
        for name, (plot, size) in _explanation_plots(explanation).items():
            yield Progress(len(sections) + 2 + len(figures), total, "Drawing the explanation for the report")
            figures[name] = svg(plot(explanation, figure=Figure(figsize=size)).figure)
    text = _render(result, date, pictures, distributions, figures)
    path = Path(path)
    try:
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise InputError(f"The report cannot be written to {path}: {error.strerror}.") from error
    yield Progress(total, total, "Report written")
    return path


def _explanation_plots(explanation: Any) -> dict[str, tuple[Callable[..., Any], tuple[float, float]]]:
    """Give the figures by name, with their sizes in inches on a page 9.6 inches wide."""
    rows = min(len(explanation.predictors), 12)
    return {
        "importance": (plots.importance_bars, (4.7, 4.4)),
        "predicted": (plots.predicted_measured, (4.7, 4.4)),
        "beeswarm": (plots.beeswarm, (9.6, 1.1 + 0.36 * rows)),
    }


def _render(
    result: Any,
    date: str,
    pictures: list[tuple[str, str]],
    distributions: list[tuple[str, str]],
    figures: dict[str, str],
) -> str:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(files(__package__).joinpath("template.html").read_text(encoding="utf-8"))
    tomogram, explanation = result.tomogram, result.explanation
    explained = explanation is not None
    return template.render(
        name=tomogram.name,
        source=Path(tomogram.source).name or tomogram.name,
        date=date,
        size=_size(tomogram),
        tiles=content.tiles(result.summary),
        summary=result.summary,
        weighted=content.weighted_diameters(result.summary),
        table_notes=result.table.attrs.get("notes", []),
        pictures=pictures,
        distributions=distributions,
        explanation=explanation,
        target=display_name(explanation.target).lower() if explained else "damage",
        not_explained=result.not_explained,
        figures=figures,
        scores=content.scores(explanation) if explained else [],
        importance=content.importance_rows(explanation) if explained else [],
        clusters=content.cluster_rows(explanation) if explained else [],
        left_out=content.left_out(explanation) if explained else [],
        sections=content.parameter_sections(result.parameters),
        used=content.provenance(result.used, result.parameters),
        definitions=content.definitions(result.table),
    )


def _size(tomogram: Any) -> dict[str, str]:
    spacing = tomogram.require_spacing()
    shape = tomogram.shape
    if tomogram.is_slice:
        shape, spacing = shape[1:], spacing[1:]
    edges = [f"{edge:.4g}" for edge in spacing]
    extent = [f"{length * edge:.4g}" for length, edge in zip(shape, spacing, strict=True)]
    axes = "y × x" if tomogram.is_slice else "z × y × x"
    return {
        "kind": "slice" if tomogram.is_slice else "volume",
        "voxels": f"{' × '.join(map(str, shape))} {'pixels' if tomogram.is_slice else 'voxels'} ({axes})",
        "voxel": f"{edges[0] if len(set(edges)) == 1 else ' × '.join(edges)} µm",
        "extent": f"{' × '.join(extent)} µm",
    }


def _caption(section: Section) -> str:
    if section.count == 1:
        return "The slice with the outlines of its particles, and the particles coloured by damage."
    third = ({"x", "y", "z"} - set(section.view)).pop()
    return (
        f"{section.view} slice {section.number + 1} of {section.count} ({third} = {section.position_um:.4g} µm): "
        "outlines of the particles, and the particles coloured by damage."
    )
