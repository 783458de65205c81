"""The SHAP panel: settings, views, colours, clicks and files."""

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import QEvent, QPoint, Qt
from qtpy.QtGui import QHelpEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QComboBox, QToolButton, QToolTip

from napari_cathode.edit import merge
from napari_cathode.explain import ExplainParameters, explain
from napari_cathode.explain.sample import take_sample
from napari_cathode.measure import FEATURES
from napari_cathode.plugin.link import link_of
from napari_cathode.session import Colouring, ParticleSet
from napari_cathode.widgets.docks import (
    FEATURES as FEATURES_PANEL,
)
from napari_cathode.widgets.docks import (
    FUSE,
    IDENTIFY,
    INSPECTOR,
    PLOTS,
    SHAP,
    TRAIN,
    open_dock,
    open_inspector,
    open_results,
)
from napari_cathode.widgets.parts import LayerChoice
from napari_cathode.widgets.plots import prepare_plots
from napari_cathode.widgets.shap import ShapWidget
from tests.plugin.conftest import needs_canvas, settle

from .heartbeat import Heartbeat

QUICK = ExplainParameters(n_trees=8, boosting_rounds=15, repeats=1, folds=3, blocked_repeats=1)
TIMEOUT_MS = 300_000


def _table(seed=0):
    rng = np.random.default_rng(seed)
    sphericity = rng.random(64)
    return pd.DataFrame(
        {
            "label": np.arange(1, 65),
            "sphericity": sphericity,
            "contact": rng.random(64),
            "z_um": rng.random(64),
            "y_um": rng.random(64),
            "surface_inner_um2": rng.random(64),
            "damage": 0.3 * sphericity + 0.02 * rng.random(64),
            "touches_border": np.arange(64) % 20 == 0,
        }
    )


@cache
def _explained():
    return explain(_table(), QUICK)


def show_particles(viewer):
    labels = np.arange(1, 65, dtype=np.int32).reshape(1, 8, 8).repeat(4, 1).repeat(4, 2)
    particles = ParticleSet(labels, "p", (1.0, 1.0, 1.0))
    link_of(viewer).show(particles)
    link_of(viewer).set_table(particles, _table())
    return particles


def open_panel(viewer):
    """Give the panel with particles that are explained; no fixture, since those outlive the viewer."""
    particles = show_particles(viewer)
    shap = open_dock(viewer, SHAP)
    link_of(viewer).session.set_explanation(particles, _explained())
    settle()
    return shap


def _drawn(qtbot, plot):
    qtbot.waitUntil(lambda: not plot._wanted and plot.drawn is not None and plot._canvas.isVisible(), timeout=300_000)
    settle()
    return plot.drawn


@needs_canvas
def test_every_view_draws_in_both_themes(viewer, qtbot):
    panel = open_panel(viewer)
    viewer.window._qt_window.resize(1366, 768)
    shown = panel.views[6].words.text().replace("\N{NO-BREAK SPACE}", " ")
    scores = panel.swarm_view.explanation.scores
    assert f"{scores['mae_mean']:.3g} ± {scores['mae_sd']:.1g}" in shown
    assert "1 × 3 random parts, 1 × 3 regions" in shown
    label = int(panel.swarm_view.explanation.labels[3])
    link_of(viewer).session.selection = {label}
    for theme in ("light", "dark"):
        viewer.theme = theme
        for view in panel.views:
            panel.choose_view(view)
            settle()
            if view.plots and getattr(view, "found", view) is not None:
                figure = _drawn(qtbot, view.plots[0]).figure
                light = sum(figure.get_facecolor()[:3]) > 1.5
                assert light == (theme == "light"), view.title
            assert panel.widget().width() <= panel.viewport().width() + 1, f"{view.title} is cut off"
            if view is not panel.particle:  # which has two figures
                assert panel.widget().height() <= panel.viewport().height() + 1, f"{view.title} has to be scrolled"


