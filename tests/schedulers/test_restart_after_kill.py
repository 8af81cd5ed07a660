"""A restart after a kill, or by ``exec``: no due time after ``start()`` returned is missed, or held up by the dead process."""

from __future__ import annotations

import signal

import pytest
from databases import Place
from schedulers.scripts import Script, needs_signals

pytestmark = [pytest.mark.slow, needs_signals]

PROGRAM = """
import time
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore

def each_second(seconds):
    say("begun")
    time.sleep(seconds)

scheduler = BackgroundScheduler(
    jobstores={{"default": SQLAlchemyJobStore({url!r}, tablename={table!r})}}, timezone="UTC"
)
"""


@pytest.mark.parametrize("delivery", ["at_most_once", "at_least_once"])
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_jobs_of_a_killed_process_go_on_at_once(tmp_path, kind, delivery):
    place = Place(kind, tmp_path)
    program = PROGRAM.format(url=place.url, table=place.table)
    script = Script(
        tmp_path,
        program,
        f"""
        scheduler.start()
        scheduler.add_job(
            each_second, "interval", seconds=1, args=[60], id="job", delivery={delivery!r},
            misfire_grace_time=30,
        )
        while True:
            time.sleep(60)
        """,
    )
    script.send_once_it_says("begun", signal.SIGKILL)
    script.end()
    done = Script(
        tmp_path,
        program,
        """
        scheduler.start(paused=True)
        scheduler.modify_job("job", args=[0])
        scheduler.shutdown()
        scheduler.start()
        started = time.time_ns() // 1000
        deadline = time.monotonic() + 60
        def runs():
            found = [each for each in scheduler.get_runs("job") if each.fire_time.timestamp() * 1e6 > started]
            return [str(each.outcome) for each in found]
        while len(runs()) < 3 and time.monotonic() < deadline:
            time.sleep(0.1)
        say(sorted(set(runs())))
        scheduler.shutdown()
        """,
    ).end(90)
    place.close()
    assert done.lines[-1] == "['executed']", done.out + done.err


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_jobs_of_a_process_that_replaces_its_program_go_on_at_once(tmp_path, kind):
    place = Place(kind, tmp_path)
    done = Script(
        tmp_path,
        PROGRAM.format(url=place.url, table=place.table),
        """
        if len(sys.argv) == 1:
            began = threading.Event()
            scheduler.add_listener(lambda _: began.set(), events.EVENT_JOB_SUBMITTED)
            scheduler.start()
            scheduler.add_job(each_second, "interval", seconds=1, args=[60], id="job", misfire_grace_time=30)
            began.wait()
            os.execv(sys.executable, [sys.executable, __file__, "again"])
        scheduler.start(paused=True)
        scheduler.modify_job("job", args=[0])
        scheduler.shutdown()
        scheduler.start()
        started = time.time_ns() // 1000
        deadline = time.monotonic() + 60
        def runs():
            found = [each for each in scheduler.get_runs("job") if each.fire_time.timestamp() * 1e6 > started]
            return [str(each.outcome) for each in found]
        while len(runs()) < 3 and time.monotonic() < deadline:
            time.sleep(0.1)
        say(sorted(set(runs())), [str(each.outcome) for each in scheduler.get_runs("job")][-1])
        scheduler.shutdown()
        """,
    ).end(90)
    place.close()
    assert done.lines[-1] == "['executed'] lost", done.out + done.err
