"""Run with ours where DuckDB is installed: the contract of plain stores, and jobs that run from a file and from memory."""

from __future__ import annotations

import logging
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.testing import FakeClock, ManualScheduler
from apscheduler.testing.contracts import PlainStoreContract

START = datetime(2031, 5, 6, tzinfo=UTC)


class Contract(PlainStoreContract):
    def make_store(self):
        self.folder = tempfile.TemporaryDirectory()
        return SQLAlchemyJobStore(f"duckdb:///{self.folder.name}/jobs.duckdb")

    def teardown_method(self):
        super().teardown_method()
        self.folder.cleanup()


def contract() -> int:
    """Call each test of the contract; return how many there are."""
    names = [name for name in dir(Contract) if name.startswith("test_")]
    for name in names:
        test = Contract()
        test.setup_method()
        try:
            getattr(test, name)()
        except BaseException:
            sys.stderr.write(f"{name}\n")
            raise
        finally:
            test.teardown_method()
    return len(names)


def ran(store: SQLAlchemyJobStore, seconds: int) -> list[str]:
    """Have a scheduler run what is due from the start on; return when, and when the next is due."""
    clock = FakeClock(START)
    scheduler = ManualScheduler(clock=clock, jobstores={"default": store}, timezone=UTC)
    scheduler.start()
    if not scheduler.get_jobs():
        scheduler.add_job("posixpath:join", "interval", ["a"], seconds=10, id="a")
    scheduler.advance(timedelta(seconds=seconds))
    fires = [str(run.outcome) for run in scheduler.get_runs()]
    (job,) = scheduler.get_jobs()
    scheduler.shutdown()
    return [*fires, str((job.next_run_time - START).seconds)]


def runs() -> None:
    """Print what ran from a file, what its next process ran, and what ran from memory."""
    logging.basicConfig(level=logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        url = f"duckdb:///{Path(folder) / 'jobs.duckdb'}"
        sys.stdout.write(f"{ran(SQLAlchemyJobStore(url), 25)}\n")
        sys.stdout.write(f"{ran(SQLAlchemyJobStore(url), 35)}\n")
    sys.stdout.write(f"{ran(SQLAlchemyJobStore('duckdb:///:memory:'), 15)}\n")


if sys.argv[1] == "contract":
    sys.stdout.write(f"{contract()} passed\n")
else:
    runs()
