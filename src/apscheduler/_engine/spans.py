"""How a calendar answers the engine: a span of instants in which it says one thing."""

from __future__ import annotations

from apscheduler._engine.instants import NEVER
from apscheduler._engine.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from apscheduler._engine.zones import ZoneLine

ALWAYS_START = -NEVER
ALWAYS_END = NEVER


class Span(Record):
    """The instants ``start <= instant < end`` (microseconds UTC), which share one answer.

    :ivar reason: why they are closed, ``None`` where they are open
    """

    __slots__ = ("end", "reason", "start")

    def __init__(self, start: int, end: int, reason: str | None) -> None:
        self.start = start
        self.end = end
        self.reason = reason


def clipped(line: ZoneLine, instant: int, first: int, last: int, reason: str | None) -> Span:
    """Return the span of the wall times ``first <= local < last`` around an instant.

    It ends where the clock is moved: beyond that the same wall times are other instants.
    """
    window = line.window(instant)
    start = max(window.start, first - window.offset)
    return Span(start, min(window.end, last - window.offset), reason)
