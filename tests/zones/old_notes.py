"""A store whose noted zone data differ from today's: Tokyo is nine hours ahead, and was eight by what is noted."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime

import tzdata

from apscheduler._engine.instants import DAY, SECOND, to_us
from apscheduler.events import EVENT_JOB_SKIPPED
from apscheduler.testing import ManualScheduler
from apscheduler.zones.clocks import Clocks

HOUR = 3600 * SECOND
START = datetime(2030, 1, 1, tzinfo=UTC)
NOW = to_us(START)
OLD, NEW, LATER = "2001a", tzdata.IANA_VERSION, "2999a"
TOKYO, DUBAI = "Asia/Tokyo", "Asia/Dubai"
NINE = {"month": 1, "day": 15, "hour": 9, "timezone": TOKYO}
RIGHT = datetime(2030, 1, 15, 0, tzinfo=UTC)
PLANNED = datetime(2030, 1, 15, 1, tzinfo=UTC)
WAIT = 60.0
"""Seconds that a real thread is waited for at most."""


def noop():
    """Do nothing."""


def clocks(tokyo: int = 8, dubai: int = 4) -> Clocks:
    """Return the clocks of two zones by data in which they are so many hours ahead."""
    first = NOW - DAY
    ahead = {TOKYO: tokyo, DUBAI: dubai}
    moves = {zone: [(first, hours * HOUR)] for zone, hours in ahead.items()}
    return Clocks(first, NOW + 5 * 366 * DAY, moves)


@contextmanager
def started(place, *, heard=None, looked=True, **options):
    """Start a scheduler and have it look at what is noted, to the end."""
    store = place.store(**options)
    scheduler = ManualScheduler(jobstores={"default": store})
    if heard is not None:
        scheduler.add_listener(heard, EVENT_JOB_SKIPPED)
    scheduler.start()
    try:
        if looked:
            compared(store)
        yield scheduler, store
    finally:
        scheduler.shutdown()


def compared(store) -> None:
    thread = store._session.rezoning.thread
    if thread is not None:
        thread.join(WAIT)
        assert not thread.is_alive()


def noted(store) -> str | None:
    """Return the version that is noted."""
    found: str | None = store._session.rezoning._notes.version()
    return found


def tended(store) -> str | None:
    """Have the store take note of the data in use, as half a minute after its start; return the version that is noted."""
    store._session.rezoning.tend()
    compared(store)
    return noted(store)


def planned(place, *jobs, known: Clocks | None = None) -> None:
    """Store jobs that were planned with old data: options of each, else at nine o'clock of one day in Tokyo."""
    with started(place, follow_zone_data=False) as (scheduler, store):
        for number, each in enumerate(jobs):
            options = {"id": f"job {number:02}", "next_run_time": PLANNED, **NINE, **each}
            scheduler.add_job(noop, "cron", **options)
        store._session.rezoning._notes.write(OLD, known or clocks())


def due(scheduler) -> list[datetime | None]:
    jobs = sorted(scheduler.get_jobs(), key=lambda job: job.id)
    return [job.next_run_time and job.next_run_time.astimezone(UTC) for job in jobs]
