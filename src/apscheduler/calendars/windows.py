"""Calendars of windows: one freeze from here to there, or some hours of every day."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, time, tzinfo
from typing import Any

from apscheduler._engine.instants import DAY, SECOND, to_us
from apscheduler._engine.spans import ALWAYS_END, ALWAYS_START, Span, clipped
from apscheduler._engine.zones import ZoneLine
from apscheduler.calendars.base import EPOCH_DAY, Calendar, stored, zone_or_none
from apscheduler.calendars.days import _WEEKDAYS, weekdays
from apscheduler.moments import astimezone, convert_to_datetime, datetime_repr, local_zone


class Blackout(Calendar):
    """Nothing fires, and nothing overdue is started, in ``start <= time < end``.

    :param start: datetime, date or text; ``None``: from ever
    :param end: datetime, date or text; ``None``: until it is taken away
    :param reason: in words, for the ledger
    :param timezone: zone in which naive times are read (default: the machine's)
    :raises TypeError, ValueError: for arguments that are not right
    """

    def __init__(
        self, start: Any = None, end: Any = None, reason: str | None = None, timezone: Any = None
    ) -> None:
        zone = astimezone(timezone) if timezone is not None else local_zone()
        self._set(
            convert_to_datetime(start, zone, "start"), convert_to_datetime(end, zone, "end"), reason
        )
        if self._first >= self._last:
            raise ValueError(f"a blackout ends after its start: {start!r} to {end!r} holds no time")

    def _set(self, start: datetime | None, end: datetime | None, reason: str | None) -> None:
        self.start, self.end, self.reason = start, end, checked_reason(reason)
        self._first = ALWAYS_START if start is None else to_us(start)
        self._last = ALWAYS_END if end is None else to_us(end)

    def span(self, instant: int, line: ZoneLine) -> Span:
        if instant < self._first:
            return Span(ALWAYS_START, self._first, None)
        if instant >= self._last:
            return Span(self._last, ALWAYS_END, None)
        return Span(self._first, self._last, self._why())

    def _why(self) -> str:
        why = self.reason or "a blackout"
        return f"{why} until {datetime_repr(self.end)}" if self.end else f"{why} without an end"

    def __getstate__(self) -> dict[str, Any]:
        return {"version": 1, "start": self.start, "end": self.end, "reason": self.reason}

    def __setstate__(self, state: dict[str, Any]) -> None:
        values = stored(state, self)
        self._set(values["start"], values["end"], values["reason"])

    def __str__(self) -> str:
        start = datetime_repr(self.start) if self.start else ""
        end = datetime_repr(self.end) if self.end else ""
        reason = f", {self.reason}" if self.reason else ""
        return f"Blackout({start} to {end}{reason})"


class Blackouts(Calendar):
    """Several blackouts, or none: what a scheduler keeps under one name for freezes that come and go.

    :param windows: the blackouts
    :raises TypeError: if one of them is none
    """

    def __init__(self, *windows: Blackout) -> None:
        for window in windows:
            if not isinstance(window, Blackout):
                raise TypeError(f"Blackouts holds Blackout objects, not {window!r}")
        self.windows = windows

    def span(self, instant: int, line: ZoneLine) -> Span:
        start, end = ALWAYS_START, ALWAYS_END
        for window in self.windows:
            said = window.span(instant, line)
            if said.reason is not None:
                return said
            start, end = max(start, said.start), min(end, said.end)
        return Span(start, end, None)

    def __getstate__(self) -> dict[str, Any]:
        return {"version": 1, "windows": [window.__getstate__() for window in self.windows]}

    def __setstate__(self, state: dict[str, Any]) -> None:
        windows = []
        for each in stored(state, self)["windows"]:
            window = Blackout.__new__(Blackout)
            window.__setstate__(each)
            windows.append(window)
        self.windows = tuple(windows)

    def __str__(self) -> str:
        return f"Blackouts({', '.join(map(str, self.windows))})"


class DailyBlackout(Calendar):
    """Nothing fires, and nothing overdue is started, while a wall clock shows ``start <= time < end``.

    :param start: a time or a text such as ``"22:00"``
    :param end: likewise; at or before ``start`` it is one of the next day
    :param days: the weekdays on which it starts (default: all), as ``"mon"``, … or numbers from Monday = 0
    :param reason: in words, for the ledger
    :param timezone: zone of the wall clock (default: that of the trigger)
    :raises TypeError, ValueError: for arguments that are not right
    """

    def __init__(
        self,
        start: Any,
        end: Any,
        days: Iterable[Any] | None = None,
        reason: str | None = None,
        timezone: Any = None,
    ) -> None:
        zone = None if timezone is None else astimezone(timezone)
        chosen = tuple(range(7)) if days is None else weekdays(days, "days")
        if not chosen:
            raise ValueError("days is empty, so this blackout would never come")
        self._set(_clock(start, "start"), _clock(end, "end"), chosen, reason, zone)

    def _set(
        self,
        start: time,
        end: time,
        days: tuple[int, ...],
        reason: str | None,
        zone: tzinfo | None,
    ) -> None:
        self.start, self.end, self.days = start, end, days
        self.reason, self.timezone = checked_reason(reason), zone
        self._first, last = _of_day(start), _of_day(end)
        self._length = last - self._first + (DAY if last <= self._first else 0)

    def span(self, instant: int, line: ZoneLine) -> Span:
        line = zone_or_none(self.timezone, line)
        local = instant + line.offset(instant)
        today = local // DAY
        first, last = (today - 1) * DAY, (today + 2) * DAY
        for number in range(today - 2, today + 2):  # one begun two days ago may end yesterday
            if (number + EPOCH_DAY - 1) % 7 not in self.days:
                continue
            start = number * DAY + self._first
            if start <= local < start + self._length:
                return clipped(line, instant, start, start + self._length, self._why())
            if start > local:
                last = min(last, start)
            else:
                first = max(first, start + self._length)
        return clipped(line, instant, first, last, None)

    def _why(self) -> str:
        hours = f"{self.start:%H:%M} to {self.end:%H:%M}"
        return f"{self.reason}, {hours}" if self.reason else f"a blackout from {hours}"

    def __getstate__(self) -> dict[str, Any]:
        return {
            "version": 1,
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
            "days": list(self.days),
            "reason": self.reason,
            "timezone": self.timezone,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        values = stored(state, self)
        start, end = time.fromisoformat(values["start"]), time.fromisoformat(values["end"])
        self._set(start, end, tuple(values["days"]), values["reason"], values["timezone"])

    def __str__(self) -> str:
        parts = [f"{self.start:%H:%M} to {self.end:%H:%M}"]
        if len(self.days) < 7:
            parts.append("+".join(_WEEKDAYS[number] for number in self.days))
        parts += [str(each) for each in (self.reason, self.timezone) if each]
        return f"DailyBlackout({', '.join(parts)})"


def checked_reason(reason: Any) -> str | None:
    """Return the reason as one line.

    :raises TypeError: if it is no text
    """
    if reason is None or reason == "":
        return None
    if not isinstance(reason, str):
        raise TypeError(f"reason is a text for the ledger, not {reason!r}")
    return " ".join(reason.split())


def _clock(given: Any, what: str) -> time:
    if isinstance(given, str):
        try:
            given = time.fromisoformat(given)
        except ValueError:
            raise ValueError(f"{what} is a time of day such as '22:00', not {given!r}") from None
    if not isinstance(given, time) or given.tzinfo is not None:
        raise TypeError(
            f"{what} is a time of day without a zone such as '22:00', not {given!r} (see timezone=)"
        )
    return given


def _of_day(at: time) -> int:
    return (at.hour * 3600 + at.minute * 60 + at.second) * SECOND + at.microsecond
