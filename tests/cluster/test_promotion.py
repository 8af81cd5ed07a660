"""A real streaming pair of PostgreSQL servers: the replica is promoted after it has missed the last commits."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager

import psycopg
import pytest
from cluster.support.servers import PostgresBackup, PostgresServer, require
from sqlalchemy import create_engine, text

from apscheduler._engine.instants import to_us
from apscheduler.events import EVENT_JOBSTORE_DOUBTED
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler

pytestmark = pytest.mark.slow


class Replica(PostgresBackup):
    """A server that begins as a copy of another one and follows it."""

    replayed = ""

    def __init__(self, primary: PostgresServer) -> None:
        super().__init__(primary, "-R", settings=("hot_standby=on",))

    def ask(self, statement: str):
        return ask(self, statement)


def ask(server, statement: str):
    """Return the first value of a statement."""
    with psycopg.connect(
        host="127.0.0.1", port=server.port, user="postgres", dbname="postgres", autocommit=True
    ) as connection:
        return connection.execute(statement).fetchone()[0]


def wait_until(condition, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


@pytest.fixture
def pair():
    require(Replica)
    with (
        PostgresServer(fsync=False, settings=("wal_level=replica",)) as primary,
        Replica(primary) as replica,
    ):
        yield primary, replica


def made(server) -> BackgroundScheduler:
    store = SQLAlchemyJobStore(
        server.url, lease=2.0, poll_interval=0.2, engine_options={"pool_pre_ping": True}
    )
    scheduler = BackgroundScheduler(jobstores={"default": store}, timezone="UTC")
    scheduler.doubts = []
    scheduler.add_listener(scheduler.doubts.append, EVENT_JOBSTORE_DOUBTED)
    scheduler.start()
    return scheduler


def executed(server, job_id: str) -> set[int]:
    if not ask(server, "SELECT to_regclass('apscheduler_jobs_runs') IS NOT NULL"):
        return set()
    engine = create_engine(server.url)
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT fire_us FROM apscheduler_jobs_runs WHERE job_id = :id AND state = 10"),
            {"id": job_id},
        )
        found = {row[0] for row in rows}
    engine.dispose()
    return found


FIRST = """
import sys
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
store = SQLAlchemyJobStore(sys.argv[1], lease=2.0, poll_interval=0.2)
scheduler = BackgroundScheduler(jobstores={"default": store}, timezone="UTC")
scheduler.start()
for id, delivery in (("once", "at_most_once"), ("again", "at_least_once")):
    scheduler.add_job("time:time", "interval", seconds=1, id=id, misfire_grace_time=None, coalesce=False,
                      delivery=delivery)
sys.stdin.read()
"""


@contextmanager
def first_process(server):
    """A scheduler on the first server; killed with it."""
    process = subprocess.Popen([sys.executable, "-c", FIRST, server.url], stdin=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdin.close()


def test_what_a_promoted_replica_may_lack_is_marked_in_doubt_and_does_not_run_again(pair, caplog):
    primary, replica = pair
    with first_process(primary):
        wait_until(lambda: len(executed(primary, "once")) >= 2)
        wait_until(lambda: len(executed(replica, "once")) >= 2)
        # From here on the replica hears nothing: asynchronous loss.
        replica.ask("SELECT pg_wal_replay_pause()")
        wait_until(lambda: replica.ask("SELECT pg_get_wal_replay_pause_state()") == "paused")
        replica.replayed = replica.ask("SELECT pg_last_wal_replay_lsn()")
        known = len(executed(replica, "once"))
        wait_until(lambda: len(executed(primary, "once")) >= known + 3)
    ran = {job_id: executed(primary, job_id) for job_id in ("once", "again")}
    primary.stop("kill")
    lose_what_was_received(replica)
    lacked = ran["once"] - executed(replica, "once")
    assert len(lacked) >= 3, "nothing was lost: nothing was tried"
    second = made(replica)
    try:
        wait_until(lambda: executed(replica, "once") - ran["once"])
        rows = {to_us(run.fire_time): run for run in second.get_runs("once", limit=1000)}
        for fire in lacked:
            assert str(rows[fire].outcome) == "lost"
            assert rows[fire].reason.startswith("in doubt: ")
        assert not executed(replica, "once") & lacked, "it was started twice"
        assert any("was promoted" in event.reason and not event.held for event in second.doubts)
        assert sum("was promoted" in each for each in caplog.messages) == 1
        # What is to complete at least once runs again.
        wait_until(lambda: ran["again"] <= executed(replica, "again"))
        assert second._jobstores["default"].held is None
    finally:
        second.shutdown()
    told = f"{len(ran['once'])} ran on the first server; the replica lacked {len(lacked)} of them"
    print(told)
    before = len(executed(replica, "once"))
    third = made(replica)
    wait_until(lambda: len(executed(replica, "once")) > before)
    third.shutdown()
    assert not third.doubts, "it is said once"


def lose_what_was_received(replica) -> None:
    """Promote it at what it had replayed: what it has received beyond that is thrown away, as if never sent."""
    replica.stop("fast")
    (replica.data / "standby.signal").unlink()
    recovery = replica.data / "recovery.signal"
    recovery.touch()
    shutil.chown(recovery, replica.user, replica.user)
    replica.settings = (
        *replica.settings,
        f"recovery_target_lsn={replica.replayed}",
        "recovery_target_action=promote",
        "primary_conninfo=",
        "restore_command=false",
    )
    replica.start()
    wait_until(lambda: not replica.ask("SELECT pg_is_in_recovery()"))


def test_a_scheduler_on_a_replica_says_once_in_ten_seconds_that_it_may_only_read(pair, caplog):
    primary, replica = pair
    scheduler = made(primary)
    scheduler.add_job("time:time", "interval", hours=1, id="a")
    scheduler.shutdown()
    lsn = ask(primary, "SELECT pg_current_wal_lsn()")
    wait_until(lambda: ask(replica, f"SELECT pg_last_wal_replay_lsn() >= '{lsn}'"))
    caplog.clear()
    scheduler = made(replica)
    try:
        time.sleep(3)
        assert [job.id for job in scheduler.get_jobs()] == ["a"]
        said = [each for each in caplog.records if each.levelno >= logging.WARNING]
        assert len(said) == 1, [each.getMessage() for each in said]
        assert "may only be read" in said[0].getMessage()
        assert said[0].exc_info is None
    finally:
        scheduler.shutdown()
