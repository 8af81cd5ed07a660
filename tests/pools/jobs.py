"""What runs in other people's pools: each run leaves marks for the judge outside."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from cluster.support import judge

from apscheduler import current_run

LONG = 7.0
"""Seconds of a call that its timeout has to cut short."""


def mark(phase):
    run = current_run()
    path = os.environ["POOLS_MARKS"]
    fire = int(run.fire_id.rpartition("@")[2])
    judge.mark(path, run.job_id, fire, run.token, run.attempt, phase)


def add(one, two):
    mark("start")
    mark("end")
    return one + two


def fail():
    mark("start")
    raise ValueError("of its own")


def fail_without_text():
    mark("start")
    raise ValueError


def exit_inside():
    mark("start")
    sys.exit(3)


def what_does_not_travel():
    """Return what no way of pickling takes: dill, which parsl has, takes locks."""
    yield


def return_a_generator():
    mark("start")
    mark("end")
    return what_does_not_travel()


class StubbornError(Exception):
    """An exception that does not travel."""

    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")
        self.kept = what_does_not_travel()


def raise_stubborn():
    mark("start")
    raise StubbornError(1, 2)


@dataclass(frozen=True)
class FrozenError(Exception):
    """An exception that cannot be set anything."""

    code: int


def raise_frozen():
    mark("start")
    raise FrozenError(5)


class Unpicklable:
    def __init__(self):
        self.kept = what_does_not_travel()


def take(_):
    mark("start")
    mark("end")


async def add_later(one, two):
    mark("start")
    await asyncio.sleep(0.01)
    mark("end")
    return one + two


def sleep(seconds=LONG):
    mark("start")
    time.sleep(seconds)
    mark("end")


def spin(seconds=LONG):
    mark("start")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.005)
    mark("end")


async def sleep_async(seconds=LONG):
    mark("start")
    await asyncio.sleep(seconds)
    mark("end")


def kill_own_process():
    mark("start")
    os.kill(os.getpid(), signal.SIGKILL)


def tell_pid(path):
    mark("start")
    Path(path).write_text(str(os.getpid()), encoding="ascii")
    mark("end")
