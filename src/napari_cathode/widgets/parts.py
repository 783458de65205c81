"""Small pieces that the dock widgets are made of."""

from __future__ import annotations

import html
import weakref
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from napari.layers import Layer
from qtpy.QtCore import QEvent, QObject, QSize, Qt, Signal
from qtpy.QtGui import QPainter, QPaintEvent, QPalette, QShowEvent, QTextDocumentFragment
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFormLayout,
    QFrame,
    QLabel,
    QMessageBox,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QToolButton,
    QToolTip,
    QVBoxLayout,
    QWidget,
)

_PRIMARY = """
QPushButton#primary { background-color: #2a6db0; color: white; font-weight: 600; padding: 6px 12px; }
QPushButton#primary:hover { background-color: #3680c9; }
QPushButton#primary:disabled { background-color: #7f8a96; color: #d9dde2; border: 0; }
"""

TABLE_ENDINGS = (".csv", ".parquet")
_BETWEEN = " · "
BUSY = "Something is running here; wait for its end, or cancel it."


class Connections:
    """Connections to signals that outlive a widget; all are cut when the widget goes.

    Parameters
    ----------
    widget : QObject
        The widget, or part of one, whose methods are connected.
    """

    def __init__(self, widget: QObject) -> None:
        self._pairs: list[tuple[Any, Callable[..., Any]]] = []
        widget.destroyed.connect(self.close)

    def connect(self, signal: Any, slot: Callable[..., Any]) -> None:
        """Connect a slot to a signal of psygnal or napari."""
        signal.connect(slot)
        self._pairs.append((signal, slot))

    def close(self, _widget: Any = None) -> None:
        """Cut all connections."""
        for signal, slot in self._pairs:
            try:
                signal.disconnect(slot)
            except (ValueError, RuntimeError, KeyError):
                pass  # the sender went first
        self._pairs.clear()


class Text(QLabel):
    """Running text that wraps, and takes no room while it is empty."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWordWrap(True)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        self.say(text)

    def say(self, text: str) -> None:
        """Show a text, or nothing."""
        self.setText(text)
        self.setVisible(bool(text))


class BriefText(Text):
    """Text that can be cut to one line where height is scarce; its tooltip then has all of it."""

    def __init__(self) -> None:
        self._brief = False
        super().__init__()

    def set_brief(self, brief: bool) -> None:
        """Cut the text to one line, or let it wrap."""
        if brief != self._brief:
            self._brief = brief
            policy = QSizePolicy.Policy.Fixed if brief else QSizePolicy.Policy.Minimum
            self.setSizePolicy(QSizePolicy.Policy.Preferred, policy)
            self._tell_all()
            self.updateGeometry()

    def say(self, text: str) -> None:
        """Show a text, or nothing."""
        super().say(text)
        self._tell_all()

    def _tell_all(self) -> None:
        self.setToolTip(f"<p>{self.text()}</p>" if self._brief and self.text() else "")

    def hasHeightForWidth(self) -> bool:
        """Whether the height depends on the width."""
        return not self._brief and bool(super().hasHeightForWidth())

    def sizeHint(self) -> QSize:
        """Ask for one line, or for all."""
        return QSize(120, self.fontMetrics().height() + 4) if self._brief else super().sizeHint()

    def minimumSizeHint(self) -> QSize:
        """Need one line, or all."""
        return self.sizeHint() if self._brief else super().minimumSizeHint()

    def _brief_text(self, width: int) -> str:
        """Give as many of the parts as a line of some width holds: half a number would mislead."""
        metrics = self.fontMetrics()
        whole = " ".join(QTextDocumentFragment.fromHtml(self.text()).toPlainText().split())
        parts = whole.split(_BETWEEN)
        for count in range(len(parts), 0, -1):
            text = _BETWEEN.join(parts[:count]) + (" …" if count < len(parts) else "")
            if metrics.horizontalAdvance(text) <= width:
                return text
        return str(metrics.elidedText(whole, Qt.TextElideMode.ElideRight, width))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw what fits, without a cut letter."""
        if not self._brief:
            super().paintEvent(event)
            return
        painter = QPainter(self)
        area = self.rect().adjusted(2, 0, -2, 0)
        painter.setPen(self.palette().windowText().color())
        aligned = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
        painter.drawText(area, aligned, self._brief_text(area.width()))
        painter.end()


def keys_table(keys: Iterable[tuple[str, str]]) -> str:
    """Write keys, each on a cap of its own, and what they do, as rich text."""
    cap = "background-color: rgba(128, 128, 128, 110); font-weight: 600;"
    rows = (
        f'<tr><td align="right"><span style="{cap}">&nbsp;&nbsp;{html.escape(key)}&nbsp;&nbsp;</span></td>'
        f"<td>&nbsp;&nbsp;{what}</td></tr>"
        for key, what in keys
    )
    return f'<table cellspacing="3">{"".join(rows)}</table>'


