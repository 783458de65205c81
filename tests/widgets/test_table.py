"""The linked table: one selection, in the session."""

import time

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import QEvent, QItemSelectionModel, QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QLineEdit, QToolButton

from napari_cathode.filtering import Filter
from napari_cathode.judging import judgement
from napari_cathode.measure import FEATURES
from napari_cathode.plugin.walking import order_of, sort_order
from napari_cathode.session import ParticleSet, Session
from napari_cathode.widgets.column_choice import ColumnChooser
from napari_cathode.widgets.particle_menu import JudgementDialog, ask_judgement, particle_menu
from napari_cathode.widgets.table_model import ParticleTable, cell_text
from napari_cathode.widgets.table_view import LinkedTable


@pytest.fixture
def session():
    table = pd.DataFrame(
        {
            "label": [2, 4, 6, 8],
            "x_um": [1.0, 2.0, 3.0, 4.0],
            "damage": [0.3, np.nan, 0.1, 0.2],
            "touches_border": [False, True, False, False],
        }
    )
    made = Session()
    made.add(ParticleSet(np.zeros((1, 2, 2), np.int32), "p", (1.0, 1.0, 1.0), table=table))
    return made


@pytest.fixture
def table(session, qtbot):
    made = LinkedTable(session)
    qtbot.addWidget(made)
    made.resize(500, 300)
    made.show()
    QApplication.processEvents()
    return made


def click_row(table, label, modifier=Qt.KeyboardModifier.NoModifier):
    place = table.pinned.visualRect(table.model.index(table.model.row_of(label), 0)).center()
    QTest.mouseClick(table.pinned.viewport(), Qt.MouseButton.LeftButton, modifier, place)


def drag_range(table, name, low, high):
    """Drag in the histogram of a column from one value to another."""
    header = table.view.header
    section = table.model.names.index(name)
    strip, spread = header.strip_of(section), table.model.spread(section)
    first, last = (QPoint(round(strip.left() + spread.share(value) * strip.width()), strip.center().y())
                   for value in (low, high))  # fmt: skip
    QTest.mousePress(header.viewport(), Qt.MouseButton.LeftButton, pos=first)
    QTest.mouseMove(header.viewport(), (first + last) / 2)
    QTest.mouseMove(header.viewport(), last)
    QTest.mouseRelease(header.viewport(), Qt.MouseButton.LeftButton, pos=last)
    QApplication.processEvents()


def shown_labels(table):
    return table.model.labels.tolist()


def test_columns_have_names_units_and_definitions(table):
    header = [table.model.headerData(c, Qt.Orientation.Horizontal) for c in range(4)]
    assert header == ["Label\n", "Damage\n", "X\nµm", header[3]]
    tip = table.model.headerData(1, Qt.Orientation.Horizontal, Qt.ItemDataRole.ToolTipRole)
    assert FEATURES["damage"].formula in tip
    assert table.model.data(table.model.index(3, 1)) == "–"


def test_a_click_on_a_row_selects_the_particle_and_asks_for_it(table, session):
    asked = []
    session.focus_requested.connect(asked.append)
    click_row(table, 6)
    assert session.selection == {6}
    assert asked == [6]
    click_row(table, 2, Qt.KeyboardModifier.ControlModifier)
    assert session.selection == {2, 6}


def test_the_session_s_selection_is_shown(table, session):
    session.selection = {4, 8}
    rows = {index.row() for index in table.view.selectionModel().selectedRows()}
    assert rows == {1, 3}, "the most damaged particle comes first, those without a value last"
    assert shown_labels(table) == [2, 8, 6, 4]
    assert session.selection == {4, 8}
    session.selection = ()
    assert not table.view.selectionModel().hasSelection()


def test_sorting_keeps_the_selection_and_puts_missing_values_last(table, session):
    session.selection = {6}
    header = table.view.horizontalHeader()
    header.setSortIndicator(1, Qt.SortOrder.AscendingOrder)
    assert shown_labels(table) == [6, 8, 2, 4]
    header.setSortIndicator(1, Qt.SortOrder.DescendingOrder)
    assert shown_labels(table) == [2, 8, 6, 4]
    assert [index.row() for index in table.view.selectionModel().selectedRows()] == [2]
    assert session.selection == {6}


