"""Which methods of a job store are asked, step by step: one scenario, played anywhere.

Run by 3.11.3 in an environment of its own, from outside a checkout, it writes the golden data:

    python -E tests/overrides/stores.py > tests/data/overrides-of-stores-3.11.3.json
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime, timedelta

from recording import by_name, on_instance, patched, subclass, with_mixin

from apscheduler.executors.debug import DebugExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.base import BaseScheduler

MEMORY = [
    "start",
    "shutdown",
    "lookup_job",
    "get_due_jobs",
    "get_next_run_time",
    "get_all_jobs",
    "add_job",
    "update_job",
    "remove_job",
    "remove_all_jobs",
]
SQL = [*MEMORY, "_reconstitute_job", "_get_jobs", "_fix_paused_jobs_sorting"]


class Still(BaseScheduler):
    """A scheduler whose passes are made by hand."""

    def wakeup(self):
        pass

    def shutdown(self, wait=True):
        super().shutdown(wait)


def nothing():
    pass


def soon():
    return datetime.now(UTC) - timedelta(milliseconds=1)


def steps(scheduler):
    """Yield what to do, each with its name."""
    yield "start", scheduler.start
    yield "add", lambda: scheduler.add_job(nothing, "interval", hours=1, id="a")
    yield (
        "replace",
        lambda: scheduler.add_job(nothing, "interval", hours=1, id="a", replace_existing=True),
    )
    yield "add another", lambda: scheduler.add_job(nothing, "interval", hours=1, id="b")
    yield "get_job", lambda: scheduler.get_job("a")
    yield "get_jobs", scheduler.get_jobs
    yield "modify_job", lambda: scheduler.modify_job("a", name="A")
    yield "pause_job", lambda: scheduler.pause_job("a")
    yield "resume_job", lambda: scheduler.resume_job("a")
    yield "reschedule_job", lambda: scheduler.reschedule_job("a", trigger="interval", minutes=5)
    yield "a pass without a due job", scheduler._process_jobs
    yield "make due", lambda: scheduler.modify_job("a", next_run_time=soon())
    yield "a pass with a due job", scheduler._process_jobs
    yield "add a date job", lambda: scheduler.add_job(nothing, "date", run_date=soon(), id="c")
    yield "a pass in which a job ends", scheduler._process_jobs
    yield "remove_job", lambda: scheduler.remove_job("b")
    yield "remove_all_jobs", scheduler.remove_all_jobs
    yield "shutdown", scheduler.shutdown


def rows(store, asked):
    scheduler = Still(jobstores={"default": store}, executors={"default": DebugExecutor()})
    found = {}
    for name, act in steps(scheduler):
        asked.clear()
        act()
        found[name] = sorted(asked)
    return found


def play_one(cls, names, make_store):
    asked: set[str] = set()
    result = {}
    for way, make in (("subclass", subclass), ("mixin", with_mixin), ("by name", by_name)):
        result[way] = rows(make_store(make(cls, names, asked)), asked)
    with patched(cls, names, asked):
        result["patch"] = rows(make_store(cls), asked)
    result["instance"] = rows(on_instance(make_store(cls), names, asked), asked)
    for name in names:
        result[f"{name} alone"] = rows(make_store(subclass(cls, [name], asked)), asked)
    return result


def play():
    return {
        "memory": play_one(MemoryJobStore, MEMORY, lambda cls: cls()),
        "sql": play_one(SQLAlchemyJobStore, SQL, lambda cls: cls("sqlite://")),
    }


if __name__ == "__main__":
    logging.disable()
    sys.stdout.write(json.dumps(play(), indent=1, sort_keys=True) + "\n")