class Heading(QLabel):
    """The title of a group."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.setStyleSheet("font-weight: 600; padding-top: 4px;")


def primary_button(text: str, tooltip: str = "") -> QPushButton:
    """Make the button for what a panel is there for."""
    button = QPushButton(text)
    button.setObjectName("primary")
    button.setStyleSheet(_PRIMARY)
    button.setToolTip(tooltip)
    button.setCursor(Qt.CursorShape.PointingHandCursor)
    return button


def allow(button: QWidget, *obstacles: tuple[bool, str]) -> None:
    """Let a button be pressed unless something stands in the way; greyed, its tooltip begins with what that is.

    Parameters
    ----------
    button : QWidget
        The button, whose tooltip says what it does.
    *obstacles : tuple of (bool, str)
        Whether something is in the way, and the sentence that says what; the first one counts.
    """
    usual = button.property("usual_tooltip")
    if usual is None:
        usual = button.toolTip()
        button.setProperty("usual_tooltip", usual)
    why = next((sentence for stands, sentence in obstacles if stands), "")
    button.setEnabled(not why)
    button.setToolTip(f"<p><b>{why}</b></p>{usual}" if why else usual)


def ask_table_path(parent: QWidget, title: str, name: str) -> str:
    """Ask where to write a table, CSV or Parquet; nothing when the person cancels, or keeps the file that is there.

    The dialog asks before it replaces the name as it was typed; the name with its ending is asked for here.
    """
    path, kind = QFileDialog.getSaveFileName(parent, title, name, "CSV (*.csv);;Parquet (*.parquet)")
    if not path or path.lower().endswith(TABLE_ENDINGS):
        return path
    path = f"{path}.parquet" if "parquet" in kind else f"{path}.csv"
    question = f"{Path(path).name} already exists. Do you want to replace it?"
    if Path(path).exists() and QMessageBox.question(parent, title, question) != QMessageBox.StandardButton.Yes:
        return ""
    return path


def rule() -> QFrame:
    """Make a thin line between parts of a panel."""
    line = QFrame()
    line.setFixedHeight(1)
    line.setStyleSheet("background-color: rgba(128, 128, 128, 90);")
    return line


class Fold(QWidget):
    """A group that folds away under its title."""

    def __init__(self, title: str, content: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._content = content
        self._button = QToolButton()
        self._button.setText(title)
        self._button.setCheckable(True)
        self._button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._button.setStyleSheet("QToolButton { background: transparent; border: 0; padding: 2px 0; }")
        self._button.toggled.connect(self.set_open)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self._button)
        layout.addWidget(content)
        self.set_open(False)

    def set_title(self, title: str) -> None:
        """Write another title."""
        self._button.setText(title)

    def set_open(self, is_open: bool) -> None:
        """Unfold or fold."""
        self._button.setArrowType(Qt.ArrowType.DownArrow if is_open else Qt.ArrowType.RightArrow)
        self._button.setChecked(is_open)
        self._content.setVisible(is_open)


def form_layout() -> QFormLayout:
    """Make a form with aligned labels, whose fields take the width that there is."""
    form = QFormLayout()
    form.setContentsMargins(0, 0, 0, 0)
    form.setHorizontalSpacing(10)
    form.setVerticalSpacing(6)
    form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.DontWrapRows)
    return form


class Choice(QComboBox):
    """A drop-down list that names may be too long for.

    Closed, it ends such a name with an ellipsis and tells the whole of it in its tooltip; it opens as wide as its
    longest name.
    """

    def shown_text(self) -> str:
        """Give what the closed list shows of the chosen name, or of what stands there while none is chosen."""
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        field = self.style().subControlRect(
            QStyle.ComplexControl.CC_ComboBox, option, QStyle.SubControl.SC_ComboBoxEditField, self
        )
        room = field.width() - 2 - (0 if option.currentIcon.isNull() else option.iconSize.width() + 4)
        text = self.placeholderText() if self.currentIndex() < 0 else option.currentText
        return str(self.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, room))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the closed list without a cut letter."""
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        option.currentText = self.shown_text()
        if self.currentIndex() < 0:
            option.palette.setBrush(QPalette.ColorRole.ButtonText, option.palette.placeholderText())
        painter = QStylePainter(self)
        painter.setPen(self.palette().text().color())
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)
        painter.end()

    def event(self, event: QEvent) -> bool:
        """Begin the tooltip with the whole name where it is cut."""
        whole = self.placeholderText() if self.currentIndex() < 0 else self.currentText()
        if event.type() != QEvent.Type.ToolTip or self.shown_text() == whole:
            return bool(super().event(event))
        QToolTip.showText(event.globalPos(), f"<p><b>{html.escape(whole)}</b></p>{self.toolTip()}", self)
        return True

    def showPopup(self) -> None:
        """Open."""
        view = self.view()
        view.setMinimumWidth(view.sizeHintForColumn(0) + view.verticalScrollBar().sizeHint().width() + 8)
        super().showPopup()


