"""The plan for a job that obeys calendars: its due fire times fall into open and closed ones.

A closed fire time is dropped with its calendar's reason; the open ones are planned as those of every job are
(planning.py). The work grows with the number of spans in which the calendars give one answer, not with that of the
fire times, and is bounded: what lies before the last ``SPAN_LIMIT`` spans becomes one record, without asking calendars.
"""

from __future__ import annotations

from collections import deque

from apscheduler._engine.planning import (
    CERTAIN_MISSES,
    COUNT_LIMIT,
    WALK_LIMIT,
    Drop,
    Plan,
    Rollup,
    fire_after,
    previous_member,
)
from apscheduler._engine.records import Record
from apscheduler._engine.spans import Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from apscheduler._engine.planning import Series

    class OpenSeries(Series, Protocol):
        """What planning asks of a trigger that obeys calendars."""

        def span(self, instant: int) -> Span:
            """Return what the calendars say around an instant."""

        def why_late_closed(self, now: int) -> str | None:
            """Return why nothing overdue may start at ``now``."""


SPAN_LIMIT = 1000


class Segment(Record):
    """Neighbouring fire times within one span."""

    __slots__ = ("count", "first", "last", "reason")

    def __init__(self, first: int, last: int, count: int, reason: str | None) -> None:
        self.first = first
        self.last = last
        self.count = count
        self.reason = reason


def plan_open(
    trigger: OpenSeries, due: int, now: int, *, coalesce: bool, grace: int | None, limit: int
) -> Plan:
    """Return the plan for the series that begins at ``due`` (<= ``now``): see :func:`planning.plan`."""
    keep = 1 if coalesce else limit
    latest = due
    following = fire_after(trigger, due, now)
    if following is not None and following <= now:
        found = trigger.latest_us(due, now)
        if found is None:
            return _finished(trigger, _Walk(trigger, due, now, keep), now, coalesce=coalesce)
        latest = found
        following = fire_after(trigger, latest, now)
    sorted_out = _Search(trigger, due, latest, keep, now, grace)
    sorted_out.following = following
    return _finished(trigger, sorted_out, now, coalesce=coalesce)


def _finished(trigger: OpenSeries, found: _Search | _Walk, now: int, *, coalesce: bool) -> Plan:
    run, rest = found.run, found.rest
    drops = [
        Drop(each.count, each.first, each.last, each.reason)
        for each in found.segments
        if each.reason is not None
    ]
    late = trigger.why_late_closed(now) if run else None
    if late is not None:
        drops.append(Drop(len(run), run[0], run[-1], f"overdue, and now {late}"))
        run = []
    drops.sort(key=lambda drop: drop.first)
    coalesced, missed = (rest, None) if coalesce else (None, rest)
    return Plan(run, found.following, coalesced, missed, drops or None)


class _Search:
    """The due fire times of a trigger that can look backwards, searched from the last one.

    :ivar segments: newest first
    :ivar run: the open fire times that run, in order
    :ivar rest: the record of the other open ones and of all beyond the limit, ``None`` if there are none
    """

    def __init__(
        self, trigger: OpenSeries, due: int, latest: int, keep: int, now: int, grace: int | None
    ) -> None:
        self.following: int | None = None
        self.segments: list[Segment] = []
        self._trigger = trigger
        older = self._search(due, latest)
        self.run = self._runs(keep, now, grace)
        self.rest = self._rest_with(older)

    def _search(self, due: int, member: int) -> Rollup | None:
        """Find the segments; return the record of what lies beyond the limit."""
        trigger = self._trigger
        for _ in range(SPAN_LIMIT):
            span = trigger.span(member)
            if span.start <= due:
                self._add(due, member, span.reason)
                return None
            before = previous_member(trigger, due, span.start)
            first = fire_after(trigger, before, member)
            self._add(member if first is None else min(first, member), member, span.reason)
            member = before
            if span.start > before >= self.segments[-1].first:
                return None  # the only member was due itself, after the span's start
        return Rollup(trigger.count_us(due, member, COUNT_LIMIT), due, member)

    def _add(self, first: int, last: int, reason: str | None) -> None:
        """Add a segment, or extend the newer one beside it if both have the same reason."""
        count = self._trigger.count_us(first, last, COUNT_LIMIT)
        newer = self.segments[-1] if self.segments else None
        if newer is not None and newer.reason == reason:
            newer.first, newer.count = first, min(newer.count + count, COUNT_LIMIT)
        else:
            self.segments.append(Segment(first, last, count, reason))

    def _runs(self, keep: int, now: int, grace: int | None) -> list[int]:
        """Return the last open fire times, in order: at most ``keep``, about ``CERTAIN_MISSES`` of them too late."""
        run: list[int] = []
        late = 0
        for segment in self._open():
            member = segment.last
            while len(run) < keep and late < CERTAIN_MISSES:
                if grace is not None and now - member > grace:
                    late += 1
                run.append(member)
                if member <= segment.first:
                    break
                member = previous_member(self._trigger, segment.first, member)
        run.reverse()
        return run

    def _open(self) -> list[Segment]:
        return [each for each in self.segments if each.reason is None]

    def _rest_with(self, older: Rollup | None) -> Rollup | None:
        """Return the record of the open fire times before those that run, and of the older ones."""
        trigger, run = self._trigger, self.run
        spans = []
        for each in self._open():
            if each.last < run[0]:
                spans.append((each.first, each.last, each.count))
            elif each.first < run[0]:
                last = previous_member(trigger, each.first, run[0])
                count = trigger.count_us(each.first, last, COUNT_LIMIT)
                spans.append((each.first, last, count))
        if older is not None:
            spans.append((older.first, older.last, older.count))
        if not spans:
            return None
        count = min(sum(span[2] for span in spans), COUNT_LIMIT)
        return Rollup(count, spans[-1][0], spans[0][1])


class _Walk:
    """The due fire times of a trigger that only goes forward, walked from the first one.

    :ivar segments: oldest first
    :ivar run: the open fire times that run, in order
    :ivar rest: the record of the other open ones, ``None`` if there are none
    """

    def __init__(self, trigger: OpenSeries, due: int, now: int, keep: int) -> None:
        self.segments: list[Segment] = []
        kept: deque[int] = deque()
        rolled, first, last = 0, due, due
        member: int | None = due
        span = trigger.span(due)
        for _ in range(WALK_LIMIT):
            if member is None or member > now:
                break
            if member >= span.end:
                span = trigger.span(member)
            self._add(member, span.reason)
            if span.reason is None:
                kept.append(member)
                if len(kept) > keep:
                    last = kept.popleft()
                    first = last if not rolled else first
                    rolled += 1
            member = fire_after(trigger, member, now)
        else:
            member = trigger.next_us(None, now + 1)
        self.following = member
        self.run = list(kept)
        self.rest = Rollup(min(rolled, COUNT_LIMIT), first, last) if rolled else None

    def _add(self, member: int, reason: str | None) -> None:
        before = self.segments[-1] if self.segments else None
        if before is not None and before.reason == reason:
            before.last, before.count = member, min(before.count + 1, COUNT_LIMIT)
        else:
            self.segments.append(Segment(member, member, 1, reason))
