"""Dock widget: all that is known of the selected particle."""

from __future__ import annotations

import html
import weakref
from typing import Any

import numpy as np
from qtpy.QtCore import QCoreApplication, QEvent, Qt, QTimer
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_cathode.boxes import find_box
from napari_cathode.errors import InputError
from napari_cathode.kept_process import KeptProcess
from napari_cathode.measure import Contacts, MeasureParameters
from napari_cathode.measure.cuts import Look, iter_cracks, iter_greys_of, look_at
from napari_cathode.parameters import from_dict
from napari_cathode.plugin.link import link_of
from napari_cathode.plugin.selecting import centroid
from napari_cathode.plugin.walking import distances, go_to, walk
from napari_cathode.session import ParticleSet

from .background import Background, Closing, Here
from .docks import Docked
from .job import Job
from .names import display_name
from .no_particles import NoParticles
from .particle_cuts import Cuts
from .parts import Connections, Fold, Panel, Text, keys_table
from .plots import Plot, prepare_plots
from .table_model import cell_text
from .value_rows import ValueRows, standings

_EMPTY = "<p>Click a particle in the picture, or a row of the table.</p>" + keys_table(
    (
        (".", "full stop: the next particle of the table"),
        (",", "comma: the one before"),
        ("Shift", "with a click: adds to the selection"),
        ("Esc", "clears it"),
    )
)
_NONE = "There are no particles yet. Find them first, or open a Labels layer and choose it here in any panel."
_STALE = "The labels were changed since these values were measured; measure again."
_NOT_COMPARED = "How far the views agree was found before the labels were changed; compare again in Fuse views."
_LINK = {True: "#6cb8ff", False: "#0a5fa8"}
_BARS = 6
_TURN_MS = 40
_NEAREST = 6


