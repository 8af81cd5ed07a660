"""The built-in triggers as plain values: their pickled states, without the names of classes.

A cron trigger's fields are written as their texts, a combination's members as triggers of this table or of the
application. What a state may hold is checked here, because the triggers themselves trust their pickles.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from apscheduler.serializers._values import Entry, checked, fields, known_zone
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.calendarinterval import CalendarIntervalTrigger
from apscheduler.triggers.combining import AndTrigger, BaseCombiningTrigger, OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.cron.fields import BaseField
from apscheduler.triggers.crontab import CrontabTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

_NONE = type(None)
_ZONES = (timezone, ZoneInfo)
_NUMBER = (_NONE, int, float)
_FIELD_LIMIT = 10_000

# The classes that each value of a state may have.
_KINDS: dict[type, dict[str, tuple[type, ...]]] = {
    DateTrigger: {"version": (int,), "run_date": (datetime,)},
    IntervalTrigger: {
        "version": (int,),
        "timezone": _ZONES,
        "start_date": (datetime,),
        "end_date": (_NONE, datetime),
        "interval": (timedelta,),
        "jitter": _NUMBER,
    },
    CronTrigger: {
        "version": (int,),
        "timezone": _ZONES,
        "start_date": (_NONE, datetime),
        "end_date": (_NONE, datetime),
        "fields": (list,),
        "jitter": _NUMBER,
    },
    CrontabTrigger: {
        "version": (int,),
        "expression": (str,),
        "timezone": _ZONES,
        "start_date": (_NONE, datetime),
        "end_date": (_NONE, datetime),
        "jitter": _NUMBER,
        "dst": (str,),
        "lenient": (bool,),
        "job_id": (_NONE, str),
    },
    CalendarIntervalTrigger: {
        "version": (int,),
        "interval": (list,),
        "time": (list,),
        "start_date": (date,),
        "end_date": (_NONE, date),
        "timezone": _ZONES,
        "jitter": _NUMBER,
    },
    AndTrigger: {"version": (int,), "triggers": (list,), "jitter": _NUMBER},
    OrTrigger: {"version": (int,), "triggers": (list,), "jitter": _NUMBER},
}


def _plain(trigger: Any) -> dict[str, Any]:
    """Return the trigger's pickled state, its zone as one of the standard library."""
    state: dict[str, Any] = trigger.__getstate__()
    if "timezone" in state:
        state["timezone"] = known_zone(state["timezone"])
    return state


def _cron_plain(trigger: CronTrigger) -> dict[str, Any]:
    state = _plain(trigger)
    state["fields"] = [_field_plain(field) for field in trigger.fields]
    return state


def _field_plain(field: BaseField) -> list[Any]:
    ours = CronTrigger.FIELDS_MAP.get(field.name)
    if type(field) is not ours or any(type(e) not in ours.COMPILERS for e in field.expressions):
        raise TypeError(f"the cron field {field.name!r} has a class or an expression of its own")
    return [field.name, _short(str(field)), field.is_default]


def _combination_plain(trigger: BaseCombiningTrigger) -> dict[str, Any]:
    return {"version": 1, "triggers": list(trigger.triggers), "jitter": trigger.jitter}


def _restored(cls: type[BaseTrigger], state: dict[str, Any]) -> Any:
    trigger: Any = cls.__new__(cls)
    trigger.__setstate__(state)
    return trigger


def _simple(cls: type[BaseTrigger]) -> Callable[[Any], Any]:
    def from_plain(plain: Any) -> Any:
        return _restored(cls, _state(cls, plain))

    return from_plain


def _calendar(plain: Any) -> Any:
    state = _state(CalendarIntervalTrigger, plain)
    for name, count in (("interval", 4), ("time", 3)):
        for number in fields(state[name], count):
            checked(number, int)
    return _restored(CalendarIntervalTrigger, state)


def _cron(plain: Any) -> Any:
    state = _state(CronTrigger, plain)
    if len(state["fields"]) != len(CronTrigger.FIELD_NAMES):
        raise ValueError(f"expected {len(CronTrigger.FIELD_NAMES)} cron fields")
    pairs = zip(CronTrigger.FIELD_NAMES, state["fields"], strict=True)
    state["fields"] = [_field(name, field) for name, field in pairs]
    return _restored(CronTrigger, state)


def _field(expected: str, plain: Any) -> BaseField:
    name, text, is_default = fields(plain, 3)
    if name != expected:
        raise ValueError(f"expected the cron field {expected!r}")
    return CronTrigger.FIELDS_MAP[name](name, _short(checked(text, str)), checked(is_default, bool))


def _short(text: str) -> str:
    if len(text) > _FIELD_LIMIT:  # the work of reading it must be bounded
        raise ValueError(f"a cron field of more than {_FIELD_LIMIT} characters")
    return text


def _combination(cls: type[BaseCombiningTrigger]) -> Callable[[Any], Any]:
    def from_plain(plain: Any) -> Any:
        state = _state(cls, plain)
        members = state["triggers"]
        if not members or not all(isinstance(member, BaseTrigger) for member in members):
            raise TypeError("expected a list of triggers")
        # In a pickled state the members are found by the names of their classes; here they are made already.
        trigger = _restored(cls, {**state, "triggers": []})
        trigger.triggers = members
        return trigger

    return from_plain


def _state(cls: type, plain: Any) -> dict[str, Any]:
    """Return the state if it has the keys and values that it should.

    :raises TypeError, ValueError: if it has others
    """
    state: dict[str, Any] = dict(checked(plain, dict))
    kinds = _KINDS[cls]
    if state.keys() != kinds.keys():
        different = sorted(map(repr, state.keys() ^ kinds.keys()))
        raise ValueError(f"missing or unknown in its state: {', '.join(different)}")
    for name, value in state.items():
        try:
            checked(value, *kinds[name])
        except TypeError as exc:
            raise TypeError(f"{name}: {exc}") from None
    return state


TRIGGERS: tuple[Entry, ...] = (
    ("trigger:and", AndTrigger, _combination_plain, _combination(AndTrigger)),
    ("trigger:calendarinterval", CalendarIntervalTrigger, _plain, _calendar),
    ("trigger:cron", CronTrigger, _cron_plain, _cron),
    ("trigger:crontab", CrontabTrigger, _plain, _simple(CrontabTrigger)),
    ("trigger:date", DateTrigger, _plain, _simple(DateTrigger)),
    ("trigger:interval", IntervalTrigger, _plain, _simple(IntervalTrigger)),
    ("trigger:or", OrTrigger, _combination_plain, _combination(OrTrigger)),
)
