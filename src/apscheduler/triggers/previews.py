"""Fire times before they come, with remarks: what clocks, ends and chance do to them.

Nothing is drawn at random here, and no trigger of someone else's is changed by being asked: it is copied.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from datetime import UTC, datetime, tzinfo
from itertools import islice, pairwise
from typing import Any, NamedTuple

from apscheduler._engine.instants import AT_NEXT_START, DAY, SECOND, from_us, to_us
from apscheduler._engine.zones import ZoneLine, zone_line
from apscheduler.calendars.base import UnknownCalendarError
from apscheduler.triggers._words import locale_named
from apscheduler.triggers._words.clock import clock
from apscheduler.triggers._words.parts import Locale
from apscheduler.triggers._words.reading import seconds_text
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.calendar import CalendarTrigger
from apscheduler.triggers.combining import AndTrigger, BaseCombiningTrigger, OrTrigger, after
from apscheduler.triggers.foreign import in_zone
from apscheduler.triggers.wallclock import WallClockTrigger

__all__ = ("FireTime", "Remark")

Said = tuple[str, tuple[str, ...]]

STEPS = 10_000
"""So often a trigger that cannot look ahead is asked for its next fire time in search of one."""


class StepsError(Exception):
    """A fire time was not found within ``STEPS`` steps."""


class Remark(NamedTuple):
    """Something about a fire time that its date does not show.

    :ivar kind: ``"gap"`` (moved, because the wall time wanted does not exist), ``"first"`` or ``"second"`` (of a wall time that
        comes twice), ``"skipped"`` (by a calendar), ``"unsure"`` (a calendar of the scheduler will tell), ``"moved"`` (from a
        closed day), ``"jitter"``, ``"overdue"``, ``"end"`` (the last one before the trigger's end date), ``"last"``
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


def preview(trigger: BaseTrigger, n: Any, start: Any, locale: str) -> list[FireTime]:
    """Return the fire times of a job that is added at ``start`` (see :meth:`BaseTrigger.preview`)."""
    words = locale_named(locale)
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise ValueError(f"n is how many fire times to preview, 1 or more, not {n!r}")
    if not (start is None or isinstance(start, datetime)):
        raise TypeError(f"start must be a datetime or None, not {type(start).__name__} ({start!r})")
    zone = getattr(trigger, "timezone", None)
    now = datetime.now(zone or UTC) if start is None else start
    if now.tzinfo is None:
        now = now.replace(tzinfo=zone) if zone else now.astimezone()
    ahead = Ahead(trigger, now.tzinfo, words)
    instant = to_us(now)
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
        trigger: BaseTrigger,
        zone: tzinfo | None,
        words: Locale,
        calendars: Mapping[str, Any] | None = None,
    ) -> None:
        self._trigger = untouched(trigger)
        plain = without_jitter(self._trigger)
        self._has_jitter = plain is not self._trigger
        self._series: Any = plain
        if not isinstance(plain, CalendarTrigger):
            self._series = in_zone(plain, zone)
        elif calendars is not None or not plain.native:
            self._series = plain.bound(calendars or {}, zone)
        self._words = words

    def first(self, now: int) -> int | None:
        """Return the first fire time, jitter left aside; ``None`` if there is none.

        It is ``AT_NEXT_START`` for what has no time but the next start of a scheduler.
        """
        found: int | None = self._series.next_us(None, now)
        return found

    def from_instant(self, due: int, start: int) -> int | None:
        """Return the first fire time at or after ``start`` of the series that comes to ``due`` before it.

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
        """Yield the fire times beginning with ``first``; of those before ``now`` this one only, as overdue."""
        current = first
        while current is not None:
            try:
                following = self._next(current, now)
            except Exception:
                yield self._row(current, now, is_last=False)  # what is known is shown
                raise
            yield self._row(current, now, is_last=following is None)
            current = following

    def _next(self, current: int, now: int) -> int | None:
        if current < now and self._trigger.native:
            latest = self._series.latest_us(current, now - 1)
            current = current if latest is None else latest
        return self._following(current, max(now, current))

    def _following(self, previous: int, now: int) -> int | None:
        if self._has_jitter:
            return after(self._series, previous, now)
        found: int | None = self._series.next_us(previous, now)
        return None if found is None or found <= previous else found

    def _row(self, instant: int, now: int, *, is_last: bool) -> FireTime:
        said: list[Said] = [("overdue", ())] if instant < now else []
        said += self._said(instant)
        if is_last:
            inner = getattr(self._trigger, "trigger", self._trigger)
            end = getattr(inner, "end_date", None)
            said.append(
                ("last", ()) if end is None else ("end", (_end_text(end, self.at(instant)),))
            )
        remarks = tuple(Remark(kind, self._words.remark(kind, values)) for kind, values in said)
        return FireTime(self.at(instant), from_us(instant, UTC), remarks)

    def _said(self, instant: int) -> list[Said]:
        trigger = self._trigger
        if isinstance(trigger, CalendarTrigger):  # which knows its calendars there
            trigger = self._series.around(trigger.trigger)
        return [*self._closed(instant), *remarks_of(trigger, instant, self._zone_line(instant))]

    def _closed(self, instant: int) -> list[Said]:
        """Return why calendars drop the fire time."""
        if not self._trigger.drops:
            return []
        try:
            reason = self._series.span(instant).reason
        except UnknownCalendarError as exc:
            return [("unsure", (str(exc).partition(",")[0],))]
        return [] if reason is None else [("skipped", (reason,))]

    def at(self, instant: int) -> datetime:
        """Return an instant as users are shown it."""
        shown: datetime = self._series.at(instant)
        return shown

    def _zone_line(self, instant: int) -> ZoneLine:
        return zone_line(self.at(instant).tzinfo or UTC)


def _end_text(end: Any, shown: datetime) -> str:
    if isinstance(end, datetime):
        return end.astimezone(shown.tzinfo).isoformat(sep=" ")
    return str(end)


def remarks_of(trigger: BaseTrigger, instant: int, line: ZoneLine) -> list[Said]:
    """Return kinds and values of the remarks on a fire time of the trigger."""
    if isinstance(trigger, CalendarTrigger):
        source = _moved_from(trigger, instant)
        if source is None:
            return remarks_of(trigger.trigger, instant, line)
        found: list[Said] = [("moved", (str(source.date()),)), *_twice(instant, line)]
    elif isinstance(trigger, BaseCombiningTrigger):
        found = [
            each
            for child in trigger.triggers
            if isinstance(trigger, AndTrigger) or fires_at(child, instant)
            for each in remarks_of(child, instant, line)
        ]
    else:
        found = _gap(trigger, instant) if isinstance(trigger, WallClockTrigger) else []
        found += _twice(instant, line)
    ours = trigger.native or isinstance(trigger, BaseCombiningTrigger)
    jitter = seconds_text(getattr(trigger, "jitter", None)) if ours else None
    if jitter and (not trigger.native or fires_at(trigger, instant)):
        found.append(("jitter", (jitter,)))
    return list(dict.fromkeys(found))


def fires_at(trigger: BaseTrigger, instant: int) -> bool:
    """Return whether a trigger of ours fires at the instant, jitter left aside."""
    if not trigger.native:
        return False
    return after(without_jitter(trigger), instant - 1, instant) == instant


def _gap(trigger: WallClockTrigger, instant: int) -> list[Said]:
    line, table = trigger._line, trigger._table
    local = instant + line.offset(instant)
    if table.next_local(local) == local or not fires_at(trigger, instant):
        return []
    windows = list(line.windows(instant - 2 * DAY, instant))
    for early, late in reversed(list(pairwise(windows))):
        start, end = early.end + early.offset, late.start + late.offset
        wanted = table.next_local(start)
        if wanted is not None and wanted < end:
            return [("gap", tuple(_wall(each, start, end) for each in (wanted, start, end)))]
    return []


def _moved_from(trigger: CalendarTrigger, instant: int) -> datetime | None:
    # Someone else's trigger would be asked about the past, which may change it.
    if not trigger.trigger.native:
        return None
    plain = without_jitter(trigger)
    assert isinstance(plain, CalendarTrigger)  # noqa: S101 - around() keeps the class
    return plain.moved_from(trigger.at(instant))


def _twice(instant: int, line: ZoneLine) -> list[Said]:
    local = instant + line.offset(instant)
    instants = line.instants(local)
    if len(instants) < 2:
        return []
    text = clock(local % DAY // SECOND)
    return [("first" if instant == instants[0] else "second", (text,))]


def _wall(local: int, start: int, end: int) -> str:
    """Return a wall time, with its date where the clocks skip from one day to another."""
    time = clock(local % DAY // SECOND)
    return time if start // DAY == end // DAY else f"{from_us(local, UTC).date()} {time}"


def untouched(trigger: BaseTrigger) -> BaseTrigger:
    """Return the trigger with copies of those that may change when they are asked: someone else's."""
    if isinstance(trigger, CalendarTrigger):
        return trigger.around(untouched(trigger.trigger))
    if isinstance(trigger, BaseCombiningTrigger):
        return type(trigger)([untouched(child) for child in trigger.triggers], trigger.jitter)
    return trigger if trigger.native else deepcopy(trigger)


def without_jitter(trigger: BaseTrigger) -> BaseTrigger:
    """Return a trigger of ours as it is before chance moves its fire times; others as they are."""
    if isinstance(trigger, CalendarTrigger):
        plain = without_jitter(trigger.trigger)
        return trigger if plain is trigger.trigger else trigger.around(plain)
    if isinstance(trigger, OrTrigger):
        children = [without_jitter(child) for child in trigger.triggers]
        moved = any(new is not old for new, old in zip(children, trigger.triggers, strict=True))
        return type(trigger)(children) if moved or trigger.jitter else trigger
    if not trigger.native or not getattr(trigger, "jitter", None):
        return trigger
    if isinstance(trigger, AndTrigger):
        return type(trigger)(trigger.triggers)
    made: Any = type(trigger).__new__(type(trigger))
    state: Any = trigger.__getstate__()
    made.__setstate__({**state, "jitter": None})
    return made  # type: ignore[no-any-return]
