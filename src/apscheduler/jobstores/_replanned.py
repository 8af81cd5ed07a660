"""Corrects a next fire time that was computed with other zone data, by which its zone's clock was to move otherwise.

A fire time by a wall clock stays the same wall time (nine o'clock, say). Each fire time comes once: none is dropped or
repeated because its instant has changed. A next fire time is moved only if that is certain: by the new data the clock's
offset at it is another one, the trigger fires at the new instant, and it does not fire at the old one (or the new one
comes before). A next fire time that a user has chosen is hardly ever one of the trigger's, so it stays.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

from apscheduler._engine.instants import SECOND
from apscheduler._engine.zones import zone_line
from apscheduler.triggers.interval import IntervalTrigger

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from apscheduler.job import Job
    from apscheduler.jobstores.standing import Standing
    from apscheduler.zones.clocks import Clocks


def right_time(standing: Standing, zones: Iterable[str], before: Clocks) -> int | None:
    """Return when a stored job is due by today's data, ``None`` if nothing is to be changed.

    :param zones: names of the zones whose clocks differ, among those that the job may go by
    :param before: the clocks that its next fire time was computed with
    """
    job, due = standing.job, standing.job._due
    if standing.claimed and isinstance(job.trigger, IntervalTrigger):
        return None  # a fixed time after the one before, whatever clocks show
    fires = _Fires(job)
    if not fires.known:
        return None
    for zone in zones:
        offset = before.offset(zone, due)
        line = zone_line(ZoneInfo(zone))
        if offset is None or line.offset(due) == offset:
            continue
        for instant in line.instants(due + offset):
            passed = instant <= standing.claimed
            if not passed and fires.at(instant) and (instant < due or not fires.at(due)):
                return instant
    return None


class _Fires:
    """Tells whether a trigger of ours fires at an instant, jitter included.

    :ivar known: whether that can be told
    """

    def __init__(self, job: Job) -> None:
        series: Any = job._series()
        self._plain: Any = series.without_jitter()
        self._jitter = round((getattr(series, "jitter", None) or 0) * SECOND)
        self.known = (
            series.native and self._plain.native and (self._plain is series or self._jitter > 0)
        )

    def at(self, instant: int) -> bool:
        found = self._plain.next_us(None, instant - self._jitter)
        return found is not None and instant - self._jitter <= found <= instant