@needs_canvas
def test_every_entry_of_a_list_says_what_it_is(viewer, qtbot):
    panel = open_panel(viewer)
    panels = [panel, *(open_dock(viewer, name) for name in (IDENTIFY, FUSE, FEATURES_PANEL, PLOTS, TRAIN))]
    viewer.add_image(np.zeros((4, 8, 8), np.uint8), name="volume", scale=(1.0,) * 3, units=("um",) * 3)
    panel.states.build()
    settle()
    silent, count = [], 0
    for each in panels:
        for box in each.findChildren(QComboBox):
            if isinstance(box, LayerChoice):
                continue  # whose entries are the names of layers
            for place in range(box.count()):
                count += 1
                if not box.itemData(place, Qt.ItemDataRole.ToolTipRole):
                    silent.append((type(each).__name__, box.itemText(place)))
    assert silent == [] and count > 60
    box = panel.colour_by._value
    texts = [box.itemText(place) for place in range(box.count())]
    told = box.itemData(texts.index("SHAP of Sphericity"), Qt.ItemDataRole.ToolTipRole)
    assert "adds to the predicted Damage" in told and "Column: sphericity" in told


@needs_canvas
def test_a_table_without_particles_is_not_explained(viewer):
    particles = show_particles(viewer)
    panel = open_dock(viewer, SHAP)
    assert panel.button.isEnabled()
    link_of(viewer).session.set_table(particles, particles.table.iloc[:0])
    assert not panel.button.isEnabled() and "no particles" in panel.button.toolTip()


def tooltip_at(qtbot, plot, name):
    """Give what is said where a name stands in a figure, once it is laid out."""

    def found():
        canvas = plot._canvas
        for axes in canvas.figure.axes:
            for text in (axes.xaxis.label, axes.yaxis.label, *axes.get_yticklabels()):
                if text.get_gid() == name and text.get_text():
                    box, ratio = text.get_window_extent(), canvas.device_pixel_ratio
                    middle = QPoint(
                        round((box.x0 + box.x1) / 2 / ratio), round(canvas.height() - (box.y0 + box.y1) / 2 / ratio)
                    )
                    place = canvas.mapTo(plot, middle)
                    if plot.rect().contains(place):
                        return place
        return None

    qtbot.waitUntil(lambda: found() is not None, timeout=60_000)
    place = found()
    assert plot.name_at(place) == name
    QToolTip.hideText()
    QApplication.sendEvent(plot, QHelpEvent(QEvent.Type.ToolTip, place, plot.mapToGlobal(place)))
    return QToolTip.text()


@needs_canvas
def test_names_in_figures_say_what_they_mean(viewer, qtbot):
    panel = open_panel(viewer)
    panel.choose_view(panel.importance)
    settle()
    _drawn(qtbot, panel.bars)
    assert "Column: sphericity" in tooltip_at(qtbot, panel.bars, "sphericity")
    assert "as a share of all" in tooltip_at(qtbot, panel.bars, "shap_share")
    panel.choose_view(panel.swarm_view)
    settle()
    _drawn(qtbot, panel.swarm)
    told = tooltip_at(qtbot, panel.swarm, "damage")
    assert "Column: damage" in told and FEATURES["damage"].formula.split("<")[0][:12] in told
    assert panel.swarm.name_at(panel.swarm.rect().center()) == "", "points are not names"
    plots = open_dock(viewer, PLOTS)
    plots.y.setCurrentIndex(plots.y.findData("surface_inner_um2"))
    plots.colour.setCurrentIndex(plots.colour.findData("contact"))
    plots._on_chosen()
    settle()
    _drawn(qtbot, plots.plot)
    for name in ("damage", "surface_inner_um2", "contact"):
        assert f"Column: {name}" in tooltip_at(qtbot, plots.plot, name)
    assert "µm²" in tooltip_at(qtbot, plots.plot, "surface_inner_um2")


