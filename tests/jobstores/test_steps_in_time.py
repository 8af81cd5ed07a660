"""Steps that must not hold up their caller: what they raise, how long they are waited for, and without a thread."""

from __future__ import annotations

import threading

import pytest

from apscheduler.jobstores._sql import ending
from apscheduler.jobstores._sql.ending import in_time


def test_steps_run_beside_their_caller_and_raise_there():
    seen = []
    assert in_time(lambda: seen.append(threading.current_thread().name), 30, "beside")
    assert seen == ["beside"]
    with pytest.raises(ZeroDivisionError):
        in_time(lambda: 1 / 0, 30, "beside")


def test_steps_that_take_longer_are_left_behind():
    let_go = threading.Event()
    try:
        assert not in_time(let_go.wait, 0.01, "beside")
    finally:
        let_go.set()


def test_steps_run_in_their_callers_thread_if_no_thread_can_be_started(monkeypatch):
    class Refused(threading.Thread):
        def start(self):
            raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(ending, "Thread", Refused)
    seen = []
    assert in_time(lambda: seen.append(threading.current_thread()), 30, "beside")
    assert seen == [threading.current_thread()]
