"""What kind of process a scheduler finds itself in."""

from __future__ import annotations

import logging
import multiprocessing
import sys
from types import SimpleNamespace

import pytest

from apscheduler.testing import ManualScheduler


@pytest.fixture
def uwsgi(monkeypatch):
    stub = SimpleNamespace(opt={b"http": b":8000"})
    monkeypatch.setitem(sys.modules, "uwsgi", stub)
    return stub


@pytest.mark.trap(77)
def test_under_uwsgi_without_threads_a_start_says_what_to_do(uwsgi):
    scheduler = ManualScheduler()
    with pytest.raises(RuntimeError, match="--enable-threads"):
        scheduler.start()
    assert not scheduler.running


@pytest.mark.trap(77)
@pytest.mark.parametrize("option", [{b"enable-threads": b"true"}, {"threads": 4}])
def test_under_uwsgi_with_threads_it_starts(uwsgi, option):
    uwsgi.opt.update(option)
    scheduler = ManualScheduler()
    scheduler.start()
    assert scheduler.running
    scheduler.shutdown()


def test_a_process_that_re_imports_its_parents_main_module_starts_nothing(monkeypatch, caplog):
    monkeypatch.setattr(multiprocessing.current_process(), "_inheriting", True, raising=False)
    scheduler = ManualScheduler()
    with caplog.at_level(logging.INFO):
        scheduler.start()
    assert not scheduler.running
    assert [record.getMessage() for record in caplog.records] == [
        "Not started: this process is only re-importing its parent's main module"
    ]
