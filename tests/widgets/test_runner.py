"""A step on the screen: progress, Cancel, errors, and a window that stays free."""

import gc
import os
import time
import weakref

import numpy as np
import pytest
from qtpy.QtCore import QEvent, QTimer
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QApplication, QWidget

from napari_cathode.kept_process import KeptProcess
from napari_cathode.particles import ParticleSet
from napari_cathode.session import Session as ParticleSession
from napari_cathode.widgets.background import Background, Closing
from napari_cathode.widgets.job import Job
from napari_cathode.widgets.review import LettingKeysGo
from napari_cathode.widgets.runner import Runner, _left
from napari_cathode.widgets.table_view import _Forgetting as Forgetting

from .steps import iter_broken, iter_busy, iter_count, iter_wrong_input


@pytest.fixture
def runner(qtbot):
    made = Runner()
    qtbot.addWidget(made)
    made.show()
    return made


def children() -> set[int]:
    """Give the ids of the processes that this one started."""
    with open(f"/proc/{os.getpid()}/task/{os.getpid()}/children") as stream:
        main = set(map(int, stream.read().split()))
    for task in os.listdir(f"/proc/{os.getpid()}/task"):
        try:
            with open(f"/proc/{os.getpid()}/task/{task}/children") as stream:
                main |= set(map(int, stream.read().split()))
        except FileNotFoundError:
            pass
    return main


def test_a_result_arrives_with_progress_on_the_way(runner, qtbot):
    results = []
    with qtbot.waitSignal(runner.finished, timeout=300_000):
        runner.start(Job("Count", iter_count, 10), lambda result: results.append(result) or f"Counted to {result}.")
        qtbot.waitUntil(lambda: runner.status.startswith("Counting"), timeout=300_000)
    assert results == [10]
    assert runner.status == "Counted to 10."
    assert runner.error == ""
    assert not runner.running


def test_a_panel_lets_go_of_what_its_steps_were_about(qtbot):
    session = ParticleSession()
    runner = Runner(session)
    qtbot.addWidget(runner)
    particles = ParticleSet(np.ones((1, 2, 2), np.int32), "p")
    known = weakref.ref(particles)
    with qtbot.waitSignal(runner.finished, timeout=300_000):
        runner.start(Job("Count", iter_count, 1).on(particles), lambda _: None)
        assert session.running[0].about is particles
    del particles
    qtbot.wait(200)
    gc.collect()
    assert known() is None and not session.running


def test_an_input_error_is_one_sentence_without_details(runner, qtbot):
    with qtbot.waitSignal(runner.finished, timeout=300_000):
        runner.start(Job("Look", iter_wrong_input), lambda _: None)
    assert runner.error == "The layer x is empty; choose another."
    assert not runner._copy.isVisible()


def test_a_failure_offers_its_details(runner, qtbot):
    with qtbot.waitSignal(runner.finished, timeout=300_000):
        runner.start(Job("Look", iter_broken), lambda _: None)
    assert runner.error == "This step did not work: ZeroDivisionError: by nought"
    assert runner._copy.isVisible()
    runner._copy.click()
    assert "Traceback" in QGuiApplication.clipboard().text()


def test_cancel_ends_the_process_and_drops_the_result(runner, qtbot):
    results = []
    before = children()
    with qtbot.waitSignal(runner.finished, timeout=5000):
        runner.start(Job("Count", iter_count, 10_000), results.append)
        qtbot.waitUntil(lambda: runner.status.startswith("Counting"), timeout=300_000)
        assert children() - before
        asked = time.monotonic()
        runner.cancel()
    assert not runner.running
    qtbot.waitUntil(lambda: not children() - before, timeout=5000)
    assert time.monotonic() - asked < 1.0
    assert results == []
    assert "Cancelled" in runner.status


def test_another_run_can_follow_a_cancelled_one_at_once(runner, qtbot):
    results = []
    runner.start(Job("Count", iter_count, 10_000), results.append)
    qtbot.waitUntil(lambda: runner.status.startswith("Counting"), timeout=300_000)
    runner.cancel()
    with qtbot.waitSignal(runner.finished, timeout=300_000):
        runner.start(Job("Count", iter_count, 5), results.append)
    assert results == [5]


def test_a_widget_that_goes_ends_its_run(qtbot):
    runner = Runner()
    before = children()
    runner.start(Job("Count", iter_count, 10_000), lambda _: None)
    qtbot.waitUntil(lambda: bool(children() - before), timeout=300_000)
    runner.deleteLater()
    del runner
    qtbot.waitUntil(lambda: not children() - before, timeout=5000)


def test_the_window_stays_free_while_a_step_computes(runner, qtbot):
    """No single turn of the event loop may take the main thread more than 0.2 s.

    Its processor time is counted, not the clock's, since other programs may hold the machine up.
    """
    spent = []
    last = [time.thread_time()]

    def beat():
        now = time.thread_time()
        spent.append(now - last[0])
        last[0] = now

    timer = QTimer()
    timer.timeout.connect(beat)
    timer.start(10)
    with qtbot.waitSignal(runner.finished, timeout=300_000):
        runner.start(Job("Compute", iter_busy, 1.0), lambda _: "Done.")
    timer.stop()
    assert len(spent) > 20
    assert max(spent) < 0.2


@pytest.mark.parametrize(
    ("seconds", "text"), [(2, "a few seconds left"), (43, "about 45 s left"), (200, "about 3 min left")]
)
def test_remaining_time_in_words(seconds, text):
    assert _left(seconds) == text


def test_nothing_is_left_in_napari_s_activity(runner, qtbot):
    from napari.utils import progress

    with qtbot.waitSignal(runner.finished, timeout=300_000):
        runner.start(Job("Count", iter_count, 3), lambda _: None)
    # Runs of earlier tests whose widget went close theirs when their thread ends.
    qtbot.waitUntil(lambda: len(progress._all_instances) == 0, timeout=5000)


def test_a_widget_that_the_garbage_collector_ends_does_no_harm(qtbot):
    """What is called at the end of a widget may be half cleared by then, and must not take the program down."""
    session = ParticleSession()
    for _ in range(20):
        widget = QWidget()
        widget.background, widget.own = Background(widget), widget
        for last in (Closing(KeptProcess()), LettingKeysGo(session, session, widget), Forgetting(session)):
            widget.destroyed.connect(last)
        del widget, last
    gc.collect()


def test_what_was_asked_for_is_dropped_with_its_widget(qtbot):
    widget = QWidget()
    background = Background(widget)
    background.start(Job("Count", iter_count, 3), lambda _result: pytest.fail("shown"), pytest.fail)
    assert background.running
    widget.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert not background.running
