"""Calendars of whole days: closed ones, open ones, business days."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from apscheduler.calendars.base import DayCalendar, stored
from apscheduler.calendars.daysets import DaySet
from apscheduler.names import closest

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SATURDAY_SUNDAY = (5, 6)
_SPOKEN = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class ClosedDays(DayCalendar):
    """Nothing fires on these days.

    :param days: dates or ISO texts; ``callable(date)``, true for closed days (a text is taken as the reason); a
        ``holidays`` object or another mapping of dates to names; or a country's code such as ``"DE"`` or ``"US-CA"``,
        which stands for its public holidays (extra ``calendars``)
    :raises TypeError, ValueError: if it is none of these
    :raises ImportError: for a country's code without the library
    """

    def __init__(self, days: Any) -> None:
        self._days = DaySet(days)

    def why_day_closed(self, day: date) -> str | None:
        name = self._days.name(day)
        return None if name is None else name or "a closed day"

    def __getstate__(self) -> dict[str, Any]:
        return {"version": 1, "days": self._days.plain()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._days = DaySet.restored(stored(state, self)["days"])

    def __str__(self) -> str:
        return f"{type(self).__name__}({self._days})"


class OpenDays(ClosedDays):
    """Nothing fires on other days than these.

    :param days: as for :class:`ClosedDays`
    """

    def why_day_closed(self, day: date) -> str | None:
        return "no open day" if self._days.name(day) is None else None


class BusinessDays(DayCalendar):
    """Nothing fires on weekends and holidays.

    :param holidays: as the days of :class:`ClosedDays`; ``None``: weekends alone
    :param weekend: the closed weekdays, as ``"sat"``, … or numbers from Monday = 0. If left out: those of the country or
        the ``holidays`` object, where its working weekend days (make-up days) are open; else Saturday and Sunday
    :raises TypeError, ValueError: for arguments that are not right
    :raises ImportError: for a country's code without the library
    """

    def __init__(self, holidays: Any = None, weekend: Iterable[Any] | None = None) -> None:
        self._holidays = None if holidays is None else DaySet(holidays)
        self._weekend: tuple[int, ...] | None = None
        if weekend is not None:
            self._weekend = weekdays(weekend, "weekend")
            if len(self._weekend) > 6:
                raise ValueError(
                    "weekend has all seven days, so there would be no business day at all"
                )
        elif self._holidays is None or not self._holidays.knows_weekends:
            self._weekend = _SATURDAY_SUNDAY

    @property
    def weekend(self) -> tuple[int, ...]:
        """The closed weekdays from Monday = 0: those given, else those of the holidays today."""
        if self._weekend is None and self._holidays is not None:
            return self._holidays.weekend()
        return self._weekend or ()

    def why_day_closed(self, day: date) -> str | None:
        number, days = day.weekday(), self._holidays
        if self._weekend is not None:
            if number in self._weekend:
                return f"a {_SPOKEN[number]}"
        elif days is not None:
            closed = days.is_closed_weekend(day)
            if closed is not None:
                return f"a {_SPOKEN[number]}" if closed else None
        name = None if days is None else days.name(day)
        return None if name is None else name or "a holiday"

    @property
    def shows_weekend(self) -> bool:
        """Whether its text names the weekend: only if it is not the one that it has without ``weekend=``."""
        if self._weekend is None:
            return False
        own = self._holidays is not None and self._holidays.knows_weekends
        return own or self._weekend != _SATURDAY_SUNDAY

    def __getstate__(self) -> dict[str, Any]:
        days = None if self._holidays is None else self._holidays.plain()
        if self._weekend is not None:
            return {"version": 1, "holidays": days, "weekend": list(self._weekend)}
        # Earlier releases take no weekend from the holidays; they read here what they would have stored.
        weekend = list(_SATURDAY_SUNDAY)
        return {"version": 1, "holidays": days, "weekend": weekend, "weekend_of_holidays": True}

    def __setstate__(self, state: dict[str, Any]) -> None:
        values = stored(state, self)
        days = values["holidays"]
        self._holidays = None if days is None else DaySet.restored(days)
        self._weekend = None if values.get("weekend_of_holidays") else tuple(values["weekend"])

    def __str__(self) -> str:
        parts = [] if self._holidays is None else [str(self._holidays)]
        if self.shows_weekend:
            parts.append(f"weekend={'+'.join(_WEEKDAYS[number] for number in self.weekend)}")
        return f"BusinessDays({', '.join(parts)})"


def weekdays(given: Iterable[Any], what: str) -> tuple[int, ...]:
    """Return weekdays as numbers from Monday = 0.

    :raises TypeError, ValueError: if one of them is none
    """
    if isinstance(given, str | int):
        raise TypeError(f"{what} is a list of weekdays such as ['sat', 'sun'], not {given!r}")
    return tuple(sorted({_weekday(each, what) for each in given}))


def _weekday(given: Any, what: str) -> int:
    if isinstance(given, int) and not isinstance(given, bool) and 0 <= given <= 6:
        return given
    if isinstance(given, str) and given.lower()[:3] in _WEEKDAYS and given.isalpha():
        return _WEEKDAYS.index(given.lower()[:3])
    near = closest(given, _WEEKDAYS)
    raise ValueError(
        f"{what}: {given!r} is no weekday; give mon, tue, wed, thu, fri, sat, sun, or 0 (Monday) to 6"
        + (f" (did you mean {near!r}?)" if near else "")
    )
