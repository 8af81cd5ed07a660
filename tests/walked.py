"""A program for test_architecture.py: runs one fire time, and prints the files of ours that it goes through."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from pathlib import Path

import apscheduler
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED

SOURCE = f"{Path(apscheduler.__file__).parent}{os.sep}"
FOUND: set[str] = set()


def ours(path: str) -> str | None:
    """Return a file's path below our package, ``None`` if it is not ours."""
    return path.removeprefix(SOURCE).replace(os.sep, "/") if path.startswith(SOURCE) else None


def note(frame, event, _):
    if event == "call":
        path = ours(frame.f_code.co_filename)
        if path is not None:
            FOUND.add(path)


def callers() -> list[str]:
    """The job: return the files that have called it."""
    found, frame = [], sys._getframe(1)
    while frame is not None:
        path = ours(frame.f_code.co_filename)
        found += [] if path is None else [path]
        frame = frame.f_back
    return found


async def awaited() -> list[str]:
    """The job in an event loop."""
    return callers()


def stores(place: str) -> dict:
    return (
        {}
        if place == "memory"
        else {"default": {"type": "sqlalchemy", "url": f"sqlite:///{place}"}}
    )


def in_threads(place: str, executor: str) -> None:
    from apscheduler.schedulers.background import BackgroundScheduler

    scheduler = BackgroundScheduler(
        jobstores=stores(place), executors={"default": {"type": executor, "max_workers": 1}}
    )
    ended = threading.Event()
    scheduler.start()
    scheduler.add_listener(
        lambda event: told(event, ended.set), EVENT_JOB_EXECUTED | EVENT_JOB_ERROR
    )
    FOUND.clear()  # what the start has called
    scheduler.add_job(callers, misfire_grace_time=None)
    assert ended.wait(60)
    scheduler.shutdown()


async def in_a_loop(place: str) -> None:
    from apscheduler.schedulers.asyncio import AsyncIOScheduler

    scheduler = AsyncIOScheduler(jobstores=stores(place))
    ended = asyncio.Event()
    scheduler.start()
    scheduler.add_listener(
        lambda event: told(event, ended.set), EVENT_JOB_EXECUTED | EVENT_JOB_ERROR
    )
    FOUND.clear()  # what the start has called
    scheduler.add_job(awaited, misfire_grace_time=None)
    await asyncio.wait_for(ended.wait(), 60)
    scheduler.shutdown()


def told(event, end) -> None:
    assert event.exception is None, event.exception
    FOUND.update(event.retval)
    end()


if __name__ == "__main__":
    kind, place = sys.argv[1:]
    sys.setprofile(note)
    threading.setprofile(note)
    if kind == "asyncio":
        asyncio.run(in_a_loop(place))
    else:
        in_threads(place, kind)
    sys.stdout.write(json.dumps(sorted(FOUND)))
