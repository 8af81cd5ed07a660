"""Walks along the fire times of one trigger."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from time import perf_counter
from typing import Any
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Berlin")
START = datetime(2026, 1, 1, tzinfo=ZONE)
HOUR = timedelta(hours=1)

FIELDS: dict[str, dict[str, Any]] = {
    "every 5 minutes": {"minute": "*/5"},
    "mon-fri 10:00": {"day_of_week": "mon-fri", "hour": 10, "minute": 0},
    "Feb 29": {"month": 2, "day": 29},
    "last day": {"day": "last"},
    "daily 2:30": {"hour": 2, "minute": 30},
    "every 10 s": {"second": "*/10"},
}
EXPRESSIONS = {
    "every 5 minutes": "*/5 * * * *",
    "mon-fri 10:00": "0 10 * * 1-5",
    "Feb 29": "0 0 29 2 *",
    "last day": "0 0 L * *",
    "daily 2:30": "30 2 * * *",
    "every 10 s": "*/10 * * * * *",
}
STEPS = {"Feb 29": 10}
"""Fire times of one walk: 60 where no other number is given, and Feb 29 stays within this century."""


def _timed(walk: Callable[[int], object], kind: str, seconds: float) -> dict[str, float]:
    steps = STEPS.get(kind, 60)
    walk(steps)
    walks, began = 0, perf_counter()
    while (passed := perf_counter() - began) < seconds:
        walk(steps)
        walks += 1
    return {"us": passed / (walks * steps) * 1e6}


def public(kind: str, seconds: float, trigger: str = "cron") -> dict[str, float]:
    """``get_next_fire_time``, each fire time asked for from the one before."""
    return _timed(_walk(_trigger(kind, trigger).get_next_fire_time, START), kind, seconds)


def public_back(kind: str, seconds: float, trigger: str = "cron") -> dict[str, float]:
    """``get_previous_fire_time``, each fire time asked for from the one after (ours only)."""
    return _timed(_walk(_trigger(kind, trigger).get_previous_fire_time, START), kind, seconds)


def inside(kind: str, seconds: float, trigger: str = "cron") -> dict[str, float]:
    """The engine's own way to the next fire time: integer microseconds (ours only)."""
    from apscheduler._engine.instants import to_us

    return _timed(_walk(_trigger(kind, trigger).next_us, to_us(START)), kind, seconds)


def inside_back(kind: str, seconds: float, trigger: str = "cron") -> dict[str, float]:
    """The engine's own way to the fire time before (ours only)."""
    from apscheduler._engine.instants import to_us

    ask, start = _trigger(kind, trigger).previous_us, to_us(START)

    def walk(steps: int) -> None:
        until = start
        for _ in range(steps):
            until = ask(until) - 1

    return _timed(walk, kind, seconds)


def _walk(ask: Callable[[Any, Any], Any], start: Any) -> Callable[[int], None]:
    def walk(steps: int) -> None:
        previous, now = None, start
        for _ in range(steps):
            previous = now = ask(previous, now)

    return walk


def _trigger(kind: str, trigger: str) -> Any:
    from apscheduler.triggers.cron import CronTrigger
    from apscheduler.triggers.interval import IntervalTrigger

    if kind == "interval":
        return IntervalTrigger(hours=1, start_date=START, timezone=ZONE)
    if trigger == "crontab":
        from apscheduler.triggers.crontab import CrontabTrigger

        return CrontabTrigger(EXPRESSIONS[kind], timezone=ZONE)
    return CronTrigger(**FIELDS[kind], timezone=ZONE)


def alpha(kind: str, seconds: float) -> dict[str, float]:
    """APScheduler 4: its triggers keep their place themselves."""
    from apscheduler.triggers import cron, interval

    new_cron: Any = cron.CronTrigger  # what type checkers see here is not the alpha
    new_interval: Any = interval.IntervalTrigger

    def walk(steps: int) -> None:
        if kind == "interval":
            trigger = new_interval(hours=1, start_time=START)
        else:
            trigger = new_cron(**FIELDS[kind], start_time=START, timezone=ZONE)
        for _ in range(steps):
            trigger.next()

    return _timed(walk, kind, seconds)


def croniter(kind: str, seconds: float, *, back: bool = False) -> dict[str, float]:
    from croniter import croniter as iterate

    def walk(steps: int) -> None:
        walked = iterate(EXPRESSIONS[kind], START, second_at_beginning=True)
        step = walked.get_prev if back else walked.get_next
        for _ in range(steps):
            step(datetime)

    return _timed(walk, kind, seconds)


def cronsim(kind: str, seconds: float, *, back: bool = False) -> dict[str, float]:
    from cronsim import CronSim

    def walk(steps: int) -> None:
        walked = CronSim(EXPRESSIONS[kind], START, reverse=back)
        for _ in range(steps):
            next(walked)

    return _timed(walk, kind, seconds)
