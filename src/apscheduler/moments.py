"""Converts between what users write (texts, dates, numbers, zones of any library) and what is kept.

The names, arguments and results are those of ``apscheduler.util`` in 3.x, which re-exports them.
"""

from __future__ import annotations

import warnings
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache

from apscheduler.texts import line

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from typing import Any

_TRUE = frozenset({"true", "yes", "on", "y", "t", "1"})
_FALSE = frozenset({"false", "no", "off", "n", "f", "0"})


def asint(text: Any) -> int | None:
    """Return ``text`` as an integer, ``None`` as it is.

    :raises ValueError: if the text is no integer
    """
    return None if text is None else int(text)


def asbool(obj: Any) -> bool:
    """Return ``obj`` as a truth value; texts like ``"yes"``, ``"off"``, ``"1"`` are understood.

    :raises ValueError: if a text means neither true nor false
    """
    if not isinstance(obj, str):
        return bool(obj)
    word = obj.strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError(
        f"{obj!r} is neither true nor false: write one of {', '.join(sorted(_TRUE | _FALSE))}"
    )


def astimezone(obj: Any) -> tzinfo | None:
    """Return a zone's name or object as a tzinfo; ``None`` stays ``None``.

    Zones of pytz become those of zoneinfo, its fixed offsets those of datetime; all others are kept.

    :raises zoneinfo.ZoneInfoNotFoundError: if there is no zone of that name
    :raises ValueError: if the text cannot be the name of a zone
    :raises TypeError: if ``obj`` is neither a name nor a tzinfo
    """
    if obj is None or _is_standard(type(obj)):
        return obj  # type: ignore[no-any-return]
    if isinstance(obj, str):
        return zone_named(obj)
    if not isinstance(obj, tzinfo):
        raise TypeError(
            "a timezone must be a name like 'Europe/Berlin' or a tzinfo object, "
            f"not {type(obj).__name__} ({obj!r})"
        )
    if hasattr(obj, "localize") and hasattr(obj, "normalize"):
        return _without_pytz(obj)
    return obj


def _is_standard(cls: type) -> bool:
    """Return whether this is one of the standard library's zone classes, without importing zoneinfo."""
    return cls is timezone or (cls.__name__ == "ZoneInfo" and cls.__module__ == "zoneinfo")


@lru_cache(maxsize=1)
def _moment_pattern() -> re.Pattern[str]:
    import re

    return re.compile(
        r"(\d{4})-(\d{1,2})-(\d{1,2})"
        r"(?:[ T](\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.(\d{1,6}))?"
        r"(Z|[+-]\d\d:\d\d)?)?",
        re.ASCII,
    )


@lru_cache(maxsize=1024)
def zone_named(name: str) -> tzinfo:
    """Return the zone of that name: one of the tz database, of Windows, of a calendar file, or an offset.

    :raises zoneinfo.ZoneInfoNotFoundError: if there is none, with the closest names
    :raises ValueError: if the text cannot be the name of a zone
    """
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    if name == "local":
        raise ZoneInfoNotFoundError(
            "'local' is not the name of a time zone: leave the timezone out to get the local one"
        )
    if name.startswith("right/"):
        from apscheduler.zones.names import plain

        name = plain(name)
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError) as error:
        from apscheduler.zones.names import unknown, zone_called

        found = zone_called(name)
        if found is not None:
            return found
        if isinstance(error, ZoneInfoNotFoundError | OSError):  # a folder, or too long a name
            raise ZoneInfoNotFoundError(unknown(name)) from None
        raise ValueError(f"{unknown(name)} ({line(str(error))})") from None


def _without_pytz(zone: Any) -> tzinfo:
    """Return a pytz zone as one of the standard library's (pytz itself is never imported)."""
    name = getattr(zone, "zone", None)
    if name:
        from zoneinfo import ZoneInfo

        return ZoneInfo("UTC") if name == "UTC" else zone_named(name)
    offset = zone.utcoffset(None)
    return timezone(timedelta(0) if offset is None else offset)


def local_zone() -> tzinfo:
    """Return this machine's time zone, or UTC with a warning where it cannot be found.

    :raises zoneinfo.ZoneInfoNotFoundError: if TZ holds a rule of POSIX that cannot be followed exactly
    """
    from apscheduler.zones import local  # on use: start-up time

    found = local.find()
    if found.trouble is not None:
        warnings.warn(f"{found.trouble}: {local.REMEDY}", stacklevel=2)
    return found.zone


def asdate(obj: Any) -> Any:
    """Return an ISO text (``YYYY-MM-DD``) as a date; anything else is returned as it is.

    :raises ValueError: if the text is no such date
    """
    return date.fromisoformat(obj) if isinstance(obj, str) else obj


