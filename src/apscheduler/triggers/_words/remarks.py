"""Finds the remarks on a fire time: kinds and values, which a locale puts into words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import pairwise

from apscheduler._engine.clock_rules import ONCE
from apscheduler._engine.instants import DAY, SECOND, from_us
from apscheduler._engine.zones import Window, ZoneLine
from apscheduler.triggers._words.clock import clock
from apscheduler.triggers._words.copies import without_end, without_jitter
from apscheduler.triggers._words.reading import seconds_text
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.calendar import CalendarTrigger
from apscheduler.triggers.calendarinterval import CalendarIntervalTrigger
from apscheduler.triggers.combining import AndTrigger, BaseCombiningTrigger, OrTrigger, after
from apscheduler.triggers.wallclock import WallClockTrigger

Said = tuple[str, tuple[str, ...]]

_LOOKED_BACK = 2 * 366 * DAY
"""How far back from a fire time, in microseconds, wall times that were left out are looked for."""
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


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
    # A foreign trigger would be asked about the past, and that may change it.
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


def end_of(trigger: BaseTrigger, instant: int, shown: datetime) -> list[Said]:
    """Return the remark on the last fire time of a trigger."""
    if isinstance(trigger, CalendarTrigger):
        trigger = trigger.trigger
    free = without_end(without_jitter(trigger))
    end = getattr(trigger, "end_date", None)
    if end is None or not trigger.native or after(free, instant, instant) is None:
        return [("last", ())]
    text = (
        end.astimezone(shown.tzinfo).isoformat(sep=" ") if isinstance(end, datetime) else str(end)
    )
    return [("end", (text,))]


def left_out(trigger: BaseTrigger, previous: int, instant: int) -> list[Said]:
    """Return remarks on wall times after ``previous`` that the trigger passes over because they do not exist."""
    if isinstance(trigger, CalendarTrigger):
        return left_out(trigger.trigger, previous, instant)
    if isinstance(trigger, OrTrigger):
        found = [each for child in trigger.triggers for each in left_out(child, previous, instant)]
    elif isinstance(trigger, WallClockTrigger) and trigger._rule is ONCE:
        found = _left_out_of_table(trigger, previous, instant)
    elif isinstance(trigger, CalendarIntervalTrigger):
        found = _left_out_dates(trigger, previous, instant)
    else:
        return []
    return list(dict.fromkeys(found))


def _left_out_of_table(trigger: WallClockTrigger, previous: int, instant: int) -> list[Said]:
    found = []
    for early, late in _gaps(trigger._line, previous, instant):
        wanted = trigger._table.next_local(early.end + early.offset)
        inside = wanted is not None and wanted < late.start + late.offset
        if inside and wanted is not None and trigger._start <= late.start <= trigger._end:
            found.append(_left_out(wanted))
    return found


def _left_out_dates(trigger: CalendarIntervalTrigger, previous: int, instant: int) -> list[Said]:
    found = []
    for early, late in _gaps(trigger._line, previous, instant):
        start, end = early.end + early.offset, late.start + late.offset
        for number in range(start // DAY, end // DAY + 1):
            day = date.fromordinal(number + _EPOCH_ORDINAL)
            inside = start <= number * DAY + trigger._time_us < end
            if inside and trigger._last_date(trigger.start_date, day) == day:
                found.append(_left_out(number * DAY + trigger._time_us))
    return found


def _left_out(local: int) -> Said:
    return "left_out", (f"{from_us(local, UTC).date()} {clock(local % DAY // SECOND)}",)


def _gaps(line: ZoneLine, previous: int, instant: int) -> Iterator[tuple[Window, Window]]:
    """Yield the windows around each gap after ``previous``, up to ``instant``."""
    first = max(previous, instant - _LOOKED_BACK)
    for early, late in pairwise(line.windows(first, instant)):
        if late.offset > early.offset and first < late.start <= instant:
            yield early, late
