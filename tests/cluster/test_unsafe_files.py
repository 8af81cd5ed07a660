"""SQLite on a file system that several kernels may have: one process alone, and a real second one is refused."""

from __future__ import annotations

import logging
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
from click.testing import CliRunner
from cluster.support.mounts import fuse_mount

from apscheduler.cli import main
from apscheduler.jobstores._sql.guarding.alone import SharingRefusedError
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.testing import FakeClock, ManualScheduler

pytestmark = [pytest.mark.serial, pytest.mark.slow, pytest.mark.timeout(180)]

LEASE = 3.0
WAIT = 30.0

PROCESS = """
import logging, sys, time
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
logging.basicConfig(format="%(levelname)s %(message)s", level=logging.WARNING, stream=sys.stderr)
store = SQLAlchemyJobStore(sys.argv[1], lease=float(sys.argv[2]), poll_interval=0.2)
scheduler = BackgroundScheduler(jobstores={"default": store}, timezone="UTC")
scheduler.start()
scheduler.add_job("time:time", "interval", seconds=0.2, id="a", replace_existing=True, misfire_grace_time=None)
while not scheduler.get_runs("a", outcome="executed"):
    time.sleep(0.05)
print("up", flush=True)
sys.stdin.read()
scheduler.shutdown()
"""


class Process:
    """A scheduler in a process of its own; what it logged is in ``said`` when it has ended."""

    def __init__(self, path, lease: float) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", PROCESS, f"sqlite:///{path}", str(lease)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.said = ""

    def is_up(self) -> bool:
        """Wait until it runs jobs, or has ended."""
        return self._process.stdout.readline() == "up\n"

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        self._process.kill()
        if not self._process.stdout.closed:
            self.end()

    def end(self) -> int:
        """Have it end in order, or wait until it has, and return its status."""
        _, self.said = self._process.communicate(timeout=WAIT)
        return self._process.returncode


@pytest.fixture
def folder(tmp_path):
    with fuse_mount(tmp_path) as folder:
        yield folder


@pytest.fixture
def process(folder):
    made = []

    def start(lease: float = LEASE) -> Process:
        made.append(Process(folder / "jobs.sqlite", lease))
        return made[-1]

    yield start
    for each in made:
        each.kill()


@contextmanager
def rows(folder):
    connection = sqlite3.connect(folder / "jobs.sqlite", timeout=WAIT)
    try:
        with connection:
            yield connection
    finally:
        connection.close()


def executed(folder) -> int:
    with rows(folder) as connection:
        return connection.execute(
            "SELECT count(*) FROM apscheduler_jobs_runs WHERE state = 10"
        ).fetchone()[0]


def goes_on(folder) -> bool:
    before, deadline = executed(folder), time.monotonic() + WAIT
    while executed(folder) < before + 3:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def hide_host(folder, pid) -> None:
    """Make a node's row one of another machine, of which nothing can be told."""
    with rows(folder) as connection:
        changed = connection.execute(
            "UPDATE apscheduler_jobs_nodes SET boot = 'another', machine = 'another' WHERE pid = ?",
            (pid,),
        )
        assert changed.rowcount == 1


def test_a_second_process_is_refused_with_the_reason_and_the_first_goes_on(folder, process):
    first = process()
    assert first.is_up()
    second = process()
    assert not second.is_up()
    assert second.end() != 0
    *_, last = second.said.strip().splitlines()
    assert "SharingRefusedError: the process " in last
    assert f"-{first.pid}-" in last
    for words in ("jobs.sqlite", "kind fuse", "sharing is refused", "database server"):
        assert words in last
    assert goes_on(folder)
    assert first.end() == 0
    (said,) = first.said.strip().splitlines()
    for words in ("WARNING", "jobs.sqlite", "kind fuse", "use it alone", "local disk"):
        assert words in said


def test_a_living_process_of_another_machine_is_known_by_its_heartbeat(folder, process):
    first = process()
    assert first.is_up()
    hide_host(folder, first.pid)
    second = process()
    assert not second.is_up()
    assert second.end() != 0
    assert "sharing is refused" in second.said
    assert "Waiting for the lease of" in second.said
    assert goes_on(folder)


