"""Finds the stored jobs that this scheduler cannot restore, or could not run, each with its reason."""

from __future__ import annotations

from apscheduler.jobstores._outlines import outlined
from apscheduler.jobstores._rows import from_float, id_text, is_time
from apscheduler.jobstores._sql.changing.loading import Unloadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from apscheduler.job import Job
    from apscheduler.jobstores._sql.changing.loading import Loader
    from apscheduler.jobstores._sql.reading import Reading
    from apscheduler.jobstores.base import Quarantined


class Quarantine:
    """The jobs of one store that are in quarantine."""

    def __init__(self, reading: Reading, loader: Loader) -> None:
        self._reading = reading
        self._loader = loader

    def all(self, scheduler: Any, alias: str | None, *, is_started: bool) -> list[Quarantined]:
        """Return all, each described by as much as its bytes still say."""
        found: list[Quarantined] = []
        executors = getattr(scheduler, "_executors", {})
        if not is_started:
            executors = {**executors, "default": None}  # a start makes it
        for id, blob, moment, generation in self._reading.rows():
            try:
                job = self._reading.whole(id, blob, moment, generation)
                reason = _what_is_missing(job, scheduler, executors)
            except Unloadable as exc:
                reason = str(exc)
            if reason is None:
                continue
            due = None if moment is None or not is_time(moment) else from_float(moment)
            state = self._loader.state_in(id, blob)
            found.append(
                outlined(
                    scheduler, alias, id_text(id), reason, due, state, is_paused=moment is None
                )
            )
        return found

    def why(self, job_id: str) -> str | None:
        """Return why a job cannot be restored, ``None`` if it can, or is not there."""
        row = self._reading.row_of(job_id)
        if row is None:
            return None
        try:
            self._reading.whole(*row)
        except Unloadable as exc:
            return str(exc)
        return None


def _what_is_missing(job: Job, scheduler: Any, executors: Any) -> str | None:
    """Return what a scheduler lacks to run a job, in words."""
    if job.executor not in executors:
        return f"this scheduler has no executor {job.executor!r}"
    calendars = getattr(scheduler, "_calendars", {})
    unknown = [name for name in getattr(job.trigger, "names", ()) if name not in calendars]
    if unknown:
        return f"this scheduler has no calendar {', '.join(map(repr, unknown))}"
    return None