def convert_to_datetime(input: Any, tz: Any, arg_name: str | None) -> Any:
    """Return a datetime, date or text as an aware datetime whose wall time exists; ``None`` stays ``None``.

    Texts are ``YYYY-MM-DD``, then optionally ``HH:MM:SS``, ``.f`` (microseconds) and ``Z`` or
    ``±HH:MM``. A value without a zone of its own is read in ``tz``; a wall time that a zone's clock skips is
    moved on by the length of the gap, as in 3.x.

    :param tz: zone or its name, for what has none of its own
    :param arg_name: what the value is for, said in errors
    :raises TypeError: if the value is of another type
    :raises ValueError: if a text is no datetime, or no zone is known
    """
    if input is None:
        return None
    moment = _moment(input, arg_name)
    if moment.tzinfo is not None:
        return moment
    if tz is None:
        raise ValueError(
            f"{arg_name} {input!r} names no time zone, and none is given to read it in"
        )
    zone = zone_named(tz) if isinstance(tz, str) else tz
    if not isinstance(zone, tzinfo):
        raise TypeError(f"tz must be a name or a tzinfo, not {type(tz).__name__} ({tz!r})")
    return localize(moment, zone)


def _moment(given: Any, arg_name: str | None) -> datetime:
    if isinstance(given, datetime):
        return given
    if isinstance(given, date):
        return datetime(given.year, given.month, given.day)  # noqa: DTZ001 - the zone comes next
    if isinstance(given, str):
        return _parsed(given, arg_name)
    raise TypeError(
        f"{arg_name} must be a datetime, a date or a text like '2030-01-31 12:00:00', "
        f"not {type(given).__name__} ({given!r})"
    )


def _parsed(text: str, arg_name: str | None) -> datetime:
    match = _moment_pattern().fullmatch(text)
    if match is None:
        raise ValueError(
            f"{arg_name} cannot be read from {text!r}: write it as YYYY-MM-DD, or YYYY-MM-DD HH:MM:SS "
            "with optional microseconds and Z or +HH:MM"
        )
    *numbers, zone = match.groups()
    try:
        return datetime(*[int(number or 0) for number in numbers], tzinfo=_offset(zone))  # type: ignore[misc,arg-type]
    except ValueError as error:
        raise ValueError(f"{arg_name} {text!r} is no moment of the calendar: {error}") from None


def _offset(text: str | None) -> tzinfo | None:
    if text is None or text == "Z":
        return UTC if text else None
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[4:6]))
    return timezone(-offset if text[0] == "-" else offset)


def localize(dt: datetime, tzinfo: Any) -> datetime:
    """Return a naive datetime as one of ``tzinfo`` with a wall time that exists.

    Zones of pytz are asked by their own ``localize``, so that their offset is right.
    """
    if hasattr(tzinfo, "localize"):
        localized: datetime = tzinfo.localize(dt)
        return localized
    # combine() takes a third of replace()'s time.
    moment = normalize(datetime.combine(dt.date(), dt.time(), tzinfo))
    offset = moment.utcoffset()
    if not dt.fold and offset is not None and moment.replace(tzinfo=None) < dt:
        # In a gap dateutil before 4 takes the offset after the gap; the offset before it leads past the gap.
        return (dt - offset).replace(tzinfo=UTC).astimezone(tzinfo)
    return moment


def normalize(dt: datetime) -> datetime:
    """Return the same instant with a wall time that exists in its zone."""
    zone = dt.tzinfo
    if zone is None:
        return dt.astimezone().replace(tzinfo=None)
    if zone is UTC and not dt.fold:
        return dt
    return dt.astimezone(UTC).astimezone(zone)


def datetime_to_utc_timestamp(timeval: datetime | None) -> float | None:
    """Return the seconds since 1970 UTC; a naive datetime is read as UTC, ``None`` stays ``None``."""
    if timeval is None:
        return None
    offset = timeval.utcoffset()
    whole = timeval.replace(tzinfo=None) - _EPOCH
    if offset is not None:
        whole -= offset
    return whole.days * 86_400 + whole.seconds + whole.microseconds / 1_000_000


_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - subtracted from naive datetimes


def utc_timestamp_to_datetime(timestamp: float | None) -> datetime | None:
    """Return the UTC datetime of a number of seconds since 1970; ``None`` stays ``None``."""
    return None if timestamp is None else datetime.fromtimestamp(timestamp, UTC)


def timedelta_seconds(delta: timedelta) -> float:
    """Return a timedelta in seconds."""
    return delta.days * 86_400 + delta.seconds + delta.microseconds / 1_000_000


def datetime_ceil(dateval: datetime) -> datetime:
    """Return the first whole second at or after the datetime."""
    if not dateval.microsecond:
        return dateval
    return datetime_utc_add(dateval, timedelta(microseconds=1_000_000 - dateval.microsecond))


def datetime_utc_add(dateval: datetime, tdelta: timedelta) -> datetime:
    """Return the datetime ``tdelta`` later in real time, in the same zone."""
    zone = dateval.tzinfo
    if zone is None:
        return dateval + tdelta
    return (dateval.astimezone(UTC) + tdelta).astimezone(zone)


def datetime_repr(dateval: Any) -> str:
    """Return the datetime as 3.x shows it: date, time to the second, zone abbreviation."""
    return dateval.strftime("%Y-%m-%d %H:%M:%S %Z") if dateval else "None"


def timezone_repr(timezone: tzinfo | None) -> str:
    """Return the zone's key where it is one of zoneinfo, its ``repr`` otherwise."""
    key = getattr(timezone, "key", None) if _is_standard(type(timezone)) else None
    return key or repr(timezone)
