"""Once, at a date and time."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Any

from apscheduler._engine.instants import from_us, to_us
from apscheduler.moments import astimezone, convert_to_datetime, datetime_repr, local_zone
from apscheduler.triggers.base import BaseTrigger


class DateTrigger(BaseTrigger):
    """Fires once.

    :param run_date: when (a datetime, a date, or a text such as ``2030-01-31 18:30:00``; default: now)
    :param timezone: zone of a date that names none (default: the machine's)
    :raises TypeError, ValueError: if it is no date
    """

    __slots__ = ("_run", "run_date")

    native = True

    run_date: datetime

    def __init__(self, run_date: Any = None, timezone: Any = None) -> None:
        zone = astimezone(timezone) if timezone is not None else None
        if run_date is None:
            moment = datetime.now(zone or local_zone())
        elif isinstance(run_date, datetime) and run_date.tzinfo is not None:
            moment = run_date
        else:
            found = convert_to_datetime(run_date, zone or local_zone(), "run_date")
            assert found is not None
            moment = found
        self._set(moment)

    def _set(self, moment: datetime) -> None:
        self._run = to_us(moment)
        zone = moment.tzinfo
        # In a gap the wall time that was given does not exist; show the one of the same instant.
        self.run_date = moment if zone is UTC or zone is None else from_us(self._run, zone)

    def at(self, instant: int) -> datetime:
        if instant == self._run:
            return self.run_date
        zone: tzinfo = self.run_date.tzinfo or UTC
        return from_us(instant, zone)

    def next_us(self, previous: int | None, now: int) -> int | None:
        return self._run if previous is None else None

    def latest_us(self, first: int, now: int) -> int | None:
        return first

    def get_next_fire_time(
        self, previous_fire_time: datetime | None, now: datetime
    ) -> datetime | None:
        return self.run_date if previous_fire_time is None else None

    def __getstate__(self) -> dict[str, Any]:
        return {"version": 1, "run_date": self.run_date}

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, tuple):
            state = state[1]
        if state.get("version", 1) > 1:
            raise ValueError(
                f"this date trigger was written as version {state['version']}; "
                "version 1 can be read here"
            )
        self._set(state["run_date"])

    def __str__(self) -> str:
        return f"date[{datetime_repr(self.run_date)}]"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} (run_date='{datetime_repr(self.run_date)}')>"
