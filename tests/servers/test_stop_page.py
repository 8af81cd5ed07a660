"""docs/how-to/stop-and-restart.md: gunicorn's workers end in order with the page's configuration file."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from datetime import UTC

import pytest
from servers.running import programs

from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from tools import ROOT, TESTED

pytestmark = pytest.mark.slow
PAGE = (ROOT / "docs/how-to/stop-and-restart.md").read_text("utf-8")
APPLICATION = """
import os, time
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler

def work():
    os.write(1, b"begun\\n")
    time.sleep(0.5)

store = SQLAlchemyJobStore("sqlite:///jobs.sqlite")
scheduler = BackgroundScheduler(jobstores={"default": store}, timezone="UTC")
scheduler.add_job(work, "date", id=f"now {os.getpid()}", misfire_grace_time=None, replace_existing=True)

def application(environ, start_response):
    start_response("200 OK", [])
    return [b""]
"""
READY = """
def post_worker_init(worker):
    import os
    os.write(1, b"ready\\n")
"""


@pytest.mark.parametrize("preload", [(), ("--preload",)], ids=["", "preload"])
def test_workers_wait_for_their_jobs_and_sign_off_with_the_pages_settings(tmp_path, preload):
    settings = PAGE.partition("# gunicorn.conf.py\n")[2].partition("```")[0]
    (tmp_path / "gunicorn.conf.py").write_text(settings + READY, "utf-8")
    (tmp_path / "myapplication.py").write_text(APPLICATION, "utf-8")
    running = subprocess.Popen(
        [
            *(programs() / "gunicorn", "-w", "2", "-b", "127.0.0.1:0", "--no-control-socket"),
            *(*preload, "myapplication:application"),
        ],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(TESTED)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        # Until a worker is ready gunicorn loses its SIGTERM.
        said: Counter[str] = Counter()
        while said["ready\n"] < 2 or not said["begun\n"]:
            said[running.stdout.readline()] += 1
            assert "" not in said, "it ended by itself"
        running.terminate()
        running.communicate(timeout=60)
    finally:
        if running.poll() is None:
            running.kill()
    store = SQLAlchemyJobStore(f"sqlite:///{tmp_path / 'jobs.sqlite'}")
    looking = BackgroundScheduler(jobstores={"default": store}, timezone=UTC)
    runs = looking.get_runs()
    assert runs
    assert {str(run.outcome) for run in runs} == {"executed"}
    assert looking.nodes() == []
