"""What is special, in a few seconds: a timeout, a miss with its reason, and runs whose process was killed.

Everything happens for real: worker threads hang, a process is killed, a store on disk remembers. Then the ledger is
asked, and each thing seen is said in a sentence.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import textwrap
import time
from threading import Event
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDTH = 80
PATIENCE_SECONDS = 20.0
LOOK_SECONDS = 0.05
_NAMES = ("send-mails", "pay-invoices", "nightly-report", "long-backup", "hourly-check")
_never = Event()
_again = Event()
_waits = Event()


# -- the jobs -----------------------------------------------------------------------------------------------


def hang() -> None:
    """Wait for something that never comes."""
    while not _never.wait(0.05):
        pass


def back_up() -> None:
    """Hold the worker until the next one has waited for it too long."""
    _waits.wait(PATIENCE_SECONDS)
    _never.wait(1.5)


def check() -> None:
    """Be quick, where there is a worker free."""


def pay() -> None:
    """Hang in the process that is killed; run in the one that takes over."""
    if not _again.is_set():
        say_running()
        hang()


def say_running() -> None:
    print("running", flush=True)


def mail() -> None:
    say_running()
    hang()


# -- the processes ------------------------------------------------------------------------------------------


def scheduler_on(folder: str) -> Any:
    from apscheduler.executors.pool import ThreadPoolExecutor
    from apscheduler.jobstores.memory import MemoryJobStore
    from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
    from apscheduler.schedulers.background import BackgroundScheduler

    return BackgroundScheduler(
        jobstores={
            "default": SQLAlchemyJobStore(f"sqlite:///{folder}/jobs.sqlite"),
            "memory": MemoryJobStore(),
        },
        executors={"default": ThreadPoolExecutor(4), "narrow": ThreadPoolExecutor(1)},
    )


def be_killed(folder: str) -> None:
    """Be the process that runs two jobs and is killed in their middle."""
    scheduler = scheduler_on(folder)
    scheduler.start()
    scheduler.add_job(mail, id="send-mails", misfire_grace_time=None)
    scheduler.add_job(pay, id="pay-invoices", misfire_grace_time=None, delivery="at_least_once")
    hang()


def begin(folder: str) -> subprocess.Popen[str]:
    """Start the process that is to be killed."""
    # By its module's name, which the store keeps for whoever takes over.
    code = f"import {__name__} as jobs, sys; jobs.be_killed(sys.argv[1])"
    paths = os.pathsep.join(filter(None, sys.path))
    return subprocess.Popen(  # noqa: S603 - this very program
        [sys.executable, "-c", code, folder],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": paths},
        start_new_session=True,
    )


def kill(victim: subprocess.Popen[str]) -> None:
    """Kill it when both of its jobs run."""
    with victim:
        for _ in range(2):
            victim.stdout.readline()  # type: ignore[union-attr] # a pipe
        victim.kill()


def show(folder: str, victim: subprocess.Popen[str]) -> None:
    """Have it all happen, and say what was seen.

    :param victim: what :func:`begin` returned for this folder
    """
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)  # the ledger is to speak here
    kill(victim)
    print("A process was killed in the middle of two jobs. Another takes over:\n", flush=True)
    _again.set()
    scheduler = scheduler_on(folder)
    scheduler.start()
    try:
        later: dict[str, Any] = {"misfire_grace_time": None, "jobstore": "memory"}
        scheduler.add_job(hang, id="nightly-report", timeout=1, **later)
        narrow = later | {"executor": "narrow"}
        scheduler.add_job(back_up, id="long-backup", **narrow)
        scheduler.add_job(check, id="hourly-check", **(narrow | {"misfire_grace_time": 1}))
        _waits.set()
        for text in sentences(all_runs(scheduler)):
            print(text, flush=True)
    finally:
        _never.set()
        scheduler.shutdown(timeout=5)


def all_runs(scheduler: Any) -> list[Any]:
    """Return one run of each job, once each has its outcome."""
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        found = {run.job_id: run for run in reversed(scheduler.get_runs()) if run.outcome}
        if len(found) == len(_NAMES) or time.monotonic() > until:
            return [found[name] for name in _NAMES if name in found]
        time.sleep(LOOK_SECONDS)


# -- the sentences ------------------------------------------------------------------------------------------

_SENTENCES = {
    "send-mails": "its process was killed while it ran, and nobody can say whether it ended: so it is not run twice.",
    "pay-invoices": 'its process was killed, too; with delivery="at_least_once" the next one ran it again.',
    "nightly-report": "it hung; timeout=1 ended it, and its worker was free again.",
    "long-backup": "it held the only worker of its pool for longer than a second.",
    "hourly-check": "it waited for that worker longer than its misfire_grace_time.",
}


def sentences(runs: list[Any]) -> Iterator[str]:
    """Yield what became of each run, and why, in lines of 80 columns."""
    for run in runs:
        yield entry(run.job_id, str(run.outcome), _SENTENCES[run.job_id])
        why = run.reason or run.error
        if why:
            yield entry("", "", f"Ledger: {why}")


def entry(name: str, outcome: str, text: str) -> str:
    """Return one thing seen: who, what became of it, and a text beside."""
    head = f"{name:16}{outcome:11}"
    return textwrap.fill(text, WIDTH, initial_indent=head, subsequent_indent=" " * len(head))
