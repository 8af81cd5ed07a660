"""Sets of days as users give them: dates, a callable, a ``holidays`` object, or a country's code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from functools import lru_cache
from threading import Lock
from typing import Any
from zlib import crc32

from apscheduler.names import closest
from apscheduler.references import obj_to_ref, ref_to_obj

_SHOWN = 3
_reading = Lock()  # a holidays object fills itself while it is asked, and is not made for threads


class DaySet:
    """Which days are meant, and what each is called.

    :param given: dates or ISO texts; ``callable(date)``, true (or a name) for days of the set; a mapping of dates
        to names, such as a ``holidays`` object; or a country code of that library (``"DE"``, ``"US-CA"``)
    :raises TypeError, ValueError: if it is none of these
    :raises ImportError: for a country code without the library ``holidays``
    """

    __slots__ = ("given", "kind")

    def __init__(self, given: Any) -> None:
        self.kind, self.given = _sorted_out(given)
        if self.kind == "country":
            _checked_country(self.given)  # a misspelt code raises now, not on the first fire

    def name(self, day: date) -> str | None:
        """Return what this day is called ("" if it has no name), ``None`` if it is not in the set."""
        if self.kind == "country":
            return _of_country(self.given, day.year).get(day)
        if self.kind == "mapping":
            with _reading:
                found = self.given.get(day) if day in self.given else None
            return found if found is None else str(found)
        if self.kind == "dates":
            return "" if day in self.given else None
        said = self.given(day)
        return said if isinstance(said, str) and said else ("" if said else None)

    @property
    def knows_weekends(self) -> bool:
        """Whether it says which weekdays are its weekend: a country or a ``holidays`` object."""
        return self.kind == "country" or (
            self.kind == "mapping" and bool(getattr(self.given, "weekend", None))
        )

    def is_closed_weekend(self, day: date) -> bool | None:
        """Return whether a weekend day is closed, ``None`` for other days; a working one is open (make-up days)."""
        country = self.kind == "country"
        given = _country(self.given, day.year) if country else self.given
        with _reading:
            asked = getattr(given, "is_weekend", None)  # the weekend of some countries was moved
            if not (asked(day) if asked else day.weekday() in given.weekend):
                return None
            given.get(day)  # asked for a day, it learns that year's working weekend days
            return day not in getattr(given, "weekend_workdays", ())

    def weekend(self) -> tuple[int, ...]:
        """Return the weekdays of the weekend today, from Monday = 0."""
        given = _country(self.given, None) if self.kind == "country" else self.given
        return tuple(sorted(given.weekend))

    def plain(self) -> tuple[str, Any]:
        """Return the kind of the set and what is stored of it.

        :raises ValueError: for a callable that has no importable name
        """
        if self.kind == "dates":
            return self.kind, sorted(map(str, self.given))
        if self.kind != "callable":
            return self.kind, self.given
        try:
            return self.kind, obj_to_ref(self.given)
        except ValueError as exc:
            raise ValueError(
                f"a calendar with {self.given!r} cannot be stored: it has no importable name. Use a function of a "
                "module, or register the calendar on each scheduler with add_calendar(name, …) and give its name"
            ) from exc

    @classmethod
    def restored(cls, plain: Any) -> DaySet:
        """Return the set of which :meth:`plain` gave this; a country is looked up only when it is needed."""
        made = cls.__new__(cls)
        made.kind, made.given = plain
        if made.kind == "callable":
            made.given = ref_to_obj(made.given)
        elif made.kind == "dates":
            made.given = frozenset(map(_day, made.given))
        return made

    def __str__(self) -> str:
        if self.kind == "country":
            return f"{self.given!r}"
        if self.kind == "mapping":
            return _library_said(self.given) or _dates_said(self.given)
        if self.kind == "dates":
            return _dates_said(self.given)
        try:
            return obj_to_ref(self.given)
        except ValueError:
            return getattr(self.given, "__qualname__", repr(self.given))


def _library_said(given: Any) -> str | None:
    """Return whose days an object of ``holidays`` has, whatever years it knows yet; ``None`` for another mapping."""
    if not hasattr(given, "years"):
        return None
    place = getattr(given, "country", None) or getattr(given, "market", None)
    if not place:
        return type(given).__name__
    parts = place if isinstance(place, list | tuple) else [place]
    subdiv = getattr(given, "subdiv", None)
    return f"holidays of {'+'.join(map(str, parts))}{f'-{subdiv}' if subdiv else ''}"


def _dates_said(days: Iterable[date]) -> str:
    known = sorted(days)
    texts = [str(day) for day in (known if len(known) <= 2 * _SHOWN else known[:_SHOWN])]
    if len(known) > 2 * _SHOWN:
        check = crc32(
            " ".join(map(str, known)).encode()
        )  # so that two sets that differ have different texts
        texts += [f"… {len(known)} dates to {known[-1]} (checksum {check:08x})"]
    return ", ".join(texts)


def _sorted_out(given: Any) -> tuple[str, Any]:
    if isinstance(given, str):
        return "country", given
    if isinstance(given, Mapping):
        if type(given) is dict:
            given = {_day(key): str(value) for key, value in given.items()}
        return "mapping", given
    if callable(given):
        made = _class_of_days(given)
        if made is not None:
            raise TypeError(
                f"days are given as an object of the library 'holidays', not as its class: {made}()"
            )
        return "callable", given
    if isinstance(given, Iterable):
        days = frozenset(_day(each) for each in given)
        if not days:
            raise ValueError("a calendar needs at least one day: this set of dates is empty")
        return "dates", days
    raise TypeError(
        "days are given as dates, a callable(date), a holidays object, or a country code such as 'DE', "
        f"not {given!r}"
    )


def _class_of_days(given: Any) -> str | None:
    """Return the name of a class of mappings, or of the object that ``holidays`` puts in its place until it is used."""
    if isinstance(given, type):
        return given.__name__ if issubclass(given, Mapping) else None
    stands_for = getattr(given, "entity_name", None)
    return f"holidays.{stands_for}" if isinstance(stands_for, str) else None


def _day(given: Any) -> date:
    if isinstance(given, datetime):
        raise TypeError(
            f"a calendar's days are dates, and {given!r} has a time: use {given.date()}"
        )
    if isinstance(given, date):
        return given
    if isinstance(given, str):
        try:
            return date.fromisoformat(given)
        except ValueError:
            raise ValueError(f"a date is written like '2027-01-01', not {given!r}") from None
    raise TypeError(f"a calendar's days are dates or texts like '2027-01-01', not {given!r}")


@lru_cache(maxsize=64)
def _checked_country(code: str) -> tuple[str, str | None]:
    """Return a country's code and its subdivision's, as the library has them."""
    try:
        import holidays
    except ImportError as exc:
        raise ImportError(
            f"the holidays of {code!r} come from the library 'holidays', which is not installed: "
            "pip install 'tickwright[calendars]'"
        ) from exc
    country, _, subdivision = code.upper().partition("-")
    known = holidays.list_supported_countries(include_aliases=True)
    if country in holidays.list_supported_financial(include_aliases=True):
        raise ValueError(
            f"{code!r} is a market, not a country: give its object of the library 'holidays', holidays.{country}()"
        )
    if country not in known:
        near = closest(country, known)
        raise ValueError(
            f"there is no country {code!r} in the library 'holidays': give a code of two letters such as 'DE', or "
            f"'US-CA' with its subdivision{f' (did you mean {near!r}?)' if near else ''}"
        )
    if subdivision and subdivision not in known[country]:
        raise ValueError(
            f"{country} has no subdivision {subdivision!r} there; it has {', '.join(sorted(known[country])) or 'none'}"
        )
    return country, subdivision or None


@lru_cache(maxsize=512)
def _country(code: str, year: int | None) -> Any:
    """Return a country's holidays of one year, with its weekends; without a year, the weekends alone."""
    country, subdivision = _checked_country(code)
    import holidays

    return holidays.country_holidays(
        country, subdiv=subdivision, years=year, expand=False, language="en_US"
    )


@lru_cache(maxsize=512)
def _of_country(code: str, year: int) -> dict[date, str]:
    """Return a country's public holidays of one year."""
    return dict(_country(code, year))
