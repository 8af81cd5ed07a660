"""docs/how-to/migrate-from-3x.md, "The way back": what 3.11.3 does with stored jobs that have something new."""

from __future__ import annotations

import subprocess

import pytest

from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from tools import ROOT

pytestmark = pytest.mark.slow
PAGE = (ROOT / "docs/how-to/migrate-from-3x.md").read_text("utf-8")
READING = """
import sys
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
scheduler = BackgroundScheduler(
    jobstores={"default": SQLAlchemyJobStore(sys.argv[1])}, timezone="UTC"
)
scheduler.start(paused=True)
print(*(job.id for job in scheduler.get_jobs()))
scheduler.shutdown()
"""


def stored(url: str) -> list[str]:
    """Return the ids in the store, without loading a job."""
    store = SQLAlchemyJobStore(url)
    with store.engine.connect() as connection:
        ids = [row.id for row in connection.execute(store.jobs_t.select())]
    store.engine.dispose()
    return sorted(ids)


def test_3x_reads_over_new_attributes_and_deletes_what_it_cannot_read(tmp_path, reference_python):
    url = f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    scheduler = BackgroundScheduler(jobstores={"default": SQLAlchemyJobStore(url)}, timezone="UTC")
    scheduler.start(paused=True)
    new = {"timeout": 5, "delivery": "at_least_once"}
    scheduler.add_job("os:getpid", "interval", hours=1, id="attributes", **new)
    scheduler.add_job("os:getpid", "crontab", "0 1 * * *", id="trigger")
    scheduler.shutdown()
    assert stored(url) == ["attributes", "trigger"]

    run = subprocess.run(
        [reference_python, "-I", "-c", READING, url],  # -I: not our sources
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert run.stdout.split() == ["attributes"], run.stderr
    assert stored(url) == ["attributes"]
    assert "3.x *deletes* stored jobs that it cannot read" in PAGE
