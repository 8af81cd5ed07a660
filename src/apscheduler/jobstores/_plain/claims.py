"""Wraps plain job stores, so that for the loop each store is one that claims.

A ``SharedJobStore`` claims itself. For a plain store (3.x's contract) the claim is made here, under a lock per store
that is never held while a listener, an executor or a trigger is called. The claim comes before the run here too: the
job's next fire time is written first, and if that fails, the job is not run. So an update that fails costs a delay and
never a second run. (3.x ran first: if one update failed, it ran the job again.)
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from threading import Lock, RLock

from apscheduler._engine.backoff import delay
from apscheduler._engine.instants import AT_NEXT_START, SECOND, from_us, to_us
from apscheduler.jobstores._memory.plans import ClaimsInMemory
from apscheduler.jobstores.base import (
    BaseJobStore,
    ClaimRequest,
    ConflictingIdError,
    JobLookupError,
    KeepingJobStore,
    SharedJobStore,
    unshowable,
)
from apscheduler.jobstores.standing import EDIT_TRIES, Standing, pass_claims

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any

    from apscheduler._engine.planning import Plan
    from apscheduler.job import Job
    from apscheduler.jobstores.base import ClaimBatch, Quarantined
    from apscheduler.jobstores.standing import Change, Revise
    from apscheduler.runs.claims import Claim


_STILL_DUE_POLL = SECOND // 4


class PlainStore(ClaimsInMemory):
    """A plain job store with the claim added; its ledger is in memory."""

    retry_interval: float | None = None
    paced = False

    def __init__(self, store: BaseJobStore, alias: str, zone: Any) -> None:
        super().__init__()
        self.store = store
        self._alias = alias
        self._zone = zone
        self._lock = RLock()
        self._slots_lock = (
            Lock()
        )  # a lock of its own: event loops free instances too, and must not wait for a store
        self._instances: dict[str, list[Claim]] = {}
        self._claimed_at = 0
        self._claimed: dict[str, int] = {}  # by job: the newest fire time that was claimed
        self._broken: dict[str, tuple[int, int]] = {}  # by job: its trigger's failures, retry at
        self._unchanged: set[str] = set()  # due jobs that nobody changed since they were read

    def look_within(self) -> int | None:
        """Return ``None``: what the store says is due shows changes by other processes too."""
        return None

    def clock_offset(self) -> int:
        """Return 0: this host's clock says when jobs are due."""
        return 0

    def claim_due(self, request: ClaimRequest) -> ClaimBatch:
        """Claim what is due, job by job, up to a job for which the store raises."""
        batch = request.batch
        with self._lock:
            due = self.store.get_due_jobs(from_us(request.now, self._zone))
            self._unchanged = {job.id for job in due}
        if isinstance(self.store, KeepingJobStore):
            self.store.tell_quarantined()
        self._claimed_at = request.now
        for job in due:
            job._refresh()
            instant = job._due
            if instant > request.now or self._broken.get(job.id, (0, 0))[1] > request.now:
                continue
            try:
                planned = request.plan(job, instant, request.now)
            except Exception as exc:  # noqa: BLE001 - whatever a trigger raises costs this job only
                self._retry_later(job.id, request.now)
                batch.broken.append((job, exc))
                continue
            except BaseException as exc:  # noqa: BLE001 - raised after the claims so far are handed over
                batch.error = exc
                return batch
            self._broken.pop(job.id, None)
            refused = not request.has_executor(job.executor)
            try:
                if not self._write(job, planned, batch, keep=refused):
                    batch.more = True  # the change decides, so the job is read again
                    continue
            except Exception as exc:  # noqa: BLE001 - whatever a store raises
                batch.error = exc
                return batch
            self._take_slot(batch, job, planned, request, instant, refused=refused)
        return batch

    def knows(self, job_id: str) -> bool:
        """Return whether there is a job of this id."""
        return self.lookup_job(job_id) is not None or self.why_quarantined(job_id) is not None

    def _write(self, job: Job, planned: Plan, batch: ClaimBatch, *, keep: bool) -> bool:
        """Write the job's next fire time, or remove the job if there is none; ``False`` if it was changed meanwhile."""
        zone_time = None if planned.next is None else job._at(planned.next)
        with self._lock:
            if job.id not in self._unchanged:
                return False
            if zone_time is None and not keep:
                self.store.remove_job(job.id)
                self._claimed.pop(job.id, None)
                batch.finished.append(job)
            else:
                self._move(job, zone_time)
                if planned.run:
                    self._claimed[job.id] = planned.run[-1]
        return True

    def _move(self, job: Job, moment: datetime | None) -> None:
        """Write a job's next fire time; if that fails, the job keeps its old one (it may be the store's own object)."""
        before = job.next_run_time
        job._modify(next_run_time=moment)
        try:
            self.store.update_job(job)
        except BaseException:
            job.next_run_time = before
            raise

    def _take_slot(
        self,
        batch: ClaimBatch,
        job: Job,
        planned: Plan,
        request: ClaimRequest,
        instant: int,
        *,
        refused: bool,
    ) -> None:
        late = request.late_because(instant, job._grace)
        with self._slots_lock:
            instances = self._instances.setdefault(job.id, [])
            busy = len(instances) >= job.max_instances
            claim = self._put(
                batch, job, planned, request, late_because=late, busy=busy, refused=refused
            )
            if claim is not None:
                claim.slot = instances
                instances.append(claim)

    def release(self, claim: Claim) -> None:
        """Free the claim's instance slot."""
        with self._slots_lock:
            claim.slot.remove(claim)
            if not claim.slot and self._instances.get(claim.job.id) is claim.slot:
                del self._instances[claim.job.id]

    def next_due(self) -> int | None:
        """Return the instant of the earliest next run time."""
        retry_at = None
        with self._lock:
            moment = self.store.get_next_run_time()
            if isinstance(self.store, KeepingJobStore):
                seconds = self.store.retry_after()
                if seconds is not None:
                    retry_at = self._claimed_at + round(seconds * SECOND)
        if moment is None:
            return retry_at
        # A job that is still due after the claim has a trigger that raises: look again after a while.
        instant = to_us(moment)
        if instant <= self._claimed_at:
            instant = self._claimed_at + _STILL_DUE_POLL
        return instant if retry_at is None else min(instant, retry_at)

    def _retry_later(self, job_id: str, now: int) -> None:
        failures = self._broken.get(job_id, (0, 0))[0] + 1
        self._broken[job_id] = (failures, now + delay(failures, SECOND, 64 * SECOND))

    def modify_job(self, job: Job, approved: dict[str, Any]) -> None:
        """Set approved attributes and write the job."""
        with self._lock:
            stored = self.store.lookup_job(job.id)  # its next fire time may have moved since
            if stored is None:
                raise JobLookupError(job.id)
            stored._apply(approved)
            self.update_job(stored)
            if stored is not job:
                job._apply({**approved, "next_run_time": stored.next_run_time})

    def edit_job(self, job: Job, change: Change) -> bool:
        """Write what ``change`` makes of the stored job, if that is still the same; ``False`` if there is no change."""
        for _ in range(EDIT_TRIES):
            stored = self._standing(job.id)
            due = stored._due
            approved = change(Standing(stored, self._claimed.get(job.id, 0)))
            if approved is None:
                return False
            with self._lock:
                if self._standing(job.id)._due == due:
                    self.modify_job(job, approved)
                    return True
        raise RuntimeError(f"job {job.id!r} is being changed by others all the time; it was left")

    def replace_job(self, job: Job, revise: Revise) -> None:
        """Write the newer version of a job, if the stored one is still what ``revise`` saw."""
        with self._lock:
            if self.store.lookup_job(job.id) is None:  # it cannot be restored, or is gone
                self.update_job(job)
                return
        for _ in range(EDIT_TRIES):
            stored = self._standing(job.id)
            due = stored._due
            revise(Standing(stored, self._claimed.get(job.id, 0)))
            with self._lock:
                if self._standing(job.id)._due == due:
                    self.update_job(job)
                    return
        raise RuntimeError(f"job {job.id!r} is being changed by others all the time; it was left")

    def _standing(self, job_id: str) -> Job:
        with self._lock:
            stored = self.store.lookup_job(job_id)
        if stored is None:
            raise JobLookupError(job_id)
        return stored

    def add_job(self, job: Job) -> None:
        """Add the job to the store."""
        job._refresh()
        with self._lock:
            self.store.add_job(job)

    def add_jobs(self, jobs: Sequence[Job], *, replace: bool = False) -> None:
        """Add several jobs, one by one; if one cannot be added, those added before it are removed again.

        :raises ConflictingIdError: if an id is taken (and ``replace`` is not set)
        """
        added: list[str] = []
        try:
            for job in jobs:
                self._add_or_replace(job, added, replace=replace)
        except BaseException:
            for job_id in added:
                self.remove_job(job_id)
            raise

    def _add_or_replace(self, job: Job, added: list[str], *, replace: bool) -> None:
        try:
            self.add_job(job)
        except ConflictingIdError:
            if not replace:
                raise
            self.replace_job(job, partial(pass_claims, job))
        else:
            added.append(job.id)

    def give_back(self, claim: Claim) -> bool:
        """Return ``False``: no other process could take the claim."""
        return False

    def update_job(self, job: Job) -> None:
        """Write the newer version of a job."""
        with self._lock:
            self.store.update_job(job)
            self._unchanged.discard(job.id)
            self._broken.pop(job.id, None)

    def remove_job(self, job_id: str) -> None:
        """Remove the job; instances that still run do not count for a later job of this id."""
        with self._lock:
            self.store.remove_job(job_id)
            with self._slots_lock:
                self._instances.pop(job_id, None)
            self._unchanged.discard(job_id)
            self._broken.pop(job_id, None)
            self._claimed.pop(job_id, None)

    def end_job(self, job: Job) -> None:
        """Remove a job that has come to its end; its runs are in memory, and go on."""
        self.remove_job(job.id)

    def remove_all_jobs(self) -> None:
        """Remove all jobs."""
        with self._lock:
            self.store.remove_all_jobs()
            with self._slots_lock:
                self._instances.clear()
            self._unchanged.clear()
            self._broken.clear()
            self._claimed.clear()

    def lookup_job(self, job_id: str) -> Job | None:
        """Return the job of this id."""
        with self._lock:
            return self.store.lookup_job(job_id)

    def get_all_jobs(self) -> list[Job]:
        """Return all jobs, by next run time."""
        with self._lock:
            return self.store.get_all_jobs()

    def quarantined(self) -> list[Quarantined]:
        """Return the jobs that cannot be shown, or cannot be restored but are kept, each with its reason."""
        unshown = unshowable(self.get_all_jobs(), self._alias)
        if not isinstance(self.store, KeepingJobStore):
            return unshown
        with self._lock:
            return [*self.store.quarantined(), *unshown]

    def why_quarantined(self, job_id: str) -> str | None:
        """Return why the store cannot restore the job, ``None`` if it can, or does not keep such jobs."""
        if not isinstance(self.store, KeepingJobStore):
            return None
        with self._lock:
            return self.store.why_quarantined(job_id)

    def waiting_for_start(self) -> list[Job]:
        """Return the jobs that wait for the next start of a scheduler (``@reboot``)."""
        return [job for job in self.get_all_jobs() if job._due == AT_NEXT_START]


Store = SharedJobStore | PlainStore
