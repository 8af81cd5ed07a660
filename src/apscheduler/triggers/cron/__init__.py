"""The cron trigger: fires when the wall clock of its zone shows a time that its fields match."""

from __future__ import annotations

from datetime import date, datetime, tzinfo
from typing import Any

from apscheduler._engine.clock_rules import UTC_LINE
from apscheduler.moments import convert_to_datetime, datetime_repr
from apscheduler.triggers.arguments import checked_jitter, state_of, stored_zone, zone_of
from apscheduler.triggers.cron.compiling import compile_fields
from apscheduler.triggers.cron.fields import (
    DEFAULT_VALUES,
    BaseField,
    DayOfMonthField,
    DayOfWeekField,
    MonthField,
    WeekField,
)
from apscheduler.triggers.cron.from_crontab import CrontabWeekdayWarning, crontab_fields
from apscheduler.triggers.wallclock import WallClockTrigger

__all__ = ("CronTrigger", "CrontabWeekdayWarning")


class CronTrigger(WallClockTrigger):
    """Fires at every instant whose wall time matches all the fields, in a repeated hour both times.

    Fields lower than the lowest one given take their minimum, fields higher take every value.
    A matching wall time that a clock change jumps over is fired at the instant it would have had without
    the change where 3.11.3 does so; the wall time handed out always exists.

    :param year: 4-digit year
    :param month: month 1-12 or jan-dec
    :param day: day of the month 1-31, ``last``, or the n-th of a weekday (``2nd fri``, ``last sun``)
    :param week: ISO week 1-53
    :param day_of_week: weekday 0-6 or mon-sun (0 is Monday); together with ``day`` both must match
    :param hour: hour 0-23
    :param minute: minute 0-59
    :param second: second 0-59
    :param start_date: earliest fire time, inclusive (datetime, date or ISO text)
    :param end_date: latest fire time, inclusive
    :param timezone: zone of the fields and of naive dates (tzinfo or name); the local zone if not given
    :param jitter: each fire time is delayed by up to so many seconds, at random
    :raises ValueError: if a field cannot be read; the message names field, place and what is allowed
    :raises TypeError: if the zone, a date or the jitter has an unusable type
    :raises ValueError: if the jitter is negative
    """

    FIELD_NAMES = ("year", "month", "day", "week", "day_of_week", "hour", "minute", "second")
    FIELDS_MAP: dict[str, type[BaseField]] = {  # noqa: RUF012 - 3.x's public attribute
        "year": BaseField,
        "month": MonthField,
        "week": WeekField,
        "day": DayOfMonthField,
        "day_of_week": DayOfWeekField,
        "hour": BaseField,
        "minute": BaseField,
        "second": BaseField,
    }

    __slots__ = ("fields",)

    fields: list[BaseField]

    def __init__(
        self,
        year: int | str | None = None,
        month: int | str | None = None,
        day: int | str | None = None,
        week: int | str | None = None,
        day_of_week: int | str | None = None,
        hour: int | str | None = None,
        minute: int | str | None = None,
        second: int | str | None = None,
        start_date: datetime | date | str | None = None,
        end_date: datetime | date | str | None = None,
        timezone: tzinfo | str | None = None,
        jitter: float | None = None,
    ) -> None:
        self.timezone = zone_of(timezone, start_date, end_date)
        self.start_date = convert_to_datetime(start_date, self.timezone, "start_date")
        self.end_date = convert_to_datetime(end_date, self.timezone, "end_date")
        self.jitter = checked_jitter(jitter)
        given = (year, month, day, week, day_of_week, hour, minute, second)
        self.fields = self._fields(dict(zip(self.FIELD_NAMES, given, strict=True)))
        self._prepare(compile_fields(self.fields), UTC_LINE)

    @classmethod
    def from_crontab(
        cls,
        expr: str,
        timezone: tzinfo | str | None = None,
        *,
        start_date: datetime | date | str | None = None,
        end_date: datetime | date | str | None = None,
        jitter: float | None = None,
    ) -> CronTrigger:
        """Return the trigger of a crontab line's five fields: minute, hour, day, month, weekday.

        As in 3.x a numeric weekday counts from 0 = Monday, where crontab counts from Sunday; it is warned of once
        per expression. Day and weekday must both match, where crontab wants one of them.

        :param expr: the five fields, separated by blanks
        :param timezone: see the class; so are the others
        :raises ValueError: if there are not five fields, or one cannot be read
        """
        return cls(
            **crontab_fields(expr),
            start_date=start_date,
            end_date=end_date,
            timezone=timezone,
            jitter=jitter,
        )

    def _fields(self, given: dict[str, Any]) -> list[BaseField]:
        named = [name for name in self.FIELD_NAMES if given[name] is not None]
        lowest = self.FIELD_NAMES.index(named[-1]) if named else len(self.FIELD_NAMES)
        fields = []
        for index, name in enumerate(self.FIELD_NAMES):
            default = "*" if index < lowest or not named else DEFAULT_VALUES[name]
            value = given[name]
            chosen = default if value is None else value
            fields.append(self.FIELDS_MAP[name](name, chosen, value is None))
        return fields

    def __getstate__(self) -> dict[str, Any]:
        return {
            "version": 2,
            "timezone": self.timezone,
            "start_date": self.start_date,
            "end_date": self.end_date,
            "fields": self.fields,
            "jitter": self.jitter,
        }

    def __setstate__(self, state: dict[str, Any] | tuple[None, dict[str, Any]]) -> None:
        values = state_of(state, self, newest=2)
        self.timezone = stored_zone(values["timezone"])
        self.start_date = values["start_date"]
        self.end_date = values["end_date"]
        self.fields = values["fields"]
        self.jitter = values.get("jitter")
        self._prepare(compile_fields(self.fields), UTC_LINE)

    def __str__(self) -> str:
        return f"cron[{', '.join(self._options())}]"

    def __repr__(self) -> str:
        options = self._options()
        if self.start_date:
            options.append(f"start_date='{datetime_repr(self.start_date)}'")
        if self.end_date:
            options.append(f"end_date='{datetime_repr(self.end_date)}'")
        if self.jitter:
            options.append(f"jitter={self.jitter}")
        name, fields = type(self).__name__, ", ".join(options)
        return f"<{name} ({fields}, timezone='{self.timezone}')>"

    def _options(self) -> list[str]:
        return [f"{field.name}='{field}'" for field in self.fields if not field.is_default]