class InspectorWidget(Docked, Panel):
    """Pictures, values, explanation and neighbours of the particle that was selected last."""

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        viewer = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self._viewer = weakref.ref(viewer)
        self._link = link_of(viewer)
        self._session = self._link.session
        self._kept = KeptProcess()
        self.destroyed.connect(Closing(self._kept))
        self._reading = Background(self)
        self._cracking = Background(self, finish=True)
        self._greys: tuple[Any, Any] | None = None
        self._greys_wanted: Any = None
        self._known: frozenset[int] = frozenset()
        self.label: int | None = None
        self.title, self.note, self.problem = Text(), Text(), Text()
        self._none = NoParticles(_NONE)
        self.before_button = _button("◂", "The particle before in the order of the table. Key on the picture: ,")
        self.next_button = _button("▸", "The next particle in the order of the table. Key on the picture: .")
        self.cuts = Cuts()
        self.cracks_box = QCheckBox("Cracks")
        self.cracks_box.setToolTip("<p>Colours what the measurement takes for cracks and pores.</p>")
        self.cracks_box.setChecked(True)
        self.values = ValueRows()
        # Each part is laid out in a turn of its own, so that the window does not stutter.
        self._hidden: list[QWidget] = []
        self._revealing = QTimer(self)
        self._revealing.setInterval(_TURN_MS)
        self._revealing.timeout.connect(self._reveal_next)
        self.neighbours = Text()
        self.neighbours.setTextInteractionFlags(Qt.TextInteractionFlag.LinksAccessibleByMouse)
        self.waterfall = Plot(self._draw_waterfall, height=240)
        self.why = Text()
        self._lay_out()
        self._connect()
        self._on_selection(self._session.selection)

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.addWidget(self.title, 100)
        head.addStretch(1)  # keeps the buttons at the right while there is no title
        head.addWidget(self.before_button)
        head.addWidget(self.next_button)
        self._body = QWidget()
        body = QVBoxLayout(self._body)
        body.setContentsMargins(0, 0, 0, 0)
        body.setSpacing(8)
        body.addWidget(self.cuts)
        body.addWidget(self.problem)
        body.addWidget(self.cracks_box)
        explained = QWidget()
        inner = QVBoxLayout(explained)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.addWidget(self.why)
        inner.addWidget(self.waterfall)
        self._why = Fold("Why this value", explained)
        self._around = Fold("Neighbours", self.neighbours)
        self._all = Fold("Values", self.values)
        # What is clicked stands above what is longer for one particle than for another.
        for fold in (self._around, self._why, self._all):
            fold.set_open(True)
            body.addWidget(fold)
            fold.hide()
        self.column.addLayout(head)
        self.column.addWidget(self._none)
        self.column.addWidget(self.note)
        self.column.addWidget(self._body)
        self.column.addStretch(1)

    def _connect(self) -> None:
        self.before_button.clicked.connect(lambda: walk(self._session, -1))
        self.next_button.clicked.connect(lambda: walk(self._session, 1))
        self.cracks_box.toggled.connect(self.cuts.set_cracks_shown)
        self.cuts.label_clicked.connect(self._go)
        self.neighbours.linkActivated.connect(lambda target: self._go(int(target)))
        self._connections = Connections(self)
        self._connections.connect(self._session.current_changed, self._on_current)
        self._connections.connect(self._session.changed, self._on_changed)
        self._connections.connect(self._session.selection_changed, self._on_selection)

    # ---- which particle ----------------------------------------------------------------------------

    def _go(self, label: int) -> None:
        go_to(self._session, label)

    def _on_current(self, _particles: ParticleSet | None) -> None:
        self._on_selection(self._session.selection)

    def _on_selection(self, ids: frozenset[int]) -> None:
        """Show what was added to the selection last."""
        added = ids - self._known
        self._known = ids
        if self.label not in ids or added:
            self.label = max(added or ids, default=None)
        self._show()

    def _on_changed(self, particles: ParticleSet, what: str) -> None:
        if particles is not self._session.current or what in ("colouring", "history", "filter"):
            return
        if what == "labels":
            self._show()
        else:
            self._show_values()

    # ---- what is shown -----------------------------------------------------------------------------

    def _show(self) -> None:
        particles = self._session.current
        self._body.setVisible(self.label is not None)
        self._none.setVisible(particles is None)
        for button in (self.before_button, self.next_button):
            button.setEnabled(particles is not None and particles.columns is not None)
        if particles is None or self.label is None:
            self._reading.cancel()
            self.cuts.show_look(None)
            self.title.say("")
            self.note.say("" if particles is None else _EMPTY)
            return
        # As long as it is read, its place is kept.
        tomogram = self._link.tomogram_of(particles)
        self.cuts.expect(1 if particles.labels.shape[0] == 1 else 3)
        self.cuts.show()
        self.cracks_box.setVisible(tomogram is not None and particles.spacing_um is not None)
        many = len(self._session.selection)
        self.title.say(f"<b>Particle {self.label}</b>" + (f" · {many} are selected, this one last" if many > 1 else ""))
        self._show_values()
        self._read(particles, self.label)

    def _show_values(self) -> None:
        """Show what tables know of the particle."""
        particles = self._session.current
        if particles is None or self.label is None:
            return
        table = particles.columns
        rows = [] if table is None else standings(table, self.label)
        self.values.show_rows(rows)
        compared = particles.agreement is None or particles.agreement_revision == particles.revision
        notes = []
        if table is None:
            notes.append("Nothing is measured yet; open Particle features to measure.")
        elif not rows:
            notes.append("The table does not know this particle.")
        if particles.out_of_date:
            notes.append(_STALE)
        elif not compared:
            notes.append(_NOT_COMPARED)
        self.note.say(" ".join(notes))
        self._show_neighbours(particles)
        self._show_why(particles)
        # Its bar would take width, and so height, from the pictures when it comes.
        policy = Qt.ScrollBarPolicy.ScrollBarAlwaysOn if rows else Qt.ScrollBarPolicy.ScrollBarAsNeeded
        self.setVerticalScrollBarPolicy(policy)
        self._reveal(self._all, bool(rows))  # from the top down, so that nothing moves what is there

    def _reveal(self, part: QWidget, wanted: bool) -> None:
        """Hide a part, or show it when its turn comes."""
        if not wanted:
            part.hide()
            if part in self._hidden:
                self._hidden.remove(part)
        elif part.isHidden() and part not in self._hidden:
            self._hidden.append(part)
            self._revealing.start()

    def _reveal_next(self) -> None:
        if self._hidden:
            self._hidden.pop(0).show()
            # Else what is shown already is squeezed until the panel knows that its content has grown.
            for _ in range(3):  # a part, what holds the parts, and the panel: each asks the next one to grow
                QCoreApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest.value)
        if not self._hidden:
            self._revealing.stop()

    def _show_neighbours(self, particles: ParticleSet) -> None:
        """List who is nearest or touches the particle, each as a link; what is read later comes above no other."""
        look = self.cuts.look
        near = set(dict(look.neighbours)) if look is not None and look.label == self.label else set()
        near |= _touching(particles, self.label or 0)
        far = distances(particles, self.label or 0)
        names = [label for place, label in enumerate(far) if place < _NEAREST or label in near]
        names += sorted(near.difference(far))
        self._reveal(self._around, bool(names))
        damage = _column(particles, "damage")
        unit = "µm" if particles.spacing_um is not None else "voxels"
        colour = _LINK[self._is_dark()]
        heads = ["Particle", "", "Centre", "Damage" if damage else ""]
        lines = ["".join(f"<td>{head}&nbsp;&nbsp;&nbsp;</td>" for head in heads)]
        for label in names:
            how = "touches" if label in near else ""
            away = f"{f'{far[label]:#.3g}'.rstrip('.')} {unit}" if label in far else ""
            cells = [f'<a href="{label}" style="color:{colour}">{label}</a>', how, away, damage.get(label, "")]
            lines.append("".join(f"<td>{cell}&nbsp;&nbsp;&nbsp;</td>" for cell in cells))
        self.neighbours.setText("<table>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>")
        self.neighbours.setVisible(True)

    def _is_dark(self) -> bool:
        palette = self.palette()
        return bool(palette.window().color().lightness() < palette.windowText().color().lightness())

    def _show_why(self, particles: ParticleSet) -> None:
        explanation = particles.explanation
        problem = ""
        if explanation is not None and self.label is not None:
            try:
                explanation.row_of(self.label)
            except InputError as error:
                problem = str(error)
        self._reveal(self._why, explanation is not None)
        self.why.say(problem or ("" if explanation is None else _predicted(explanation, self.label or 0)))
        shown = explanation is not None and not problem
        self.waterfall.setVisible(shown)
        if shown and (self.cuts.look is not None or self.waterfall.drawn is None):
            self.waterfall.redraw()

    def _draw_waterfall(self, **where: Any) -> Any:
        from napari_cathode.explain.plots import waterfall

        particles = self._session.current
        if particles is None or particles.explanation is None or self.label is None:
            return None
        try:
            drawn = waterfall(particles.explanation, self.label, top=_BARS, **where)
        except InputError:
            return None
        drawn.figure.suptitle("")  # the panel is too narrow for it, and says it in words
        return drawn

    # ---- pictures ----------------------------------------------------------------------------------

    def _read(self, particles: ParticleSet, label: int) -> None:
        """Read the particle in a thread: it may lie in a file."""
        labels, tomogram = particles.labels, self._link.tomogram_of(particles)
        box, near = self._link.box_of(particles, label), centroid(particles, label)
        seen = self._greys[1][1] if self._greys is not None and self._greys[0] == _key(particles, tomogram) else None

        def read() -> Look | None:
            place = box if box is not None else find_box(labels, label, near)
            if place is None:
                return None
            image = None if tomogram is None else tomogram.data
            return look_at(
                labels, image, particles.spacing_um or (1.0, 1.0, 1.0), label, place, _parameters(particles), seen
            )

        job = Here("Read particle", read)
        if particles.explanation is not None:
            job.prepare = prepare_plots
        self._reading.start(job, self._on_look, self._on_unreadable)

    def _on_look(self, look: Look | None) -> None:
        particles = self._session.current
        if particles is None or self.label is None:
            return
        self.problem.say("" if look is not None else "It is not found in the labels near where the table has it.")
        self.cuts.setVisible(look is not None)
        self.cuts.show_look(look, "µm" if particles.spacing_um is not None else "voxels")
        tomogram = self._link.tomogram_of(particles)
        tellable = look is not None and look.crop is not None and tomogram is not None
        self.cracks_box.setVisible(tellable and particles.spacing_um is not None)
        self._show_neighbours(particles)
        self._show_why(particles)
        if self.cracks_box.isVisibleTo(self):
            self._find_cracks(particles, tomogram)

    def _on_unreadable(self, error: Exception) -> None:
        self.cuts.show_look(None)
        self.cuts.hide()
        self.problem.say(f"The particle cannot be read: {error}")

    def _find_cracks(self, particles: ParticleSet, tomogram: Any) -> None:
        """Look for the cracks in a process; before the first particle the greys of the whole image."""
        key, look = _key(particles, tomogram), self.cuts.look
        if look is None:
            return
        if self._greys is None or self._greys[0] != key:
            if self._greys_wanted != key:
                self._greys_wanted = key
                job = Job("Read grey levels", iter_greys_of, particles.labels, tomogram)
                job.kept = self._kept
                self._cracking.start(job, lambda found: self._on_greys(key, found), self._on_no_cracks)
            return
        views = tuple(cut.view for cut in look.cuts)
        greys = self._greys[1][0]
        job = Job(
            "Find cracks",
            iter_cracks,
            look.crop,
            look.middle,
            views,
            particles.spacing_um,
            _parameters(particles),
            greys,
        )
        job.kept = self._kept
        self._cracking.start(job, lambda found: self._on_cracks(look, found), self._on_no_cracks)

    def _on_greys(self, key: Any, found: Any) -> None:
        self._greys, self._greys_wanted = (key, found), None
        particles = self._session.current
        if particles is not None and self.label is not None:
            self._read(particles, self.label)  # the field of view is known now

    def _on_cracks(self, look: Look, cracks: Any) -> None:
        if self.cuts.look is look:
            self.cuts.show_cracks(cracks)

    def _on_no_cracks(self, error: Exception) -> None:
        self._greys_wanted = None
        self.problem.say(f"Its cracks cannot be shown: {error}")


