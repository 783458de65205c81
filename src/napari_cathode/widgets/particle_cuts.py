"""Pictures of one particle: cuts through its middle, with its outline and its cracks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from qtpy.QtCore import QLineF, QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QHelpEvent, QImage, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from napari_cathode.measure.cuts import Cut, Look
from napari_cathode.plugin.highlight import COLOUR

CRACKS = QColor(255, 176, 0, 150)
"""Amber, which neither grey values nor the outline's pink are taken for."""
_OTHERS = QColor(150, 190, 255, 150)
_OUTLINE = QColor.fromRgbF(*COLOUR)
_GAP, _TEXT, _TALLEST = 6, 16, 170
_LENGTHS = tuple(figure * 10.0**power for power in range(-3, 5) for figure in (1, 2, 5))


class Cuts(QWidget):
    """The cuts of a particle side by side, all at one scale; a click on a neighbour tells its label."""

    label_clicked = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)
        self._look: Look | None = None
        self._images: list[QImage] = []
        self._cracks: dict[str, QImage] = {}
        self._places: list[QRectF] = []
        self._unit = "µm"
        self._count = 3
        self.shows_cracks = True
        self._fit()

    def expect(self, count: int) -> None:
        """Keep room for so many pictures, whatever the particle's shape: what stands below stays where it is."""
        if count != self._count:
            self._count = count
            self._fit()

    def show_look(self, look: Look | None, unit: str = "µm") -> None:
        """Show another particle, without its cracks at first."""
        self._look, self._unit = look, unit
        self._cracks = {}
        self._images = [] if look is None else _pictures(look.cuts)
        if look is not None:
            self.expect(len(look.cuts))
        self.update()

    def show_cracks(self, cracks: Mapping[str, Any]) -> None:
        """Add the cracks, by cut."""
        self._cracks = {view: _mask_image(mask, CRACKS) for view, mask in cracks.items()}
        self.update()

    def set_cracks_shown(self, shown: bool) -> None:
        """Show or hide the cracks."""
        self.shows_cracks = shown
        self.update()

    @property
    def look(self) -> Look | None:
        """What is shown."""
        return self._look

    @property
    def cracks(self) -> dict[str, QImage]:
        """The cracks that are known, by cut."""
        return self._cracks

    def sizeHint(self) -> QSize:
        """Ask for a row of pictures and a line of text."""
        return QSize(340, self.height())

    def minimumSizeHint(self) -> QSize:
        """Ask for little width."""
        return QSize(200, self.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Take as much height as the pictures may have at this width."""
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._fit()

    def _fit(self) -> None:
        self.setFixedHeight(self._tallest() + _TEXT)

    def _cell(self) -> float:
        """Give the width of a picture's place."""
        return max(1.0, (self.width() - _GAP * (self._count - 1)) / self._count)

    def _tallest(self) -> int:
        return int(min(_TALLEST, self._cell()))

    # ---- drawing -----------------------------------------------------------------------------------

    def _scale(self, cuts: tuple[Cut, ...]) -> float:
        """Give the pixels per µm with which every cut fits its cell."""
        spans = [(cut.labels.shape[0] * cut.edges_um[0], cut.labels.shape[1] * cut.edges_um[1]) for cut in cuts]
        return min(min(self._tallest() / rows, self._cell() / columns) for rows, columns in spans)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw them."""
        if self._look is None:
            return
        painter = QPainter(self)
        cuts = self._look.cuts
        scale = self._scale(cuts)
        cell, tallest = self._cell(), self._tallest()
        self._places = []
        for place, (cut, image) in enumerate(zip(cuts, self._images, strict=True)):
            width, height = (
                cut.labels.shape[1] * cut.edges_um[1] * scale,
                cut.labels.shape[0] * cut.edges_um[0] * scale,
            )
            left = place * (cell + _GAP) + (cell - width) / 2
            area = QRectF(left, (tallest - height) / 2, width, height)
            self._places.append(area)
            painter.drawImage(area, image)
            if self.shows_cracks and cut.view in self._cracks:
                painter.drawImage(area, self._cracks[cut.view])
            painter.setPen(QPen(_OTHERS, 1))
            painter.drawLines(_lines(_others(cut.labels, self._look.label), area))
            painter.setPen(QPen(_OUTLINE, 1.6))
            painter.drawLines(_lines(cut.labels == self._look.label, area))
            painter.setPen(self.palette().windowText().color())
            below = QRectF(place * (cell + _GAP), tallest, cell, _TEXT)
            painter.drawText(below, int(Qt.AlignmentFlag.AlignCenter), cut.view)
        self._draw_bar(painter, self._places[0], scale)
        painter.end()

    def _draw_bar(self, painter: QPainter, area: QRectF, scale: float) -> None:
        """Draw a bar that says how long a round length is."""
        length = max((known for known in _LENGTHS if known * scale <= 0.45 * area.width()), default=0.0)
        if not length:
            return
        text = f"{length:g} {self._unit}"
        font = painter.font()
        font.setPointSizeF(max(7.0, font.pointSizeF() - 2))
        painter.setFont(font)
        bar = QRectF(area.left() + 4, area.bottom() - 7, length * scale, 3)
        back = QRectF(area.left() + 1, area.bottom() - 20, 0, 18)
        back.setWidth(max(bar.width(), painter.fontMetrics().horizontalAdvance(text)) + 6)
        painter.fillRect(back, QColor(0, 0, 0, 130))
        painter.fillRect(bar, QColor(255, 255, 255))
        painter.setPen(QColor(255, 255, 255))
        painter.drawText(QPointF(bar.left(), bar.top() - 2), text)

    # ---- the mouse ---------------------------------------------------------------------------------

    def _label_at(self, point: QPointF) -> int:
        if self._look is None:
            return 0
        for cut, area in zip(self._look.cuts, self._places, strict=False):
            if area.contains(point):
                rows, columns = cut.labels.shape
                row = min(rows - 1, int((point.y() - area.top()) / area.height() * rows))
                column = min(columns - 1, int((point.x() - area.left()) / area.width() * columns))
                return max(0, int(cut.labels[row, column]))
        return 0

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Go to a neighbour."""
        label = self._label_at(event.position())
        if label and self._look is not None and label != self._look.label:
            self.label_clicked.emit(label)

    def event(self, event: Any) -> bool:
        """Say what lies below the mouse."""
        if isinstance(event, QHelpEvent):
            label = self._label_at(QPointF(event.pos()))
            if label and self._look is not None:
                own = label == self._look.label
                QToolTip.showText(event.globalPos(), f"Particle {label}" + ("" if own else ": click to go there"), self)
            else:
                QToolTip.hideText()
            return True
        return bool(super().event(event))


def _pictures(cuts: tuple[Cut, ...]) -> list[QImage]:
    """Make grey pictures with one contrast for all."""
    shades = [cut.grey[cut.labels >= 0] for cut in cuts if cut.grey is not None]
    values = np.concatenate(shades) if shades else np.zeros(0, np.float32)
    values = values[np.isfinite(values)]
    low, high = np.percentile(values, (0.5, 99.7)) if values.size else (0.0, 1.0)
    images = []
    for cut in cuts:
        if cut.grey is None:
            grey = np.full(cut.labels.shape, 40, np.uint8)
        else:
            share = (np.nan_to_num(cut.grey, nan=float(low)) - low) / max(float(high - low), 1e-9)
            grey = (255 * np.clip(share, 0, 1)).astype(np.uint8)
        grey[cut.labels < 0] = 0
        images.append(_image(np.repeat(grey[..., None], 3, 2)))
    return images


def _image(rgb: Any) -> QImage:
    rows, columns = rgb.shape[:2]
    data = np.ascontiguousarray(rgb)
    return QImage(data.data, columns, rows, 3 * columns, QImage.Format.Format_RGB888).copy()


def _mask_image(mask: Any, colour: QColor) -> QImage:
    rows, columns = mask.shape
    pixels = np.zeros((rows, columns, 4), np.uint8)
    pixels[mask] = (colour.red(), colour.green(), colour.blue(), colour.alpha())
    return QImage(pixels.data, columns, rows, 4 * columns, QImage.Format.Format_RGBA8888).copy()


def _others(labels: Any, own: int) -> Any:
    return np.where((labels > 0) & (labels != own), labels, 0)


def _lines(regions: Any, area: QRectF) -> list[QLineF]:
    """Give the edges between pixels of different regions, in the coordinates of the widget."""
    rows, columns = regions.shape
    high, wide = area.height() / rows, area.width() / columns
    lines = []
    row, column = np.nonzero(regions[1:] != regions[:-1])
    for y, x in zip((row + 1).tolist(), column.tolist(), strict=True):
        top = area.top() + y * high
        lines.append(QLineF(area.left() + x * wide, top, area.left() + (x + 1) * wide, top))
    row, column = np.nonzero(regions[:, 1:] != regions[:, :-1])
    for y, x in zip(row.tolist(), (column + 1).tolist(), strict=True):
        left = area.left() + x * wide
        lines.append(QLineF(left, area.top() + y * high, left, area.top() + (y + 1) * high))
    return lines
