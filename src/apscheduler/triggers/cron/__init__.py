"""The cron trigger: fires when the wall clock of its zone shows a time that its fields match.

``fields.py`` reads what each field is given into ``expressions.py``; stored triggers of 3.x name both. ``compiling.py``
makes one table of all fields, which ``wallclock.py`` searches. ``from_crontab.py`` reads a crontab line as 3.x does.

Fields and expressions may be of foreign classes, or patched. ``watching.py`` notices that, and has all cron triggers
compile anew; ``asking.py`` then asks the fields value by value, as 3.x does.

Easy to get wrong: 0 is Monday here, and Sunday in crontab. Day and weekday must both match, where crontab wants one of
them. Fields below the lowest one given take their minimum, the others every value.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, tzinfo
from typing import Any

from apscheduler._engine.clock_rules import UTC_LINE
from apscheduler._engine.cron_days import FIRST_YEAR, LAST_YEAR
from apscheduler._engine.instants import to_us
from apscheduler.elsewhere import names_of_3x
from apscheduler.triggers.arguments import limits_of, state_of
from apscheduler.triggers.base import SEALED, speaks_integers
from apscheduler.triggers.cron.asking import ASKED_LINE, count_on, set_field
from apscheduler.triggers.cron.compiling import table_of
from apscheduler.triggers.cron.fields import FIELD_NAMES, FIELDS_MAP, BaseField, fields_of
from apscheduler.triggers.cron.from_crontab import CrontabWeekdayWarning, crontab_fields
from apscheduler.triggers.cron.watching import listeners
from apscheduler.triggers.wallclock import WallClockTrigger

TYPE_CHECKING = False
if TYPE_CHECKING:
    from apscheduler.triggers._words.parts import Said

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
    :param jitter: the most seconds by which a fire time is delayed, at random
    :raises ValueError: if a field cannot be read; the message names field, place and what is allowed
    :raises TypeError: if the zone, a date or the jitter has an unusable type
    :raises ValueError: if the jitter is negative
    """

    FIELD_NAMES = FIELD_NAMES
    FIELDS_MAP = FIELDS_MAP

    __slots__ = ("_fields_set",)

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
        self._limit(*limits_of(timezone, start_date, end_date, jitter))
        given = (year, month, day, week, day_of_week, hour, minute, second)
        named = dict(zip(self.FIELD_NAMES, given, strict=True))
        self._fields_set = fields_of(named, self.FIELD_NAMES, self.FIELDS_MAP)
        self._compile()

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

    @property
    def fields(self) -> list[BaseField]:
        """The fields, from the year down to the second."""
        return self._fields_set

    @fields.setter
    def fields(self, fields: list[BaseField]) -> None:
        self._fields_set = fields
        self._take_over()

    # -- fields that are not ours --------------------------------------------------------------------------

    @property
    def native(self) -> bool:  # type: ignore[override]
        """Whether the trigger and all its fields are as this package wrote them."""
        return speaks_integers(self) and not self._table.asks

    def _compile(self) -> None:
        table = table_of(self)
        self._prepare(table, ASKED_LINE if table.asks else UTC_LINE)

    def _take_over(self) -> None:
        if all(hasattr(self, name) for name in _TAKEN):
            self._compile()

    def _is_changed(self) -> bool:
        if self._counts_otherwise() and not self._table.asks:
            self._compile()
        return super()._is_changed()

    def _counts_otherwise(self) -> bool:
        """Return whether one of the two methods below was replaced."""
        return any(
            getattr(getattr(self, name), "__func__", None) is not own for name, own in _COUNTING
        )

    def _increment_field_value(self, dateval: datetime, fieldnum: int) -> tuple[datetime, int]:
        """Return the moment with the field, or one above it, counted on; and that field's number, -1 at the end."""
        wall, number = count_on(self.fields, dateval, fieldnum)
        return dateval if wall is None else self._at_wall(wall), number

    def _set_field_value(self, dateval: datetime, fieldnum: int, new_value: int) -> datetime:
        """Return the moment with a field set, and those below it at their lowest."""
        return self._at_wall(set_field(self.fields, dateval, fieldnum, new_value))

    def _at_wall(self, moment: datetime) -> datetime:
        """Return a wall time in the trigger's zone; one that the clock jumps over stays as it is and gets the zone."""
        instants = self._line.instants(to_us(moment.replace(tzinfo=UTC)))
        return self._line.at(instants[0]) if instants else moment.replace(tzinfo=self.timezone)

    def _next_recompiled(self, previous: int | None, now: int) -> int | None:
        """Compile anew, as fields or their classes were changed, and return the fire time after ``previous``."""
        self._compile()
        return CronTrigger.next_us(self, previous, now)

    def _next_time_recompiled(
        self, previous_fire_time: datetime | None, now: datetime
    ) -> datetime | None:
        """Compile anew, and return what :meth:`get_next_fire_time` would."""
        self._compile()
        return WallClockTrigger.get_next_fire_time(self, previous_fire_time, now)

    def _first_after(self, previous: int | None, now: int) -> int | None:
        if CronTrigger._own_way is None or (self._counts_otherwise() and not self._table.asks):
            self._compile()
        return super()._first_after(previous, now)

    def says(self) -> Said:
        if self._table.asks:
            return super().says()
        return self._on_clock(FIRST_YEAR, LAST_YEAR)

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
        self._limit_as_stored(values)
        self._fields_set = values["fields"]
        self._compile()

    def __str__(self) -> str:
        return f"cron[{', '.join(self._options())}]"

    def _options(self) -> list[str]:
        return [f"{field.name}='{field}'" for field in self.fields if not field.is_default]


SEALED.add(CronTrigger)
_TAKEN = ("_timezone", "_start_date", "_end_date", "_fields_set")
_COUNTING = [
    (name, vars(CronTrigger)[name]) for name in ("_increment_field_value", "_set_field_value")
]


def _fields_changed(changed: bool) -> None:
    """Have all cron triggers compile anew at each question, while fields may differ from what was compiled."""
    way = CronTrigger._next_recompiled if changed else WallClockTrigger.next_us
    setattr(CronTrigger, "_next", way)  # noqa: B010 - of this class alone, not of its base
    CronTrigger._own_way = None if changed else _OWN_WAY
    own = vars(CronTrigger).get("get_next_fire_time")
    if own is None and changed:
        setattr(CronTrigger, "get_next_fire_time", CronTrigger._next_time_recompiled)  # noqa: B010
    elif own is CronTrigger._next_time_recompiled and not changed:
        del CronTrigger.get_next_fire_time


_OWN_WAY = CronTrigger._own_way
listeners.append(_fields_changed)


if not TYPE_CHECKING:
    __getattr__ = names_of_3x(__name__)
