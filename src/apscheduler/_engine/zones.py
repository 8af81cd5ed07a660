"""Wall time and the UTC line: the one place that knows how a zone's clock was and will be moved.

A zone is asked as a black box (``utcoffset`` at instants), so zoneinfo, pytz, dateutil, fixed offsets and
tzinfo classes of others all work alike. The answers are kept as *windows*: spans of instants with one offset.

    instant + offset = local        both in integer microseconds; local counts from 1970-01-01T00:00 wall time

A transition to a larger offset leaves a *gap* of wall times that never come; one to a smaller offset makes a
*fold* of wall times that come twice. Windows are computed a span of 51 days at a time and the
number of spans kept per zone is bounded. Every cached value is immutable and replaced whole, so threads may share it:
at worst two of them compute the same answer.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import namedtuple
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from apscheduler._engine.instants import DAY, EPOCH, LATEST, SECOND, duration_us, to_us

EARLIEST = -62_135_596_800_000_000
"""0001-01-01T00:00 UTC, the first instant a datetime can hold."""

_SPAN_BITS = 42  # 2**42 us are 51 days
_PROBE_US = 1 << 39  # 6.4 days; no zone of the tz database ever had two transitions within 6.9
_SPANS_KEPT = 4096
_ZONES_KEPT = 512


TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple

    class Window(NamedTuple):
        """A span of instants ``start <= instant < end`` in which the zone has one offset."""

        start: int
        end: int
        offset: int

    class Gap(NamedTuple):
        """Wall times ``start <= local < end`` that do not exist, and the instant at which they were jumped over."""

        start: int
        end: int
        instant: int

else:  # the same without typing, which would delay the import of a scheduler by 3 ms
    Window = namedtuple("Window", ("start", "end", "offset"))  # noqa: PYI024 - see above
    Gap = namedtuple("Gap", ("start", "end", "instant"))  # noqa: PYI024 - see above


class ZoneLine:
    """One zone's offsets along the UTC line."""

    __slots__ = ("_epoch", "_fixed", "_spans", "_zone")

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._epoch = EPOCH.replace(tzinfo=zone)
        self._fixed: Window | None = None
        self._spans: dict[int, tuple[list[int], list[Window]]] = {}
        if isinstance(zone, timezone):
            offset = duration_us(zone.utcoffset(None))
            self._fixed = Window(EARLIEST - 2 * DAY, LATEST + 2 * DAY, offset)

    def window(self, instant: int) -> Window:
        """Return the window around an instant. It may end at the edge of a computed span, without a transition."""
        if self._fixed is not None:
            return self._fixed
        number = instant >> _SPAN_BITS
        span = self._spans.get(number)
        if span is None:
            span = self._remember(number)
        starts, windows = span
        return windows[bisect_right(starts, instant) - 1]

    def offset(self, instant: int) -> int:
        """Return the UTC offset in microseconds that is in force at an instant."""
        return self.window(instant).offset

    def instants(self, local: int) -> tuple[int, ...]:
        """Return the instants at which the wall clock shows ``local``: none in a gap, two in a fold."""
        window = self.window(local)
        guess = local - window.offset
        if window.start + 2 * DAY <= guess < window.end - 2 * DAY:
            return (guess,)
        found = []
        for start, end, offset in self.windows(local - DAY, local + DAY):
            if start <= local - offset < end:
                found.append(local - offset)
        return tuple(found)

    def gap(self, local: int) -> Gap | None:
        """Return the gap that swallows the wall time ``local``, ``None`` if that wall time exists."""
        before: Window | None = None
        for window in self.windows(local - DAY, local + DAY):
            if before is not None:
                start, end = window.start + before.offset, window.start + window.offset
                if start <= local < end:
                    return Gap(start, end, window.start)
            before = window
        return None

    def at(self, instant: int) -> datetime:
        """Return the instant as an aware datetime of the zone: a wall time that exists, with its fold."""
        # What astimezone does, but without its detour over the UTC object, so in half the time.
        return self._zone.fromutc(self._epoch + timedelta(0, 0, instant))

    def instant(self, moment: datetime) -> int:
        """Return the instant of a datetime; a naive one is read in the local zone, as 3.x does."""
        if moment.tzinfo is self._zone:  # a difference within one zone is one of wall times
            delta = moment - self._epoch - moment.utcoffset()  # type: ignore[operator]
            return (delta.days * 86_400 + delta.seconds) * SECOND + delta.microseconds
        if moment.tzinfo is None:
            moment = moment.astimezone(UTC)
        return to_us(moment)

    def windows(self, first: int, last: int) -> Iterator[Window]:
        """Yield the windows that touch ``first`` ... ``last``, in order."""
        window = self.window(first)
        yield window
        while window.end <= last:
            window = self.window(window.end)
            yield window

    def _remember(self, number: int) -> tuple[list[int], list[Window]]:
        windows = self._compute(number << _SPAN_BITS, (number + 1) << _SPAN_BITS)
        span = ([window.start for window in windows], windows)
        if len(self._spans) >= _SPANS_KEPT:
            self._spans = {}
        self._spans[number] = span
        return span

    def _compute(self, first: int, end: int) -> list[Window]:
        windows = []
        start, offset, before = first, self._ask(first), first
        for probe in range(first + _PROBE_US, end + 1, _PROBE_US):
            here = min(probe, end - 1)
            found = self._ask(here)
            while found != offset:
                moved = self._transition(max(before, start), here, offset)
                windows.append(Window(start, moved, offset))
                start, offset = moved, self._ask(moved)
            before = here
        windows.append(Window(start, end, offset))
        return windows

    def _transition(self, low: int, high: int, offset: int) -> int:
        """Return the first instant after ``low`` whose offset is another one, found by halving."""
        # First in whole seconds, as in all changes of the tz database: that halves the number of questions.
        first, last = low // SECOND, -(-high // SECOND)
        first, last = self._halved(first, last, SECOND, offset)
        if self._ask(last * SECOND - 1) == offset:
            return last * SECOND
        return self._halved(first * SECOND, last * SECOND, 1, offset)[1]

    def _halved(self, low: int, high: int, unit: int, offset: int) -> tuple[int, int]:
        """Return two neighbours, in multiples of the unit, between which the offset changes."""
        while high - low > 1:
            middle = (low + high) // 2
            if self._ask(middle * unit) == offset:
                low = middle
            else:
                high = middle
        return low, high

    def _ask(self, instant: int) -> int:
        # A day away from both ends of the calendar every offset can still be applied.
        inside = min(max(instant, EARLIEST + DAY), LATEST - DAY)
        moment = EPOCH + timedelta(microseconds=inside)
        shown = moment.astimezone(self._zone)
        offset = shown.utcoffset()
        return 0 if offset is None else duration_us(offset)


