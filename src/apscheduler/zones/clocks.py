"""The clocks of all zones by one version of the zone data, kept so that later data can be compared with them."""

from __future__ import annotations

import json
from bisect import bisect_right
from datetime import UTC, timedelta

from apscheduler._engine.instants import DAY, EARLIEST, LATEST, SECOND, from_us
from apscheduler._engine.records import Record
from apscheduler.zones.likeness import moves

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    Moves = list[tuple[int, int]]

_AHEAD = timedelta(days=5 * 366)


class Clocks(Record):
    """The clocks of zones in a span of time.

    :ivar since: the span's start, microseconds UTC
    :ivar until: its end
    :ivar moves: for each zone the instants at which its clock is moved, each with its offset from then on
        (microseconds); the first is the span's start
    """

    __slots__ = ("moves", "since", "until")

    def __init__(self, since: int, until: int, moves: dict[str, Moves]) -> None:
        self.since = since
        self.until = until
        self.moves = moves

    def offset(self, zone: str, instant: int) -> int | None:
        """Return a zone's offset at an instant, ``None`` where it is not known."""
        known = self.moves.get(zone)
        if not known or not self.since <= instant <= self.until:
            return None
        return known[bisect_right(known, instant, key=lambda each: each[0]) - 1][1]

    def text(self) -> str:
        """Return the clocks as JSON, in seconds; zones that have the same clock are listed together."""
        alike: dict[tuple[tuple[int, int], ...], list[str]] = {}
        for zone, known in self.moves.items():
            key = tuple((instant // SECOND, offset // SECOND) for instant, offset in known)
            alike.setdefault(key, []).append(zone)
        clocks = [[zones, key] for key, zones in alike.items()]
        span = [self.since // SECOND, self.until // SECOND]
        return json.dumps({"span": span, "clocks": clocks}, separators=(",", ":"))


def from_text(text: str | bytes) -> Clocks:
    """Return clocks that were kept as text.

    :raises ValueError: if the text is anything else
    """
    try:
        kept = json.loads(text)
        since, until = map(_instant, kept["span"])
        found: dict[str, Moves] = {}
        for zones, known in kept["clocks"]:
            found.update(dict.fromkeys(map(_name, zones), _moves(known, since)))
    except (TypeError, LookupError, RecursionError) as exc:
        raise ValueError(f"no clocks: {exc}") from exc
    return Clocks(since, until, found)


def _moves(known: Iterable[tuple[Any, Any]], since: int) -> Moves:
    """Return a zone's moves in microseconds, in order; the first must be at the span's start."""
    found = [(_instant(instant), _offset(offset)) for instant, offset in known]
    if not found or found[0][0] != since or found != sorted(found):
        raise ValueError("no moves of a clock")
    return found


def _instant(seconds: object) -> int:
    if not isinstance(seconds, int) or not EARLIEST <= seconds * SECOND <= LATEST:
        raise ValueError("no instant")
    return seconds * SECOND


def _offset(seconds: object) -> int:
    if not isinstance(seconds, int) or abs(seconds) * SECOND >= DAY:
        raise ValueError("no offset of a clock")
    return seconds * SECOND


def _name(zone: object) -> str:
    if not isinstance(zone, str):
        raise ValueError("no name of a zone")  # noqa: TRY004 - one error for whatever is no text of ours
    return zone


def of_today(since: int, between: Callable[[], bool]) -> Clocks | None:
    """Return the clocks of all zones for five years by the data in use, in whole seconds.

    :param since: the first instant, microseconds UTC
    :param between: called before each zone (there are 600, of some milliseconds each); ``True`` gives up
    :return: ``None`` if it was given up
    """
    from zoneinfo import ZoneInfo

    from apscheduler.zones.names import known_names

    first = since - since % SECOND
    start = from_us(first, UTC)
    span = start, start + _AHEAD
    found: dict[str, Moves] = {}
    for name in sorted(known_names()):
        if between():
            return None
        found[name] = moves(ZoneInfo(name), span)
    return Clocks(first, first + _AHEAD // timedelta(microseconds=1), found)


def changed(before: Clocks, now: Clocks) -> set[str]:
    """Return the zones whose clocks differ from the start of ``now`` on, as far as both are known."""
    span = max(before.since, now.since), min(before.until, now.until)
    return {
        zone
        for zone in before.moves.keys() & now.moves.keys()
        if _within(before.moves[zone], span) != _within(now.moves[zone], span)
    }


def _within(known: Moves, span: tuple[int, int]) -> Moves:
    first, last = span
    at = bisect_right(known, first, key=lambda each: each[0]) - 1
    later = [move for move in known[at + 1 :] if move[0] <= last]
    return [(first, known[at][1]), *later]
