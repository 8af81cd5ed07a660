"""What the works in an asyncio loop count as a stall, as lateness, and as no measurement at all."""

from __future__ import annotations

import asyncio
import threading

import pytest
from sqlalchemy import text

from benchmarks.work import lateness, loops, slow_database


class HeldLoop:
    """Comes back to its timers as late as it is told to."""

    def __init__(self, *late: float) -> None:
        self._late = list(late)
        self._now = 100.0

    def time(self) -> float:
        return self._now

    def call_at(self, due, come):
        self._due, self._come = due, come
        return self

    def cancel(self) -> None:
        self._late.clear()

    def run(self) -> None:
        while self._late:
            self._now = self._due + self._late.pop(0)
            self._come()


@pytest.fixture
def noted():
    """The starts that a work has noted."""
    lateness.forget()
    yield lateness.job
    lateness.forget()


def test_a_stall_is_how_much_later_than_asked_for_the_timer_comes(monkeypatch) -> None:
    loop = HeldLoop(0.001, 0.25, 0.003)
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: loop)
    probe = loops.Probe()
    loop.run()
    assert probe.metrics() == pytest.approx(
        {"stall_p50_ms": 3.0, "stall_p99_ms": 250.0, "stall_longest_ms": 250.0}
    )


def test_lateness_is_counted_from_each_runs_own_place_in_the_period(noted) -> None:
    for offset, start in ((0.0, 100.01), (0.5, 100.52), (0.5, 101.53), (0.0, 101.04)):
        noted(offset, clock=lambda start=start: start)
    found = lateness.measured(100.0, per_second=2, seconds=2)
    assert found == pytest.approx(
        {"p50_ms": 30.0, "p99_ms": 40.0, "longest_ms": 40.0, "delivered": 1.0}
    )


def test_a_run_more_than_a_second_late_is_seen_as_such_in_a_longer_period(noted) -> None:
    noted(0.5, clock=lambda: 101.7)
    assert lateness.measured(100.0, 1, 2, period=2.0)["longest_ms"] == pytest.approx(1200.0)


def test_a_run_that_is_due_after_the_end_is_not_counted(noted) -> None:
    noted(0.0, clock=lambda: 102.01)
    assert lateness.measured(100.0, 1, 2)["delivered"] == 0


@pytest.mark.parametrize("share", [0.0, 0.9])
def test_a_scheduler_that_leaves_runs_out_has_no_stalls_to_show(share) -> None:
    with pytest.raises(RuntimeError, match=f"only {share:.0%} of the due runs began"):
        loops.delivered({"delivered": share})


@pytest.fixture
def slept(monkeypatch) -> list[float]:
    """What the slow database has slept, without waiting for it."""
    sleeps: list[float] = []
    monkeypatch.setattr(slow_database, "sleep", sleeps.append)
    return sleeps


def test_a_statement_by_the_engine_takes_fifty_milliseconds(slept) -> None:
    with slow_database.slow_database() as engine, engine.connect() as connection:
        slept.clear()
        connection.execute(text("SELECT 1"))
    assert slept == [0.05]


def test_statements_by_the_driver_take_as_long(slept) -> None:
    with slow_database.slow_database() as engine, engine.connect() as connection:
        connection.execute(text("CREATE TABLE numbers (number INTEGER)"))
        connection.commit()
        slept.clear()
        raw = connection.connection.cursor()
        raw.executemany("INSERT INTO numbers VALUES (?)", [(1,), (2,), (3,)])
        assert slept == [0.05]


def test_a_commit_takes_as_long_by_a_call_as_by_a_statement(slept) -> None:
    with slow_database.slow_database() as engine, engine.connect() as connection:
        connection.execute(text("CREATE TABLE numbers (number INTEGER)"))
        for end in (connection.commit, lambda: connection.exec_driver_sql("COMMIT")):
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            slept.clear()
            end()
            assert slept == [0.05]


def test_a_commit_of_nothing_costs_nothing(slept) -> None:
    with slow_database.slow_database() as engine, engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        slept.clear()
        connection.commit()
    assert slept == []


def test_settings_of_a_connection_cost_nothing(slept) -> None:
    with slow_database.slow_database() as engine, engine.connect() as connection:
        slept.clear()
        connection.exec_driver_sql("PRAGMA read_uncommitted = 0")
    assert slept == []


@pytest.mark.slow
def test_a_measurement_leaves_no_thread_behind_that_disturbs_the_next() -> None:
    before = set(threading.enumerate())
    loops.slow_store(3)
    left = [thread.name for thread in set(threading.enumerate()) - before]
    assert left == []
