"""Parameters that were set in panels, which a project keeps: panels come and go, and so do windows."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QWidget

from napari_cathode.explain import ExplainParameters
from napari_cathode.fuse import FuseParameters
from napari_cathode.identify import IdentifyParameters
from napari_cathode.measure import MeasureParameters
from napari_cathode.plugin.link import Link

from .forms import Form

_STEPS = {
    IdentifyParameters: "identify",
    FuseParameters: "fuse",
    MeasureParameters: "measure",
    ExplainParameters: "explain",
}


def take_parameters(window: QWidget, link: Link) -> None:
    """Remember what stands in the forms of all open panels."""
    for form in window.findChildren(Form):
        step = _STEPS.get(form.kind)
        if step is not None:
            link.parameters[step] = form.plain_values()


def apply_parameters(widget: QWidget, link: Link) -> None:
    """Show what is remembered in the forms of a panel, or of all panels of a window."""
    for form in widget.findChildren(Form):
        known: Any = link.parameters.get(_STEPS.get(form.kind, ""))
        if known is not None:
            form.set_plain_values(known)
