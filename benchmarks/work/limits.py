"""The least that must happen to run many jobs, and what other libraries make of it."""

from __future__ import annotations

import gc
from datetime import datetime, timedelta
from heapq import heapify, heapreplace
from time import perf_counter, sleep
from typing import Any

_ends: list[float] = []


def job(note: Any = _ends.append, clock: Any = perf_counter) -> None:
    """The job of ``dispatch``, without importing a scheduler."""
    note(clock())


def _prepare() -> None:
    _ends.clear()
    gc.collect()


def _cost(began: float, count: int) -> dict[str, float]:
    while len(_ends) < count:
        sleep(0.02)
    return {"us": (max(_ends[:count]) - began) / count * 1e6}


def heap(count: int) -> dict[str, float]:
    """A heap of integers in one thread: re-enter the earliest, call it."""
    now, step, mask = 1 << 20, 3600 << 20, (1 << 20) - 1
    entries = list(range(count))
    functions = [job] * count
    heapify(entries)
    _prepare()
    began = perf_counter()
    while entries[0] < now:
        entry = entries[0]
        heapreplace(entries, entry + step)
        functions[entry & mask]()
    return _cost(began, count)


def pool(count: int) -> dict[str, float]:
    """A loop of ``ThreadPoolExecutor.submit``."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(10) as executor:
        executor.submit(job).result()
        _prepare()
        began = perf_counter()
        for _ in range(count):
            executor.submit(job)
        return _cost(began, count)


def schedule(count: int) -> dict[str, float]:
    """The library ``schedule``: in the calling thread."""
    from schedule import Scheduler

    scheduler = Scheduler()
    for _ in range(count):
        scheduler.every(1).hours.do(job)
    past = datetime.now() - timedelta(seconds=1)  # noqa: DTZ005 - schedule's own times are naive
    for each in scheduler.jobs:
        each.next_run = past
    _prepare()
    began = perf_counter()
    scheduler.run_pending()
    return _cost(began, count)


def huey_immediate(count: int) -> dict[str, float]:
    """huey in memory, a task run by the call that enqueues it."""
    from huey import MemoryHuey

    task = MemoryHuey(immediate=True, results=False).task()(_huey_job)
    _prepare()
    began = perf_counter()
    for _ in range(count):
        task()
    return _cost(began, count)


def huey_consumer(count: int) -> dict[str, float]:
    """huey in memory, everything enqueued before, ten worker threads."""
    from huey import MemoryHuey

    huey = MemoryHuey(results=False)
    task = huey.task()(_huey_job)
    for _ in range(count):
        task()
    consumer = huey.create_consumer(workers=10, worker_type="thread", periodic=False)
    _prepare()
    began = perf_counter()
    consumer.start()
    cost = _cost(began, count)
    consumer.stop(graceful=True)
    return cost


def _huey_job() -> None:
    job()
