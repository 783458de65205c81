"""The figures of an explanation as PNG and SVG files, the same bytes for the same explanation."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from napari_cathode.errors import InputError
from napari_cathode.io.atomic import replacing
from napari_cathode.progress import Progress, Steps

from . import plots
from .explanation import Explanation

KINDS = (".png", ".svg")
DEPENDENCES = 6
_DPI = 200


def figures(explanation: Explanation) -> dict[str, Callable[..., Any]]:
    """Give what can be drawn of an explanation: name of the file, and what draws it (into a ``figure``, if given)."""
    leading = [str(name) for name in explanation.importance["feature"].head(DEPENDENCES)]
    found: dict[str, Callable[..., Any]] = {
        "importance": plots.importance_bars,
        "importance_by_group": partial(plots.importance_bars, grouped=True),
        "beeswarm": plots.beeswarm,
        "predicted": plots.predicted_measured,
    }
    for name in leading:
        found[f"dependence_{name}"] = partial(plots.dependence, feature=name)
    return found


def save_figure(figure: Any, path: Path) -> None:
    """Write a figure as PNG or SVG, by the ending of the name, without date or random names in it.

    Raises
    ------
    InputError
        When the ending is another one, or the place cannot be written to.
    """
    from matplotlib import rc_context

    kind = path.suffix.lower()
    if kind not in KINDS:
        raise InputError(f"{path.name} should end in .png or .svg; choose one of these kinds.")
    metadata = {"Software": None} if kind == ".png" else {"Date": None, "Creator": None}
    with replacing(path) as part, rc_context({"svg.hashsalt": "napari-cathode", "svg.fonttype": "path"}):
        try:
            # ``part`` has an ending of its own.
            figure.savefig(part, format=kind[1:], dpi=_DPI, metadata=metadata, facecolor=figure.get_facecolor())
        except OSError as error:
            raise InputError(f"{path} cannot be written ({error.strerror}).") from error


def iter_write_figures(
    folder: Path, explanation: Explanation, others: dict[str, Callable[[], Any]] | None = None
) -> Steps[list[Path]]:
    """Write all figures, each as PNG and SVG.

    Parameters
    ----------
    folder : path
        Made where it does not exist.
    explanation : Explanation
        What is drawn.
    others : dict, optional
        Further figures: name, and what draws it.

    Yields
    ------
    Progress
        One for each figure.

    Returns
    -------
    list of Path
        The files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = figures(explanation)
    draws: dict[str, Callable[[], Any]] = {name: partial(draw, explanation) for name, draw in made.items()}
    draws |= others or {}
    written = []
    for done, (name, draw) in enumerate(draws.items()):
        yield Progress(done, len(draws), "Drawing figures")
        figure = draw().figure
        for kind in KINDS:
            written.append(folder / f"{name}{kind}")
            save_figure(figure, written[-1])
    return written
