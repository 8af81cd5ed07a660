"""Operations on single jobs of a scheduler that holds many, and the list of all of them."""

from __future__ import annotations

import gc
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

_schedulers: dict[int, Any] = {}
_random = random.Random(1)  # places to put jobs at
FAR = datetime.now(UTC) + timedelta(days=30)
TRIGGER = IntervalTrigger(hours=1, timezone=UTC)


def job() -> None:
    """Never called: everything is due in a month."""


def _holding(size: int) -> Any:
    """Return a scheduler with this number of jobs, a second apart: made once, and left as it was found."""
    if size not in _schedulers:
        scheduler = BackgroundScheduler(timezone=UTC)
        scheduler.start(paused=True)
        second = timedelta(seconds=1)
        for number in range(size):
            scheduler.add_job(job, TRIGGER, id=f"job-{number}", next_run_time=FAR + number * second)
        gc.collect()
        gc.freeze()  # a full collection over a million jobs would hit whoever happens to run
        _schedulers[size] = scheduler
    return _schedulers[size]


def operations(size: int, count: int) -> dict[str, float]:
    """Add jobs at random places, then pause, resume, reschedule and remove them, each time elsewhere."""
    scheduler = _holding(size)
    ids = [f"new-{number}" for number in range(count)]
    new = [(job_id, _trigger_at_random(size)) for job_id in ids]
    found = {"add": _per_item(_adder(scheduler), new, count)}
    _random.shuffle(ids)
    found["pause"] = _per_item(scheduler.pause_job, ids, count)
    found["resume"] = _per_item(scheduler.resume_job, ids, count)
    moves = [(job_id, _trigger_at_random(size)) for job_id in ids]
    found["reschedule"] = _per_item(
        lambda move: scheduler.reschedule_job(move[0], trigger=move[1]), moves, count
    )
    found["remove"] = _per_item(scheduler.remove_job, ids, count)
    return found


def _trigger_at_random(size: int) -> Any:
    start = FAR + timedelta(seconds=_random.random() * size)
    return IntervalTrigger(hours=1, start_date=start, timezone=UTC)


def _adder(scheduler: Any) -> Callable[[tuple[str, Any]], object]:
    def add(item: tuple[str, Any]) -> None:
        scheduler.add_job(job, item[1], id=item[0], next_run_time=item[1].start_date)

    return add


def _per_item(step: Callable[[Any], object], items: Any, count: int) -> float:
    began = perf_counter()
    for item in items:
        step(item)
    return (perf_counter() - began) / count * 1e6


def add_by_alias(size: int, count: int) -> dict[str, float]:
    """Add jobs as the tutorial does: an alias, its arguments, no id."""
    scheduler = _holding(size)
    began = perf_counter()
    added = [scheduler.add_job(job, "interval", hours=1) for _ in range(count)]
    passed = perf_counter() - began
    for each in added:
        each.remove()
    return {"add": passed / count * 1e6}


def listing(size: int, seconds: float) -> dict[str, float]:
    """``get_jobs``: of jobs that stay as they are, and after a change of one job each time."""
    scheduler = _holding(size)
    scheduler.get_jobs()
    return {
        "unchanged": _listed(scheduler, seconds, lambda: None),
        "changed": _listed(scheduler, seconds, lambda: _change_one(scheduler, size)),
    }


def _listed(scheduler: Any, seconds: float, before: Callable[[], None]) -> float:
    spent, calls = 0.0, 0
    while spent < seconds or calls < 3:
        before()
        began = perf_counter()
        scheduler.get_jobs()
        spent += perf_counter() - began
        calls += 1
    return spent / calls * 1e6


def _change_one(scheduler: Any, size: int) -> None:
    job_id = f"job-{_random.randrange(size)}"
    when = FAR + timedelta(seconds=_random.random() * size)
    scheduler.modify_job(job_id, next_run_time=when)
