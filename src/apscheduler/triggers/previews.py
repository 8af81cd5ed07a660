"""Shows fire times before they come, with remarks: what clocks, ends and chance do to them.

Nothing is drawn at random here. A foreign trigger is copied first, because asking it may change it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, tzinfo
from itertools import islice
from typing import Any, NamedTuple

from apscheduler import clocks
from apscheduler._engine.instants import AT_NEXT_START, DAY, LATEST, from_us, to_us
from apscheduler._engine.zones import EARLIEST, ZoneLine, zone_line
from apscheduler.calendars.base import UnknownCalendarError
from apscheduler.moments import local_zone
from apscheduler.triggers._words import locale_named
from apscheduler.triggers._words.locale import Locale
from apscheduler.triggers._words.parts import RemarkSaid
from apscheduler.triggers.foreign import after, in_zone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from apscheduler.triggers.foreign import Trigger

    class Previewed(Trigger, Protocol):
        """What a preview asks of a trigger; :class:`~apscheduler.triggers.base.BaseTrigger` says what each means."""

        @property
        def binds(self) -> bool: ...
        @property
        def drops(self) -> bool: ...
        def _untouched(self) -> Previewed: ...
        def without_jitter(self) -> Previewed: ...
        def _remarks(self, instant: int, line: ZoneLine) -> list[RemarkSaid]: ...
        def _left_out(self, previous: int, instant: int) -> list[RemarkSaid]: ...
        def _end_remark(self, instant: int, shown: datetime) -> list[RemarkSaid]: ...


__all__ = ("FireTime", "Remark")

STEPS = 10_000
"""How many fire times of a trigger that cannot look backwards are walked through in search of one."""


class StepsError(Exception):
    """A fire time was not found within ``STEPS`` steps."""


class Remark(NamedTuple):
    """Something about a fire time that its date does not show.

    :ivar kind: ``"gap"`` (moved, because the wall time wanted does not exist), ``"first"`` or ``"second"`` (of a wall
        time that comes twice), ``"left_out"`` (a wall time before it, which does not exist), ``"skipped"`` (by a
        calendar), ``"unsure"`` (a calendar of the scheduler will tell), ``"moved"`` (from a closed day), ``"jitter"``,
        ``"overdue"``, ``"end"`` (the last one before the trigger's end date), ``"last"``
    :ivar text: in words
    """

    kind: str
    text: str


class FireTime(NamedTuple):
    """One fire time.

    :ivar at: in the trigger's zone
    :ivar utc: the same in UTC
    :ivar remarks: in words, see :class:`Remark`
    """

    at: datetime
    utc: datetime
    remarks: tuple[Remark, ...] = ()

    def __str__(self) -> str:
        text = f"{self.at:%a} {self.at.isoformat(sep=' ')} {self.at.tzname()}"
        return f"{text} ({'; '.join(each.text for each in self.remarks)})" if self.remarks else text


def preview(trigger: Previewed, n: Any, start: Any, locale: str) -> list[FireTime]:
    """Return the fire times of a job that is added at ``start`` (see :meth:`apscheduler.triggers.base.BaseTrigger.preview`)."""
    words = locale_named(locale)
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise ValueError(f"n is how many fire times to preview, 1 or more, not {n!r}")
    if not (start is None or isinstance(start, datetime)):
        raise TypeError(f"start must be a datetime or None, not {type(start).__name__} ({start!r})")
    zone = trigger.at(0).tzinfo if trigger.native else getattr(trigger, "timezone", None)
    zone = zone or local_zone()
    now = clocks.now(zone) if start is None else start
    now = now.replace(tzinfo=zone) if now.tzinfo is None else now
    ahead = Ahead(trigger, now.tzinfo, words)
    instant = min(max(to_us(now), EARLIEST + DAY), LATEST - DAY)  # which every zone can show
    first = ahead.first(instant)
    return [] if first == AT_NEXT_START else list(islice(ahead.walk(first, instant), n))


class Ahead:
    """The fire times of one trigger from an instant on.

    :param zone: in which someone else's trigger is asked
    :param words: the language of the remarks
    :param calendars: those that the trigger may name; ``None`` keeps the ones to which it is bound
    """

    def __init__(
        self,
        trigger: Previewed,
        zone: tzinfo | None,
        words: Locale,
        calendars: Mapping[str, Any] | None = None,
    ) -> None:
        self._trigger = trigger._untouched()
        plain: Any = self._trigger.without_jitter()
        self._has_jitter = plain is not self._trigger
        self._series: Any = plain
        if not plain.binds:
            self._series = in_zone(plain, zone)
        elif calendars is not None or not plain.native:
            self._series = plain.bound(calendars or {}, zone)
        self._words = words

    def first(self, now: int) -> int | None:
        """Return the first fire time, jitter left aside; ``None`` if there is none.

        It is ``AT_NEXT_START`` for a trigger that fires only at the next start of a scheduler.
        """
        found: int | None = self._series.next_us(None, now)
        return found

    def from_instant(self, due: int, start: int) -> int | None:
        """Return the first fire time at or after ``start`` of the series that has the earlier fire time ``due``.

        :raises StepsError: if it is not found in a bounded number of steps
        """
        if self._has_jitter:
            return after(self._series, start - 1, start)
        latest: int | None = self._series.latest_us(due, start - 1)
        if latest is not None:
            return self._following(latest, start)
        current: int | None = due
        for _ in range(STEPS):
            if current is None or current >= start:
                return current
            current = self._following(current, current)
        raise StepsError(str(STEPS))

    def walk(self, first: int | None, now: int) -> Iterator[FireTime]:
        """Yield the fire times from ``first`` on. If that one is overdue, skip the others before ``now``."""
        previous, current = now, first
        while current is not None:
            try:
                following = self._next(current, now)
            except Exception:
                yield self._row(current, previous, now, is_last=False)  # what is known is shown
                raise
            yield self._row(current, previous, now, is_last=following is None)
            previous, current = max(current, now), following

    def _next(self, current: int, now: int) -> int | None:
        if current < now and self._series.native:
            latest = self._series.latest_us(current, now - 1)
            current = current if latest is None else latest
        return self._following(current, max(now, current))

    def _following(self, previous: int, now: int) -> int | None:
        if self._has_jitter:
            return after(self._series, previous, now)
        found: int | None = self._series.next_us(previous, now)
        return None if found is None or found <= previous else found

    def _row(self, instant: int, previous: int, now: int, *, is_last: bool) -> FireTime:
        said: list[RemarkSaid] = [("overdue", ())] if instant < now else []
        said += self._said(instant) + self._trigger._left_out(previous, instant)
        if is_last:
            said += self._trigger._end_remark(instant, self.at(instant))
        remarks = tuple(Remark(kind, self._words.remark(kind, values)) for kind, values in said)
        return FireTime(self.at(instant), from_us(instant, UTC), remarks)

    def _said(self, instant: int) -> list[RemarkSaid]:
        trigger: Any = self._trigger
        if trigger.binds:  # its calendars are looked up in the series
            trigger = self._series.around(trigger.trigger)
        return [*self._closed(instant), *trigger._remarks(instant, self._zone_line(instant))]

    def _closed(self, instant: int) -> list[RemarkSaid]:
        """Return the remark that calendars drop the fire time, or may drop it."""
        if not self._trigger.drops:
            return []
        try:
            reason = self._series.span(instant).reason
        except UnknownCalendarError as exc:
            return [("unsure", (str(exc).partition(",")[0],))]
        return [] if reason is None else [("skipped", (reason,))]

    def at(self, instant: int) -> datetime:
        """Return an instant as users see it."""
        shown: datetime = self._series.at(instant)
        return shown

    def _zone_line(self, instant: int) -> ZoneLine:
        return zone_line(self.at(instant).tzinfo or UTC)
