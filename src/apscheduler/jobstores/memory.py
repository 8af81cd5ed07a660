"""Keeps jobs in memory: no durability, no serialisation, no round trip.

``_lock`` guards the jobs, the due queue and every ``_due`` of a job in the store; nothing foreign is called under it.
The claim is in ``_memory/claiming.py``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from operator import attrgetter
from threading import Lock

from apscheduler._engine.buckets import DueQueue
from apscheduler._engine.instants import AT_NEXT_START, NEVER, to_us
from apscheduler.amounts import checked_number
from apscheduler.elsewhere import names_of_3x
from apscheduler.jobstores._asking import (
    COPIED,
    Note,
    Notes,
    add_one_by_one,
    asked,
    own_methods,
    revised,
)
from apscheduler.jobstores._memory.claiming import QueueClaims, due_when_gone
from apscheduler.jobstores._memory.listing import Listing
from apscheduler.jobstores.base import (
    ClaimRequest,
    ConflictingIdError,
    JobLookupError,
    SharedJobStore,
    due_order,
)
from apscheduler.jobstores.standing import EDIT_TRIES, Standing, pass_claims
from apscheduler.runs.ledger import DEFAULT_CAPACITY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from apscheduler.job import Job
    from apscheduler.jobstores._memory.asking import AskedClaims
    from apscheduler.jobstores.base import ClaimBatch
    from apscheduler.jobstores.standing import Change, Revise
    from apscheduler.runs.claims import Claim

_ALWAYS_CHANGED = "job {!r} is being claimed or changed all the time; it was left"


class MemoryJobStore(QueueClaims, SharedJobStore):
    """Stores jobs in an array in RAM.

    :param history: how many outcomes of runs the ledger keeps. Added in 1.0.
    """

    def __init__(self, *, history: int = DEFAULT_CAPACITY) -> None:
        super().__init__(checked_number("history", history, "a whole number of runs above 0"))
        self._pid = os.getpid()
        self._lock = Lock()
        self._jobs: dict[str, Job] = {}
        self._queue: DueQueue = DueQueue(attrgetter("_due"))
        self._listing = Listing()
        self._stale = 0
        self._trigger_failures: dict[str, int] = {}
        self._notes = Notes()
        self._asked_claims: AskedClaims | None = None

    def start(self, scheduler: Any, alias: str) -> None:
        super().start(scheduler, alias)
        if self._pid != os.getpid():
            self._after_fork()

    def _after_fork(self) -> None:
        """Start afresh in a child process: whoever held the lock, or ran a job, is not here."""
        self._pid, self._lock = os.getpid(), Lock()
        self._listing.forget()
        for job in self._jobs.values():
            job._busy = job._running = 0
        self._queue.rebuild((job, job._due) for job in self._jobs.values() if job._due != NEVER)

    # -- 3.x's contract ---------------------------------------------------------------------------

    def lookup_job(self, job_id: str) -> Job | None:
        return self._jobs.get(job_id)

    def get_due_jobs(self, now: datetime) -> list[Job]:
        instant = to_us(now)
        return due_order([job for job in list(self._jobs.values()) if job._due <= instant])

    def get_next_run_time(self) -> datetime | None:
        with self._lock:
            jobs = list(self._jobs.values())
        earliest = min(jobs, key=attrgetter("_due"), default=None)
        return None if earliest is None else earliest.next_run_time

    def get_all_jobs(self) -> list[Job]:
        with self._lock:
            return self._listing.read(self._jobs)

    def add_job(self, job: Job) -> None:
        job._refresh()
        with self._lock:
            if job.id in self._jobs:
                raise ConflictingIdError(job.id)
            self._enter(job)

    def add_jobs(self, jobs: Sequence[Job], *, replace: bool = False) -> None:
        if asked(self, _OWN_WRITES):
            add_one_by_one(self, jobs, replace=replace)
            return
        for job in jobs:
            job._refresh()
        for _ in range(EDIT_TRIES):
            seen: dict[str, tuple[Job, int]] = {}
            for job in jobs if replace else ():
                old = self._jobs.get(job.id)
                if old is not None and old is not job:
                    seen[job.id] = (old, old._due)
                    pass_claims(job, Standing(old, old._fire))
            with self._lock:
                if self._add_all(jobs, seen, replace=replace):
                    return
        raise RuntimeError(_ALWAYS_CHANGED.format(jobs[0].id))

    def _add_all(
        self, jobs: Sequence[Job], seen: dict[str, tuple[Job, int]], *, replace: bool
    ) -> bool:
        """Add all of the jobs; add none and return ``False`` if one that is to be replaced is not as it was seen."""
        fresh: set[str] = set()
        for job in jobs:
            old = self._jobs.get(job.id)
            if (old is not None and not replace) or job.id in fresh:
                raise ConflictingIdError(job.id)
            fresh.add(job.id)
            if old is not None and old is not job and seen.get(job.id) != (old, old._due):
                return False
        for job in jobs:
            old = self._jobs.get(job.id)
            if old is not None:
                self._leave(old, gone=old is not job)
                job._fire = old._fire
            self._enter(job)
        return True

    def _enter(self, job: Job) -> None:
        job._ledger = self.ledger
        self._jobs[job.id] = job
        self._listing.entered(job)
        if job._due > NEVER:  # it was removed, and comes back
            job._due -= NEVER
        if job._due != NEVER:
            self._queue.push(job, job._due)

    def update_job(self, job: Job) -> None:
        note = self._notes.of(job.id)
        if note is None:
            self._replace(job, partial(pass_claims, job))
        elif note.is_made:
            self._update_moved(job, note)
        else:
            self._replace(job, revised(note, job))

    def replace_job(self, job: Job, revise: Revise) -> None:
        if asked(self, _OWN_WRITES):
            with self._notes.held(Note(job, revise)):
                self.update_job(job)
        else:
            self._replace(job, revise)

    def _update_moved(self, job: Job, note: Note) -> None:
        """Take over what someone else's ``update_job`` makes of a job that was just moved, if it is still there."""
        stored = note.job
        with self._lock:
            if self._jobs.get(job.id) is not stored or (job is stored and job._due == note.left):
                return
            changes = {} if job is stored else {name: getattr(job, name) for name in COPIED}
            if job._due != note.left:
                changes |= {"_due": job._due, "_shown": job._shown}
            self._apply(stored, changes)

    def _replace(self, job: Job, revise: Revise) -> None:
        job._refresh()
        for _ in range(EDIT_TRIES):
            old = self._jobs.get(job.id)
            if old is None:
                raise JobLookupError(job.id)
            due, claimed = old._due, old._fire
            if old is not job:
                revise(Standing(old, claimed))
            with self._lock:
                if self._jobs.get(job.id) is not old or (old is not job and old._due != due):
                    continue  # claimed, changed, replaced or removed meanwhile
                self._leave(old, gone=old is not job)
                job._fire = claimed
                self._enter(job)
                return
        raise RuntimeError(_ALWAYS_CHANGED.format(job.id))

    def remove_job(self, job_id: str) -> None:
        note = self._notes.of(job_id)
        with self._lock:
            job = self._jobs.get(job_id)
            if note is not None and note.is_made and (job is not note.job or job._due != NEVER):
                return  # it has ended, and been changed or added anew since
            if job is None:
                raise JobLookupError(job_id)
            del self._jobs[job_id]
            self._leave(job, gone=True)

    def remove_all_jobs(self) -> None:
        with self._lock:
            for job in self._jobs.values():
                job._due = due_when_gone(job._due)
            self._jobs.clear()
            self._queue.clear()
            self._trigger_failures.clear()
            self._stale = 0
            self._listing.forget()

    def shutdown(self) -> None:
        self.remove_all_jobs()

    def _leave(self, job: Job, *, gone: bool) -> None:
        """Leave the job's queue entry behind as stale, and sweep when most entries are."""
        self._listing.will_change(job)
        if gone:
            job._due = due_when_gone(job._due)
            self._trigger_failures.pop(job.id, None)
        self._stale += 1
        if self._stale > len(self._jobs) + 1024:
            self._stale = 0
            self._queue.rebuild(
                (each, each._due) for each in self._jobs.values() if each._due != NEVER
            )

    def modify_job(self, job: Job, approved: dict[str, Any]) -> None:
        with self._lock:
            stored = self._stored(job)
            self._apply(stored, approved)
        self._ask_to_update(job, stored, approved)

    def _stored(self, job: Job) -> Job:
        """Return the stored job that an edit changes: this object, or the one that someone else's read made it from."""
        stored = self._jobs.get(job.id)
        if stored is not job and (stored is None or not asked(self, _OWN_LISTS)):
            raise JobLookupError(job.id)
        return stored

    def _ask_to_update(self, job: Job, stored: Job, approved: dict[str, Any]) -> None:
        """Call ``update_job`` after the job was changed, if it is someone else's."""
        if job is not stored:
            job._apply({**approved, "next_run_time": stored.next_run_time})
        if asked(self, _OWN_WRITES):
            with self._notes.held(Note(stored, is_made=True, left=stored._due)):
                self.update_job(job)

    def edit_job(self, job: Job, change: Change) -> bool:
        for _ in range(EDIT_TRIES):
            stored = self._stored(job)
            due, trigger = stored._due, stored.trigger
            approved = change(Standing(stored, stored._fire))
            if approved is None:
                return False
            with self._lock:
                if self._jobs.get(job.id) is not stored:
                    raise JobLookupError(job.id)
                is_same = stored._due == due and stored.trigger is trigger
                if is_same:
                    self._apply(stored, approved)
            if is_same:
                self._ask_to_update(job, stored, approved)
                return True
        raise RuntimeError(_ALWAYS_CHANGED.format(job.id))

    def _apply(self, job: Job, approved: dict[str, Any]) -> None:
        self._listing.will_change(job)
        job._apply(approved)
        job._refresh()
        self._leave(job, gone=False)
        if job._due != NEVER:
            self._queue.push(job, job._due)

    # -- the claim -----------------------------------------------------------------------------------

    def next_due(self) -> int | None:
        if self._asked_claims is not None and asked(self, _OWN_CLAIMS):
            return self._asked_claims.next_due()
        with self._lock:
            return self._queue.next_instant()

    def claim_due(self, request: ClaimRequest) -> ClaimBatch:
        if not self._claims_itself() or (
            self._asked_claims is not None and self._asked_claims.waits
        ):
            return self._asking().claim(request, asked(self, _OWN_CLAIMS))
        return self._claim_from_queue(request)

    def _claims_itself(self) -> bool:
        """Return whether all methods that a claim asks are ours: ``asked`` without its loop, for each pass."""
        cls = self.__class__
        return (
            cls.get_due_jobs is _OWN_DUE
            and cls.get_next_run_time is _OWN_NEXT
            and cls.update_job is _OWN_UPDATE
            and cls.remove_job is _OWN_REMOVE
            and self.__dict__.keys().isdisjoint(_OWN_CLAIMS)
        )

    def _asking(self) -> AskedClaims:
        if self._asked_claims is None:
            from apscheduler.jobstores._memory.asking import AskedClaims

            self._asked_claims = AskedClaims(self)
        return self._asked_claims

    def waiting_for_start(self) -> list[Job]:
        with self._lock:
            return [job for job in self._jobs.values() if job._due == AT_NEXT_START]

    def release(self, claim: Claim) -> None:
        with self._lock:
            job = claim.job if claim.slot is None else claim.slot
            job._running -= 1

    def _known_job(self, job_id: str) -> Job | None:
        return self._jobs.get(job_id)


_OWN_CLAIMS = own_methods(
    MemoryJobStore, "get_due_jobs", "get_next_run_time", "update_job", "remove_job"
)
_OWN_DUE, _OWN_NEXT, _OWN_UPDATE, _OWN_REMOVE = _OWN_CLAIMS.values()
_OWN_WRITES = own_methods(MemoryJobStore, "add_job", "update_job")
_OWN_LISTS = own_methods(MemoryJobStore, "lookup_job", "get_all_jobs")


if not TYPE_CHECKING:
    __getattr__ = names_of_3x(__name__)