@needs_canvas
def test_explained_results_open_without_a_stutter(viewer, qtbot):
    prepare_plots()  # which a step that ends with results does beside the window
    particles = show_particles(viewer)
    link_of(viewer).session.set_explanation(particles, _explained())
    settle()
    with Heartbeat() as heart:
        open_results(viewer)
        qtbot.waitUntil(lambda: len(viewer.window.dock_widgets) == 2, timeout=300_000)
        swarm = viewer.window._qt_window.findChild(ShapWidget).swarm
        qtbot.waitUntil(lambda: swarm._background is not None, timeout=300_000)
        qtbot.wait(300)
    assert heart.longest < 0.2
    assert len(swarm.drawn.x)


@needs_canvas
def test_a_clicked_particle_shows_its_waterfall_and_what_if(viewer, qtbot):
    panel = open_panel(viewer)
    session = link_of(viewer).session
    found = session.current.explanation
    label = int(found.labels[5])
    session.selection = {label}
    assert panel.views[panel.show_view.currentIndex()] is panel.particle
    bars = _drawn(qtbot, panel.particle.waterfall)
    widths = [patch.get_width() for patch in bars.axes.patches]
    assert sum(widths) == pytest.approx(found.explained[5] - found.base_values[5])
    panel.particle.waterfall.feature_clicked.emit("sphericity")
    words = panel.particle.answer.text()
    assert "Sphericity is" in words and f"<b>{panel.particle._found.predicted:.3g}</b>" in words, "as it is"
    panel.particle.slider.setValue(panel.particle.slider.maximum())
    assert "instead of" in panel.particle.answer.text() and "Sphericity" in panel.particle.answer.text()
    session.selection = {1}  # cut by the border
    assert "Particle 1 took no part" in panel.particle.hint.text()
    session.selection = ()
    assert panel.views[panel.show_view.currentIndex()] is panel.swarm_view, "back to what was shown before"
    panel.particle.follow.setChecked(False)
    panel.choose_view(panel.swarm_view)
    session.selection = {label}
    assert panel.views[panel.show_view.currentIndex()] is panel.swarm_view


@needs_canvas
def test_a_click_on_a_point_selects_without_leaving_the_view(viewer, qtbot):
    panel = open_panel(viewer)
    panel.choose_view(panel.dependence)
    points = _drawn(qtbot, panel.dependence.plot)
    qtbot.waitUntil(lambda: panel.dependence.plot._background is not None, timeout=300_000)
    x, y = points.axes.transData.transform((points.x[7], points.y[7]))
    canvas = panel.dependence.plot._canvas
    place = QPoint(round(x / canvas.device_pixel_ratio), round(canvas.height() - y / canvas.device_pixel_ratio))
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
    assert len(link_of(viewer).session.selection) == 1
    assert panel.views[panel.show_view.currentIndex()] is panel.dependence
    assert "predicted Damage" in panel.dependence.shape.text() or "no clear shape" in panel.dependence.shape.text()


@needs_canvas
def test_results_colour_the_particles(viewer):
    panel = open_panel(viewer)
    session = link_of(viewer).session
    particles = session.current
    for column in ("prediction", "residual", "cluster"):
        panel.colour_by.choose(Colouring(column, result=True))
        ids, values = particles.values(particles.colouring)
        np.testing.assert_array_equal(ids, particles.explanation.labels)
        scale = link_of(viewer).colour_scale(particles)
        if column == "residual":
            assert scale.limits[0] == -scale.limits[1]
        if column == "cluster":
            assert scale.classes == tuple(np.unique(values).astype(int))
            colours = {tuple(np.round(colour, 3)) for colour in scale.map(values)}
            assert len(colours) == len(scale.classes)
    session.set_explanation(particles, None)
    assert particles.colouring is None


