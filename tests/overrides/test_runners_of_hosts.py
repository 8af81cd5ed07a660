"""A ``run_job`` that is put into the module of gevent's or Twisted's executor runs the jobs there, as on 3.x."""

from __future__ import annotations

import pytest
from schedulers.scripts import Script

pytestmark = pytest.mark.slow

JOBS = """
from apscheduler.executors import HOST as module
from apscheduler.executors.base import run_job
from apscheduler.schedulers.HOST import CLASS as Host

asked = []
def mine(job, alias, times, logger_name):
    asked.append(job.id)
    if job.id == "broken":
        raise OSError("no")
    return run_job(job, alias, times, logger_name)

def stands(name):
    pass

logging.disable(logging.CRITICAL)
assert module.run_job is run_job
module.run_job = mine
scheduler = Host()
ended = []
def tell(event):
    ended.append(event)
    if len(ended) == 2:
        leave()
scheduler.add_listener(tell, events.EVENT_JOB_EXECUTED | events.EVENT_JOB_ERROR)
for name in ("works", "broken"):
    scheduler.add_job(stands, id=name, args=[name])
"""
SAY = """
say(sorted(asked), *sorted(f"{run.job_id}: {run.outcome}" for run in scheduler.get_runs()))
"""
SAID = ["['broken', 'works'] broken: failed works: executed"]


def jobs(host, name):
    return JOBS.replace("HOST", host).replace("CLASS", name)


def test_in_greenlets(tmp_path):
    pytest.importorskip("gevent", reason="gevent is not installed")
    done = Script(
        tmp_path,
        "import gevent.event\nall_ended = gevent.event.Event()\nleave = all_ended.set",
        jobs("gevent", "GeventScheduler"),
        "scheduler.start()\nall_ended.wait(20)\nscheduler.shutdown()",
        SAY,
    ).end()
    done.assert_clean()
    assert done.lines == SAID


def test_in_the_reactors_threads(tmp_path):
    pytest.importorskip("twisted", reason="Twisted is not installed")
    done = Script(
        tmp_path,
        "from twisted.internet import reactor\nleave = lambda: reactor.callFromThread(reactor.stop)",
        jobs("twisted", "TwistedScheduler"),
        "scheduler.start()\nreactor.run()",
        SAY,
    ).end()
    done.assert_clean()
    assert done.lines == SAID
