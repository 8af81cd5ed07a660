"""Outcomes on their way into the ledger: in a thread of their own, in the caller's at the end, and again where it fails."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest
from jobstores.outboxes import WAIT, Ends
from jobstores.stages import CopiedPlace
from sqlalchemy.exc import OperationalError

from apscheduler.jobstores._sql.claiming import outbox as module


@pytest.fixture
def ends(tmp_path, tables):
    place = CopiedPlace(tables, tmp_path)
    ends = Ends(place)
    yield ends
    ends.close()
    place.close()


def writers() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "APScheduler ledger"]


# -- the thread ---------------------------------------------------------------------------------------------------


def test_one_thread_writes_what_any_thread_settles_and_then_waits(ends):
    before = len(writers())
    for name in ("a", "b"):
        ends.news.idle.clear()
        ends.settle(name)
        while not ends.is_written(name):
            ends.wait_until_idle()
    assert len(writers()) == before + 1
    assert ends.outbox._thread.daemon
    assert ends.told == []


def test_what_cannot_be_written_is_told_and_tried_again_after_a_pause(ends):
    pauses = []
    ends.outbox._pause = SimpleNamespace(wait=pauses.append)
    ends.fail(times=3)
    ends.settle("a")
    while not ends.is_written():
        ends.wait_until_idle()
    assert pauses == [0.5] * 3
    assert len(ends.told) == 3


class Unstartable(threading.Thread):
    def start(self) -> None:
        raise RuntimeError("can't start new thread")


def test_where_no_thread_can_be_started_the_caller_writes_and_the_next_outcome_tries(
    ends, monkeypatch
):
    with monkeypatch.context() as patched:
        patched.setattr(module, "Thread", Unstartable)
        ends.settle("a")
        assert ends.is_written("a")
    ends.settle("b")
    while not ends.is_written("b"):
        ends.wait_until_idle()


def test_what_a_claim_took_along_and_could_not_write_is_left_to_the_thread(ends):
    ends.keep()
    with pytest.raises(KeyError), ends.outbox.taken() as items:
        raise KeyError(len(items), len(ends.outbox))
    while not ends.is_written():
        ends.wait_until_idle()


# -- the end ----------------------------------------------------------------------------------------------------------


def test_closing_writes_what_waits_and_waits_for_the_thread(ends):
    joined = []
    ends.outbox._thread = SimpleNamespace(join=joined.append)
    ends.keep()
    ends.outbox.close()
    assert ends.is_written()
    assert joined == [5.0]


def test_closing_ends_a_thread_that_has_nothing_to_do(ends):
    flushed = threading.Event()

    def flush() -> None:
        ends.news.idle.clear()
        ends.flush()
        flushed.set()

    ends.outbox.flush = flush
    ends.settle("a")
    assert flushed.wait(WAIT)
    ends.wait_until_idle()
    thread = ends.outbox._thread
    ends.outbox.close()
    assert not thread.is_alive()


def test_the_thread_itself_may_close(ends):
    closed = threading.Event()

    def closes() -> None:
        del ends.outbox.flush
        ends.outbox.close()
        closed.set()

    ends.outbox.flush = closes
    ends.settle("a")
    assert closed.wait(WAIT)
    assert ends.is_written()


def test_after_the_end_an_outcome_is_written_by_who_brings_it(ends):
    ends.outbox.close()
    ends.settle("a")
    assert ends.is_written()
    assert ends.outbox._thread is None


def test_after_the_end_an_outcome_is_left_to_who_drains_the_store(ends):
    ends.outbox.is_drained = lambda: True
    ends.outbox.close()
    ends.settle("a")
    assert not ends.is_written(), "an event loop may have brought it"
    assert ends.outbox.is_done() is True
    assert ends.is_written()


def test_an_outbox_is_empty_when_all_is_written(ends):
    assert ends.outbox.is_empty() is True
    ends.keep()
    assert ends.outbox.is_empty() is False
    assert not ends.is_written(), "whoever asks writes nothing while it is open"


def test_a_closed_outbox_tries_again_whenever_it_is_asked(ends):
    ends.fail(times=3)
    ends.outbox.close()
    ends.settle("a")
    assert [ends.outbox.is_empty() for _ in range(3)] == [False, False, True]
    assert ends.is_written()


def test_a_closed_outbox_is_done_when_all_is_written(ends):
    assert ends.outbox.is_done() is True
    ends.keep()
    assert ends.outbox.is_done() is True
    assert ends.is_written()


def test_outcomes_are_given_up_a_lease_after_the_first_failure_and_said(ends, monkeypatch):
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(module, "clocks", SimpleNamespace(monotonic=lambda: clock.now))
    ends.keep()
    ends.fail()
    answers = []
    for clock.now in (1000.0, 1030.0, 1059.0, 1060.0):
        answers.append(ends.outbox.is_done())
    assert answers == [False, False, False, True]
    assert [each for each in ends.told if "given up" in each] == ends.told[-1:]
    assert "Outcomes of 1 runs could not be written within 60 s" in ends.told[-1]
    assert len(ends.outbox) == 0


# -- a child process -------------------------------------------------------------------------------------------------


def test_a_child_process_writes_nothing_of_its_parents_and_waits_for_none_of_its_threads(ends):
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with ends.outbox.taken():
            inside.set()
            leave.wait(4 * WAIT)

    ends.keep("a")
    holder = threading.Thread(target=hold, daemon=True)
    holder.start()
    assert inside.wait(WAIT)
    ends.keep("b")
    ends.outbox.forked()
    assert len(ends.outbox) == 0
    flushing = threading.Thread(target=ends.flush, daemon=True)
    flushing.start()
    flushing.join(WAIT)
    assert not flushing.is_alive()
    leave.set()
    holder.join()
    assert not ends.is_written("b")


# -- what the database refuses -----------------------------------------------------------------------------------------


def test_what_a_full_disk_refuses_waits_whole(ends, monkeypatch):
    ends.outbox._tell_thread = lambda: None
    ends.settle("a", reason="why")
    full = Exception("database or disk is full")
    full.sqlite_errorcode = 13

    def refuses(connection, items):
        raise OperationalError("", {}, full)

    with monkeypatch.context() as patched:
        patched.setattr(ends.outbox, "write", refuses)
        with pytest.raises(OperationalError):
            ends.outbox.flush()
    assert ends.told == []
    ends.outbox.flush()
    assert ends.place.rows("SELECT reason FROM {t}_runs WHERE job_id = 'a'") == [("why",)]


def test_a_text_that_the_database_refuses_is_left_out_and_the_outcome_is_written(ends, monkeypatch):
    ends.outbox._tell_thread = lambda: None
    ends.settle("a", reason="why")
    ends.settle("b")
    write = ends.outbox.write

    def refuses(connection, items):
        if any(each.texts for each in items):
            raise OperationalError("", {}, Exception("string or blob too big"))
        write(connection, items)

    monkeypatch.setattr(ends.outbox, "write", refuses)
    ends.outbox.flush()
    assert ends.told == ["The database refused an outcome's text; it goes without"]
    assert ends.is_written("a")
    assert ends.is_written("b")
