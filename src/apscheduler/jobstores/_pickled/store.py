"""Base of the stores for one process: keeps jobs as 3.x's pickles, and quarantines those that cannot be restored.

A job in quarantine stays in the store and is not run. It is listed with its reason, reported once, and tried again
after a time that doubles with each try. 3.x removes such a job; here nothing is removed because it could not be loaded.
"""

from __future__ import annotations

import pickle
from collections.abc import Collection, Iterable

from apscheduler import clocks
from apscheduler._engine.backoff import delay
from apscheduler._engine.instants import NEVER
from apscheduler._engine.records import Record
from apscheduler.amounts import read_pickle_protocol
from apscheduler.job import Job
from apscheduler.jobstores._outlines import announce, outlined, said_of
from apscheduler.jobstores._rows import check_shape, from_float, is_time
from apscheduler.jobstores.base import KeepingJobStore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from apscheduler.jobstores.base import Quarantined

_FIRST_RETRY, _LONGEST_RETRY = 1.0, 60.0
"""Seconds until a job in quarantine is tried again: the first time, and at most."""


class Note(Record):
    """Why a job could not be restored.

    :ivar raw: the bytes that the store holds of it
    :ivar due: its next fire time beside them (seconds since 1970), ``None`` if it is paused or not known
    :ivar is_open: whether the bytes could be opened, so that ``due`` is known
    :ivar retry_at: monotonic seconds from which a pass tries again
    :ivar tries: how often passes have tried it; 0: it is not due, or no pass has met it
    :ivar told: whether it was logged and sent to the listeners
    """

    __slots__ = ("due", "is_open", "raw", "reason", "retry_at", "told", "tries")

    def __init__(self, raw: Any, due: float | None, reason: str, *, is_open: bool) -> None:
        self.raw = raw
        self.due = due
        self.is_open = is_open
        self.reason = reason
        self.retry_at = 0.0
        self.tries = 0
        self.told = False


class Entry(Record):
    """What a store holds of one job.

    :ivar id: the id under which it is kept
    :ivar raw: its bytes
    :ivar due: its next fire time beside the bytes (seconds since 1970), ``None`` if it is paused or not known
    :ivar state: what ``_reconstitute_job`` is given: the bytes themselves by default
    :ivar fault: what was raised when the bytes were opened
    """

    __slots__ = ("due", "fault", "id", "raw", "state")

    def __init__(
        self,
        id: str,
        raw: Any,
        due: float | None,
        *,
        state: Any = None,
        fault: BaseException | None = None,
    ) -> None:
        self.id = id
        self.raw = raw
        self.due = due
        self.state = raw if state is None else state
        self.fault = fault


