"""The leader's lock of a SQL store: one holder at a time, whoever asks at once, and whatever stops meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Barrier

import pytest
from cluster.support import judge
from databases import SERVERS, SHARED, Place

from apscheduler.testing import ManualScheduler
from tools import ROOT, TESTED, commands

pytestmark = pytest.mark.slow
CONTENDERS = 6
LONG = bool(os.environ.get(commands.LONG_MARK))


@pytest.fixture
def place(request, tmp_path):
    made = Place(request.param, tmp_path)
    yield made
    made.close()


def locks(place, count, stack, **options):
    """Return so many started stores of one place, and the lock of each."""
    found = []
    for _ in range(count):
        store = place.store(**options)
        scheduler = ManualScheduler(jobstores={"default": store})
        scheduler.start(paused=True)
        stack.callback(scheduler.shutdown)
        found.append((store, store.leader_lock()))
    return found


@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_of_those_who_take_it_at_once_one_gets_it_again_and_again(place):
    together = Barrier(CONTENDERS)

    def take(lock):
        together.wait(30)
        return lock.take()

    with ExitStack() as stack, ThreadPoolExecutor(CONTENDERS) as pool:
        contenders = [lock for _, lock in locks(place, CONTENDERS, stack)]
        for _ in range(8):
            got = list(pool.map(take, contenders))
            assert sum(got) == 1
            (leader,) = [lock for lock, took in zip(contenders, got, strict=True) if took]
            assert [lock.held for lock in contenders] == got
            leader.release()
            assert not leader.held


@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_it_is_lost_with_the_incarnation_and_never_comes_back_with_the_old_one(place):
    with ExitStack() as stack:
        (first_store, first), (_, second) = locks(place, 2, stack)
        assert first.take()
        assert not second.take()
        assert second.holder() == first_store._session.membership.name
        place.change("UPDATE {t}_nodes SET lease_until = 1 WHERE epoch = :epoch", epoch=first._won)
        # The store's clock alone does not make it dead: it was seen beating within a lease.
        assert not second.take()
        first_store._session.membership.beat()  # fenced, and joined anew
        assert not first.held
        assert first.until == 0
        place.change("DELETE FROM {t}_nodes WHERE lease_until = 1")  # as whoever buries it does
        assert second.take()
        assert not first.take()
        assert not first.held


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_without_an_answer_nobody_takes_it(place):
    with ExitStack() as stack:
        ((store, lock),) = locks(place, 1, stack)
        place.change("DROP TABLE {t}_leader")
        with pytest.raises(Exception, match="_leader"):
            lock.take()
        assert not lock.held
        from apscheduler.jobstores._sql.schema.migrations import create_missing

        with store.engine.begin() as connection:
            create_missing(connection, store._parts.tables.leader)
        assert lock.take()


STOPPED = """
import os, signal, sys
from pathlib import Path
from threading import Event
from apscheduler import current_run
from apscheduler._engine.instants import to_us
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from cluster.support.judge import mark

log, url, table, stop_at = sys.argv[1:]

def tick():
    run = current_run()
    mark(log, run.job_id, to_us(run.scheduled_time), 1, 1, "start")
    # The first of the three that are due at one time: the others are queued behind it.
    marks = len(Path(log).read_text().splitlines())
    if marks > int(stop_at) and marks % 3 == 1:
        os.kill(os.getpid(), signal.SIGSTOP)
        Event().wait(0.5)  # the kernel stops this thread some time after the call returned

scheduler = BackgroundScheduler(
    jobstores={"default": MemoryJobStore(), "lock": SQLAlchemyJobStore(url, tablename=table, lease=2)},
    executors={"default": ThreadPoolExecutor(1)},
    leader_lock="lock",
    timezone="UTC",
)
for number in (1, 2, 3):
    scheduler.add_job(
        tick, "interval", seconds=0.2, id=str(number), misfire_grace_time=None,
        start_date="2020-01-01",
    )
scheduler.start()
sys.stdin.read()
scheduler.shutdown()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGSTOP")
@pytest.mark.timeout(120)
@pytest.mark.parametrize("place", SERVERS if LONG else SERVERS[:1], indirect=True)
def test_a_leader_that_was_stopped_starts_nothing_after_its_lease(place, tmp_path):
    """Its queued runs wait behind the job in which it was stopped, in memory: only the lock can hold them back."""
    log, script = tmp_path / "marks", tmp_path / "script.py"
    log.touch()
    script.write_text(STOPPED)
    paths = os.pathsep.join(map(str, (TESTED, ROOT / "tests")))

    def start(stop_at):
        return subprocess.Popen(
            [sys.executable, script, log, place.url, place.table, str(stop_at)],
            env={**os.environ, "PYTHONPATH": paths},
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_until(condition):
        deadline = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def state(process):
        stat = Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii")
        return stat.rpartition(")")[2].split()[0]

    def pids():
        return [each.pid for each in judge.read(str(log))]

    first = start(stop_at=6)
    try:
        wait_until(lambda: state(first) == "T")
        second = start(stop_at=1_000_000)
        wait_until(lambda: second.pid in pids())
        os.kill(first.pid, signal.SIGCONT)
        second_runs = pids().count(second.pid)
        wait_until(lambda: pids().count(second.pid) > second_runs + 6)
        # In this order: once the second has ended the first would lead again, and stop itself again.
        _, first_said = first.communicate("", timeout=30)
        _, second_said = second.communicate("", timeout=30)
    finally:
        for each in (first, second):
            each.kill()
            each.wait(10)
    order = pids()
    before = order.index(second.pid)
    assert set(order[:before]) == {first.pid}
    after = order[before : len(order) - order[::-1].index(second.pid)]
    assert set(after) == {second.pid}, "the stopped leader ran jobs beside its successor"
    assert "has lost the leader lock" in first_said
    assert "another may lead now" in first_said
    assert "lost" not in second_said