@needs_canvas
def test_predictors_say_why_they_are_off_and_presets_set_the_form(viewer):
    panel = open_panel(viewer)
    setup = panel.setup
    texts = [setup.predictors.item(row).text() for row in range(setup.predictors.count())]
    assert any("contains damage by construction" in text for text in texts)
    assert "surface_inner_um2" not in setup.ticked() and "sphericity" in setup.ticked()
    setup.preset.setCurrentIndex(setup.preset.findData("li2022"))
    setup.preset.activated.emit(setup.preset.currentIndex())
    parameters = setup.parameters()
    assert parameters.n_trees == 40 and parameters.model == "forest" and parameters.attributions == "in-sample"
    assert "surface_inner_um2" in parameters.predictors


@needs_canvas
def test_ticks_of_a_person_outlive_an_edited_table(viewer):
    panel = open_panel(viewer)
    items = {panel.setup.predictors.item(row).data(Qt.ItemDataRole.UserRole): row for row in range(5)}
    before = set(panel.setup.ticked())
    panel.setup.predictors.item(items["contact"]).setCheckState(Qt.CheckState.Unchecked)
    panel.setup.predictors.item(items["y_um"]).setCheckState(Qt.CheckState.Checked)
    mine = before - {"contact"} | {"y_um"}
    link_of(viewer).set_table(link_of(viewer).session.current, _table().iloc[:-1].assign(volume_um3=np.arange(63.0)))
    assert set(panel.setup.ticked()) == mine | {"volume_um3"}
    panel.setup.target.setCurrentIndex(panel.setup.target.findData("z_um"))
    assert "contact" in panel.setup.ticked()


@needs_canvas
def test_cautions_fold_away(viewer):
    panel = open_panel(viewer)
    particles = link_of(viewer).session.current
    assert not panel.notes.isVisible() and panel.notes.text() == ""
    chosen = replace(QUICK, predictors=("sphericity", "surface_inner_um2"), attributions="in-sample")
    link_of(viewer).session.set_explanation(particles, explain(particles.table, chosen))
    settle()
    button = panel._cautions.findChild(QToolButton)
    assert button.text() == "2 cautions" and button.isVisible() and not panel.notes.isVisible()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert panel.notes.isVisible() and "contains damage by construction" in panel.notes.text()
    assert "in-sample" in panel.notes.text()


@needs_canvas
@pytest.mark.parametrize("damage", [None, "much"])
def test_without_damage_nothing_else_is_explained_instead(viewer, damage):
    panel = open_panel(viewer)
    table = _table().drop(columns="damage") if damage is None else _table().assign(damage=damage)
    link_of(viewer).set_table(link_of(viewer).session.current, table)
    assert panel.target.currentIndex() == -1 and panel.setup.ticked() == ()
    QTest.mouseClick(panel.button, Qt.MouseButton.LeftButton)
    assert "no numbers in a column damage" in panel.runner.error and not panel.runner.running
    QTest.keyClick(panel.target, Qt.Key.Key_Down)
    assert panel.target.currentData() is not None and panel.runner.error == ""
    panel.target.setCurrentIndex(-1)
    link_of(viewer).set_table(link_of(viewer).session.current, _table())
    assert panel.target.currentData() == "damage" and "sphericity" in panel.setup.ticked()


@needs_canvas
def test_columns_of_text_are_listed_but_not_offered(viewer):
    panel = open_panel(viewer)
    link_of(viewer).set_table(link_of(viewer).session.current, _table().assign(batch="B7", contact="loose"))
    predictors = panel.setup.predictors
    rows = {predictors.item(row).text(): predictors.item(row) for row in range(predictors.count())}
    for text in ("Batch — it holds text, not numbers", "Contact — it holds text, not numbers"):
        assert not rows[text].flags() & Qt.ItemFlag.ItemIsUserCheckable
    QTest.mouseClick(panel.setup.none, Qt.MouseButton.LeftButton)
    assert panel.setup.ticked() == ()


