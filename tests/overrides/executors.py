"""Which methods of an executor are asked, step by step: one scenario, played anywhere.

Run by 3.11.3 in an environment of its own, from outside a checkout, it writes the golden data:

    python -E tests/overrides/executors.py > tests/data/overrides-of-executors-3.11.3.json
"""

from __future__ import annotations

import json
import logging
import sys
from concurrent import futures
from datetime import UTC, datetime, timedelta

from recording import by_name, on_instance, patched, subclass, with_mixin

from apscheduler.executors.debug import DebugExecutor
from apscheduler.executors.pool import BasePoolExecutor, ProcessPoolExecutor, ThreadPoolExecutor
from apscheduler.schedulers.base import BaseScheduler

NAMES = [
    "start",
    "shutdown",
    "submit_job",
    "_do_submit_job",
    "_run_job_success",
    "_run_job_error",
]


class Still(BaseScheduler):
    """A scheduler whose passes are made by hand."""

    def wakeup(self):
        pass

    def shutdown(self, wait=True):
        super().shutdown(wait)


class OfAnyPool(BasePoolExecutor):
    """A pool of the standard library's."""

    def __init__(self):
        super().__init__(futures.ThreadPoolExecutor(2))


def failing():
    raise ValueError("no")


def soon():
    return datetime.now(UTC) - timedelta(milliseconds=1)


def rows(executor, asked):
    scheduler = Still(executors={"default": executor})
    scheduler.start()
    found = {"start": sorted(asked)}
    asked.clear()
    for function in (str, failing):
        scheduler.add_job(
            function, "date", run_date=soon(), id=function.__name__, misfire_grace_time=None
        )
    scheduler._process_jobs()
    scheduler.shutdown()
    return {**found, "a pass, and the shutdown": sorted(asked)}


def play_one(cls):
    asked: set[str] = set()
    result = {}
    for way, make in (("subclass", subclass), ("mixin", with_mixin), ("by name", by_name)):
        asked.clear()
        result[way] = rows(make(cls, NAMES, asked)(), asked)
        if cls is ProcessPoolExecutor:  # its processes take a second each time
            return result
    asked.clear()
    with patched(cls, NAMES, asked):
        result["patch"] = rows(cls(), asked)
    asked.clear()
    result["instance"] = rows(on_instance(cls(), NAMES, asked), asked)
    for name in NAMES:
        asked.clear()
        result[f"{name} alone"] = rows(subclass(cls, [name], asked)(), asked)
    return result


def play():
    kinds = (DebugExecutor, ThreadPoolExecutor, ProcessPoolExecutor, OfAnyPool)
    return {cls.__name__: play_one(cls) for cls in kinds}


if __name__ == "__main__":
    logging.disable()
    sys.stdout.write(json.dumps(play(), indent=1, sort_keys=True) + "\n")
