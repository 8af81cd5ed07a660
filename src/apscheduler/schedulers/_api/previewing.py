"""Finds what a scheduler will run: merges the fire times to come of its jobs, and says of which jobs there are none."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from heapq import merge
from itertools import islice
from math import isfinite
from typing import TYPE_CHECKING, Any, NamedTuple

from apscheduler._engine.instants import (
    AT_NEXT_START,
    DAY,
    LATEST,
    NEVER,
    duration_us,
    from_us,
    to_us,
)
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers._api.stores import unknown_alias
from apscheduler.schedulers._states import STATE_STOPPED
from apscheduler.schedulers.previews import PlannedRun, SchedulePreview, Unplanned
from apscheduler.triggers._words import locale_named
from apscheduler.triggers.previews import Ahead, FireTime, StepsError

if TYPE_CHECKING:
    from typing import Protocol

    from apscheduler.job import Job
    from apscheduler.schedulers._contract import HasJobs, HasPending, HasStores, KeepsTime
    from apscheduler.triggers._words.locale import Locale

    class ShowsJobs(HasJobs, HasPending, HasStores, KeepsTime, Protocol):
        """What a preview asks a scheduler."""

        _calendars: dict[str, Any]


_LAST = LATEST - DAY  # an instant that every zone can show


class _Window(NamedTuple):
    start: int
    end: int
    now: int


def preview_jobs(
    scheduler: ShowsJobs,
    hours: float | timedelta,
    start: datetime | None,
    jobstore: str | None,
    job_id: str | None,
    limit: Any,
    locale: str,
) -> SchedulePreview:
    """Return what :meth:`BaseScheduler.preview` returns."""
    words = locale_named(locale)
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise ValueError(f"limit is how many runs to show, 1 or more, not {limit!r}")
    window = _window(scheduler, hours, start)
    jobs = _jobs(scheduler, jobstore, job_id)
    unplanned = _quarantined(scheduler, jobstore, job_id)
    found = len(jobs) + len(unplanned)
    if job_id is not None and not found:
        raise JobLookupError(job_id)
    streams = [
        _Stream(scheduler, job, alias, words, unplanned).runs(window, place)
        for place, (job, alias) in enumerate(jobs)
    ]
    runs = [run for *_, run in islice(merge(*streams), limit + 1)]
    zone = scheduler.timezone
    first_left_out = runs[limit] if len(runs) > limit else None
    return SchedulePreview(
        runs[:limit],
        from_us(window.start, zone),
        from_us(window.end, zone),
        first_left_out,
        unplanned,
    )


def _window(scheduler: ShowsJobs, hours: Any, start: Any) -> _Window:
    if isinstance(hours, timedelta):
        hours = hours.total_seconds() / 3600
    if isinstance(hours, bool) or not isinstance(hours, int | float):
        raise TypeError(f"hours must be a number or a timedelta, not {hours!r}")
    if not (isfinite(hours) and hours > 0):
        raise ValueError(f"hours is how far to look ahead, more than 0, not {hours!r}")
    now = scheduler._now_us()
    if start is None:
        begin = now
    elif isinstance(start, datetime):
        begin = to_us(start.replace(tzinfo=scheduler.timezone) if start.tzinfo is None else start)
    else:
        raise TypeError(f"start must be a datetime or None, not {type(start).__name__} ({start!r})")
    length = round(min(hours, 24 * 366 * 10_000) * 3600) or 1
    begin = min(begin, _LAST)
    return _Window(begin, min(begin + duration_us(timedelta(seconds=length)), _LAST), now)


def _jobs(scheduler: ShowsJobs, jobstore: str | None, job_id: str | None) -> list[tuple[Job, str]]:
    """Return the jobs asked for, pending ones too, each with the alias of its store."""
    pending = [(job, alias) for job, alias, _ in list(scheduler._pending_jobs)]
    known = {*scheduler._jobstores, *(alias for _, alias in pending), "default"}
    if jobstore is not None and jobstore not in known:
        raise KeyError(unknown_alias("job store", jobstore, dict.fromkeys(known)))
    found = [each for each in pending if jobstore in (None, each[1])]
    if scheduler.state != STATE_STOPPED:
        for alias in list(scheduler._jobstores):
            if jobstore in (None, alias):
                if job_id is None:
                    found += [(job, alias) for job in scheduler.get_jobs(alias)]
                elif (job := scheduler.get_job(job_id, alias)) is not None:
                    found.append((job, alias))
    return [each for each in found if job_id in (None, each[0].id)]


def _quarantined(scheduler: ShowsJobs, jobstore: str | None, job_id: str | None) -> list[Unplanned]:
    if scheduler.state == STATE_STOPPED:
        return []
    return [
        Unplanned(each.job_id, each.jobstore, "quarantined", each.reason)
        for each in scheduler.get_quarantined(jobstore)
        if job_id in (None, each.job_id)
    ]


class _Stream:
    """The runs of one job in the window; if it cannot have any, the reason is added to ``unplanned``."""

    def __init__(
        self,
        scheduler: ShowsJobs,
        job: Job,
        alias: str,
        words: Locale,
        unplanned: list[Unplanned],
    ) -> None:
        self._zone, self._calendars = scheduler.timezone, scheduler._calendars
        self._job = job
        self._alias = alias
        self._words = words
        self._unplanned = unplanned

    def runs(self, window: _Window, place: int) -> Iterator[tuple[int, str, int, PlannedRun]]:
        """Yield tuples of instant, job id, ``place`` and run, by which the streams are merged."""
        job = self._job
        try:
            for fire_time in self._fire_times(window):
                instant = to_us(fire_time.utc)
                if instant >= window.end:
                    return
                yield instant, job.id, place, PlannedRun(*fire_time, job.id, job.name, self._alias)
        except StepsError as exc:
            self._cannot("steps", str(exc))
        except Exception as exc:  # noqa: BLE001 - one job's trigger costs that job only
            self._cannot("error", f"{type(exc).__name__}: {exc}")

    def _fire_times(self, window: _Window) -> Iterator[FireTime]:
        due = getattr(self._job, "_due", None)
        if due == NEVER:
            return self._cannot("paused")
        if due is not None and window.end <= due < AT_NEXT_START:
            return iter(())
        ahead = Ahead(self._job.trigger, self._zone, self._words, self._calendars)
        if due is None:
            due = ahead.first(window.now)
        if due == AT_NEXT_START:
            return self._cannot("at_start")
        # A fire time before the window is overdue if the window begins now, and will have run if it begins later.
        if due is not None and due < window.start and window.start > window.now:
            return ahead.walk(ahead.from_instant(due, window.start), window.start)
        return ahead.walk(due, window.start) if due is not None else self._cannot("never")

    def _cannot(self, kind: str, *values: str) -> Iterator[FireTime]:
        reason = self._words.remark(kind, values)
        self._unplanned.append(Unplanned(self._job.id, self._alias, kind, reason))
        return iter(())
