"""Which methods of a scheduler are asked, step by step: one scenario, played anywhere.

Run by 3.11.3 in an environment of its own, from outside a checkout, it writes the golden data:

    python -E tests/overrides/schedulers.py > tests/data/overrides-of-schedulers-3.11.3.json
"""

from __future__ import annotations

import io
import json
import logging
import sys
from datetime import UTC, datetime, timedelta

from recording import by_name, on_instance, patched, subclass, with_mixin

from apscheduler.executors.debug import DebugExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.base import BaseScheduler
from apscheduler.triggers.date import DateTrigger

NAMES = [
    "configure",
    "_configure",
    "_create_plugin_instance",
    "_create_default_executor",
    "_create_default_jobstore",
    "_create_lock",
    "_create_trigger",
    "_lookup_executor",
    "_lookup_jobstore",
    "_lookup_job",
    "_real_add_job",
    "_dispatch_event",
    "_process_jobs",
    "_check_uwsgi",
    "start",
    "shutdown",
    "pause",
    "resume",
    "wakeup",
    "add_executor",
    "remove_executor",
    "add_jobstore",
    "remove_jobstore",
    "add_listener",
    "remove_listener",
    "add_job",
    "scheduled_job",
    "modify_job",
    "reschedule_job",
    "pause_job",
    "resume_job",
    "get_job",
    "get_jobs",
    "remove_job",
    "remove_all_jobs",
    "print_jobs",
    "export_jobs",
    "import_jobs",
]
# The names that 3.11.3 asks while an object is made are asked for before the object's own attributes can be there.
ON_INSTANCES = [name for name in NAMES if name not in ("configure", "_configure", "_create_lock")]


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
    yield (
        "configure",
        lambda: scheduler.configure(
            jobstores={"other": {"type": "memory"}}, executors={"other": {"type": "debug"}}
        ),
    )
    yield "add_executor", lambda: scheduler.add_executor(DebugExecutor())
    yield "add_jobstore", lambda: scheduler.add_jobstore(MemoryJobStore(), "third")
    yield "add_listener", lambda: scheduler.add_listener(print_nothing)
    yield "add pending", lambda: scheduler.add_job(nothing, "interval", hours=1, id="a")
    yield "add another", lambda: scheduler.add_job(nothing, "interval", hours=1, id="b")
    yield (
        "add a third",
        lambda: scheduler.add_job(
            nothing, "interval", hours=1, id="c", jobstore="other", replace_existing=True
        ),
    )
    yield "get pending", lambda: scheduler.get_job("a")
    yield "modify pending", lambda: scheduler.modify_job("a", name="A")
    yield "start", scheduler.start
    yield "add_job", lambda: scheduler.add_job(nothing, "interval", hours=1, id="d")
    yield (
        "replace",
        lambda: scheduler.add_job(nothing, "interval", hours=1, id="d", replace_existing=True),
    )
    yield (
        "scheduled_job",
        lambda: scheduler.scheduled_job("interval", hours=1, id="e")(nothing),
    )
    yield "get_job", lambda: scheduler.get_job("a")
    yield "get_jobs", scheduler.get_jobs
    yield "print_jobs", lambda: scheduler.print_jobs(out=io.StringIO())
    yield "modify_job", lambda: scheduler.modify_job("a", name="AA")
    yield "reschedule_job", lambda: scheduler.reschedule_job("a", trigger="interval", minutes=5)
    yield "pause_job", lambda: scheduler.pause_job("a")
    yield "resume_job", lambda: scheduler.resume_job("a")
    yield "job.modify", lambda: scheduler.get_job("a").modify(name="AAA")
    yield "job.pause", lambda: scheduler.get_job("a").pause()
    yield "job.resume", lambda: scheduler.get_job("a").resume()
    yield "job.reschedule", lambda: scheduler.get_job("a").reschedule("interval", minutes=7)
    yield "job.remove", lambda: scheduler.get_job("e").remove()
    yield "a pass without a due job", scheduler._process_jobs
    yield "make due", lambda: scheduler.modify_job("a", next_run_time=soon())
    yield "a pass with a due job", scheduler._process_jobs
    yield "add a date job", lambda: scheduler.add_job(nothing, "date", run_date=soon(), id="f")
    yield "a pass in which a job ends", scheduler._process_jobs
    yield "resume what has ended", lambda: resume_ended(scheduler)
    yield "remove_job", lambda: scheduler.remove_job("d")
    yield "export_jobs", lambda: scheduler.export_jobs(io.StringIO())
    yield "import_jobs", lambda: import_jobs(scheduler)
    yield "pause", scheduler.pause
    yield "resume", scheduler.resume
    yield "remove_all_jobs", scheduler.remove_all_jobs
    yield "remove_jobstore", lambda: scheduler.remove_jobstore("third")
    yield "remove_executor", lambda: scheduler.remove_executor("other")
    yield "remove_listener", lambda: scheduler.remove_listener(print_nothing)
    yield "shutdown", scheduler.shutdown


def print_nothing(event):
    pass


def resume_ended(scheduler):
    scheduler.add_job(nothing, "date", run_date=soon(), id="g", next_run_time=None)
    job = scheduler.get_job("g")
    job.modify(trigger=Ended())
    scheduler.resume_job("g")


class Ended(DateTrigger):
    """Has no fire time."""

    def get_next_fire_time(self, previous_fire_time, now):
        return None


def import_jobs(scheduler):
    written = io.StringIO()
    scheduler.export_jobs(written)
    scheduler.remove_all_jobs()
    scheduler.import_jobs(io.StringIO(written.getvalue()))


def rows(scheduler, asked):
    found = {}
    for name, act in steps(scheduler):
        asked.clear()
        act()
        found[name] = sorted(asked)
    return found


def play():
    asked: set[str] = set()
    result = {}
    for way, make in (("subclass", subclass), ("mixin", with_mixin), ("by name", by_name)):
        asked.clear()
        scheduler = make(Still, NAMES, asked)()
        result[way] = {"made": sorted(asked), **rows(scheduler, asked)}
    with patched(Still, NAMES, asked):
        result["patch"] = rows(Still(), asked)
    result["instance"] = rows(on_instance(Still(), ON_INSTANCES, asked), asked)
    for name in NAMES:
        asked.clear()
        alone = subclass(Still, [name], asked)()
        made = sorted(asked)
        result[f"{name} alone"] = {"made": made, **rows(alone, asked)}
    return result


if __name__ == "__main__":
    logging.disable()
    sys.stdout.write(json.dumps(play(), indent=1, sort_keys=True) + "\n")
