"""Finds the remarks on a fire time: kinds and values, which a language puts into words. Each trigger asks for its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import pairwise

from apscheduler._engine.instants import DAY, SECOND, from_us
from apscheduler._engine.zones import Window, ZoneLine
from apscheduler.triggers._words.clock import clock
from apscheduler.triggers._words.parts import RemarkSaid, seconds_text
from apscheduler.triggers.arguments import with_state
from apscheduler.triggers.foreign import after

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from apscheduler._engine.cron import CronTable
    from apscheduler.triggers.foreign import Trigger

    class Jittered(Trigger, Protocol):
        """A trigger that can be had without its jitter."""

        def without_jitter(self) -> Trigger:
            """Return a trigger of ours without its jitter; others as they are."""


_LOOKED_BACK = 2 * 366 * DAY
"""How far back from a fire time, in microseconds, wall times that were left out are looked for."""
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


def fires_at(trigger: Jittered, instant: int) -> bool:
    """Return whether a trigger of ours fires at the instant, jitter left aside."""
    if not trigger.native:
        return False
    return after(trigger.without_jitter(), instant - 1, instant) == instant


def jittered(trigger: Jittered, instant: int) -> list[RemarkSaid]:
    """Return the remark that chance will move the fire time; not if it is not the trigger's own."""
    jitter = seconds_text(getattr(trigger, "jitter", None))
    if jitter and (not trigger.native or fires_at(trigger, instant)):
        return [("jitter", (jitter,))]
    return []


def out_of_gap(instant: int, line: ZoneLine, table: CronTable) -> list[RemarkSaid]:
    """Return the remark on a fire time whose wall time the table does not have: it was moved out of a gap."""
    local = instant + line.offset(instant)
    if table.next_local(local) == local:
        return []
    windows = list(line.windows(instant - 2 * DAY, instant))
    for early, late in reversed(list(pairwise(windows))):
        start, end = early.end + early.offset, late.start + late.offset
        wanted = table.next_local(start)
        if wanted is not None and wanted < end:
            return [("gap", tuple(_wall(each, start, end) for each in (wanted, start, end)))]
    return []


def _wall(local: int, start: int, end: int) -> str:
    """Return a wall time, with its date where the clocks skip from one day to another."""
    time = clock(local % DAY // SECOND)
    return time if start // DAY == end // DAY else f"{from_us(local, UTC).date()} {time}"


def end_of(trigger: Jittered, instant: int, shown: datetime) -> list[RemarkSaid]:
    """Return the remark on the last fire time of a trigger."""
    end = getattr(trigger, "end_date", None)
    if end is None or not trigger.native or not _goes_on(trigger, instant):
        return [("last", ())]
    text = (
        end.astimezone(shown.tzinfo).isoformat(sep=" ") if isinstance(end, datetime) else str(end)
    )
    return [("end", (text,))]


def _goes_on(trigger: Jittered, instant: int) -> bool:
    """Return whether a trigger of ours would fire after this instant if it had no end date."""
    plain = trigger.without_jitter()
    free = with_state(plain, end_date=None) if hasattr(plain, "end_date") else plain
    return after(free, instant, instant) is not None


def left_out(local: int) -> RemarkSaid:
    """Return the remark on a wall time that was left out, because it does not exist."""
    return "left_out", (f"{from_us(local, UTC).date()} {clock(local % DAY // SECOND)}",)


def gaps(line: ZoneLine, previous: int, instant: int) -> Iterator[tuple[Window, Window]]:
    """Yield the windows around each gap after ``previous``, up to ``instant``."""
    first = max(previous, instant - _LOOKED_BACK)
    for early, late in pairwise(line.windows(first, instant)):
        if late.offset > early.offset and first < late.start <= instant:
            yield early, late


def dates_between(start: int, end: int) -> Iterator[tuple[date, int]]:
    """Yield the dates on which wall times from ``start`` to ``end`` lie, and the wall time that each begins with."""
    for number in range(start // DAY, end // DAY + 1):
        yield date.fromordinal(number + _EPOCH_ORDINAL), number * DAY
