"""Many jobs due at one instant: the time from ``resume()`` until the last one has run."""

from __future__ import annotations

import gc
from datetime import UTC, datetime, timedelta
from time import perf_counter, sleep, time
from typing import Any

from apscheduler.events import EVENT_JOB_EXECUTED
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

TRIGGERS: dict[str, Any] = {
    "interval": lambda: IntervalTrigger(hours=1, timezone=UTC),
    "daily": lambda: CronTrigger(hour=0, minute=0, timezone=UTC),
    "minute": lambda: CronTrigger(minute="*", timezone=UTC),
    "second": lambda: CronTrigger(second="*", timezone=UTC),
}

_ends: list[float] = []


def job(note: Any = _ends.append, clock: Any = perf_counter) -> None:
    """Each run notes its own end, so nobody has to watch while they run."""
    note(clock())


def _listen(event: Any) -> None:
    """Hear of a run."""


def threaded(
    count: int,
    trigger: str = "interval",
    *,
    listener: bool = False,
    collector: bool = True,
    ledger: bool = True,
) -> dict[str, float]:
    """The default executor: ten threads."""
    scheduler = BackgroundScheduler(timezone=UTC)
    if listener:
        scheduler.add_listener(_listen, EVENT_JOB_EXECUTED)
    if not ledger:
        scheduler.add_jobstore(_store_without_ledger())
    return _run(scheduler, count, trigger, collector=collector)


def inline(count: int) -> dict[str, float]:
    """The debug executor: in the loop's own thread."""
    options = {"apscheduler.executors.default": {"type": "debug"}}
    return _run(BackgroundScheduler(options, timezone=UTC), count, "interval")


def _run(scheduler: Any, count: int, trigger: str, *, collector: bool = True) -> dict[str, float]:
    scheduler.start(paused=True)
    try:
        due = _due_at(scheduler, count, trigger)
        _add(scheduler, count, trigger, due)
        _ends.clear()
        gc.collect()
        if not collector:
            gc.disable()
        _sleep_until(due)
        began = perf_counter()
        scheduler.resume()
        _wait_for(count, began + 100)
        return {"us": (max(_ends[:count]) - began) / count * 1e6}
    finally:
        gc.enable()
        scheduler.shutdown()
        gc.collect()


def _add(scheduler: Any, count: int, trigger: str, due: datetime) -> None:
    one = TRIGGERS[trigger]()
    for number in range(count):
        scheduler.add_job(job, one, id=f"job-{number}", next_run_time=due, misfire_grace_time=None)


def _due_at(scheduler: Any, count: int, trigger: str) -> datetime:
    """An instant at which all are due once: it has passed, unless that would make some due twice."""
    now = datetime.now(UTC)
    if trigger in ("interval", "daily"):
        return now - timedelta(seconds=1)
    sample = min(count, 500)
    began = perf_counter()
    _add(scheduler, sample, trigger, now + timedelta(hours=1))
    needed = (perf_counter() - began) / sample * count * 1.5 + 0.5
    scheduler.remove_all_jobs()
    later = datetime.now(UTC) + timedelta(seconds=needed + 1)
    return later.replace(microsecond=0)


def _sleep_until(moment: datetime) -> None:
    left = moment.timestamp() - time()
    if left > 0:
        sleep(left + 0.002)


def _wait_for(count: int, deadline: float) -> None:
    while len(_ends) < count:
        if perf_counter() > deadline:
            raise TimeoutError(f"{len(_ends)} of {count} jobs had run")
        sleep(0.02)


def _store_without_ledger() -> Any:
    """Our memory store with a ledger that forgets at once: there is no switch that turns it off."""
    from apscheduler.jobstores.memory import MemoryJobStore

    store: Any = MemoryJobStore()
    store.ledger.executed = _forget
    return store


def _forget(job: Any, fire: int, started: int, finished: int) -> None:
    """Forget a run."""
