"""The closed table of values that signed JSON knows, beside JSON's own: tag, class, to plain values and back.

Each ``from_plain`` checks what it is given: a wrong value raises ``TypeError`` or ``ValueError`` at once. Nothing here
finds a class or function by a name from the data.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from functools import lru_cache
from typing import Any, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

from apscheduler.moments import astimezone

Entry: TypeAlias = tuple[str, type, Callable[[Any], Any], Callable[[Any], Any]]
"""Tag, class (exactly this one, no subclass), to plain values, from plain values."""

_SECOND = 1_000_000


def checked(value: Any, *kinds: type) -> Any:
    """Return the value if its class is one of ``kinds`` exactly.

    :raises TypeError: if it is not
    """
    if type(value) not in kinds:
        wanted = " or ".join(kind.__name__ for kind in kinds)
        raise TypeError(f"expected {wanted}, not {type(value).__name__}")
    return value


def fields(plain: Any, count: int) -> list[Any]:
    """Return a list of ``count`` values.

    :raises TypeError, ValueError: if it is no such list
    """
    found: list[Any] = checked(plain, list)
    if len(found) != count:
        raise ValueError(f"expected {count} values, not {len(found)}")
    return found


def known_zone(zone: tzinfo | None) -> tzinfo | None:
    """Return a zone of pytz as one of the standard library; all others as they are."""
    return astimezone(zone)


def _datetime_plain(moment: datetime) -> list[Any]:
    zone = known_zone(moment.tzinfo)
    if (
        zone is not moment.tzinfo
    ):  # the zone of pytz holds what the standard library keeps in the fold
        moment = moment.astimezone(zone)
    return [moment.replace(tzinfo=None).isoformat(), zone, moment.fold]


def _datetime(plain: Any) -> datetime:
    text, zone, fold = fields(plain, 3)
    moment = datetime.fromisoformat(checked(text, str))
    return moment.replace(tzinfo=_zone_or_none(zone), fold=_fold(fold))


def _time_plain(moment: time) -> list[Any]:
    return [moment.replace(tzinfo=None).isoformat(), known_zone(moment.tzinfo), moment.fold]


def _time(plain: Any) -> time:
    text, zone, fold = fields(plain, 3)
    moment = time.fromisoformat(checked(text, str))
    return moment.replace(tzinfo=_zone_or_none(zone), fold=_fold(fold))


def _zone_or_none(zone: Any) -> tzinfo | None:
    if zone is not None and not isinstance(zone, tzinfo):
        raise TypeError(f"expected a time zone, not {type(zone).__name__}")
    return zone


def _fold(fold: Any) -> int:
    number: int = checked(fold, int)
    return number


def _date(plain: Any) -> date:
    return date.fromisoformat(checked(plain, str))


def _timedelta_plain(delta: timedelta) -> list[int]:
    return [delta.days, delta.seconds, delta.microseconds]


def _timedelta(plain: Any) -> timedelta:
    days, seconds, microseconds = (checked(number, int) for number in fields(plain, 3))
    return timedelta(days, seconds, microseconds)


def _zone_plain(zone: ZoneInfo) -> str:
    if zone.key not in _zone_names():
        raise ValueError(
            f"the time zone {zone.key!r} is not in the tz database, so others could not find it: use a "
            "zone with a name like 'Europe/Berlin'"
        )
    return zone.key


def _zone(plain: Any) -> ZoneInfo:
    # Checked first, because ZoneInfo would also look for a module of tzdata with that name.
    if checked(plain, str) not in _zone_names():
        raise ValueError(
            f"there is no time zone {plain!r} in the tz database here: install or upgrade tzdata"
        )
    return ZoneInfo(plain)


@lru_cache(maxsize=1)
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones())


def _offset_plain(zone: timezone) -> list[Any]:
    offset = zone.utcoffset(None)
    name = zone.tzname(None)
    return [_timedelta_plain(offset), None if name == timezone(offset).tzname(None) else name]


def _offset(plain: Any) -> timezone:
    offset, name = fields(plain, 2)
    delta = _timedelta(offset)
    return timezone(delta) if name is None else timezone(delta, checked(name, str))


def _bytes_plain(data: bytes) -> str:
    return b64encode(data).decode("ascii")


def _bytes(plain: Any) -> bytes:
    return b64decode(checked(plain, str), validate=True)


def _float(plain: Any) -> float:
    return float(checked(plain, str))


def _decimal(plain: Any) -> Decimal:
    return Decimal(checked(plain, str))


def _uuid(plain: Any) -> UUID:
    return UUID(checked(plain, str))


def _tuple(plain: Any) -> tuple[Any, ...]:
    return tuple(checked(plain, list))


def _set(plain: Any) -> set[Any]:
    return set(checked(plain, list))


def _frozenset(plain: Any) -> frozenset[Any]:
    return frozenset(checked(plain, list))


def _dict(plain: Any) -> dict[Any, Any]:
    return dict(fields(pair, 2) for pair in checked(plain, list))


VALUES: tuple[Entry, ...] = (
    ("bytes", bytes, _bytes_plain, _bytes),
    ("date", date, date.isoformat, _date),
    ("datetime", datetime, _datetime_plain, _datetime),
    ("decimal", Decimal, str, _decimal),
    ("offset", timezone, _offset_plain, _offset),
    ("time", time, _time_plain, _time),
    ("timedelta", timedelta, _timedelta_plain, _timedelta),
    ("tuple", tuple, list, _tuple),
    ("uuid", UUID, str, _uuid),
    ("zone", ZoneInfo, _zone_plain, _zone),
)

# Written by the walker itself, because their order or form depends on the text of what is in them.
WALKED: dict[str, Callable[[Any], Any]] = {
    "dict": _dict,
    "float": _float,
    "frozenset": _frozenset,
    "set": _set,
}
