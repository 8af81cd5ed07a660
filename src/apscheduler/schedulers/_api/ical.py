"""Coming runs as a calendar file (iCalendar, RFC 5545) that calendar programs read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, timedelta
from hashlib import sha256

from apscheduler import version
from apscheduler._engine.instants import DAY, NEVER, duration_us, from_us
from apscheduler._engine.planning import fire_after
from apscheduler.job import Job
from apscheduler.jobstores.base import JobLookupError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from apscheduler.schedulers._contract import HasJobs, HasStores, KeepsTime, Logs

    class Exported(HasJobs, HasStores, KeepsTime, Logs, Protocol):
        """What the export needs of a scheduler."""


LONGEST_DAYS = 3660
LINE_OCTETS = 75
LOOKED_AT = 100_000
"""Number of dropped fire times of one job after which no further ones are looked for."""

_CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]|[\ud800-\udfff]")


def to_ical(
    scheduler: Exported, days: Any, jobs: Iterable[Any] | None, jobstore: str | None, limit: Any
) -> str:
    """Return the file's text; see :meth:`BaseScheduler.to_ical`."""
    span = _span_us(days)
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise ValueError(f"limit must be a whole number from 1 on, not {limit!r}")
    now: int = scheduler._now_us()
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        f"PRODID:-//Tickwright//apscheduler {version}//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        "X-WR-CALNAME:Scheduled jobs",
    ]
    for job in _chosen(scheduler, jobs, jobstore):
        lines += _events(scheduler, job, now, now + span, limit)
    lines.append("END:VCALENDAR")
    return "".join(f"{folded(line)}\r\n" for line in lines)


def _span_us(days: Any) -> int:
    if isinstance(days, timedelta):
        span = duration_us(days)
    elif isinstance(days, int | float) and not isinstance(days, bool):
        span = int(days * DAY) if -LONGEST_DAYS < days <= LONGEST_DAYS else -1
    else:
        raise TypeError(f"days must be a number of days or a timedelta, not {days!r}")
    if not 0 < span <= LONGEST_DAYS * DAY:
        raise ValueError(f"days must be more than 0 and at most {LONGEST_DAYS}, not {days!r}")
    return span


def _chosen(scheduler: Exported, jobs: Iterable[Any] | None, jobstore: str | None) -> list[Job]:
    """Return the jobs to export.

    :raises KeyError: if there is no such store
    :raises JobLookupError: if there is no such job
    """
    if jobstore is not None and not (jobstore == "default" and not scheduler._jobstores):
        scheduler._lookup_jobstore(jobstore)
    if jobs is None:
        found: list[Job] = scheduler.get_jobs(jobstore)
        return found
    if isinstance(jobs, str | Job):
        raise TypeError(f"jobs is a list of jobs or their ids, not {jobs!r}: put it into [...]")
    return [_job(scheduler, each, jobstore) for each in jobs]


def _job(scheduler: Exported, given: Any, jobstore: str | None) -> Job:
    if isinstance(given, Job):
        return given
    if not isinstance(given, str):
        raise TypeError(f"jobs is a list of jobs or their ids, and {given!r} is neither")
    found: Job | None = scheduler.get_job(given, jobstore)
    if found is None:
        raise JobLookupError(given)
    return found


def _events(scheduler: Exported, job: Job, now: int, end: int, limit: int) -> list[str]:
    lines: list[str] = []
    fires = _fires(job, now, end)
    try:
        shown = [fire for fire, _ in zip(fires, range(limit), strict=False)]
        more = len(shown) == limit and next(fires, None) is not None
    except Exception as exc:  # noqa: BLE001 - a trigger or calendar of anyone's costs its own job only
        scheduler._logger.warning("Job %r has no coming runs to export: %s", job.id, exc)
        return lines
    if more:
        scheduler._logger.warning(
            "Job %r has more than %d runs in this time; the exported calendar has the first ones only",
            job.id,
            limit,
        )
    for number, fire in enumerate(shown, 1):
        note = "\nLater runs are left out." if more and number == limit else ""
        lines += _event(job, fire, now, note)
    return lines


def _fires(job: Job, now: int, end: int) -> Iterator[int]:
    """Yield the coming fire times that calendars let run."""
    series = job._series()
    due = getattr(job, "_due", None)
    if due is None:  # pending
        due = series.next_us(None, now)
    looked_at = 0
    while due is not None and due != NEVER and due < end and looked_at < LOOKED_AT:
        if not series.guarded or series.span(due).reason is None:
            yield due
        else:
            looked_at += 1
        due = fire_after(series, due, due)


def _event(job: Job, fire: int, now: int, note: str) -> list[str]:
    about = f"{job._at(fire):%Y-%m-%d %H:%M:%S %Z}\n{job.trigger}\n{job.func_ref or job.func!r}\n"
    return [
        "BEGIN:VEVENT",
        f"UID:{_uid(job, fire)}",
        f"DTSTAMP:{_utc(now)}",
        f"DTSTART:{_utc(fire)}",
        f"SUMMARY:{escaped(job.name)}",
        f"DESCRIPTION:{escaped(f'{about}job {job.id}{note}')}",
        "TRANSP:TRANSPARENT",
        "END:VEVENT",
    ]


def _uid(job: Job, fire: int) -> str:
    """Return an identifier that is the same in each export of this fire time."""
    key = f"{job._jobstore_alias or 'default'}\n{job.id}\n{fire}".encode(
        "utf-8", "backslashreplace"
    )
    return f"{sha256(key).hexdigest()[:32]}@tickwright"


def _utc(instant: int) -> str:
    return f"{from_us(instant, UTC):%Y%m%dT%H%M%SZ}"


def escaped(text: str) -> str:
    """Return a text as a TEXT value (RFC 5545, section 3.3.11), without control characters."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)
    for plain, written in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\n", "\\n")):
        text = text.replace(plain, written)
    return text


def folded(line: str) -> str:
    """Return a content line in lines of at most 75 octets (section 3.1), none cut within a character."""
    pieces: list[str] = []
    piece, room = "", LINE_OCTETS
    for character in line:
        size = len(character.encode())
        if size > room:
            pieces.append(piece)
            piece, room = "", LINE_OCTETS - 1
        piece += character
        room -= size
    return "\r\n ".join([*pieces, piece])
