"""How long a shutdown waits: what can be said for it, and the call that is given up."""

from __future__ import annotations

import threading
from datetime import timedelta
from threading import TIMEOUT_MAX, Thread, current_thread, get_ident

import pytest

from apscheduler.runs.context import caller_ident
from apscheduler.schedulers._end import ending
from apscheduler.testing import ManualScheduler

PATIENCE = 20


def test_who_is_called_within_a_time_acts_for_the_thread_that_waits():
    seen = []

    def look():
        seen.append((caller_ident(), get_ident() != caller_ident(), current_thread().daemon))

    assert ending.call_within(look, PATIENCE) is True
    assert seen == [(get_ident(), True, True)]


def test_who_comes_to_an_end_in_time_is_waited_for():
    assert ending.call_within(lambda: threading.Event().wait(0.05), PATIENCE) is True


def test_who_does_not_come_to_an_end_in_time_is_not_waited_for():
    gate = threading.Event()
    assert ending.call_within(lambda: gate.wait(PATIENCE), 0.001) is False
    gate.set()


def test_an_interpreter_that_starts_no_thread_any_more_is_no_error(monkeypatch):
    called = []

    def refuse(thread):
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(Thread, "start", refuse)
    assert ending.call_within(lambda: called.append(1), PATIENCE) is False
    assert called == []


@pytest.mark.parametrize(
    ("given", "seconds"),
    [(None, None), (0, 0.0), (0.5, 0.5), (3, 3.0), (timedelta(minutes=1), 60.0)],
)
def test_a_time_to_wait_is_a_number_of_seconds_or_a_timedelta(given, seconds):
    assert ending.checked_timeout(given) == seconds
    assert ending.checked_timeout(TIMEOUT_MAX) == TIMEOUT_MAX


@pytest.mark.parametrize("given", [True, "5", object(), -1, -0.001, float("nan"), float("inf")])
def test_what_is_no_time_to_wait_is_refused_and_the_scheduler_runs_on(given):
    scheduler = ManualScheduler()
    scheduler.start()
    error = ValueError if type(given) in (int, float) else TypeError
    with pytest.raises(error, match="timeout must be"):
        scheduler.shutdown(timeout=given)
    assert scheduler.running
    scheduler.shutdown()
