"""A trigger that fires once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from apscheduler._engine.instants import from_us, to_us
from apscheduler.elsewhere import names_of_3x
from apscheduler.moments import (
    astimezone,
    convert_to_datetime,
    datetime_repr,
    local_zone,
    normalize,
)
from apscheduler.triggers.arguments import state_of
from apscheduler.triggers.base import SEALED, BaseTrigger, speaks_integers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from apscheduler.triggers._words.parts import Said

_VERSION = 1


class DateTrigger(BaseTrigger):
    """Fires once, at ``run_date``.

    :param run_date: when: a datetime, date or text (now if left out); a naive one is read in ``timezone``
    :param timezone: zone or its name; the local one if left out
    :raises TypeError: if an argument is of another type
    :raises ValueError: if a text is no date, or names no zone
    """

    __slots__ = ("_instant", "_now_read", "_run_date")

    native = property(speaks_integers)

    def __init__(self, run_date: Any = None, timezone: Any = None) -> None:
        zone = None if timezone is None else astimezone(timezone)
        self._now_read = run_date is None
        if run_date is None:
            moment = datetime.now(zone or local_zone())
        else:
            if zone is None and getattr(run_date, "tzinfo", None) is None:
                zone = local_zone()
            moment = convert_to_datetime(run_date, zone, "run_date")
            if moment is run_date:
                moment = normalize(moment)
        self.run_date = moment

    @property
    def run_date(self) -> datetime:
        """When it fires (aware)."""
        return self._run_date

    @run_date.setter
    def run_date(self, moment: datetime) -> None:
        self._run_date, self._instant = moment, to_us(moment)

    def begin_at(self, now: int) -> None:
        if self._now_read:
            self.run_date = self.at(now)

    def get_next_fire_time(
        self, previous_fire_time: datetime | None, now: datetime
    ) -> datetime | None:
        return self._run_date if previous_fire_time is None else None

    def at(self, instant: int) -> datetime:
        if instant == self._instant:
            return self._run_date
        return from_us(instant, self._run_date.tzinfo or UTC)

    def next_us(self, previous: int | None, now: int) -> int | None:
        return self._instant if previous is None else None

    def latest_us(self, first: int, now: int) -> int | None:
        return first

    def count_us(self, first: int, last: int, limit: int) -> int:
        return 1

    def says(self) -> Said:
        from apscheduler.triggers._words.parts import Once
        from apscheduler.triggers._words.zones import moment, zone_name

        zone = self.run_date.tzinfo or UTC
        return Once(moment(self.run_date, zone), zone_name(zone))

    def __getstate__(self) -> dict[str, Any]:
        return {"version": _VERSION, "run_date": self.run_date}

    def __setstate__(self, state: Any) -> None:
        self._now_read = False
        self.run_date = normalize(state_of(state, self, _VERSION)["run_date"])

    def __str__(self) -> str:
        return f"date[{datetime_repr(self.run_date)}]"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} (run_date='{datetime_repr(self.run_date)}')>"


SEALED.add(DateTrigger)


if not TYPE_CHECKING:
    __getattr__ = names_of_3x(__name__)