@needs_canvas
def test_the_panel_suggests_what_the_command_line_takes(viewer):
    """Of the particles that are used, not of those that the border cuts."""
    panel = open_panel(viewer)
    particles = link_of(viewer).session.current
    cut = particles.table["touches_border"]
    table = particles.table.assign(of_cut_ones=cut.where(cut).astype(float), same_inside=cut.astype(float))
    link_of(viewer).set_table(particles, table)
    taken = tuple(take_sample(table, QUICK).values.columns)
    assert panel.setup.ticked() == taken == ("sphericity", "contact", "z_um")


@needs_canvas
def test_checks_run_beside_the_window_and_can_be_cancelled(viewer, qtbot):
    panel = open_panel(viewer)
    panel.choose_view(panel.pairs)
    with qtbot.waitSignal(panel.pairs.runner.finished, timeout=TIMEOUT_MS):
        panel.pairs.run()
    assert panel.pairs.runner.error == ""
    pair = _drawn(qtbot, panel.pairs.plot).features[0]
    panel.pairs.feature_clicked.emit(pair)
    assert f"{panel.dependence.feature.currentData()} × {panel.dependence.colour.currentData()}" == pair
    panel.choose_view(panel.stability)
    panel.stability.run()
    qtbot.wait(300)
    with qtbot.waitSignal(panel.stability.runner.finished, timeout=1000):
        panel.stability.runner.cancel()
    assert "Cancelled" in panel.stability.runner.status and panel.stability.found is None


@needs_canvas
def test_judging_particles_meanwhile_keeps_the_explanation(viewer, qtbot):
    panel = open_panel(viewer)
    session = link_of(viewer).session
    particles = session.current
    former = particles.explanation
    panel.form.set_value(QUICK)
    for label, verdict, stale in ((2, "accepted", False), (3, "excluded", True)):
        with qtbot.waitSignal(panel.runner.finished, timeout=TIMEOUT_MS):
            panel.explain()
            session.set_review(particles, label, verdict)
        assert panel.runner.error == "" and particles.explanation is not former
        assert particles.explanation_out_of_date is stale and bool(panel.stale.text()) is stale
        former = particles.explanation


@needs_canvas
def test_labels_edited_meanwhile_leave_the_explanation_out_of_date(viewer, qtbot):
    panel = open_panel(viewer)
    session = link_of(viewer).session
    particles = session.current
    panel.form.set_value(QUICK)
    with qtbot.waitSignal(panel.runner.finished, timeout=TIMEOUT_MS):
        panel.explain()
        former, epoch = particles.explanation, particles.epoch
        session.edit(particles, merge(particles.labels, [3, 4]))
        session.update_table(particles, _table().query("label != 4"), None, None)  # as it follows an edit
    assert particles.epoch == epoch and particles.explanation is not former and panel.runner.error == ""
    assert not particles.out_of_date and particles.explanation_out_of_date and "out of date" in panel.stale.text()
    session.undo(particles)
    assert not particles.explanation_out_of_date and panel.stale.text() == ""
    with qtbot.waitSignal(panel.runner.finished, timeout=TIMEOUT_MS):
        panel.explain()
        session.set_table(particles, _table(1).rename(columns={"contact": "touching"}))
    assert particles.explanation is None and "Another table" in panel.runner.status


@needs_canvas
def test_a_click_leaves_the_panel_in_front_that_explains_the_particle(viewer, qtbot):
    panel = open_panel(viewer)
    assert panel.takes_clicks
    assert not open_inspector(viewer)
    panel.particle.follow.setChecked(False)
    assert open_inspector(viewer)
    settle()


@needs_canvas
def test_an_inspector_in_front_stays_there(viewer, qtbot):
    panel = open_panel(viewer)
    session = link_of(viewer).session
    inspector = open_dock(viewer, INSPECTOR)
    settle()
    assert panel.visibleRegion().isEmpty() and not inspector.visibleRegion().isEmpty()
    open_results(viewer)  # as the end of a run does
    qtbot.waitUntil(lambda: len(viewer.window.dock_widgets) == 3, timeout=TIMEOUT_MS)
    qtbot.wait(1500)
    assert not inspector.visibleRegion().isEmpty()
    session.selection = {int(session.current.explanation.labels[5])}
    settle()
    assert not inspector.visibleRegion().isEmpty()
    assert panel.views[panel.show_view.currentIndex()] is panel.swarm_view, "as it was left"


