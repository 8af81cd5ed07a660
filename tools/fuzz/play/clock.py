"""A clock that a program sets, put where both implementations read theirs."""

from __future__ import annotations

import datetime as dt
import importlib
from typing import Any

PLACES = (
    "apscheduler.schedulers.base",
    "apscheduler.executors.base",
    "apscheduler.triggers.interval",
    "apscheduler.triggers.date",
    "apscheduler.triggers.cron",
    "apscheduler.triggers.calendarinterval",
)
"""The modules whose ``datetime`` clients patch."""
_state = {"now": dt.datetime(2024, 1, 1, tzinfo=dt.UTC)}


def now() -> dt.datetime:
    return _state["now"]


def set_to(moment: dt.datetime) -> None:
    _state["now"] = moment.astimezone(dt.UTC)


def advance(seconds: float) -> None:
    _state["now"] += dt.timedelta(seconds=seconds)


class _AsReal(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, dt.datetime)


class PlayedDatetime(dt.datetime, metaclass=_AsReal):
    """``datetime`` whose present is the program's."""

    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return now().astimezone(tz) if tz is not None else now().astimezone().replace(tzinfo=None)

    @classmethod
    def utcnow(cls) -> Any:
        return now().replace(tzinfo=None)


def install() -> None:
    for name in PLACES:
        module: Any = importlib.import_module(name)
        if hasattr(module, "datetime"):
            module.datetime = PlayedDatetime
