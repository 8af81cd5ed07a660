"""Values of a program as Python has them, and values of Python as a trace has them."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from apscheduler.job import Job
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.calendarinterval import CalendarIntervalTrigger
from apscheduler.triggers.combining import AndTrigger, OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

MARK = "$"
TRIGGERS: dict[str, Any] = {
    "date": DateTrigger,
    "interval": IntervalTrigger,
    "cron": CronTrigger,
    "calendarinterval": CalendarIntervalTrigger,
    "and": AndTrigger,
    "or": OrTrigger,
}


class Odd:
    """An object that nobody has a use for."""

    def __repr__(self) -> str:
        return "odd"


def made(value: Any, callables: dict[str, Any]) -> Any:
    """Return the value that a program's JSON stands for."""
    if isinstance(value, list):
        return [made(each, callables) for each in value]
    if not isinstance(value, dict):
        return value
    kind = value.get(MARK)
    if kind is None:
        return {key: made(each, callables) for key, each in value.items()}
    if kind == "raw":
        return value["value"]
    if kind == "callable":
        return callables[value["name"]]
    if kind in {"tuple", "set"}:
        items = (made(each, callables) for each in value["items"])
        return tuple(items) if kind == "tuple" else set(items)
    if kind == "trigger":
        return TRIGGERS[value["name"]](**made(value["kwargs"], callables))
    if kind == "crontab":
        return CronTrigger.from_crontab(value["text"], **made(value["kwargs"], callables))
    return _SIMPLE[kind](value)


def _datetime(value: dict[str, Any]) -> datetime:
    moment = datetime.fromisoformat(value["text"])
    if value.get("zone"):
        moment = moment.replace(tzinfo=_zone(value["zone"]), fold=value.get("fold", 0))
    return moment


def _zone(name: str) -> Any:
    if name[0] in "+-":
        return timezone(timedelta(hours=float(name)))
    return timezone.utc if name == "utc" else ZoneInfo(name)  # noqa: UP017 - the object as users write it


_SIMPLE: dict[str, Any] = {
    "datetime": _datetime,
    "date": lambda value: date.fromisoformat(value["text"]),
    "time": lambda value: time.fromisoformat(value["text"]),
    "timedelta": lambda value: timedelta(seconds=value["seconds"]),
    "zone": lambda value: _zone(value["name"]),
    "float": lambda value: float(value["text"]),
    "odd": lambda _: Odd(),
}


def _text(value: Any) -> str:
    try:
        return str(value)
    except Exception as exc:  # noqa: BLE001 - a text that cannot be made is compared, too
        return type(exc).__name__


def shown(value: Any) -> Any:
    """Return a value as a trace shows it."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, datetime):
        return {"moment": value.isoformat(), "zone": str(value.tzinfo)}
    if isinstance(value, Job):
        return shown_job(value)
    if isinstance(value, BaseTrigger):
        return {"trigger": _text(value)}
    if isinstance(value, (list, tuple)):
        return {type(value).__name__: [shown(each) for each in value]}
    if isinstance(value, dict):
        return {"dict": {str(key): shown(each) for key, each in value.items()}}
    if isinstance(value, timedelta):
        return {"timedelta": str(value)}
    return {"type": type(value).__name__}


_ATTRIBUTES = (
    "id",
    "name",
    "func_ref",
    "args",
    "kwargs",
    "executor",
    "misfire_grace_time",
    "coalesce",
    "max_instances",
    "trigger",
    "next_run_time",
    "pending",
)


def shown_job(job: Any) -> dict[str, Any]:
    missing = object()
    found = {name: getattr(job, name, missing) for name in _ATTRIBUTES}
    seen = {name: "absent" if each is missing else shown(each) for name, each in found.items()}
    return {"job": seen, "alias": job._jobstore_alias}


def brief_job(job: Any) -> list[Any]:
    """Return what every look at the jobs compares."""
    return [job.id, job._jobstore_alias, shown(getattr(job, "next_run_time", "absent"))]


def shown_error(exc: BaseException) -> list[str]:
    """Return the names of an exception's classes, its own first."""
    return [cls.__name__ for cls in type(exc).__mro__ if cls is not object]
