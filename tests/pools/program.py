"""A program with a scheduler whose jobs run in somebody else's pool: ``python -m pools.program POOL SCENARIO``."""

from __future__ import annotations

import importlib
import json
import logging
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from pools import jobs, kinds

from apscheduler.events import EVENT_JOB_EXECUTED
from apscheduler.executors.futures import FuturesExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore

FOLDER = Path(os.environ["POOLS_FOLDER"])
MARKS = Path(os.environ["POOLS_MARKS"])
PATIENCE = 60.0
TIMEOUT = 1.0
RUN_SECONDS = 2.0


def rest(seconds):
    """Sleep as this program's host does."""
    (sys.modules.get("gevent") or time).sleep(seconds)


def wait_until(condition, seconds=PATIENCE):
    """Wait; give up after a while, the judge sees what is missing."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not condition():
        rest(0.02)


class Program:
    """A scheduler, its pool, and what it is asked to do."""

    def __init__(self, pool, *, shared):
        host = "gevent" if "gevent" in sys.modules else "background"
        module = importlib.import_module(f"apscheduler.schedulers.{host}")
        store = {"default": SQLAlchemyJobStore(f"sqlite:///{FOLDER / 'jobs.sqlite'}")}
        self.scheduler = getattr(module, f"{host.title()}Scheduler")(
            jobstores=store if shared else None,
            executors={"default": FuturesExecutor(pool)},
            job_defaults={"misfire_grace_time": None},
            timezone="UTC",
        )
        self.values = {}
        self.scheduler.add_listener(self._note, EVENT_JOB_EXECUTED)
        self.scheduler.start()

    def _note(self, event):
        if isinstance(event.retval, int):
            self.values[event.job_id] = event.retval

    def add(self, name, func, *args, **options):
        self.scheduler.add_job(func, args=args, id=name, **options)

    def outcomes(self):
        return {run.job_id: run for run in self.scheduler.get_runs() if run.outcome is not None}

    def wait_for(self, name, seconds=PATIENCE):
        wait_until(lambda: name in self.outcomes(), seconds)

    def report(self, **words):
        runs = [
            {
                "job": run.job_id,
                "fire": run.fire_id.rpartition("@")[2],
                "outcome": str(run.outcome),
                "said": f"{run.reason or ''} {run.error or ''}",
                "seconds": run.duration.total_seconds() if run.started_at else None,
            }
            for run in self.outcomes().values()
        ]
        words |= {"runs": runs, "values": self.values}
        (FOLDER / "report.json").write_text(json.dumps(words), encoding="utf-8")

    def begin(self):
        """Start four runs of which two have a worker."""
        self.add("warm-up", jobs.add, 1, 2)
        self.wait_for("warm-up")
        before = MARKS.read_text().count(" start ")
        for number in range(4):
            self.add(f"run-{number}", jobs.spin, RUN_SECONDS)
        wait_until(lambda: MARKS.read_text().count(" start ") >= before + 2)
        rest(0.3)


def life(pool):
    """Run one call of each sort, those with a timeout, those whose worker dies; and end waiting for what runs."""
    program = Program(pool, shared=False)
    plain = {
        "arguments": (jobs.add, 1, 2),
        "equal": (jobs.add, 1, 2),
        "failure": (jobs.fail,),
        "no-text": (jobs.fail_without_text,),
        "exit": (jobs.exit_inside,),
        "result": (jobs.return_a_generator,),
        "exception": (jobs.raise_stubborn,),
        "frozen": (jobs.raise_frozen,),
        "argument": (jobs.take, jobs.Unpicklable()),
        "async": (jobs.add_later, 1, 2),
        "after-calls": (jobs.add, 1, 2),
    }
    for name, (func, *args) in plain.items():
        program.add(name, func, *args)
        program.wait_for(name, PATIENCE if name == "arguments" else 15)
    for name, func in {
        "sleep": jobs.sleep,
        "spin": jobs.spin,
        "async-sleep": jobs.sleep_async,
    }.items():
        program.add(name, func, timeout=TIMEOUT)
        program.wait_for(name, jobs.LONG)
    program.add("after-timeouts", jobs.add, 1, 2)
    program.wait_for("after-timeouts")
    if sys.argv[1] not in kinds.THREADS:
        kill_workers(program)
    program.begin()
    program.scheduler.shutdown(wait=True)
    program.report()


def kill_workers(program):
    """Have a worker die after its run, and another one in it."""
    path = FOLDER / "pid"
    program.add("finished", jobs.tell_pid, str(path))
    program.wait_for("finished")
    with suppress(OSError):
        os.kill(int(path.read_text(encoding="ascii")), signal.SIGKILL)
    rest(1.5)  # what would run again has the time for it
    program.add("killed", jobs.kill_own_process)
    program.wait_for("killed")
    program.add("after-deaths", jobs.add, 1, 2)
    program.wait_for("after-deaths")


def shutdown(pool):
    """Shut down without waiting, and live on until all has ended."""
    program = Program(pool, shared=True)
    program.begin()
    began = time.monotonic()
    program.scheduler.shutdown(wait=False)
    (FOLDER / "seconds").write_text(str(time.monotonic() - began), encoding="ascii")
    rest(2 * RUN_SECONDS + 2)


def leave(pool):
    """End without a shutdown."""
    Program(pool, shared=True).begin()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(relativeCreated)d %(name)s %(message)s")
    logging.getLogger("parsl").setLevel(logging.WARNING)
    made = kinds.MAKERS[sys.argv[1]]()
    if sys.argv[2] == "leave":
        leave(made.__enter__())
    else:
        {"life": life, "shutdown": shutdown}[sys.argv[2]](made.__enter__())
        made.__exit__(None, None, None)
        sys.stderr.flush()
        os._exit(0)