def _key(particles: ParticleSet, tomogram: Any) -> tuple[Any, ...]:
    """Give what the greys of an image depend on; views of one array, as readers and 2D layers give them, are one."""
    base = None if tomogram is None else getattr(tomogram.data, "base", None)
    return id(particles), particles.revision, tomogram is None, None if base is None else id(base)


def _parameters(particles: ParticleSet) -> MeasureParameters:
    """Give the parameters with which the particles were measured, else the usual ones."""
    used = particles.provenance.get("measure")
    try:
        return from_dict(MeasureParameters, used) if isinstance(used, dict) else MeasureParameters()
    except InputError:
        return MeasureParameters()


def _predicted(explanation: Any, label: int) -> str:
    """Say what was measured of a particle and what is expected of one like it."""
    row = explanation.row_of(label)
    numbers = [explanation.measured[row], explanation.explained[row], explanation.base_values[row]]
    measured, predicted, base = (cell_text(float(number)) for number in numbers)
    name = html.escape(display_name(explanation.target))
    return f"{name} measured {measured}, predicted {predicted}; on average {base} is predicted."


def _touching(particles: ParticleSet, label: int) -> set[int]:
    """Give the particles that touch one, as far as its table knows."""
    contacts = None if particles.table is None or particles.out_of_date else Contacts.beside(particles.table)
    if contacts is None:
        return set()
    first, second = (contacts.table[name].to_numpy(np.int64) for name in ("label_1", "label_2"))
    return set(second[first == label].tolist()) | set(first[second == label].tolist())


def _column(particles: ParticleSet, name: str) -> dict[int, str]:
    table = particles.table
    if table is None or name not in table.columns:
        return {}
    values = table[name].to_numpy()
    return {int(label): cell_text(value) for label, value in zip(table["label"], values, strict=True)}


def _button(text: str, tooltip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tooltip)
    button.setFixedWidth(34)
    return button
