"""Rows as users see them, and the run that code finds itself in."""

from __future__ import annotations

import contextvars
import pickle
from dataclasses import FrozenInstanceError
from datetime import UTC, datetime, timedelta
from threading import get_ident
from zoneinfo import ZoneInfo

import pytest

import apscheduler
from apscheduler import runs
from apscheduler._engine.instants import SECOND, to_us
from apscheduler.history.outcomes import Outcome
from apscheduler.runs.context import current_run, lane_workers, make_context, run_context
from apscheduler.runs.ledger import Detail, Entry
from apscheduler.runs.shown import as_run
from apscheduler.testing import ManualScheduler

FIRE = to_us(datetime(2030, 7, 1, 12, tzinfo=UTC))
BERLIN = ZoneInfo("Europe/Berlin")


def entry(started=FIRE + SECOND, outcome=Outcome.EXECUTED, detail=None):
    return Entry(1, "a", FIRE, started, FIRE + 3 * SECOND, outcome, detail or Detail())


def test_a_row_says_how_late_it_started_and_how_long_it_ran():
    row = as_run(entry(), "default", BERLIN)
    assert row.fire_time.isoformat() == "2030-07-01T14:00:00+02:00"
    assert row.lateness == timedelta(seconds=1)
    assert row.duration == timedelta(seconds=2)


def test_a_row_of_a_run_that_never_started_has_neither():
    row = as_run(entry(started=0, outcome=Outcome.MISSED), "default")
    assert (row.started_at, row.lateness, row.duration) == (None, None, None)


def test_a_rollup_names_its_last_fire_time():
    row = as_run(entry(detail=Detail(count=4, last=FIRE + SECOND)), "default")
    assert (row.count, row.last_fire_time - row.fire_time) == (4, timedelta(seconds=1))


def test_rows_are_values():
    row = as_run(entry(), "default")
    assert pickle.loads(pickle.dumps(row)) == row == as_run(entry(), "default")
    with pytest.raises(FrozenInstanceError):
        row.count = 2


@pytest.mark.parametrize("name", ["Outcome", "Run", "RunContext", "current_run"])
def test_public_names_are_found_when_asked_for(name):
    assert getattr(runs, name).__name__ == name


def test_an_unknown_name_is_refused():
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        runs.nothing_of_the_kind  # noqa: B018


def test_outside_of_a_job_there_is_no_current_run():
    assert current_run() is None
    assert apscheduler.current_run is current_run


def test_the_current_run_is_the_contexts_own():
    context = make_context("a", "default", datetime(2030, 1, 1, tzinfo=UTC), FIRE, attempt=2)

    def inside():
        run_context.set(context)
        return current_run()

    assert contextvars.copy_context().run(inside) == context
    assert (context.attempt, context.fire_id) == (2, f"a@{FIRE}")
    assert current_run() is None


def test_a_lane_worker_is_asked_for_its_run(monkeypatch):
    context = make_context("a", "default", datetime(2030, 1, 1, tzinfo=UTC), FIRE)

    class Worker:
        def current_run(self):
            return context

    monkeypatch.setitem(lane_workers, get_ident(), Worker())
    assert current_run() is context


def test_no_run_kept_in_memory_has_a_node():
    scheduler = ManualScheduler()
    scheduler.start()
    scheduler.add_job(print, id="a")
    scheduler.tick()
    assert [run.job_id for run in scheduler.get_runs()] == ["a"]
    assert scheduler.get_runs(node="another process") == []
    scheduler.shutdown()