def test_a_filter_hides_rows_but_unselects_nothing(table, session):
    session.selection = {6}
    table.filter.setText("damage > 0.15")
    table.apply_filter()
    assert shown_labels(table) == [2, 8]
    assert table._count.text() == "2 of 4"
    assert session.selection == {6}
    click_row(table, 8)
    assert session.selection == {8}
    table.filter.setText("")
    table.apply_filter()
    assert [index.row() for index in table.view.selectionModel().selectedRows()] == [table.model.row_of(8)]


def test_a_wrong_filter_is_said_and_changes_nothing(table):
    table.filter.setText("damge > 1")
    table.apply_filter()
    assert "did you mean damage" in table._problem.text()
    assert table.model.rowCount() == 4


def test_escape_clears_and_arrows_walk(table, session):
    click_row(table, 8)
    QTest.keyClick(table.view, Qt.Key.Key_Down)
    assert session.selection == {6}
    QTest.keyClick(table.view, Qt.Key.Key_Escape)
    assert session.selection == frozenset()


def test_copy_gives_a_spreadsheet_what_is_shown(table, session):
    session.selection = {4}
    QTest.keyClick(table.view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    lines = QApplication.clipboard().text().splitlines()
    assert lines == ["label\tdamage\tx_um\ttouches_border", "4\t–\t2\tyes"]


def test_another_particle_set_brings_its_own_table(table, session):
    session.add(ParticleSet(np.zeros((1, 2, 2), np.int32), "q"))
    assert table.model.rowCount() == 0
    session.current = session.particle_sets[0]
    assert table.model.rowCount() == 4


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.123456, "0.1235"), (12345.6, "12346"), (1e9, "1e+09"), (np.nan, "–"), (np.int64(7), "7"), (True, "yes")],
)
def test_cells_have_four_digits(value, text):
    assert cell_text(value) == text


def test_ten_thousand_particles_are_sorted_filtered_and_selected_at_once(session, qtbot):
    """Processor time, not the clock's; the limits are ten times what is seen."""
    rng = np.random.default_rng(0)
    columns = {f"c{i}": rng.random(10_000) for i in range(40)}
    frame = pd.DataFrame({"label": np.arange(1, 10_001), **columns})
    started = time.process_time()
    session.set_table(session.current, frame)
    made = LinkedTable(session)
    qtbot.addWidget(made)
    made.show()
    QApplication.processEvents()
    assert time.process_time() - started < 3
    started = time.process_time()
    made.view.horizontalHeader().setSortIndicator(5, Qt.SortOrder.AscendingOrder)
    made.filter.setText("c3 > 0.5")
    made.apply_filter()
    session.selection = set(range(1, 10_001, 3))
    QApplication.processEvents()
    assert time.process_time() - started < 3
    labels = made.model.labels
    assert np.all(np.diff(frame[made.model.names[5]].to_numpy()[labels - 1]) >= 0)


def test_the_model_alone_accepts_selection_of_ranges(session):
    model = ParticleTable()
    model.set_table(session.current.table)
    chooser = QItemSelectionModel(model)
    chooser.select(model.index(0, 0), QItemSelectionModel.SelectionFlag.Select)
    assert chooser.hasSelection()


def test_a_range_is_dragged_below_a_title_and_a_click_takes_it_away(table, session):
    table.resize(900, 300)
    QTest.mouseClick(table.ranges_button, Qt.MouseButton.LeftButton)
    QApplication.processEvents()
    header, section = table.view.header, table.model.names.index("x_um")
    assert table.model.spread(section).counts.sum() == 4
    assert table.model.spread(table.model.names.index("touches_border")).counts.tolist() == [3, 1]
    drag_range(table, "x_um", 1.6, 3.5)
    assert shown_labels(table) == [6, 4]
    low, high = session.current.filter.range_of("x_um")
    assert low == pytest.approx(1.6, abs=0.1) and high == pytest.approx(3.5, abs=0.1)
    assert table._count.text() == "2 of 4"
    drag_range(table, "x_um", 3.5, 9)
    assert shown_labels(table) == [8, 6, 4], "the nearest end was moved"
    assert session.current.filter.range_of("x_um") == (low, np.inf)
    QTest.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=header.strip_of(section).center())
    assert session.current.filter == Filter() and len(shown_labels(table)) == 4
    table.filter.setText("x_um < 4")
    table.apply_filter()
    drag_range(table, "damage", 0.25, 0.15)
    assert shown_labels(table) == [], "a range and a condition both have to hold"
    assert table.model.sorted_by[0] == "damage", "dragging does not sort"


