"""Jobs in two worker processes."""

from __future__ import annotations

import gc
from datetime import UTC, datetime, timedelta
from threading import Event
from time import perf_counter
from typing import Any

WORKERS = 2


def job() -> None:
    """Nothing: the way there and back is what is measured."""


def scheduled(count: int) -> dict[str, float]:
    """Due jobs through the scheduler's process pool, until the last one's event has come."""
    from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED, EVENT_JOB_MISSED
    from apscheduler.schedulers.background import BackgroundScheduler
    from apscheduler.triggers.interval import IntervalTrigger

    options = {"apscheduler.executors.default": {"type": "processpool", "max_workers": WORKERS}}
    scheduler = BackgroundScheduler(options, timezone=UTC)
    counter = _Counter()
    scheduler.add_listener(counter, EVENT_JOB_EXECUTED | EVENT_JOB_ERROR | EVENT_JOB_MISSED)
    one = IntervalTrigger(hours=1, timezone=UTC)
    scheduler.start(paused=True)
    try:
        seconds = 0.0
        for number, batch in enumerate((200, count)):  # the first ones start the processes
            past = datetime.now(UTC) - timedelta(seconds=1)
            for each in range(batch):
                scheduler.add_job(
                    job, one, id=f"{number}-{each}", next_run_time=past, misfire_grace_time=None
                )
            gc.collect()
            counter.expect(batch)
            began = perf_counter()
            scheduler.resume()
            counter.wait()
            seconds = perf_counter() - began
            scheduler.pause()
            if set(counter.codes) != {EVENT_JOB_EXECUTED}:
                raise RuntimeError(f"not all jobs ran: event codes {set(counter.codes)}")
        return {"us": seconds / count * 1e6}
    finally:
        scheduler.shutdown()


class _Counter:
    """Collects the codes of events; any thread may call it."""

    def __init__(self) -> None:
        self.codes: list[int] = []
        self._expected = 0
        self._all_came = Event()

    def expect(self, count: int) -> None:
        self.codes.clear()
        self._expected = count
        self._all_came.clear()

    def __call__(self, event: Any) -> None:
        self.codes.append(event.code)
        if len(self.codes) == self._expected:
            self._all_came.set()

    def wait(self) -> None:
        if not self._all_came.wait(60):
            raise TimeoutError(f"{len(self.codes)} of {self._expected} events came in a minute")


def futures(count: int) -> dict[str, float]:
    """A loop of ``ProcessPoolExecutor.submit``, until the last future is done."""
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(WORKERS) as pool:
        for warm in [pool.submit(job) for _ in range(200)]:
            warm.result()
        gc.collect()
        began = perf_counter()
        for future in [pool.submit(job) for _ in range(count)]:
            future.result()
        return {"us": (perf_counter() - began) / count * 1e6}