def test_a_process_that_was_killed_does_not_keep_its_successor_out(folder, process):
    first = process()
    assert first.is_up()
    first.kill()
    second = process()
    assert second.is_up()  # provably gone
    assert second.end() == 0
    assert "Waiting" not in second.said
    third = process(lease=15)  # longer than a process takes to come up on a busy machine
    assert third.is_up()
    hide_host(folder, third.pid)
    third.kill()
    fourth = process()
    assert fourth.is_up()  # its lease is over
    assert goes_on(folder)
    assert fourth.end() == 0
    assert "Waiting for the lease of" in fourth.said


def started(path, **options) -> BackgroundScheduler:
    store = SQLAlchemyJobStore(f"sqlite:///{path}", lease=LEASE, poll_interval=0.2)
    scheduler = BackgroundScheduler(jobstores={"default": store}, timezone="UTC")
    scheduler.start(**options)
    return scheduler


def test_who_started_first_but_claims_second_claims_nothing_until_the_other_has_ended(
    folder, process, caplog
):
    scheduler = started(folder / "jobs.sqlite", paused=True)  # one that is paused has no row
    try:
        other = process()
        assert other.is_up()
        caplog.clear()
        scheduler.resume()
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            assert scheduler._jobstores["default"]._session.membership.lease.epoch == 0
            time.sleep(0.2)
        said = [each for each in caplog.records if each.levelno >= logging.WARNING]
        assert len(said) == 1, [each.getMessage() for each in said]
        assert "sharing is refused" in said[0].getMessage()
        assert said[0].exc_info is None
        assert other.end() == 0
        assert goes_on(folder)
    finally:
        scheduler.shutdown()


def test_schedulers_of_one_process_share_the_file(folder):
    first = started(folder / "jobs.sqlite")
    first.add_job("time:time", "interval", seconds=0.2, id="a", misfire_grace_time=None)
    try:
        assert goes_on(folder)
        second = started(folder / "jobs.sqlite")
        assert goes_on(folder)
        second.shutdown()
    finally:
        first.shutdown()


def test_a_refused_start_leaves_nothing_behind_and_may_be_tried_again(folder, process):
    other = process()
    assert other.is_up()
    store = SQLAlchemyJobStore(f"sqlite:///{folder}/jobs.sqlite", lease=LEASE)
    scheduler = BackgroundScheduler(jobstores={"default": store}, timezone="UTC")
    with pytest.raises(SharingRefusedError):
        scheduler.start()
    assert other.end() == 0
    scheduler.start()
    assert [job.id for job in scheduler.get_jobs()] == ["a"]
    scheduler.shutdown()


def test_no_copy_is_told_by_the_inode_there_since_that_may_change_by_itself(folder, caplog):
    def looked(path):
        scheduler = ManualScheduler(
            jobstores={"default": SQLAlchemyJobStore(f"sqlite:///{path}")}, clock=FakeClock()
        )
        scheduler.start()
        scheduler.tick()
        store = scheduler._jobstores["default"]
        held = store.held
        with store.engine.connect() as connection:
            kept = connection.exec_driver_sql(
                "SELECT text FROM apscheduler_jobs_state WHERE name = 'identity'"
            ).scalar()
        scheduler.shutdown()
        return held, kept

    held, kept = looked(folder / "jobs.sqlite")
    assert held is None
    assert "file" not in kept
    shutil.copyfile(folder / "jobs.sqlite", folder / "copy.sqlite")
    assert looked(folder / "copy.sqlite")[0] is None


def test_doctor_says_where_the_file_is(folder):
    started(folder / "jobs.sqlite").shutdown()
    asked = CliRunner().invoke(main, ["doctor", "--store", f"sqlite:///{folder}/jobs.sqlite"])
    (line,) = [line for line in asked.output.splitlines() if "file system" in line]
    assert "kind fuse" in line
    assert line.startswith("ok")
