"""Compiles a parsed crontab expression to the table that is searched."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from apscheduler._engine.cron import CronTable, cron_table
from apscheduler._engine.cron_days import FIRST_YEAR, LAST
from apscheduler._engine.crontab_days import CrontabDays
from apscheduler.triggers.crontab.fields import (
    LAST_OF_MONTH,
    WEEKDAY,
    Every,
    Field,
    Hashed,
    Item,
    LastDay,
    NearestWorkday,
    Nth,
    Range,
    Schedule,
)


@lru_cache(maxsize=4096)
def compile_schedule(schedule: Schedule) -> CronTable:
    """Return the table of an expression without ``H`` (see :func:`settled`)."""
    years = field_bits(schedule.year) >> FIRST_YEAR
    return cron_table(
        years,
        field_bits(schedule.month),
        _days(schedule),
        field_bits(schedule.hour),
        field_bits(schedule.minute),
        field_bits(schedule.second),
    )


def settled(schedule: Schedule, job_id: str) -> Schedule:
    """Return the expression with each ``H`` replaced by what it means for a job of this id."""
    fields = [
        field._replace(items=tuple(_settled(item, field, job_id) for item in field.items))
        for field in schedule.fields
    ]
    return schedule.with_fields(fields)


def field_bits(field: Field) -> int:
    """Return the values that the field's items name as bits (Sunday is 0), the special days left out."""
    found = 0
    for item in field.items:
        found |= _item_bits(item, field)
    if field.kind is WEEKDAY and found >> 7 & 1:
        found = (found | 1) & 0x7F
    return found


def _item_bits(item: Item, field: Field) -> int:
    low, high = field.kind.low, field.kind.high
    if isinstance(item, Every):
        return _bits(low, high, item.step)
    if not isinstance(item, Range):
        return 0
    if item.first <= item.last:
        return _bits(item.first, item.last, item.step)
    if field.kind is WEEKDAY:
        high = 6
    size = high - low + 1
    first = low + (item.first - low) % size  # 7-2 of weekdays begins at Sunday = 0
    wrapped = _bits(first, item.last + (size if first > item.last else 0), item.step)
    beyond = wrapped >> (high + 1) << low
    return wrapped & ((2 << high) - 1) | beyond


def _bits(first: int, last: int, step: int) -> int:
    if step == 1:
        return ((1 << (last - first + 1)) - 1) << first
    return sum(1 << value for value in range(first, last + 1, step))


def _days(schedule: Schedule) -> CrontabDays:
    from_sunday = field_bits(schedule.weekday)
    dates, weekdays = schedule.day.items, schedule.weekday.items
    nearest = [item.day for item in dates if isinstance(item, NearestWorkday)]
    return CrontabDays(
        numbers=field_bits(schedule.day),
        before_last=_union(item.before for item in dates if isinstance(item, LastDay)),
        nearest=_union(day for day in nearest if day is not None),
        last_workday=None in nearest,
        weekdays=from_sunday >> 1 | (from_sunday & 1) << 6,
        positions=tuple(
            sorted(
                {
                    (
                        LAST if item.number == LAST_OF_MONTH else item.number - 1,
                        (item.weekday - 1) % 7,
                    )
                    for item in weekdays
                    if isinstance(item, Nth)
                }
            )
        ),
        either=schedule.either_day,
    )


def _union(values: Iterable[int]) -> int:
    found = 0
    for value in values:
        found |= 1 << value
    return found


def _settled(item: Item, field: Field, job_id: str) -> Item:
    if not isinstance(item, Hashed):
        return item
    size = item.last - item.first + 1
    chosen = _hash(job_id, field.kind.name)
    if item.step is None:
        value = item.first + chosen % size
        return Range(value, value)
    return Range(item.first + chosen % min(item.step, size), item.last, item.step)


def _hash(job_id: str, field: str) -> int:
    """Return a number that is the same on every machine and in every release."""
    from hashlib import sha256

    digest = sha256(f"{job_id}\0{field}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big")
