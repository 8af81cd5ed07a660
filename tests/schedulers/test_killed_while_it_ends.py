"""TERM, and KILL before it has ended: what ended at least a second before the KILL is in the ledger."""

from __future__ import annotations

import signal
import time

import pytest
from databases import Place
from schedulers.scripts import Script, needs_signals

pytestmark = [pytest.mark.slow, needs_signals]

RUNNING, EXECUTED = 1, 10
ENDINGS = {
    "an exit in a handler": "signal.signal(signal.SIGTERM, lambda *_: sys.exit())",
    "BlockingScheduler": "",
}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_an_outcome_is_in_the_ledger_a_second_after_its_function_has_ended(tmp_path, kind, ending):
    place = Place(kind, tmp_path)
    script = Script(
        tmp_path,
        f"""
        import time
        from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore

        def long():
            time.sleep(60)

        def middling():
            say("begun")
            time.sleep(1.5)
            say("ended")

        {ENDINGS[ending] or "pass"}
        kind = {"BlockingScheduler" if ending == "BlockingScheduler" else "BackgroundScheduler"}
        scheduler = kind(
            jobstores={{"default": SQLAlchemyJobStore({place.url!r}, tablename={place.table!r})}}
        )
        scheduler.add_job(long, id="long", **PATIENT)
        scheduler.add_job(middling, id="middling", **PATIENT)
        scheduler.start()
        while True:
            time.sleep(60)
        """,
    )
    script.send_once_it_says("begun", signal.SIGTERM)
    assert script.running.stdout.readline() == "ended\n"
    time.sleep(1)  # the promise is one of real time
    script.running.kill()
    script.end()
    states = {row.job_id: row.state for row in place.rows("SELECT job_id, state FROM {t}_runs")}
    place.close()
    assert states == {"long": RUNNING, "middling": EXECUTED}