class PickledJobStore(KeepingJobStore):
    """A plain store that keeps each job as the pickle that 3.x writes: base class of the stores for one process.

    :param pickle_protocol: protocol of the pickles
    :raises TypeError, ValueError: if there is no such protocol
    """

    def __init__(self, pickle_protocol: int) -> None:
        super().__init__()
        self.pickle_protocol = read_pickle_protocol(pickle_protocol)
        self._notes: dict[str, Note] = {}

    # -- bytes and jobs -----------------------------------------------------------------------------

    def _pickled(self, content: Any) -> bytes:
        return pickle.dumps(content, self.pickle_protocol)

    def _reconstitute_job(self, job_state: Any) -> Job:
        """Return a job made from its pickle (a name of 3.x's that other code uses and overrides)."""
        return self._job_of(self._unpickled(job_state))

    def _job_of(self, state: dict[str, Any]) -> Job:
        job = Job.__new__(Job)
        job.__setstate__(state)
        job._scheduler = self._scheduler
        job._jobstore_alias = self._alias
        return job

    def _restored(self, entries: Iterable[Entry]) -> list[Job]:
        """Return the jobs that can be restored; note the others."""
        found = (self._restore(entry) for entry in entries)
        return [job for job in found if job is not None]

    def _restored_due(self, entries: Iterable[Entry]) -> list[Job]:
        """Like :meth:`_restored`, for a pass: skip jobs that have just failed, take next fire times from the store."""
        jobs = []
        met = set()
        for entry in entries:
            met.add(entry.id)
            note = self._notes.get(entry.id)
            if note is not None and note.raw == entry.raw and clocks.monotonic() < note.retry_at:
                continue
            job = self._restore(entry)
            if job is None:
                self._meet(self._notes[entry.id])
            else:
                job._due = NEVER if entry.due is None else from_float(entry.due)
                jobs.append(job)
        for job_id in self._notes.keys() - met:  # paused, moved or removed in the store itself
            self._notes[job_id].tries = 0
        return jobs

    def _restore(self, entry: Entry) -> Job | None:
        try:
            job = self._checked(entry)
        except (Exception, SystemExit) as exc:  # noqa: BLE001 - restoring runs what the pickle names
            self._note(entry, said_of(exc))
            return None
        if self._notes.pop(entry.id, None) is not None:
            self._logger.info("Job %r loads again and is scheduled", entry.id)
        return job

    def _checked(self, entry: Entry) -> Job:
        if entry.fault is not None:
            raise entry.fault
        job = self._reconstitute_job(entry.state)
        if job.id != entry.id:
            raise ValueError(f"under the id {entry.id!r} the job {job.id!r} is kept")
        check_shape(job)
        job._refresh()
        return job

    # -- quarantine -----------------------------------------------------------------------------------

    def _note(self, entry: Entry, reason: str) -> None:
        note = self._notes.get(entry.id)
        if note is None or note.raw != entry.raw:
            self._notes[entry.id] = Note(entry.raw, entry.due, reason, is_open=entry.fault is None)
        else:
            note.due, note.reason = note.due if entry.due is None else entry.due, reason

    @staticmethod
    def _meet(note: Note) -> None:
        note.tries += 1
        note.retry_at = clocks.monotonic() + delay(note.tries, _FIRST_RETRY, _LONGEST_RETRY)

    def _meet_due(self, latest: int) -> None:
        """After a pass that tried all jobs, count a try for those that were due by ``latest``, or may have been."""
        for note in self._notes.values():
            if not note.is_open or (note.due is not None and from_float(note.due) <= latest):
                self._meet(note)
            else:
                note.tries = 0

    def _forget(self, job_id: str) -> None:
        """Drop the note of a job that is gone or was written anew."""
        self._notes.pop(job_id, None)

    def _forget_all_but(self, ids: Collection[str]) -> None:
        """Drop the notes of jobs that are gone."""
        for job_id in self._notes.keys() - ids:
            del self._notes[job_id]

    def quarantined(self) -> list[Quarantined]:
        return [self._outlined(job_id, note) for job_id, note in self._notes.items()]

    def _outlined(self, job_id: str, note: Note) -> Quarantined:
        due = self._due_of(job_id, note)
        return outlined(
            self._scheduler,
            self._alias,
            job_id,
            note.reason,
            None if due is None or not is_time(due) else from_float(due),
            self._state_in(note.raw),
            is_paused=due is None and note.is_open,
        )

    def _due_of(self, job_id: str, note: Note) -> float | None:
        """Return the next fire time of a job that cannot be restored, ``None`` if it is paused or that is not known."""
        return note.due

    def _state_in(self, raw: Any) -> Any:
        """Return the state in a job's bytes, ``None`` if they cannot be read."""
        try:
            return self._unpickled(raw)
        except (Exception, SystemExit):  # noqa: BLE001 - unpickling runs what the pickle names
            return None

    def _unpickled(self, raw: Any) -> Any:
        return pickle.loads(raw)  # noqa: S301 - 3.x's stores hold pickles

    def why_quarantined(self, job_id: str) -> str | None:
        self.lookup_job(job_id)
        note = self._notes.get(job_id)
        return None if note is None else note.reason

    def tell_quarantined(self) -> None:
        for job_id, note in list(self._notes.items()):
            if note.tries and not note.told:
                note.told = True
                announce(self, job_id, note.reason)

    def retry_after(self) -> float | None:
        waits = [note.retry_at for note in self._notes.values() if note.tries]
        return max(0.0, min(waits) - clocks.monotonic()) if waits else None