def test_columns_are_pinned_hidden_and_ordered_and_this_is_remembered(table, session, qtbot):
    def visible(made):
        names = made.model.names
        return [[names[s] for s in map(view.header.logicalIndex, range(4)) if not view.isColumnHidden(s)]
                for view in (made.pinned, made.view)]  # fmt: skip

    assert visible(table) == [["label"], ["damage", "x_um", "touches_border"]]
    actions = {action.text(): action for action in table.column_menu("x_um").actions()}
    actions["Pin at the left"].trigger()
    assert visible(table) == [["label", "x_um"], ["damage", "touches_border"]]
    chooser = ColumnChooser(table.columns, table.model.names)
    qtbot.addWidget(chooser)
    rows = {chooser.list.item(row).data(Qt.ItemDataRole.UserRole): row for row in range(4)}
    chooser.list.item(rows["damage"]).setCheckState(Qt.CheckState.Unchecked)
    assert visible(table) == [["label", "x_um"], ["touches_border"]]
    chooser.list.item(rows["damage"]).setCheckState(Qt.CheckState.Checked)
    header = table.view.header
    header.moveSection(header.visualIndex(table.model.names.index("touches_border")), 0)
    QApplication.processEvents()
    assert visible(table) == [["label", "x_um"], ["touches_border", "damage"]]
    session.selection = {8}
    QTest.keyClick(table.view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QApplication.clipboard().text().splitlines() == ["label\tx_um\ttouches_border\tdamage", "8\t4\tno\t0.2"]
    again = LinkedTable(session)
    qtbot.addWidget(again)
    assert visible(again) == [["label", "x_um"], ["touches_border", "damage"]]
    again.columns.forget()
    assert visible(again) == [["label"], ["damage", "x_um", "touches_border"]]
    chooser.search.setText("touch")
    assert sum(not chooser.list.item(row).isHidden() for row in range(4)) == 1


def test_excluding_keeps_sort_filter_and_selection(table, session):
    header = table.view.header
    header.setSortIndicator(table.model.names.index("x_um"), Qt.SortOrder.AscendingOrder)
    table.filter.setText("x_um < 4")
    table.apply_filter()
    session.selection = {4, 6}
    menu = particle_menu(session, table)
    texts = {action.text(): action for action in menu.actions()}
    assert "2 particles" in texts
    texts["Exclude"].trigger()
    menu.close()
    assert session.current.review == {4: judgement("excluded"), 6: judgement("excluded")}
    assert shown_labels(table) == [2, 4, 6] and session.selection == {4, 6}
    assert {index.row() for index in table.view.selectionModel().selectedRows()} == {1, 2}
    place = table.model.index(1, 0)
    assert table.model.data(place, Qt.ItemDataRole.FontRole).strikeOut()
    assert table.model.spread(table.model.names.index("x_um")).counts.sum() == 2, "histograms leave them out"


def test_class_and_note_are_typed_into_table_or_dialog(table, session, qtbot):
    session.judge(session.current, [6], verdict="flagged")
    table.columns.hide(["x_um", "touches_border", "damage", "review_done", "review_excluded", "review_flagged"])
    QApplication.processEvents()
    cell = table.model.index(table.model.row_of(6), table.model.names.index("review_class"))
    place = table.view.visualRect(cell).center()
    QTest.mouseClick(table.view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    QTest.mouseDClick(table.view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    editor = table.view.viewport().findChild(QLineEdit)
    QTest.keyClicks(editor, "shell")
    QTest.keyClick(editor, Qt.Key.Key_Return)
    QApplication.processEvents()
    assert session.current.review == {6: judgement("flagged", "shell")}
    session.selection = {2, 6}
    dialog = ask_judgement(session, table)
    assert isinstance(dialog, JudgementDialog) and dialog.kind.findText("shell") > 0
    QTest.keyClicks(dialog.note, "look again")
    dialog.accept()
    assert session.current.review == {
        2: judgement(note="look again"),
        6: judgement("flagged", "shell", "look again"),
    }, "what differs stays"


@pytest.mark.parametrize(("width", "beside"), [(360, False), (800, True)])
def test_a_narrow_table_has_its_filter_in_a_row_of_its_own(table, width, beside):
    table.show()
    table.resize(width, 300)
    QApplication.processEvents()
    assert (table.filter.geometry().bottom() > table.ranges_button.y()) is beside
    assert table.filter.width() >= 150


def test_the_button_that_clears_the_filter_comes_and_goes_with_it(table, session, qtbot):
    table.show()
    clear = table.filter.findChild(QToolButton)
    session.set_filter(session.current, Filter("x_um < 4"))
    qtbot.waitUntil(lambda: clear.property("opacity") == 1.0)
    session.set_filter(session.current, Filter())
    qtbot.waitUntil(lambda: clear.property("opacity") == 0.0)
    assert session.current.filter == Filter()


def test_a_filter_that_nobody_passes_says_so_and_is_taken_away_by_one_click(table, session):
    particles = session.current
    assert not table._nobody.isVisible() and not table.all_button.isVisible()
    session.set_filter(particles, Filter("damage > 0.9").with_range("x_um", (0.0, 9.0)))
    QApplication.processEvents()
    assert shown_labels(table) == [] and "No particle passes the filter" in table._nobody.text()
    place = table.view.viewport().rect()
    assert place.contains(table._nobody.geometry()) and place.contains(table.all_button.geometry())
    assert table.view.header.isVisible(), "in which ranges can still be changed"
    table.filter.setText("damage >")  # no condition yet
    QTest.mouseClick(table.all_button, Qt.MouseButton.LeftButton)
    assert len(shown_labels(table)) == 4 and particles.filter == Filter() and table.filter.text() == ""
    assert not table._nobody.isVisible() and not table.all_button.isVisible() and not table._problem.isVisible()


def test_a_table_without_particles_says_what_to_do(table, session):
    session.set_table(session.current, session.current.table.iloc[:0])
    QApplication.processEvents()
    assert "Find particles first" in table._nobody.text() and table._nobody.isVisible()
    assert not table.all_button.isVisible(), "no filter hides them"
    session.remove(session.current)
    assert not table._nobody.isVisible(), "there is no table, of which the panel speaks"


def test_sort_filter_and_ranges_are_as_they_were_when_the_table_is_opened_again(session, qtbot):
    particles, table = session.current, LinkedTable(session)
    table.show()
    table.view.header.setSortIndicator(table.model.names.index("x_um"), Qt.SortOrder.AscendingOrder)
    session.set_filter(particles, Filter("label > 2").with_range("x_um", (0.0, 3.5)))
    assert shown_labels(table) == [4, 6]
    table.close()
    table.deleteLater()
    QApplication.sendPostedEvents(table, QEvent.Type.DeferredDelete.value)
    QApplication.processEvents()
    assert order_of(particles, session.sorting) == [4, 6], "keys walk as the table would show them"
    again = LinkedTable(session)
    qtbot.addWidget(again)
    again.show()
    assert shown_labels(again) == [4, 6] and again.model.sorted_by == ("x_um", Qt.SortOrder.AscendingOrder)
    assert again.view.header.sortIndicatorSection() == again.model.names.index("x_um")
    assert again.filter.text() == "label > 2" and again.ranges_button.isChecked()


@pytest.mark.parametrize("falling", [False, True])
@pytest.mark.parametrize("nothing", [None, np.nan, pd.NA])
def test_text_that_is_missing_comes_last_either_way(falling, nothing):
    values = np.array(["b", nothing, "z", "a"], object)
    assert list(sort_order(values, falling)) == ([2, 0, 3, 1] if falling else [3, 0, 2, 1])
