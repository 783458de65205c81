"""A tomogram that a project did not find, shown where it is; what waited for it follows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from napari_cathode.plugin.link import link_of
from napari_cathode.plugin.project_layers import iter_show_views
from napari_cathode.plugin.reader import image_layer
from napari_cathode.project import Project
from napari_cathode.project.grey import locate, open_tomogram
from napari_cathode.project.opening import read_views
from napari_cathode.tomogram import check_region


@dataclass(frozen=True)
class Found:
    """What was found.

    Attributes
    ----------
    name : str
        The tomogram's.
    notes : tuple of str
        What is to be said of it.
    """

    name: str
    notes: tuple[str, ...]


def names_of_missing(project: Project | None) -> list[str]:
    """Give the names of tomograms that a project names, but that were not found."""
    return list(dict.fromkeys(str(entry["name"]) for entry in _entries(project)))


def _entries(project: Project | None) -> list[dict[str, Any]]:
    if project is None:
        return []
    aside = [known.tomogram_entry for known in project.aside if known.tomogram is None and known.tomogram_entry]
    return [*(entry for entry, _ in project.missing.values()), *project.missing_alone, *aside]


def find_missing(viewer: Any, project: Project, path: str | Path) -> Found:
    """Show the first tomogram that is missing, and let what belongs to it follow.

    Raises
    ------
    InputError
        When the file holds another one.
    """
    link, entry = link_of(viewer), _entries(project)[0]
    tomogram, note = open_tomogram(locate(entry, path, project.folder), project.folder)
    data, options, _ = image_layer(tomogram)
    layer = viewer.add_image(data, **options)
    viewer.layers.move(viewer.layers.index(layer), 0)
    notes = [note] * bool(note)
    for particles, (known, region) in list(project.missing.items()):
        if known == entry:
            part = None if region is None else check_region(region, tomogram.shape, tomogram.name)
            particles.tomogram = tomogram if part is None else tomogram.part(part)
            if particles.measurement is not None and particles.measurement.state.with_image:
                particles.measurement = replace(particles.measurement, tomogram=particles.tomogram)
            del project.missing[particles]
    project.missing_alone = [known for known in project.missing_alone if known != entry]
    for aside in list(project.aside):
        if aside.tomogram is None and aside.tomogram_entry == entry:
            project.aside.remove(aside)
            waiting = replace(aside, tomogram=tomogram)
            seen = None if aside.kind != "views" else read_views(project, waiting, notes)
            if seen is None:
                project.aside.append(waiting)
            else:
                predictions, looks = seen
                for _ in iter_show_views(link, predictions, looks):
                    pass
    return Found(tomogram.name, tuple(notes))
