"""The store on SQLAlchemy 1.4, which 3.11.3 accepts: its engines get 2's ways of transactions.

``TICKWRIGHT_TEST_SQLALCHEMY_1`` names a Python that has SQLAlchemy 1.4 and our dependencies.
"""

from __future__ import annotations

import os
import subprocess

import pytest
import sqlalchemy

from apscheduler.jobstores._sql.connection.engines import as_of_2
from tools import TESTED

PROGRAM = """
import sys
from sqlalchemy import create_engine
from apscheduler.executors.debug import DebugExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.testing.manual import ManualScheduler

url, way = sys.argv[1:]
given = {"url": url} if way == "url" else {"engine": create_engine(url)}
store = SQLAlchemyJobStore(**given)
scheduler = ManualScheduler(jobstores={"default": store}, executors={"default": DebugExecutor()})
scheduler.start()
scheduler.add_job(print, "interval", hours=1, args=["ran"], id="a")
scheduler.advance(3600)
scheduler.modify_job("a", name="changed")
scheduler.pause_job("a")
scheduler.resume_job("a")
print([job.name for job in scheduler.get_jobs()], [run.outcome.value for run in scheduler.get_runs()])
scheduler.shutdown()
"""


def test_an_engine_of_2_is_taken_as_it_is() -> None:
    engine = sqlalchemy.create_engine("sqlite://")
    assert as_of_2(engine) is engine


@pytest.mark.slow
@pytest.mark.parametrize("way", ["url", "engine"])
def test_a_program_on_1(tmp_path, way) -> None:
    python = os.environ.get("TICKWRIGHT_TEST_SQLALCHEMY_1")
    if python is None:
        pytest.skip("TICKWRIGHT_TEST_SQLALCHEMY_1 names no Python")
    done = subprocess.run(
        [python, "-c", PROGRAM, f"sqlite:///{tmp_path}/jobs.sqlite", way],
        capture_output=True,
        text=True,
        timeout=100,
        env={**os.environ, "PYTHONPATH": str(TESTED)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["ran", "['changed'] ['executed']"]