_lines: dict[object, tuple[tzinfo, ZoneLine]] = {}


_UTC_KEY = UTC.utcoffset(None), UTC.tzname(None)


def zone_line(zone: tzinfo) -> ZoneLine:
    """Return the offsets of a zone, shared by all who ask for that zone."""
    key = _key(zone)
    known = _lines.get(key)
    if known is not None:
        return known[1]
    if len(_lines) >= _ZONES_KEPT:
        _lines.clear()
    line = _lines.setdefault(key, (zone, ZoneLine(zone)))[1]
    if _watcher is not None:
        _watcher(zone)
    return line


_watcher: Callable[[tzinfo], None] | None = None


def watch_zones(watcher: Callable[[tzinfo], None]) -> None:
    """Have a function called with each zone at its first use, and now with those used before."""
    global _watcher  # noqa: PLW0603 - the table of zones is the process's too
    _watcher = watcher
    for zone, _ in list(_lines.values()):
        watcher(zone)


def _key(zone: tzinfo) -> object:
    """Return the zone's key in the table. The table keeps the zone alive, so no other object gets its id."""
    if zone is UTC:
        return _UTC_KEY
    if type(zone) is timezone:  # equal ones may differ in name
        return zone.utcoffset(None), zone.tzname(None)
    return id(zone)