@needs_canvas
@pytest.mark.slow
def test_a_second_state_is_loaded_and_compared(viewer, qtbot, tmp_path, monkeypatch):
    panel = open_panel(viewer)
    _table(1).to_csv(tmp_path / "later.csv", index=False)
    panel.form.set_value(QUICK)
    panel.choose_view(panel.states)
    (tmp_path / "broken.csv").write_text("a,b\n1,2\n")
    panel.states.load_table(str(tmp_path / "broken.csv"))
    assert "no column 'label'" in panel.states.runner.error
    current = link_of(viewer).session.current
    link_of(viewer).show(ParticleSet(current.labels.copy(), "unmeasured", (1.0, 1.0, 1.0)))
    link_of(viewer).session.current = current
    assert panel.states.second.itemText(0) == "unmeasured (measure it first)"
    assert panel.states.second.currentIndex() == -1 and not panel.states.button.isEnabled()
    assert "Load a table" in panel.states.button.toolTip()
    assert panel.states.first.y() < 120, "nothing but a sentence stands above it"
    panel.states.load_table(str(tmp_path / "later.csv"))
    assert panel.states.second.currentText() == "later" and panel.states.button.isEnabled()
    with qtbot.waitSignal(panel.states.runner.finished, timeout=TIMEOUT_MS):
        panel.states.run()
    assert panel.states.runner.error == ""
    assert panel.states.found.names == ("p", "later")
    assert panel.states.first.text() == "p"
    panel.export_button._offer_table()
    assert panel.export_button._table_action.isVisible()
    panel.export_button.write_table(str(tmp_path / "states.csv"))
    written = pd.read_csv(tmp_path / "states.csv")
    assert list(written["feature"]) == list(panel.states.found.table()["feature"])
    assert {"first_share", "second_share", "change", "direction"} <= set(written.columns)
    assert "Share in later" in (tmp_path / "states.json").read_text(encoding="utf-8")
    assert "gained or lost" in panel.states.words.text() or "Sphericity" in panel.states.words.text()
    table = panel.states.found.table().assign(direction="unsettled")
    table.loc[table["feature"] == "contact", ["direction", "first_share", "second_share"]] = "gained", 0.125, 0.5
    monkeypatch.setattr(type(panel.states.found), "table", lambda _: table)
    monkeypatch.setattr(type(panel.states.found), "text", lambda _: "Contact gained & that is all.")
    for explanation in panel.states.found.explanations:
        monkeypatch.setitem(explanation.scores["verdict"], "explains", True)
    panel.states._show_found(panel.states.found)
    assert panel.states.words.text().startswith("Contact gained")
    for part in ("Contact&nbsp;", "12.5&nbsp;", "50.0&nbsp;", "later&nbsp;"):
        assert part in panel.states.changes.text()
    assert "Sphericity" not in panel.states.changes.text()


@needs_canvas
def test_files_are_written(viewer, tmp_path):
    panel = open_panel(viewer)
    panel.choose_view(panel.importance)
    button = panel.export_button
    button.write_values(str(tmp_path / "shap.parquet"))
    assert len(pd.read_parquet(tmp_path / "shap.parquet")) == len(panel.swarm_view.explanation.labels)
    button.write_importance(str(tmp_path / "importance.csv"))
    assert pd.read_csv(tmp_path / "importance.csv")["share"].sum() == pytest.approx(1)
    for name in ("figure.png", "figure.svg"):
        button.write_figure(str(tmp_path / name))
        assert (tmp_path / name).stat().st_size > 3000
    button._offer_table()
    assert not button._table_action.isVisible(), "the importance is in the menu anyhow"
    button.write_figure(str(tmp_path / "figure.bmp"))
    assert "should end in .png or .svg" in panel.runner.error