def choice_box() -> QComboBox:
    """Make a drop-down list that long names do not widen."""
    box = Choice()
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(5)
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return box


def add_choice(box: QComboBox, text: str, value: Any, tip: str) -> None:
    """Offer something, with words that say what it is."""
    box.addItem(text, value)
    box.setItemData(box.count() - 1, tip if tip.startswith("<") else f"<p>{tip}</p>", Qt.ItemDataRole.ToolTipRole)


class LayerChoice(Choice):
    """A drop-down list of the viewer's layers of one kind; it follows the layer list.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer.
    accepts : callable
        Whether a layer is offered.
    nothing : str
        The first entry, which chooses no layer; without it the first layer is chosen as soon as there is one.
    """

    layer_changed = Signal(object)

    def __init__(self, viewer: Any, accepts: Callable[[Layer], bool], nothing: str = "") -> None:
        super().__init__()
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(5)
        self._viewer = weakref.ref(viewer)
        self._accepts = accepts
        self._nothing = nothing
        self._layers: list[Layer | None] = []
        self._connections = Connections(self)
        for signal in (viewer.layers.events.inserted, viewer.layers.events.removed, viewer.layers.events.renamed):
            self._connections.connect(signal, self._refresh)
        self.currentIndexChanged.connect(self._on_index)
        self._refresh()

    @property
    def layer(self) -> Layer | None:
        """The chosen layer."""
        index = self.currentIndex()
        return self._layers[index] if 0 <= index < len(self._layers) else None

    @layer.setter
    def layer(self, layer: Layer | None) -> None:
        if layer in self._layers:
            self.setCurrentIndex(self._layers.index(layer))

    @property
    def layers(self) -> list[Layer]:
        """The layers on offer, from the top of the layer list down."""
        return [layer for layer in self._layers if layer is not None]

    def _refresh(self, _event: Any = None) -> None:
        viewer = self._viewer()
        if viewer is None:
            return
        before = self.layer
        offered: list[Layer | None] = [None] if self._nothing else []
        offered += [layer for layer in reversed(viewer.layers) if self._accepts(layer)]
        self.blockSignals(True)
        self._layers = offered
        self.clear()
        for layer in offered:
            self.addItem(self._nothing if layer is None else layer.name)
        if not offered:
            self.setPlaceholderText("none open")
        self.setCurrentIndex(offered.index(before) if before in offered else (0 if offered else -1))
        self.setEnabled(bool(self.layers))
        self.blockSignals(False)
        if self.layer is not before:
            self.layer_changed.emit(self.layer)

    def _on_index(self, _index: int) -> None:
        self.layer_changed.emit(self.layer)


class Panel(QScrollArea):
    """The frame of a dock widget: a column that scrolls when the window is small.

    Attributes
    ----------
    column : QVBoxLayout
        Where the panel's parts go.
    """

    def __init__(self) -> None:
        super().__init__()
        self._told_width = 0
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        inner = QWidget()
        self.column = QVBoxLayout(inner)
        self.column.setContentsMargins(10, 8, 10, 8)
        self.column.setSpacing(8)
        self.setWidget(inner)

    def align_labels(self) -> None:
        """Let the fields of all forms begin at the same place."""
        labels = []
        for form in self.findChildren(QFormLayout):
            items = [form.itemAt(row, QFormLayout.ItemRole.LabelRole) for row in range(form.rowCount())]
            labels += [item.widget() for item in items if item is not None and item.widget() is not None]
        widest = max((label.sizeHint().width() for label in labels), default=0)
        for label in labels:
            label.setMinimumWidth(widest)

    def showEvent(self, event: QShowEvent) -> None:
        """Align once fonts are known."""
        super().showEvent(event)
        self.align_labels()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Tell the dock when the form needs another width: a scroll area by itself keeps that to itself."""
        if event.type() == QEvent.Type.LayoutRequest and self.minimumSizeHint().width() != self._told_width:
            self._told_width = self.minimumSizeHint().width()
            self.updateGeometry()
        return bool(super().eventFilter(watched, event))

    def sizeHint(self) -> QSize:
        """Prefer the width of the form, so that nothing is cut off."""
        inner = self.widget().sizeHint()
        return QSize(max(inner.width() + 16, 340), inner.height() + 4)

    def minimumSizeHint(self) -> QSize:
        """Need the width of the form; what is too tall scrolls."""
        return QSize(max(self.widget().minimumSizeHint().width() + 16, 300), 80)
